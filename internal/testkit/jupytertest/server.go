package jupytertest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Options say how a server is started. The zero value runs JupyterLab as uid 1000, gid 100,
// with an empty home folder and a root file system that cannot be written to, which is
// about what a hub does.
type Options struct {
	Flags   []string // of "docker run", instead of those above
	Command []string // instead of "jupyter lab"; address, port and token are added
}

// HubFlags are the flags of "docker run" that the zero Options give.
func HubFlags() []string {
	return []string{
		"--network", "host", "--user", "1000:100", "--read-only",
		"--tmpfs", "/tmp:exec,mode=1777",
		"--tmpfs", "/home/jovyan:exec,uid=1000,gid=100,mode=0755",
	}
}

// A Server is a running Jupyter server.
type Server struct {
	URL       string     // "http://127.0.0.1:8888", no slash at the end
	Token     string     // what the API asks for
	Container *Container // nil for a server that Connect was told of

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

// Connect returns a server that somebody else starts; Wait waits for it. address may have
// a path: a hub's servers do.
func Connect(address, token string) *Server {
	return &Server{URL: strings.TrimSuffix(address, "/"), Token: token}
}

// Start runs the Jupyter server of an image and waits until it answers. The caller
// calls Stop. A server that ends or does not answer before ctx ends gives an error
// with what it printed.
func Start(ctx context.Context, image string, o Options) (*Server, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	flags, command := o.Flags, o.Command
	if flags == nil {
		flags = HubFlags()
	}
	if command == nil {
		command = []string{"jupyter", "lab", "--no-browser"}
	}
	s := Connect("http://127.0.0.1:"+strconv.Itoa(port), rand.Text())
	command = append(command[:len(command):len(command)],
		"--ServerApp.ip=127.0.0.1", "--ServerApp.port="+strconv.Itoa(port), "--ServerApp.port_retries=0",
		"--IdentityProvider.token="+s.Token)
	if s.Container, err = Run(ctx, image, flags, command...); err != nil {
		return nil, err
	}
	if err := s.Wait(ctx); err != nil {
		err = fmt.Errorf("wait for Jupyter of %s: %w\n%s", image, err, s.Container.Logs(context.WithoutCancel(ctx)))
		return nil, errors.Join(err, s.Container.Remove())
	}
	return s, nil
}

// freePort finds a port that nothing listens on now.
func freePort(ctx context.Context) (int, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// Wait returns when the server answers, or ctx or the server's container ends.
func (s *Server) Wait(ctx context.Context) error {
	for {
		err := s.Call(ctx, http.MethodGet, "/api/status", nil, http.StatusOK, nil)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(200 * time.Millisecond):
		}
		if s.Container == nil {
			continue
		}
		if up, inspectErr := s.Container.Running(ctx); inspectErr == nil && !up {
			return errors.New("the server ended")
		}
	}
}

// Stop ends the server's container.
func (s *Server) Stop() error {
	if s.Container == nil {
		return nil
	}
	return s.Container.Remove()
}

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
