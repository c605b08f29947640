package jupyter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A Server is a running Jupyter server. It is safe for concurrent use.
type Server struct {
	URL   string // "http://127.0.0.1:8888", no slash at the end
	Token string // what the API asks for

	client http.Client
}

// A StatusError reports an answer that was not the one hoped for.
type StatusError struct {
	Method, Path string
	Want, Got    int
	Body         string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s %s: status %d, want %d: %s", e.Method, e.Path, e.Got, e.Want, e.Body)
}

// Connect returns a server that somebody starts; Wait waits for it. address may have a
// path: a hub's servers do.
func Connect(address, token string) *Server {
	return &Server{URL: strings.TrimSuffix(address, "/"), Token: token}
}

// FreePort finds a port of the loopback interface that nothing listens on now.
func FreePort(ctx context.Context) (int, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// Wait returns when the server answers, or ctx ends, or alive has an error: it is asked
// between attempts whether the server's program still runs, and may be nil.
func (s *Server) Wait(ctx context.Context, alive func() error) error {
	for {
		err := s.Call(ctx, http.MethodGet, "/api/status", nil, http.StatusOK, nil)
		if err == nil {
			return nil
		}
		if alive != nil {
			if err := alive(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(pollEvery):
		}
	}
}

// pollEvery is the wait between two questions whether the server answers.
const pollEvery = 100 * time.Millisecond

// Call does one request of the REST API. body and answer are JSON; nil is none. Another
// status than want is a *StatusError.
func (s *Server) Call(ctx context.Context, method, path string, body any, want int, answer any) error {
	var r io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
		r = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, r)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	req.Header.Set("Authorization", "token "+s.Token)
	resp, err := s.client.Do(req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if resp.StatusCode != want {
		return &StatusError{method, path, want, resp.StatusCode, string(data)}
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(data, answer); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// A Kernelspec is what Jupyter offers to start.
type Kernelspec struct {
	Name string `json:"name"`
	Spec struct {
		Argv          []string       `json:"argv"`
		DisplayName   string         `json:"display_name"`
		Language      string         `json:"language"`
		InterruptMode string         `json:"interrupt_mode"`
		Metadata      map[string]any `json:"metadata"`
	} `json:"spec"`
	Resources map[string]string `json:"resources"`
}

// Kernelspecs lists what the server offers, by name, and which is the default.
func (s *Server) Kernelspecs(ctx context.Context) (specs map[string]Kernelspec, fallback string, err error) {
	var answer struct {
		Default     string                `json:"default"`
		Kernelspecs map[string]Kernelspec `json:"kernelspecs"`
	}
	err = s.Call(ctx, http.MethodGet, "/api/kernelspecs", nil, http.StatusOK, &answer)
	return answer.Kernelspecs, answer.Default, err
}

// PageURL is the address of a page of the server's for a browser, with the token.
func (s *Server) PageURL(path string) string {
	return s.URL + path + "?token=" + url.QueryEscape(s.Token)
}
