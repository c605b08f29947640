package pipeline

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/internal/sandbox"
)

// A RunRequest says how to open an image in JupyterLab. The zero value is the image that
// corn build wrote, with an empty home.
type RunRequest struct {
	Image    string   // reference; empty: oci:dist/image
	Port     int      // 0: 8888, or the next one that is free
	Home     string   // folder of this machine that becomes the home; empty: a new, empty one
	Args     []string // more arguments for Jupyter
	CacheDir string

	Log io.Writer // what Jupyter prints
}

// A RunResult is what corn run --json prints once JupyterLab answers. docs/formats/run-json.md
// describes it.
type RunResult struct {
	Format  int    `json:"format"` // 1
	URL     string `json:"url"`    // with the token
	Address string `json:"address"`
	Port    int    `json:"port"`
	Token   string `json:"token"`
	Image   string `json:"image"`
	Digest  string `json:"digest"`
	Sandbox string `json:"sandbox"` // how ids are mapped: root, ranges, single
	Home    string `json:"home"`    // in the image
	Started int64  `json:"started_ms"`
}

const (
	firstPort = 8888 // Jupyter's own
	lastPort  = firstPort + 100
	// stopAfter is how long kernels and server have to end.
	stopAfter = 10 * time.Second
)

// Run starts JupyterLab of an image in the sandbox, calls ready once it answers, and waits
// until it ends. When ctx ends, it is asked to end: that is no error.
func Run(ctx context.Context, req RunRequest, p *report.Printer, ready func(*RunResult) error) (err error) {
	mode := sandbox.Mode("")
	if req.Home != "" {
		// The image's user must be who owns the folder, which is whoever runs corn.
		mode = sandbox.Single
	}
	r, err := openImageRoot(ctx, req.Image, req.CacheDir, mode, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	port, err := freePort(ctx, req.Port)
	if err != nil {
		return err
	}
	var secret [24]byte
	rand.Read(secret[:]) // never fails since Go 1.24
	res := &RunResult{Format: 1, Address: "127.0.0.1", Port: port, Token: hex.EncodeToString(secret[:]),
		Image: r.ref, Digest: r.digest, Sandbox: string(r.Mode()), Home: r.user.Home}
	res.URL = fmt.Sprintf("http://127.0.0.1:%d/lab?token=%s", port, res.Token)
	c, err := r.jupyter(req, res)
	if err != nil {
		return err
	}
	began := time.Now()
	// The sandbox must outlive ctx: Jupyter is to end its kernels first.
	proc, err := r.Start(context.WithoutCancel(ctx), c)
	if err != nil {
		return sandboxError(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- proc.Wait() }()
	answers := make(chan error, 1)
	asking, stopAsking := context.WithCancel(ctx)
	defer stopAsking()
	go func() { answers <- untilAnswers(asking, fmt.Sprintf("http://127.0.0.1:%d/api", port)) }()
	for {
		select {
		case err := <-ended:
			if err != nil {
				err = report.Hinted(report.Sandbox, "what Jupyter printed is above", fmt.Errorf("JupyterLab of %s: %w", r.ref, err))
			}
			return err
		case err := <-answers:
			answers = nil
			if err == nil {
				res.Started = time.Since(began).Milliseconds()
				err = ready(res)
			}
			if err != nil && ctx.Err() == nil {
				return errors.Join(err, stop(proc, ended))
			}
		case <-ctx.Done():
			p.Say("stopping JupyterLab")
			return stop(proc, ended)
		}
	}
}

// stop asks the server to end, and ends it if it does not.
func stop(proc *sandbox.Process, ended <-chan error) error {
	_ = proc.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-ended:
	case <-time.After(stopAfter):
		_ = proc.Kill()
		<-ended
	}
	return nil
}

// jupyter is the command that starts the server, as the image starts its programs.
func (r *imageRoot) jupyter(req RunRequest, res *RunResult) (sandbox.Command, error) {
	args := append(slices.Clone(r.entrypoint), "jupyter", "lab", "--no-browser", "--ip=127.0.0.1",
		"--port="+strconv.Itoa(res.Port), "--ServerApp.port_retries=0")
	if r.user.UID == 0 {
		args = append(args, "--allow-root")
	}
	c := r.command(append(args, req.Args...)...)
	c.Env = append(slices.Clone(c.Env), "JUPYTER_TOKEN="+res.Token) // not among the arguments, which others see
	c.Stdout, c.Stderr = req.Log, req.Log
	home := sandbox.Mount{Kind: sandbox.Empty, Target: r.user.Home, UID: r.user.UID, GID: r.user.GID}
	if req.Home != "" {
		dir, err := filepath.Abs(req.Home)
		if err != nil {
			return c, err
		}
		if st, err := os.Stat(dir); err != nil || !st.IsDir() {
			return c, report.In(report.Usage, fmt.Errorf("--home %s: no such folder", req.Home))
		}
		home = sandbox.Mount{Kind: sandbox.Bind, Source: dir, Target: r.user.Home}
	}
	if r.user.Home != "/" {
		c.Mounts = []sandbox.Mount{home}
	}
	return c, nil
}

// freePort finds a port of the loopback interface. Somebody may take it before Jupyter
// does, which then says so and ends.
func freePort(ctx context.Context, want int) (int, error) {
	first, last := firstPort, lastPort
	if want != 0 {
		first, last = want, want
	}
	var lc net.ListenConfig
	for port := first; port <= last; port++ {
		l, err := lc.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, l.Close()
		}
		if port == last {
			return 0, report.Hinted(report.Usage, "end what listens there, or name another port with --port", fmt.Errorf("port %d: %w", port, err))
		}
	}
	return 0, errors.New("no port")
}

// untilAnswers asks for a URL until it is there, or ctx ends.
func untilAnswers(ctx context.Context, url string) error {
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}
