package kerneltest

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"github.com/nasa-openscapes/corn/internal/jupyter"
)

// A fakeRunner stands for an image whose Jupyter is a few lines of this file, and whose
// kernels are this machine's python3: no image can run in `go test`. e2e has the real ones.
type fakeRunner struct {
	t       *testing.T
	files   map[string]string // of the image
	kernels map[string]fakeKernel
	missing []string // commands that the image lacks
	silent  bool     // Jupyter never answers
	home    string

	mu      sync.Mutex
	log     []byte
	started [][]string
	running map[string]*pythonProcess
	next    int
}

// A fakeKernel is a kernel of the image.
type fakeKernel struct {
	language string   // empty: python
	env      []string // of its process
	dies     string   // what it prints before it ends at its start
	hangs    bool     // it never answers
}

func (r *fakeRunner) ReadFile(_ context.Context, path string) ([]byte, error) {
	if data, ok := r.files[path]; ok {
		return []byte(data), nil
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
}

func (r *fakeRunner) Start(ctx context.Context, p Program) (Process, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.started = append(r.started, p.Args)
	if slices.Contains(r.missing, p.Args[0]) {
		r.log = fmt.Appendf(r.log, "%s: not found\n", p.Args[0])
		return &fakeProcess{runner: r, ended: &EndedError{notFound}}, nil
	}
	address, base, token := "", "", ""
	for _, v := range p.Env {
		if u, ok := strings.CutPrefix(v, "JUPYTERHUB_SERVICE_URL=http://"); ok {
			address, base, _ = strings.Cut(u, "/")
			base = "/" + strings.TrimSuffix(base, "/")
		}
		if t, ok := strings.CutPrefix(v, "JUPYTER_TOKEN="); ok {
			token = t
		}
	}
	for _, a := range p.Args {
		if port, ok := strings.CutPrefix(a, "--ServerApp.port="); ok {
			address = "127.0.0.1:" + port
		}
	}
	r.log = fmt.Appendf(r.log, "[I 2026-01-02 03:04:05.678 ServerApp] serving\n")
	process := &fakeProcess{runner: r}
	if r.silent {
		return process, nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	hub := ""
	for _, v := range p.Env {
		if u, ok := strings.CutPrefix(v, "JUPYTERHUB_API_URL="); ok {
			hub = u
		}
	}
	process.server = httptest.NewUnstartedServer(http.StripPrefix(base, r.handler(hub, token)))
	process.server.Listener.Close()
	process.server.Listener = l
	process.server.Start()
	return process, nil
}

type fakeProcess struct {
	runner *fakeRunner
	server *httptest.Server
	ended  error
}

func (p *fakeProcess) Alive(context.Context) error { return p.ended }

func (p *fakeProcess) Log(context.Context) []byte {
	p.runner.mu.Lock()
	defer p.runner.mu.Unlock()
	return slices.Clone(p.runner.log)
}

func (p *fakeProcess) Stop() error {
	if p.server != nil {
		p.server.CloseClientConnections()
		p.server.Close()
	}
	p.runner.mu.Lock()
	left := slices.Collect(maps.Values(p.runner.running))
	p.runner.mu.Unlock()
	for _, k := range left {
		k.stop()
	}
	return nil
}

func (r *fakeRunner) say(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = append(r.log, text...)
}

// handler is the part of Jupyter's API that is used. It asks the hub who its user is, as the
// real one does.
func (r *fakeRunner) handler(hub, token string) http.Handler {
	mux := http.NewServeMux()
	reply := func(w http.ResponseWriter, status int, v any) {
		w.WriteHeader(status)
		if err := json.NewEncoder(w).Encode(v); err != nil {
			r.t.Errorf("answer: %v", err)
		}
	}
	mux.HandleFunc("GET /api/status", func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, struct{}{}) })
	mux.HandleFunc("GET /api/kernelspecs", func(w http.ResponseWriter, _ *http.Request) {
		specs := map[string]jupyter.Kernelspec{}
		for name := range r.kernels {
			s := jupyter.Kernelspec{Name: name}
			s.Spec.DisplayName, s.Spec.Language = strings.ToUpper(name), "python"
			specs[name] = s
		}
		reply(w, 200, map[string]any{"kernelspecs": specs})
	})
	mux.HandleFunc("POST /api/kernels", func(w http.ResponseWriter, q *http.Request) {
		var body struct{ Name, Path string }
		if err := json.NewDecoder(q.Body).Decode(&body); err != nil {
			r.t.Errorf("start: %v", err)
		}
		reply(w, 201, map[string]string{"id": r.start(body.Name, body.Path)})
	})
	mux.HandleFunc("GET /api/kernels", func(w http.ResponseWriter, _ *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		list := []map[string]string{}
		for id := range r.running {
			list = append(list, map[string]string{"id": id})
		}
		reply(w, 200, list)
	})
	one := func(do func(w http.ResponseWriter, q *http.Request, id string, k *pythonProcess)) http.HandlerFunc {
		return func(w http.ResponseWriter, q *http.Request) {
			id := q.PathValue("id")
			r.mu.Lock()
			k := r.running[id]
			r.mu.Unlock()
			if k == nil {
				http.NotFound(w, q)
				return
			}
			do(w, q, id, k)
		}
	}
	mux.HandleFunc("GET /api/kernels/{id}", one(func(w http.ResponseWriter, _ *http.Request, id string, _ *pythonProcess) {
		reply(w, 200, map[string]string{"id": id})
	}))
	mux.HandleFunc("POST /api/kernels/{id}/interrupt", one(func(w http.ResponseWriter, _ *http.Request, _ string, k *pythonProcess) {
		_ = k.cmd.Process.Signal(syscall.SIGINT)
		w.WriteHeader(204)
	}))
	mux.HandleFunc("DELETE /api/kernels/{id}", one(func(w http.ResponseWriter, _ *http.Request, id string, k *pythonProcess) {
		k.stop()
		r.mu.Lock()
		delete(r.running, id)
		r.mu.Unlock()
		w.WriteHeader(204)
	}))
	mux.HandleFunc("GET /api/kernels/{id}/channels", one(func(w http.ResponseWriter, q *http.Request, id string, k *pythonProcess) {
		conn, err := websocket.Accept(w, q, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		r.talk(q.Context(), conn, id, k)
	}))
	mux.HandleFunc("PUT /api/contents/{path...}", func(w http.ResponseWriter, q *http.Request) {
		var body struct{ Type, Content string }
		if err := json.NewDecoder(q.Body).Decode(&body); err != nil {
			r.t.Errorf("write: %v", err)
		}
		at, err := filepath.Join(r.home, filepath.FromSlash(q.PathValue("path"))), error(nil)
		if body.Type == "directory" {
			err = os.MkdirAll(at, 0o755)
		} else {
			data, _ := base64.StdEncoding.DecodeString(body.Content)
			err = os.WriteFile(at, data, 0o644)
		}
		if err != nil {
			http.Error(w, err.Error(), 500)
			return
		}
		reply(w, 201, struct{}{})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		got := strings.TrimPrefix(q.Header.Get("Authorization"), "token ")
		if token != "" && got != token || hub != "" && !knows(q.Context(), hub, got) {
			http.Error(w, "who are you?", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, q)
	})
}

// knows asks the hub for the user of a token.
func knows(ctx context.Context, hub, token string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, hub+"/user", nil)
	if err != nil {
		return false
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == 200
}

// talk answers what a kernel is asked.
func (r *fakeRunner) talk(ctx context.Context, conn *websocket.Conn, id string, k *pythonProcess) {
	for {
		var m jupyter.Message
		if wsjson.Read(ctx, conn, &m) != nil {
			return
		}
		send := func(parent jupyter.Header, channel, kind string, content any) {
			data, _ := json.Marshal(content)
			_ = wsjson.Write(ctx, conn, jupyter.Message{Channel: channel, Header: jupyter.Header{ID: "x", Type: kind}, Parent: parent, Content: data})
		}
		if k.kernel.hangs {
			continue
		}
		if m.Header.Type == "kernel_info_request" {
			language := k.kernel.language
			if language == "" {
				language = "python"
			}
			send(m.Header, "shell", "kernel_info_reply", map[string]any{"language_info": map[string]string{"name": language, "version": "3.x"}})
			send(m.Header, "iopub", "status", map[string]string{"execution_state": "idle"})
			continue
		}
		var content struct{ Code string }
		_ = json.Unmarshal(m.Content, &content)
		status := "ok"
		err := k.execute(content.Code, func(a pythonAnswer) {
			if a.Stream != "" {
				send(m.Header, "iopub", "stream", map[string]string{"name": "stdout", "text": a.Stream})
			}
			if a.Error != "" {
				status = "error"
				send(m.Header, "iopub", "error", map[string]any{"ename": a.Error, "evalue": a.Value, "traceback": a.Traceback})
			}
		})
		if err != nil {
			r.mu.Lock()
			delete(r.running, id)
			r.mu.Unlock()
			send(jupyter.Header{}, "iopub", "status", map[string]string{"execution_state": "dead"})
			return
		}
		send(m.Header, "shell", "execute_reply", map[string]string{"status": status})
		send(m.Header, "iopub", "status", map[string]string{"execution_state": "idle"})
	}
}

//go:embed testdata/kernel.py
var kernelPy string

// A pythonProcess executes code one after the other.
type pythonProcess struct {
	kernel fakeKernel
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	out    *bufio.Reader
}

type pythonAnswer struct {
	Stream, Error, Value string
	Traceback            []string
	Done                 bool
}

func (r *fakeRunner) start(name, path string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next++
	id := fmt.Sprintf("k%d", r.next)
	k := &pythonProcess{kernel: r.kernels[name]}
	if k.kernel.dies != "" {
		r.log = append(r.log, k.kernel.dies+"\n[W 2026-01-02 03:04:05.678 ServerApp] AsyncIOLoopKernelRestarter: restart failed\n    with a traceback\n"...)
		return id // and it is not among the running ones
	}
	k.cmd = exec.Command(venvPython(r.t), "-u", "-c", kernelPy)
	k.cmd.Dir, k.cmd.Env = filepath.Join(r.home, filepath.FromSlash(path)), append(os.Environ(), k.kernel.env...)
	k.cmd.Stderr = writerFunc(func(p []byte) (int, error) { r.say(string(p)); return len(p), nil })
	var err error
	if k.stdin, err = k.cmd.StdinPipe(); err != nil {
		r.t.Error(err)
	}
	out, err := k.cmd.StdoutPipe()
	if err != nil {
		r.t.Error(err)
	}
	k.out = bufio.NewReader(out)
	if err := k.cmd.Start(); err != nil {
		r.t.Error(err)
	}
	r.running[id] = k
	return id
}

func (k *pythonProcess) execute(code string, each func(pythonAnswer)) error {
	line, err := json.Marshal(code)
	if err != nil {
		return err
	}
	if _, err := k.stdin.Write(append(line, '\n')); err != nil {
		return err
	}
	for {
		line, err := k.out.ReadBytes('\n')
		if err != nil {
			return err
		}
		var a pythonAnswer
		if err := json.Unmarshal(line, &a); err != nil {
			return err
		}
		if a.Done {
			return nil
		}
		each(a)
	}
}

func (k *pythonProcess) stop() {
	if k.cmd == nil {
		return
	}
	_ = k.stdin.Close()
	_ = k.cmd.Process.Kill()
	_ = k.cmd.Wait()
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// venv is an environment of this machine's python3.
var venv = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "corn-kerneltest-")
	if err != nil {
		return "", err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "python3", "-m", "venv", "--without-pip", dir).CombinedOutput()
	if err != nil {
		return dir, fmt.Errorf("%w: %s", err, out)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, _ := venv(); dir != "" {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

func venvDir(t *testing.T) string {
	t.Helper()
	dir, err := venv()
	if err != nil {
		t.Skipf("needs python3 with its venv module: %v", err)
	}
	return dir
}

func venvPython(t *testing.T) string { return filepath.Join(venvDir(t), "bin", "python") }
