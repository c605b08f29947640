package jupyter

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// A Kernel is a running kernel with one websocket. One caller at a time uses it.
type Kernel struct {
	ID   string
	Name string

	server  *Server
	session string
	conn    *websocket.Conn
}

// A DiedError reports a kernel whose process ended, or that Jupyter gave up.
type DiedError struct{ Name string }

func (e *DiedError) Error() string { return fmt.Sprintf("the process of kernel %s ended", e.Name) }

// StartKernel starts a kernel and waits until it answers. One whose process ends before is
// a *DiedError; one that does not answer before ctx ends is stopped.
func (s *Server) StartKernel(ctx context.Context, name string) (*Kernel, error) {
	return s.StartKernelIn(ctx, name, "")
}

// StartKernelIn is StartKernel with the kernel's working folder, as the contents API names it.
func (s *Server) StartKernelIn(ctx context.Context, name, folder string) (*Kernel, error) {
	k := &Kernel{server: s, Name: name, session: rand.Text()}
	var answer struct {
		ID string `json:"id"`
	}
	body := map[string]string{"name": name}
	if folder != "" {
		body["path"] = folder
	}
	if err := s.Call(ctx, http.MethodPost, "/api/kernels", body, http.StatusCreated, &answer); err != nil {
		return nil, fmt.Errorf("start kernel %s: %w", name, err)
	}
	k.ID = answer.ID
	if err := k.ready(ctx); err != nil {
		err = fmt.Errorf("start kernel %s: %w", name, err)
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if k.conn != nil {
			k.conn.CloseNow() //nolint:errcheck // nothing more is expected of it
		}
		if stopErr := k.delete(stopCtx); stopErr != nil {
			err = errors.Join(err, stopErr)
		}
		return nil, err
	}
	return k, nil
}

// ready connects to a kernel and waits for its first answer, watching whether Jupyter still
// has it: the websocket of a kernel that dies early just stays silent.
func (k *Kernel) ready(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(pollEvery):
			}
			var status *StatusError
			err := k.server.Call(ctx, http.MethodGet, "/api/kernels/"+k.ID, nil, http.StatusOK, nil)
			if errors.As(err, &status) && status.Got == http.StatusNotFound {
				cancel(&DiedError{k.Name})
			}
		}
	}()
	err := k.connect(ctx)
	if err == nil {
		_, err = k.Info(ctx)
	}
	if err != nil && context.Cause(ctx) != nil {
		err = context.Cause(ctx)
	}
	cancel(nil)
	<-watched
	return err
}

func (k *Kernel) connect(ctx context.Context) error {
	address := "ws" + strings.TrimPrefix(k.server.URL, "http") + "/api/kernels/" + k.ID + "/channels?session_id=" + url.QueryEscape(k.session)
	conn, resp, err := websocket.Dial(ctx, address, &websocket.DialOptions{
		HTTPHeader: http.Header{"Authorization": {"token " + k.server.Token}},
	})
	if err != nil && resp != nil && resp.StatusCode == http.StatusNotFound {
		return &DiedError{k.Name} // Jupyter has forgotten it
	}
	if err != nil {
		return fmt.Errorf("open the kernel's websocket: %w", err)
	}
	if resp.Body != nil {
		resp.Body.Close() // a switched connection has no body to lose
	}
	conn.SetReadLimit(64 << 20)
	k.conn = conn
	return nil
}

// A Message is one of Jupyter's messaging protocol.
type Message struct {
	Channel string          `json:"channel"`
	Header  Header          `json:"header"`
	Parent  Header          `json:"parent_header"`
	Meta    map[string]any  `json:"metadata"`
	Content json.RawMessage `json:"content"`
	Buffers []any           `json:"buffers"`
}

// A Header names a message.
type Header struct {
	ID       string `json:"msg_id,omitempty"`
	Type     string `json:"msg_type,omitempty"`
	Session  string `json:"session,omitempty"`
	Username string `json:"username,omitempty"`
	Version  string `json:"version,omitempty"`
	Date     string `json:"date,omitempty"`
}

// request sends a message on the shell channel and hands its answers to each, in the
// order of arrival, until the reply is there and the kernel is idle again.
func (k *Kernel) request(ctx context.Context, msgType string, content any, each func(Message) error) error {
	data, err := json.Marshal(content)
	if err != nil {
		return fmt.Errorf("%s: %w", msgType, err)
	}
	id := rand.Text()
	err = wsjson.Write(ctx, k.conn, Message{
		Channel: "shell",
		Header: Header{
			ID: id, Type: msgType, Session: k.session, Username: "jovyan", Version: "5.3",
			Date: time.Now().UTC().Format(time.RFC3339Nano),
		},
		Meta: map[string]any{}, Content: data, Buffers: []any{},
	})
	if err != nil {
		return fmt.Errorf("%s: %w", msgType, err)
	}
	replied, idle := false, false
	for !replied || !idle {
		var m Message
		if err := wsjson.Read(ctx, k.conn, &m); err != nil {
			return fmt.Errorf("%s: wait for kernel %s (replied %v, idle %v): %w", msgType, k.Name, replied, idle, err)
		}
		if m.Parent.ID == "" && m.Header.Type == "status" { // of Jupyter, which saw the process end
			state, err := m.state()
			if err != nil {
				return fmt.Errorf("%s: %w", msgType, err)
			}
			if state == "dead" || state == "restarting" || state == "autorestarting" {
				return fmt.Errorf("%s: %w", msgType, &DiedError{k.Name})
			}
		}
		if m.Parent.ID != id {
			continue
		}
		switch {
		case m.Channel == "shell":
			replied = true
		case m.Header.Type == "status":
			state, err := m.state()
			if err != nil {
				return fmt.Errorf("%s: %w", msgType, err)
			}
			idle = state == "idle"
		}
		if err := each(m); err != nil {
			return err
		}
	}
	return nil
}

// state reads a message about what the kernel is doing.
func (m *Message) state() (string, error) {
	var status struct {
		State string `json:"execution_state"`
	}
	if err := json.Unmarshal(m.Content, &status); err != nil {
		return "", fmt.Errorf("read status: %w", err)
	}
	return status.State, nil
}

// Info is what a kernel says of itself.
type Info struct {
	Implementation string `json:"implementation"`
	Banner         string `json:"banner"`
	Language       struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	} `json:"language_info"`
}

// Info asks the kernel what it is.
func (k *Kernel) Info(ctx context.Context) (Info, error) {
	var info Info
	err := k.request(ctx, "kernel_info_request", struct{}{}, func(m Message) error {
		if m.Channel != "shell" {
			return nil
		}
		if err := json.Unmarshal(m.Content, &info); err != nil {
			return fmt.Errorf("read kernel info: %w", err)
		}
		return nil
	})
	return info, err
}

// A Result is what executing code gave.
type Result struct {
	Status         string // "ok", "error", "aborted"
	Stdout, Stderr string
	Data           []map[string]any // of results and displays, by media type
	ErrorName      string           // "KeyboardInterrupt"
	ErrorValue     string
	Traceback      []string
}

// String is all that the code gave, to be read by people.
func (r *Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "status %s\n%s%s", r.Status, r.Stdout, r.Stderr)
	for _, d := range r.Data {
		fmt.Fprintf(&b, "%v\n", d["text/plain"])
	}
	if r.ErrorName != "" {
		fmt.Fprintf(&b, "%s: %s\n%s\n", r.ErrorName, r.ErrorValue, strings.Join(r.Traceback, "\n"))
	}
	return b.String()
}

// Execute runs code and collects what it gives. while, if not nil, is called after every
// message with the result so far; an error of its own ends the wait.
//
// Code that fails is no error of Execute: see Result.Status.
func (k *Kernel) Execute(ctx context.Context, code string, while func(*Result) error) (*Result, error) {
	var r Result
	content := map[string]any{
		"code": code, "silent": false, "store_history": true, "user_expressions": map[string]any{},
		"allow_stdin": false, "stop_on_error": true,
	}
	err := k.request(ctx, "execute_request", content, func(m Message) error {
		if err := r.add(m); err != nil {
			return err
		}
		if while == nil {
			return nil
		}
		return while(&r)
	})
	return &r, err
}

func (r *Result) add(m Message) error {
	var c struct {
		Status    string         `json:"status"`
		Name      string         `json:"name"` // of a stream
		Text      string         `json:"text"`
		Data      map[string]any `json:"data"`
		ErrorName string         `json:"ename"`
		Value     string         `json:"evalue"`
		Traceback []string       `json:"traceback"`
	}
	if err := json.Unmarshal(m.Content, &c); err != nil {
		return fmt.Errorf("read %s: %w", m.Header.Type, err)
	}
	switch m.Header.Type {
	case "stream":
		if c.Name == "stderr" {
			r.Stderr += c.Text
		} else {
			r.Stdout += c.Text
		}
	case "execute_result", "display_data":
		r.Data = append(r.Data, c.Data)
	case "error":
		r.ErrorName, r.ErrorValue, r.Traceback = c.ErrorName, c.Value, c.Traceback
	case "execute_reply":
		r.Status = c.Status
	}
	return nil
}

// Interrupt does what the stop button does.
func (k *Kernel) Interrupt(ctx context.Context) error {
	return k.server.Call(ctx, http.MethodPost, "/api/kernels/"+k.ID+"/interrupt", nil, http.StatusNoContent, nil)
}

// Restart gives the kernel a new process and waits until it answers.
func (k *Kernel) Restart(ctx context.Context) error {
	if err := k.server.Call(ctx, http.MethodPost, "/api/kernels/"+k.ID+"/restart", nil, http.StatusOK, nil); err != nil {
		return err
	}
	k.conn.CloseNow() //nolint:errcheck // the old connection belongs to a process that is gone
	if err := k.connect(ctx); err != nil {
		return err
	}
	_, err := k.Info(ctx)
	return err
}

// Stop ends the kernel. One that has died already is stopped.
func (k *Kernel) Stop(ctx context.Context) error {
	k.conn.CloseNow() //nolint:errcheck // nothing more is expected of it
	return k.delete(ctx)
}

func (k *Kernel) delete(ctx context.Context) error {
	err := k.server.Call(ctx, http.MethodDelete, "/api/kernels/"+k.ID, nil, http.StatusNoContent, nil)
	if status, ok := errors.AsType[*StatusError](err); ok && status.Got == http.StatusNotFound {
		return nil
	}
	return err
}
