package jupyter

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/google/go-cmp/cmp"
)

// fake is a Jupyter server with one kernel, "echo", that plays back what play gives for
// the code that it is asked to run.
func fake(t *testing.T, play func(code string) []string) *Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/kernelspecs", func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "token secret" {
			http.Error(w, "no token", http.StatusForbidden)
			return
		}
		fmt.Fprint(w, `{"default": "echo", "kernelspecs": {"echo": {"name": "echo", "spec": {"argv": ["echo"], "display_name": "Echo"}}}}`)
	})
	mux.HandleFunc("POST /api/kernels", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"id": "k1"}`)
	})
	mux.HandleFunc("GET /api/kernels/k1", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"id": "k1"}`) })
	mux.HandleFunc("DELETE /api/kernels/k1", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /api/kernels/k1/channels", func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		defer conn.CloseNow()
		for {
			var m Message
			if wsjson.Read(r.Context(), conn, &m) != nil {
				return // the client went away
			}
			var content struct{ Code string }
			if err := json.Unmarshal(m.Content, &content); err != nil {
				t.Errorf("request: %v", err)
			}
			answers := []string{
				"iopub status someone-else {\"execution_state\": \"idle\"}", // not an answer to this request
				"iopub status mine {\"execution_state\": \"busy\"}",
			}
			if m.Header.Type == "kernel_info_request" {
				answers = append(answers, `shell kernel_info_reply mine {"implementation": "echo", "language_info": {"name": "echo", "version": "1"}}`)
			} else {
				answers = append(answers, play(content.Code)...)
			}
			answers = append(answers, "iopub status mine {\"execution_state\": \"idle\"}")
			for _, a := range answers {
				f := strings.SplitN(a, " ", 4)
				parent := m.Header
				if f[2] != "mine" {
					parent.ID = f[2]
				}
				err := wsjson.Write(r.Context(), conn, Message{
					Channel: f[0], Header: Header{ID: "x", Type: f[1]}, Parent: parent, Content: json.RawMessage(f[3]),
				})
				if err != nil {
					t.Errorf("answer: %v", err)
				}
			}
		}
	})
	ts := httptest.NewServer(mux)
	t.Cleanup(ts.Close)
	return Connect(ts.URL+"/", "secret")
}

func TestKernelspecs(t *testing.T) {
	s := fake(t, nil)
	specs, fallback, err := s.Kernelspecs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if fallback != "echo" || len(specs) != 1 || specs["echo"].Spec.DisplayName != "Echo" {
		t.Errorf("Kernelspecs() = %v, default %q, want Echo alone, the default", specs, fallback)
	}
	s.Token = "wrong"
	_, _, err = s.Kernelspecs(t.Context())
	var status *StatusError
	if !errors.As(err, &status) || status.Got != http.StatusForbidden {
		t.Errorf("with a wrong token: %v, want a StatusError with 403", err)
	}
}

func TestExecuteCollects(t *testing.T) {
	for _, c := range []struct {
		why  string
		play []string
		want Result
	}{
		{"streams are joined, others' messages left out", []string{
			`iopub stream mine {"name": "stdout", "text": "a"}`,
			`iopub stream other {"name": "stdout", "text": "not mine"}`,
			`iopub stream mine {"name": "stderr", "text": "e"}`,
			`iopub stream mine {"name": "stdout", "text": "b"}`,
			`shell execute_reply mine {"status": "ok"}`,
		}, Result{Status: "ok", Stdout: "ab", Stderr: "e"}},
		{"the reply may come before the output", []string{
			`shell execute_reply mine {"status": "ok"}`,
			`iopub execute_result mine {"data": {"text/plain": "42"}}`,
		}, Result{Status: "ok", Data: []map[string]any{{"text/plain": "42"}}}},
		{"errors", []string{
			`iopub error mine {"ename": "KeyboardInterrupt", "evalue": "v", "traceback": ["t"]}`,
			`shell execute_reply mine {"status": "error"}`,
		}, Result{Status: "error", ErrorName: "KeyboardInterrupt", ErrorValue: "v", Traceback: []string{"t"}}},
	} {
		s := fake(t, func(string) []string { return c.play })
		k, err := s.StartKernel(t.Context(), "echo")
		if err != nil {
			t.Fatal(err)
		}
		got, err := k.Execute(t.Context(), "code", nil)
		if err != nil {
			t.Errorf("%s: %v", c.why, err)
		} else if diff := cmp.Diff(c.want, *got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", c.why, diff)
		}
		if err := k.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestExecuteCallsBackWithTheResultSoFar(t *testing.T) {
	s := fake(t, func(code string) []string {
		return []string{
			`iopub stream mine {"name": "stdout", "text": "` + code + `"}`,
			`shell execute_reply mine {"status": "ok"}`,
		}
	})
	k, err := s.StartKernel(t.Context(), "echo")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := k.Info(t.Context()); err != nil || info.Language.Name != "echo" {
		t.Errorf("Info() = %v, %v, want language echo", info, err)
	}
	enough := errors.New("enough")
	_, err = k.Execute(t.Context(), "ready", func(r *Result) error {
		if r.Stdout == "ready" {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Errorf("Execute = %v, want the error of the callback", err)
	}
}
