package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/engine"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/kerneltest"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/internal/sandbox"
)

// A sandboxRunner runs an image in corn's own sandbox. One program runs at a time.
type sandboxRunner struct {
	root     *sandbox.Root
	id       string // digest of the image's config
	command  sandbox.Command
	entry    []string
	uid, gid int
	files    map[string][]byte // what the image says of itself
}

var _ kerneltest.Runner = (*sandboxRunner)(nil)

// openSandbox unpacks an image, of what the cache does not have unpacked, and prepares its
// sandbox.
func openSandbox(ctx context.Context, req runnerRequest, talk *report.Printer) (*sandboxRunner, error) {
	tempDir, err := req.cache.TempDir()
	if err != nil {
		return nil, err
	}
	ref, err := savedImage(ctx, req, tempDir)
	if err != nil {
		return nil, err
	}
	source, err := req.open(ctx, ref, tempDir, talk)
	if err != nil {
		return nil, err
	}
	defer source.close() //nolint:errcheck // it was only read
	layers, err := sandboxLayers(source)
	if err != nil {
		return nil, err
	}
	config, err := source.img.ConfigFile()
	if err != nil {
		return nil, err
	}
	stage := talk.Stage("unpack", int64(len(layers)), report.Things)
	for i := range layers {
		open := layers[i].Open
		layers[i].Open = func(ctx context.Context) (io.ReadCloser, error) {
			defer stage.Add(1)
			return open(ctx)
		}
	}
	root, err := sandbox.Open(ctx, req.cache, layers, sandbox.Options{})
	if err != nil {
		stage.Abort()
		return nil, err
	}
	stage.Done("%s, mode %s", report.Count(len(layers), "layer"), root.Mode())
	r := &sandboxRunner{root: root, files: source.files, id: source.id, entry: config.Config.Entrypoint}
	r.command = sandbox.Command{Env: config.Config.Env, Dir: config.Config.WorkingDir, Network: true}
	if r.uid, r.gid, err = r.user(ctx, config.Config.User); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	for _, v := range [][2]string{{"HOME", kerneltest.HomeDir}, {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}} {
		if !slices.ContainsFunc(r.command.Env, func(s string) bool { return strings.HasPrefix(s, v[0]+"=") }) {
			r.command.Env = append(r.command.Env, v[0]+"="+v[1])
		}
	}
	return r, nil
}

// savedImage gives an image of the container engine as a file.
func savedImage(ctx context.Context, req runnerRequest, tempDir string) (ref string, err error) {
	name, daemon := strings.CutPrefix(req.ref, daemonPrefix)
	if !daemon {
		return req.ref, nil
	}
	e, err := engine.Find(ctx, "")
	if err != nil {
		return "", err
	}
	archive := filepath.Join(tempDir, "saved.tar")
	if err := e.Save(ctx, name, archive); err != nil {
		return "", err
	}
	return "docker-archive:" + archive, nil
}

// sandboxLayers lists the layers that are needed of an image.
func sandboxLayers(source *openedImage) ([]sandbox.Layer, error) {
	layers, err := source.img.Layers()
	if err != nil {
		return nil, err
	}
	var out []sandbox.Layer
	for i, l := range layers {
		if source.want != nil && !source.want(i) {
			continue
		}
		diff, err := l.DiffID()
		if err != nil {
			return nil, err
		}
		d, err := digest.Parse(diff.Hex)
		if err != nil {
			return nil, err
		}
		out = append(out, sandbox.Layer{DiffID: d, Open: func(context.Context) (io.ReadCloser, error) { return l.Uncompressed() }})
	}
	return out, nil
}

// user finds the numbers of the image's user. Of a name image.json knows them, as corn read the
// base's accounts; in other images the name is looked up by the image's own id.
func (r *sandboxRunner) user(ctx context.Context, user string) (uid, gid int, err error) {
	if user == "" {
		return 0, 0, nil
	}
	if m, err := image.ParseMetadata(r.files[image.MetadataPath]); err == nil {
		return m.UID, m.GID, nil
	}
	name, group, _ := strings.Cut(user, ":")
	number := func(flag, name string) (int, error) {
		if n, err := strconv.Atoi(name); err == nil {
			return n, nil
		}
		out, err := r.output(ctx, "id", flag, "--", name)
		if err != nil {
			return 0, fmt.Errorf("find user %q of the image: %w", name, err)
		}
		return strconv.Atoi(strings.TrimSpace(string(out)))
	}
	if uid, err = number("-u", name); err != nil {
		return 0, 0, err
	}
	if n, err := strconv.Atoi(group); err == nil {
		return uid, n, nil
	}
	if _, err := strconv.Atoi(name); err == nil {
		return uid, 0, nil // a number without a group is in root's, as in container engines
	}
	gid, err = number("-g", name)
	return uid, gid, err
}

// output runs a program of the image as root and returns what it prints.
func (r *sandboxRunner) output(ctx context.Context, args ...string) ([]byte, error) {
	var out, errs bytes.Buffer
	c := r.command
	c.Args, c.Network, c.Dir, c.Stdout, c.Stderr = args, false, "/", &out, &errs
	if err := r.root.Run(ctx, c); err != nil {
		return nil, fmt.Errorf("%w: %s", err, strings.TrimSpace(errs.String()))
	}
	return out.Bytes(), nil
}

func (r *sandboxRunner) ReadFile(_ context.Context, name string) ([]byte, error) {
	if data, ok := r.files[name]; ok {
		return data, nil
	}
	return nil, &fs.PathError{Op: "read", Path: "/" + name, Err: fs.ErrNotExist}
}

func (r *sandboxRunner) Start(ctx context.Context, p kerneltest.Program) (kerneltest.Process, error) {
	log := &lockedBuffer{}
	c := r.command
	c.Args = slices.Concat(r.entry, p.Args)
	c.Env = slices.Concat(c.Env, p.Env)
	c.UID, c.GID, c.Groups = r.uid, r.gid, []int{hubGroup}
	c.Mounts = []sandbox.Mount{{Kind: sandbox.Empty, Target: kerneltest.HomeDir, UID: r.uid, GID: hubGroup, Mode: 0o2775}}
	c.Stdout, c.Stderr = log, log
	process, err := r.root.Start(context.WithoutCancel(ctx), c)
	if failed, ok := errors.AsType[*sandbox.StartError](err); ok {
		fmt.Fprintln(log, failed)
		done := make(chan struct{})
		close(done)
		return &sandboxProcess{log: log, done: done, err: &kerneltest.EndedError{Code: 127}}, nil
	}
	if err != nil {
		return nil, err
	}
	s := &sandboxProcess{process: process, log: log, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.err = process.Wait()
		if ended, ok := errors.AsType[*sandbox.ExitError](s.err); ok {
			s.err = &kerneltest.EndedError{Code: ended.Code}
		} else if s.err == nil {
			s.err = &kerneltest.EndedError{}
		}
	}()
	return s, nil
}

func (r *sandboxRunner) name() string    { return "sandbox" }
func (r *sandboxRunner) imageID() string { return r.id }
func (r *sandboxRunner) close() error    { return r.root.Close() }

// A sandboxProcess is a program in the sandbox.
type sandboxProcess struct {
	process *sandbox.Process // nil: it could not be started
	log     *lockedBuffer
	done    chan struct{}
	err     error // how it ended; to be read when done is closed
}

func (p *sandboxProcess) Alive(context.Context) error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}

func (p *sandboxProcess) Log(context.Context) []byte { return p.log.copy() }

func (p *sandboxProcess) Stop() error {
	if p.process == nil {
		return nil
	}
	err := p.process.Kill()
	<-p.done
	return err
}

// A lockedBuffer takes what a program prints while others read it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if room := maxLogBytes - l.b.Len(); room < len(p) {
		l.b.Write(p[:max(room, 0)])
		return len(p), nil
	}
	return l.b.Write(p)
}

const maxLogBytes = 16 << 20

func (l *lockedBuffer) copy() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.b.Bytes())
}
