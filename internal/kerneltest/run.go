package kerneltest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nasa-openscapes/corn/internal/jupyter"
)

// Options say what is tested. The zero value tests every kernel.
type Options struct {
	Jobs    int                      // kernels at once; zero means 1
	Only    func(kernel string) bool // which kernels; nil: all
	Project *Project                 // whose notebooks and tests run; nil: none
	Limits  Limits
	// Event is told of what has ended, as it ends. It may be nil, and is called by several
	// goroutines.
	Event func(Event)
}

// Limits bound how long things may take. Zero means the default.
type Limits struct {
	Server  time.Duration // until Jupyter answers; two minutes
	Start   time.Duration // until a kernel answers; one minute
	Execute time.Duration // one line of code; half a minute
	Import  time.Duration // one package; two minutes
	Project time.Duration // one notebook or test; ten minutes
}

func (l Limits) filled() Limits {
	return Limits{
		cmp.Or(l.Server, 2*time.Minute), cmp.Or(l.Start, time.Minute), cmp.Or(l.Execute, 30*time.Second),
		cmp.Or(l.Import, 2*time.Minute), cmp.Or(l.Project, 10*time.Minute),
	}
}

// An Event is a kernel that has been tested, or Jupyter itself.
type Event struct {
	Server *ServerReport // nil: a kernel
	Kernel *KernelReport
}

// Run starts the image's Jupyter and tests its kernels. What does not work is in the report;
// an error is only what kept the test from being made, the runner's and the end of ctx.
func Run(ctx context.Context, r Runner, img *Image, o Options) (*Report, error) {
	began := time.Now()
	t := &tester{runner: r, image: img, options: o, report: &Report{Kernels: []KernelReport{}, Result: Failed}}
	if o.Project != nil {
		t.rules = o.Project.Rules
	}
	t.limits = o.Limits.or(t.rules.Limits).filled()
	err := t.run(ctx)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	t.report.Millis = time.Since(began).Milliseconds()
	return t.report, err
}

type tester struct {
	runner  Runner
	image   *Image
	options Options
	limits  Limits
	rules   Rules
	report  *Report

	server  *jupyter.Server
	process Process
}

func (t *tester) event(e Event) {
	if t.options.Event != nil {
		t.options.Event(e)
	}
}

func (t *tester) run(ctx context.Context) (err error) {
	h, err := startHub(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	ok, err := t.startServer(ctx, h)
	t.event(Event{Server: &t.report.Server})
	if err != nil || !ok {
		return err
	}
	defer func() { err = errors.Join(err, t.process.Stop()) }()
	specs, _, err := t.server.Kernelspecs(ctx)
	if err != nil {
		t.report.Server.Result, t.report.Server.Detail = Failed, err.Error()
		t.report.Server.Log = tail(t.process.Log(ctx), logLines)
		return nil //nolint:nilerr // it is what was found out
	}
	t.kernels(ctx, specs)
	return nil
}

// startServer starts Jupyter. ok is false where it cannot be started, and the report says so.
func (t *tester) startServer(ctx context.Context, h *hub) (ok bool, err error) {
	s := &t.report.Server
	for _, program := range []func(port int) (Program, *jupyter.Server){h.program, h.alone} {
		port, err := jupyter.FreePort(ctx)
		if err != nil {
			return false, err
		}
		began := time.Now()
		p, server := program(port)
		s.Command = strings.Join(p.Args[:1], " ")
		log, err := t.startProgram(ctx, p, server)
		s.StartMillis = time.Since(began).Milliseconds()
		if err == nil {
			s.Result = Passed
			if s.Command != singleuser {
				s.Detail = "the image has no " + singleuser + ": a hub cannot start it"
			}
			return true, nil
		}
		if ctx.Err() != nil {
			return false, err
		}
		if _, ended := errors.AsType[*EndedError](err); !ended && !errors.Is(err, context.DeadlineExceeded) {
			return false, fmt.Errorf("start %s: %w", s.Command, err)
		}
		s.Result, s.Detail, s.Log = Failed, err.Error(), tail(log, logLines)
		if errors.Is(err, context.DeadlineExceeded) {
			s.Detail = fmt.Sprintf("no answer within %s", t.limits.Server)
		}
		if e, ended := errors.AsType[*EndedError](err); !ended || e.Code != notFound {
			return false, nil
		}
		s.Detail = "the image has neither " + singleuser + " nor jupyter on its PATH: it has no Jupyter to ask for its kernels"
	}
	return false, nil
}

const (
	singleuser = "jupyterhub-singleuser"
	notFound   = 127 // exit code of shells and engines for a command that is not there
	logLines   = 40
)

// startProgram starts a server and waits until it answers; one that does not is stopped, and
// what it printed returned.
func (t *tester) startProgram(ctx context.Context, p Program, server *jupyter.Server) (log []byte, err error) {
	waitCtx, cancel := context.WithTimeout(ctx, t.limits.Server)
	defer cancel()
	process, err := t.runner.Start(waitCtx, p)
	if err != nil {
		return nil, err
	}
	err = server.Wait(waitCtx, func() error { return process.Alive(waitCtx) })
	if err == nil {
		t.server, t.process = server, process
		return nil, nil
	}
	log = process.Log(context.WithoutCancel(ctx))
	if stopErr := process.Stop(); stopErr != nil {
		err = errors.Join(err, stopErr)
	}
	return log, err
}

// kernels tests all, side by side, and those again that died, alone, for their logs.
func (t *tester) kernels(ctx context.Context, specs map[string]jupyter.Kernelspec) {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(specs)) {
		if t.options.Only == nil || t.options.Only(name) {
			names = append(names, name)
		}
	}
	t.expected(specs)
	tests := make([]*kernelTest, len(names))
	var g errgroup.Group
	g.SetLimit(max(t.options.Jobs, 1))
	for i, name := range names {
		g.Go(func() error {
			tests[i] = t.kernel(ctx, specs[name])
			if tests[i].gone == nil { // else its log is still to come
				t.event(Event{Kernel: tests[i].report})
			}
			return nil
		})
	}
	_ = g.Wait() // what went wrong is in the tests
	result := Passed
	if len(names) == 0 && t.options.Only == nil || len(t.report.Kernels) > 0 {
		result = Failed
	}
	for _, k := range tests {
		if k.gone != nil && ctx.Err() == nil {
			k.report.Log = t.again(ctx, k)
			t.event(Event{Kernel: k.report})
		}
		if k.report.Result == Failed {
			result = Failed
		}
		t.report.Kernels = append(t.report.Kernels, *k.report)
	}
	slices.SortFunc(t.report.Kernels, func(a, b KernelReport) int { return strings.Compare(a.Name, b.Name) })
	t.report.Result = result
	if len(names) == 0 && t.options.Only == nil {
		t.report.Server.Result, t.report.Server.Detail = Failed, "Jupyter offers no kernel"
	}
}

// expected reports kernels that corn registered and Jupyter does not offer.
func (t *tester) expected(specs map[string]jupyter.Kernelspec) {
	if t.image.Metadata == nil {
		return
	}
	for _, k := range t.image.Metadata.Kernels {
		if _, ok := specs[k.Name]; ok || t.options.Only != nil && !t.options.Only(k.Name) {
			continue
		}
		r := KernelReport{
			Name: k.Name, DisplayName: k.DisplayName, Language: k.Language, Environment: k.Env, Result: Failed, Packages: []PackageReport{},
			Steps: []Step{{Name: "start", Result: Failed, Detail: "Jupyter does not offer the kernel, whose kernelspec is in /" + k.Dir}},
		}
		t.report.Kernels = append(t.report.Kernels, r)
		t.event(Event{Kernel: &r})
	}
}

// again starts a kernel that died or hung once more, alone, does what it did last, and returns
// what Jupyter printed meanwhile: side by side, nobody can tell whose lines are whose.
func (t *tester) again(ctx context.Context, k *kernelTest) string {
	ctx, cancel := context.WithTimeout(ctx, againLimit)
	defer cancel()
	before := len(t.settledLog(ctx))
	kernel, err := t.server.StartKernel(ctx, k.report.Name)
	if err == nil {
		if k.last != "" {
			_, _ = kernel.Execute(ctx, k.last, nil) // it fails again, or it does not: its log is wanted
		}
		_ = kernel.Stop(context.WithoutCancel(ctx)) // the server ends soon, and all kernels with it
	}
	log := t.settledLog(context.WithoutCancel(ctx))
	if len(log) < before {
		return ""
	}
	return tail(kernelLines(log[before:]), logLines)
}

// settledLog is the log once what was printed last has arrived.
func (t *tester) settledLog(ctx context.Context) []byte {
	time.Sleep(200 * time.Millisecond)
	return t.process.Log(ctx)
}

// againLimit bounds that; tests have less time.
var againLimit = 15 * time.Second

// serverLine matches how Jupyter's own notes begin: "[W 2026-11-24 16:31:01.067 ServerApp] ".
var serverLine = regexp.MustCompile(`^\[[DIWEC] [0-9-]+ [0-9:.]+ [A-Za-z]+\]`)

// kernelLines leaves out of Jupyter's log its own notes, with their tracebacks, which are
// indented. What is left is the kernels'. Where that is nothing, the notes have to do.
func kernelLines(log []byte) []byte {
	var out []byte
	server := false
	for line := range bytes.Lines(log) {
		server = serverLine.Match(line) || server && bytes.HasPrefix(line, []byte("    "))
		if !server {
			out = append(out, line...)
		}
	}
	if len(bytes.TrimSpace(out)) == 0 {
		return log
	}
	return out
}
