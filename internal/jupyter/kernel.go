package jupyter

import (
	"context"
	"crypto/rand"
	"encoding/json"
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

// StartKernel starts a kernel and waits until it answers.
func (s *Server) StartKernel(ctx context.Context, name string) (*Kernel, error) {
	k := &Kernel{server: s, Name: name, session: rand.Text()}
	var answer struct {
		ID string `json:"id"`
	}
	err := s.Call(ctx, http.MethodPost, "/api/kernels", map[string]string{"name": name}, http.StatusCreated, &answer)
	if err != nil {
		return nil, fmt.Errorf("start kernel %s: %w", name, err)
	}
	k.ID = answer.ID
	if err := k.connect(ctx); err != nil {
		return nil, fmt.Errorf("start kernel %s: %w", name, err)
	}
	if _, err := k.Info(ctx); err != nil {
		return nil, fmt.Errorf("start kernel %s: %w", name, err)
	}
	return k, nil
}

func (k *Kernel) connect(ctx context.Context) error {
	address := "ws" + strings.TrimPrefix(k.server.URL, "http") + "/api/kernels/" + k.ID + "/channels?session_id=" + url.QueryEscape(k.session)
	conn, resp, err := websocket.Dial(ctx, address, &websocket.DialOptions{
		HTTPHeader: http.Header{"Authorization": {"token " + k.server.Token}},
	})
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
		if m.Parent.ID != id {
			continue
		}
		switch {
		case m.Channel == "shell":
			replied = true
		case m.Header.Type == "status":
			var status struct {
				State string `json:"execution_state"`
			}
			if err := json.Unmarshal(m.Content, &status); err != nil {
				return fmt.Errorf("%s: read status: %w", msgType, err)
			}
			idle = status.State == "idle"
		}
		if err := each(m); err != nil {
			return err
		}
	}
	return nil
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

// Stop ends the kernel.
func (k *Kernel) Stop(ctx context.Context) error {
	k.conn.CloseNow() //nolint:errcheck // nothing more is expected of it
	return k.server.Call(ctx, http.MethodDelete, "/api/kernels/"+k.ID, nil, http.StatusNoContent, nil)
}
