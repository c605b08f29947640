package pipeline

import (
	"archive/tar"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/internal/engine"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/internal/sandbox"
)

// A stepRoot is where the programs of a step run.
type stepRoot interface {
	// ReadFile reads a file as it was before the first program.
	ReadFile(name string) ([]byte, error)
	Run(ctx context.Context, c sandbox.Command) error
	Changes(ctx context.Context, fn func(filetree.Entry, io.Reader) error) error
	Close() error
}

var _ stepRoot = (*sandbox.Root)(nil)

// checkExec refuses what cannot run programs.
func checkExec(name string) error {
	if name == "" || name == sandboxExec || slices.Contains(engine.Programs, name) {
		return nil
	}
	return fmt.Errorf("--exec is %q: want sandbox, docker or podman", name)
}

// openStepRoot opens what a step runs in: the sandbox, or a container of the engine that was
// asked for.
func (b *builder) openStepRoot(ctx context.Context, layers []sandbox.Layer, commands []sandbox.Command) (stepRoot, error) {
	if !b.stepsInEngine() {
		r, err := sandbox.Open(ctx, b.cache, layers, sandbox.Options{})
		if err != nil {
			return nil, err
		}
		return r, nil
	}
	e, err := engine.Find(ctx, b.req.Exec)
	if err != nil {
		return nil, err
	}
	b.talk.Say("step       %s gets %s", e.Program, report.Count(len(layers), "layer"))
	r := &containerRoot{engine: e, id: strings.ToLower(rand.Text()), shell: b.shell(), tempDir: b.tempDir}
	r.files = &engine.Files{Engine: e, Image: r.image(), Flags: []string{"--name", "corn-step-files-" + r.id}}
	if err := r.load(ctx, layers, mountsOf(commands), b.platform.Architecture); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (b *builder) stepsInEngine() bool { return b.req.Exec != "" && b.req.Exec != sandboxExec }

// checkStepRoot tells early what stands in the way of openStepRoot.
func (b *builder) checkStepRoot(ctx context.Context) error {
	if b.stepsInEngine() {
		_, err := engine.Find(ctx, b.req.Exec)
		return err
	}
	_, err := sandbox.Check("")
	return err
}

func mountsOf(commands []sandbox.Command) []sandbox.Mount {
	var out []sandbox.Mount
	for _, c := range commands {
		for _, m := range c.Mounts {
			if !slices.Contains(out, m) {
				out = append(out, m)
			}
		}
	}
	return out
}

// A containerRoot runs the programs of a step in one container of an engine. The image that it is
// made of has the layers that the step sees, and is removed with it.
type containerRoot struct {
	engine    *engine.Engine
	id        string // in the names of the image and of the containers
	loaded    bool
	shell     string
	tempDir   string
	files     *engine.Files
	container *engine.Container // nil: no program ran yet
	before    *engine.Snapshot  // what it had when it was started
}

func (r *containerRoot) image() string { return "localhost/corn-step:" + r.id }

// load gives the engine the layers, and one more with the files that the sandbox would mount.
func (r *containerRoot) load(ctx context.Context, layers []sandbox.Layer, mounts []sandbox.Mount, arch string) error {
	file, err := os.CreateTemp(r.tempDir, "step-*.tar")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	w := engine.NewArchiveWriter(file)
	for _, l := range layers {
		rc, err := l.Open(ctx)
		if err != nil {
			return err
		}
		err = w.Layer(l.DiffID.String(), digest.NewReader(rc, digest.Want{SHA256: l.DiffID}))
		if err = errors.Join(err, rc.Close()); err != nil {
			return err
		}
	}
	if len(mounts) > 0 {
		name := filepath.Join(r.tempDir, "step-mounts.tar")
		sum, err := mountLayer(name, mounts)
		if err != nil {
			return err
		}
		rc, err := os.Open(name)
		if err != nil {
			return err
		}
		err = w.Layer(sum.String(), rc)
		if err = errors.Join(err, rc.Close()); err != nil {
			return err
		}
	}
	if err := w.Close(r.image(), arch); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	r.loaded = true // even where loading is cut short, the image may be there
	return r.engine.Load(ctx, file.Name())
}

// mountLayer writes a layer of files that are mounted elsewhere.
func mountLayer(name string, mounts []sandbox.Mount) (digest.SHA256, error) {
	file, err := os.Create(name)
	if err != nil {
		return digest.SHA256{}, err
	}
	defer file.Close()
	sum := newSummer(file)
	tw := tar.NewWriter(sum)
	for _, m := range mounts {
		data, err := os.ReadFile(m.Source)
		if err != nil {
			return digest.SHA256{}, err
		}
		p := strings.TrimPrefix(m.Target, "/")
		for i, c := range p {
			if c == '/' {
				if err := tw.WriteHeader(&tar.Header{Name: p[:i+1], Typeflag: tar.TypeDir, Mode: 0o755}); err != nil {
					return digest.SHA256{}, err
				}
			}
		}
		if err := tw.WriteHeader(&tar.Header{Name: p, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(data))}); err != nil {
			return digest.SHA256{}, err
		}
		if _, err := tw.Write(data); err != nil {
			return digest.SHA256{}, err
		}
	}
	if err := tw.Close(); err != nil {
		return digest.SHA256{}, err
	}
	return sum.sum(), file.Close()
}

func (r *containerRoot) ReadFile(name string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return r.files.ReadFile(ctx, strings.TrimPrefix(name, "/"))
}

// start starts the container for programs like c. A shell that waits for input keeps it up.
func (r *containerRoot) start(ctx context.Context, c sandbox.Command) error {
	flags := []string{
		"--name", "corn-step-" + r.id, "--interactive", "--hostname", "corn", "--user", "0:0", "--workdir", "/", "--security-opt", "no-new-privileges",
		"--tmpfs", "/tmp:exec,mode=1777", "--pids-limit", strconv.Itoa(cmp.Or(c.Limits.Processes, stepProcesses) + 1),
	}
	if c.Network {
		flags = append(flags, "--network", "host")
	} else {
		flags = append(flags, "--network", "none")
	}
	if m := c.Limits.MemoryBytes; m > 0 {
		flags = append(flags, "--memory", strconv.FormatInt(m, 10), "--memory-swap", strconv.FormatInt(m, 10))
	}
	for _, g := range c.Groups {
		flags = append(flags, "--group-add", strconv.Itoa(g))
	}
	var err error
	if r.container, err = r.engine.Create(ctx, r.image(), flags, r.shell, "-c", "read line"); err != nil {
		return err
	}
	if err := r.container.Start(ctx); err != nil {
		return err
	}
	if up, code, err := r.container.State(ctx); err != nil || !up {
		return errors.Join(err, fmt.Errorf("%s keeps no container: %s ended with exit code %d: %s", r.engine.Program, r.shell, code, r.container.Log(ctx)))
	}
	return r.container.Export(ctx, func(tr *tar.Reader) (err error) {
		r.before, err = engine.Snap(tr)
		return err
	})
}

// stepProcesses is sandbox.Limits' default.
const stepProcesses = 4096

func (r *containerRoot) Run(ctx context.Context, c sandbox.Command) error {
	if r.container == nil {
		if err := r.start(ctx, c); err != nil {
			return err
		}
	}
	run, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if c.Timeout > 0 {
		timer := time.AfterFunc(c.Timeout, func() { cancel(&sandbox.TimeoutError{Program: c.Args[0], After: c.Timeout}) })
		defer timer.Stop()
	}
	if c.Limits.DiskBytes > 0 {
		go r.watchDisk(run, cancel, c.Limits.DiskBytes)
	}
	code, err := r.container.Exec(run, engine.Execution{Args: c.Args, Env: c.Env, Dir: c.Dir, UID: c.UID, GID: c.GID, Output: c.Stdout})
	switch {
	case err != nil:
		return err
	case code == 0:
		return nil
	}
	if full, err := r.container.OutOfMemory(ctx); err == nil && full {
		return &sandbox.LimitError{What: "memory", Limit: c.Limits.MemoryBytes}
	}
	return &sandbox.ExitError{Program: c.Args[0], Code: code}
}

// watchDisk ends a program that writes more than it may. Engines bound that themselves on a few
// file systems only.
func (r *containerRoot) watchDisk(ctx context.Context, end context.CancelCauseFunc, limit int64) {
	ticker := time.NewTicker(2 * time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if n, err := r.container.WrittenBytes(ctx); err == nil && n > limit {
			end(&sandbox.LimitError{What: "disk", Limit: limit})
			return
		}
	}
}

func (r *containerRoot) Changes(ctx context.Context, fn func(filetree.Entry, io.Reader) error) error {
	if r.container == nil {
		return nil
	}
	if err := r.container.Kill(ctx); err != nil { // what still runs in the background
		return err
	}
	spool, err := os.CreateTemp(r.tempDir, "changes-*")
	if err != nil {
		return err
	}
	defer os.Remove(spool.Name())
	defer spool.Close()
	return r.container.Export(ctx, func(tr *tar.Reader) error { return r.before.Changes(tr, spool, fn) })
}

// Close removes the containers and the image.
func (r *containerRoot) Close() error {
	var errs []error
	if r.container != nil {
		errs = append(errs, r.container.Remove())
	}
	errs = append(errs, r.files.Close())
	if r.loaded {
		if id, err := r.engine.ID(context.Background(), r.image()); err != nil || id != "" {
			errs = append(errs, err, r.engine.RemoveImage(r.image()))
		}
	}
	return errors.Join(errs...)
}
