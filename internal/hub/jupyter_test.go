package hub

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"github.com/nasa-openscapes/corn/internal/jupyter"
)

// TestMain makes the test binary a user's server where a hub starts it as one.
func TestMain(m *testing.M) {
	if image, ok := os.LookupEnv("CORN_FAKE_JUPYTER"); ok {
		at, err := url.Parse(os.Getenv("JUPYTERHUB_SERVICE_URL"))
		if err != nil {
			panic(err)
		}
		fmt.Fprintln(os.Stderr, http.ListenAndServe(at.Host, fakeJupyter(os.Getenv("JUPYTERHUB_SERVICE_PREFIX"), image)))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// fakeJupyter is a user's server below a prefix. What image it is of decides what is wrong with it:
// "nokernel" lacks the kernel r, "broken" has a kernel r that fails, "other" is another build.
func fakeJupyter(prefix, image string) http.Handler {
	prefix = strings.TrimSuffix(prefix, "/")
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-JupyterHub-Version", "5.0.0") })
	mux.HandleFunc("GET "+prefix+"/api/kernelspecs", func(w http.ResponseWriter, _ *http.Request) {
		r := `, "r": {"name": "r", "spec": {"display_name": "R", "language": "R"}}`
		if strings.Contains(image, "nokernel") {
			r = ""
		}
		fmt.Fprintf(w, `{"default": "py", "kernelspecs": {"py": {"name": "py", "spec": {"display_name": "Py", "language": "python"}}%s}}`, r)
	})
	mux.HandleFunc("POST "+prefix+"/api/kernels", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Name string }
		_ = json.NewDecoder(r.Body).Decode(&body) // an empty name is as good as any
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"id": %q}`, body.Name)
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
			for _, a := range answersOf(image, r.PathValue("id"), m.Header.Type) {
				channel, rest, _ := strings.Cut(a, " ")
				kind, content, _ := strings.Cut(rest, " ")
				if wsjson.Write(r.Context(), conn, jupyter.Message{Channel: channel, Header: jupyter.Header{ID: "x", Type: kind}, Parent: m.Header, Content: json.RawMessage(content)}) != nil {
					return
				}
			}
		}
	})
	return mux
}

func answersOf(image, kernel, request string) []string {
	idle := `iopub status {"execution_state": "idle"}`
	if request == "kernel_info_request" {
		return []string{`shell kernel_info_reply {"language_info": {"name": "x"}}`, idle}
	}
	if kernel == "r" && strings.Contains(image, "broken") {
		return []string{`iopub error {"ename": "simpleError", "evalue": "no libR", "traceback": []}`, `shell execute_reply {"status": "error"}`, idle}
	}
	out := "42"
	if kernel == "py" {
		sum := "0123"
		if strings.Contains(image, "other") {
			sum = "4567"
		}
		out = fmt.Sprintf(`{\"prefix\": \"/envs/py\", \"sum\": \"%s\"}`, sum)
	}
	return []string{`iopub stream {"name": "stdout", "text": "` + out + `"}`, `shell execute_reply {"status": "ok"}`, idle}
}
