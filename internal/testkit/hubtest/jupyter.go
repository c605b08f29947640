package hubtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"github.com/nasa-openscapes/corn/internal/jupyter"
)

// A Kernel is one that a Jupyter server pretends to have.
type Kernel struct {
	Name, DisplayName, Language string
	Output                      string // of every cell
	Error                       string // "name: value"; not empty: every cell fails
}

// Jupyter is a user's server below a prefix: its REST API, and kernels that answer every cell alike.
func Jupyter(prefix string, kernels []Kernel) http.Handler {
	prefix = strings.TrimSuffix(prefix, "/")
	byName := map[string]Kernel{}
	specs := map[string]any{}
	for _, k := range kernels {
		byName[k.Name] = k
		specs[k.Name] = map[string]any{"name": k.Name, "spec": map[string]string{"display_name": k.DisplayName, "language": k.Language}}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-JupyterHub-Version", "5.0.0") })
	mux.HandleFunc("GET "+prefix+"/api/kernelspecs", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"default": "", "kernelspecs": specs})
	})
	mux.HandleFunc("POST "+prefix+"/api/kernels", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Name string }
		if json.NewDecoder(r.Body).Decode(&body) != nil || byName[body.Name].Name == "" {
			http.Error(w, "no such kernel", http.StatusInternalServerError)
			return
		}
		writeJSON(w, http.StatusCreated, map[string]string{"id": body.Name})
	})
	mux.HandleFunc("GET "+prefix+"/api/kernels/{id}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{}`) })
	mux.HandleFunc("DELETE "+prefix+"/api/kernels/{id}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET "+prefix+"/api/kernels/{id}/channels", func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer conn.CloseNow() //nolint:errcheck // the client closes it
		for {
			var m jupyter.Message
			if wsjson.Read(r.Context(), conn, &m) != nil {
				return
			}
			for _, a := range byName[r.PathValue("id")].answers(m.Header) {
				if wsjson.Write(r.Context(), conn, a) != nil {
					return
				}
			}
		}
	})
	return mux
}

func (k Kernel) answers(request jupyter.Header) []jupyter.Message {
	message := func(channel, kind string, content any) jupyter.Message {
		data, err := json.Marshal(content)
		if err != nil {
			panic(err) // texts and maps of texts
		}
		return jupyter.Message{Channel: channel, Header: jupyter.Header{ID: "x", Type: kind}, Parent: request, Content: data}
	}
	idle := message("iopub", "status", map[string]string{"execution_state": "idle"})
	name, value, fails := strings.Cut(k.Error, ": ")
	switch {
	case request.Type == "kernel_info_request":
		return []jupyter.Message{message("shell", "kernel_info_reply", map[string]any{"language_info": map[string]string{"name": k.Language}}), idle}
	case fails:
		return []jupyter.Message{message("iopub", "error", map[string]any{"ename": name, "evalue": value}), message("shell", "execute_reply", map[string]string{"status": "error"}), idle}
	}
	return []jupyter.Message{message("iopub", "stream", map[string]string{"name": "stdout", "text": k.Output}), message("shell", "execute_reply", map[string]string{"status": "ok"}), idle}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that is gone needs no answer
}
