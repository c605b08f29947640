package kerneltest

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/nasa-openscapes/corn/internal/jupyter"
)

// A kernelTest is the test of one kernel. Each method is a step.
type kernelTest struct {
	t      *tester
	report *KernelReport
	env    *Environment // nil: none of corn's
	ours   bool         // corn registered the kernel, with its launcher
	kernel *jupyter.Kernel
	lang   *language

	gone error  // why nothing more can be asked of it
	last string // what it executed last
}

// A failure is what a step found wrong while the kernel goes on.
type failure struct{ text string }

func (f *failure) Error() string { return f.text }

func failf(format string, args ...any) error { return &failure{fmt.Sprintf(format, args...)} }

// kernel tests one kernel.
func (t *tester) kernel(ctx context.Context, spec jupyter.Kernelspec) *kernelTest {
	began := time.Now()
	k := &kernelTest{t: t, env: t.image.ofKernel(spec.Name), report: &KernelReport{
		Name: spec.Name, DisplayName: spec.Spec.DisplayName, Language: strings.ToLower(spec.Spec.Language), Packages: []PackageReport{},
	}}
	k.ours = k.env != nil
	k.step(ctx, "start", t.limits.Start, k.start)
	k.step(ctx, "execute", t.limits.Execute, k.execute)
	k.step(ctx, "interrupt", t.limits.Execute, k.interrupt)
	k.step(ctx, "activation", t.limits.Execute, k.activation)
	k.packages(ctx)
	k.step(ctx, "stop", t.limits.Execute, k.stop)
	k.project(ctx)
	if k.env != nil {
		k.report.Environment = k.env.Name
	}
	k.report.settle()
	k.report.Millis = time.Since(began).Milliseconds()
	return k
}

// step does one thing within a limit and notes what came of it. A kernel that is gone is not
// asked.
func (k *kernelTest) step(ctx context.Context, name string, limit time.Duration, do func(context.Context) (note string, err error)) {
	s := Step{Name: name, Result: Skipped, Detail: "the kernel is gone"}
	if k.gone == nil {
		began := time.Now()
		s.Result, s.Detail = k.within(ctx, limit, do)
		s.Millis = time.Since(began).Milliseconds()
	}
	k.report.Steps = append(k.report.Steps, s)
}

// errSkip is a step that cannot be done with this kernel; its note says why.
var errSkip = errors.New("skipped")

func (k *kernelTest) within(ctx context.Context, limit time.Duration, do func(context.Context) (string, error)) (Result, string) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	note, err := do(ctx)
	died, hasDied := errors.AsType[*jupyter.DiedError](err)
	f, isFailure := errors.AsType[*failure](err)
	switch {
	case err == nil:
		return Passed, note
	case errors.Is(err, errSkip):
		return Skipped, note
	case isFailure:
		return Failed, clean(f.text)
	case hasDied:
		k.gone = err
		return Failed, died.Error()
	case errors.Is(err, context.DeadlineExceeded):
		k.gone = err
		return Failed, fmt.Sprintf("no answer within %s", limit)
	}
	k.gone = err
	return Failed, clean(err.Error())
}

func (k *kernelTest) start(ctx context.Context) (string, error) {
	began := time.Now()
	var err error
	if k.kernel, err = k.t.server.StartKernel(ctx, k.report.Name); err != nil {
		return "", err
	}
	k.report.StartMillis = time.Since(began).Milliseconds()
	info, err := k.kernel.Info(ctx)
	if err != nil {
		return "", err
	}
	k.report.Language, k.report.Version = strings.ToLower(info.Language.Name), info.Language.Version
	k.lang = languageOf(k.report.Language)
	return "", nil
}

// code executes code that has to succeed.
func (k *kernelTest) code(ctx context.Context, kernel *jupyter.Kernel, code string) (*jupyter.Result, error) {
	k.last = code
	r, err := kernel.Execute(ctx, code, nil)
	if err != nil {
		return r, err
	}
	if r.Status != "ok" {
		return r, &failure{explain(r)}
	}
	return r, nil
}

// probe asks what the language's probe answers, which activation has defined.
func (k *kernelTest) probe(ctx context.Context, args ...string) (*jupyter.Result, error) {
	call := k.lang.probe(args...)
	r, err := k.code(ctx, k.kernel, call)
	k.last = k.lang.define + "\n" + call // for another kernel, which lacks the definition
	return r, err
}

// tracebackLines is how much of a traceback is told: its end names the line that failed.
const tracebackLines = 12

// explain is what failed code gave: the error first, then where it came from.
func explain(r *jupyter.Result) string {
	if r.ErrorName == "" && len(r.Traceback) == 0 {
		return strings.TrimSpace(r.String())
	}
	first := r.ErrorName + ": " + r.ErrorValue
	if r.ErrorName == "" || r.ErrorName == "ERROR" { // R's errors have no names
		first = r.ErrorValue
	}
	return strings.TrimSpace(strings.TrimSpace(first) + "\n" + tail([]byte(strings.Join(r.Traceback, "\n")), tracebackLines))
}

func (k *kernelTest) execute(ctx context.Context) (string, error) {
	if k.lang == nil {
		return fmt.Sprintf("how to write %s is not known here", k.report.Language), errSkip
	}
	r, err := k.code(ctx, k.kernel, k.lang.sum)
	if err != nil {
		return "", err
	}
	if !strings.Contains(r.String(), "42") {
		return "", failf("%s printed no 42:\n%s", k.lang.sum, r)
	}
	return "", nil
}

// interrupt does what the stop button does to code that sleeps, and sees that the kernel goes on.
func (k *kernelTest) interrupt(ctx context.Context) (string, error) {
	if k.lang == nil || k.lang.sleep == "" {
		return fmt.Sprintf("how to sleep in %s is not known here", k.report.Language), errSkip
	}
	if slices.Contains(k.t.rules.NoInterrupt, k.report.Name) {
		return "corn.yaml's no_interrupt: the kernel does not survive it", errSkip
	}
	interrupted := false
	k.last = k.lang.sum // sleeping once more would tell nothing
	r, err := k.kernel.Execute(ctx, k.lang.sleep, func(r *jupyter.Result) error {
		if interrupted || !strings.Contains(r.Stdout, "sleeping") {
			return nil
		}
		interrupted = true
		time.Sleep(200 * time.Millisecond) // from the print into the sleep
		return k.kernel.Interrupt(ctx)
	})
	if err != nil {
		return "", err
	}
	if !interrupted {
		return "", failf("%s printed nothing before its end:\n%s", k.lang.sleep, r)
	}
	if k.lang.interrupted != "" && r.ErrorName != k.lang.interrupted {
		return "", failf("the interrupted code gave no %s:\n%s", k.lang.interrupted, r)
	}
	if after, err := k.code(ctx, k.kernel, k.lang.sum); err != nil {
		return "", err
	} else if !strings.Contains(after.String(), "42") {
		return "", failf("after the interrupt %s printed no 42:\n%s", k.lang.sum, after)
	}
	return "", nil
}

// activation asks the kernel's process for its environment.
func (k *kernelTest) activation(ctx context.Context) (string, error) {
	if k.lang == nil || k.lang.probe == nil {
		return fmt.Sprintf("how to look at the environment in %s is not known here", k.report.Language), errSkip
	}
	if _, err := k.code(ctx, k.kernel, k.lang.define); err != nil {
		return "", err
	}
	r, err := k.probe(ctx, "env", activated)
	if err != nil {
		return "", err
	}
	env, prefix, which, scripts := map[string]string{}, "", "", []string{}
	for _, a := range answers(r.Stdout) {
		switch {
		case a[0] == "env" && len(a) == 3:
			env[a[1]] = a[2]
		case a[0] == "script":
			scripts = append(scripts, a[1])
		case a[0] == "prefix":
			prefix = a[1]
		case a[0] == "which":
			which = a[1]
		case a[0] == "version":
			k.report.Version = a[1]
		}
	}
	if !k.ours {
		k.env = k.t.image.byPrefix(prefix)
		return "the kernel is none of corn's: nothing activates its environment", errSkip
	}
	return "", k.checkActivation(env, prefix, which, scripts)
}

func (k *kernelTest) checkActivation(env map[string]string, prefix, which string, scripts []string) error {
	var wrong []string
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if prefix != k.env.Prefix {
		add("the kernel runs in %s, want %s", prefix, k.env.Prefix)
	}
	for _, v := range [][2]string{{"CONDA_PREFIX", k.env.Prefix}, {"CONDA_DEFAULT_ENV", k.env.Name}} {
		if got, want := env[v[0]], v[1]; got != want {
			add("%s is %q, want %q", v[0], got, want)
		}
	}
	if first, _, _ := strings.Cut(env["PATH"], ":"); first != path.Join(k.env.Prefix, "bin") {
		add("PATH begins with %s, want %s/bin", first, k.env.Prefix)
	}
	if which != "" && path.Dir(which) != path.Join(k.env.Prefix, "bin") {
		add("%s is the first of its name on PATH, want the one of %s/bin", which, k.env.Prefix)
	}
	for name, want := range k.env.Variables {
		if got, ok := env[name]; !ok {
			add("%s is not set; etc/conda/env_vars.d sets it to %q", name, want)
		} else if _, shadowed := slices.BinarySearch(scripts, name); got != want && !shadowed {
			add("%s is %q; etc/conda/env_vars.d sets it to %q", name, got, want)
		}
	}
	for _, name := range scripts {
		if _, ok := env[name]; !ok {
			add("%s is not set; a script of etc/conda/activate.d sets it", name)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	slices.Sort(wrong)
	return failf("%s", strings.Join(wrong, "\n"))
}

func (k *kernelTest) stop(ctx context.Context) (string, error) {
	if err := k.kernel.Stop(ctx); err != nil {
		return "", err
	}
	var running []struct{ ID string }
	if err := k.t.server.Call(ctx, "GET", "/api/kernels", nil, 200, &running); err != nil {
		return "", err
	}
	for _, r := range running {
		if r.ID == k.kernel.ID {
			return "", failf("Jupyter still lists the kernel after its end")
		}
	}
	return "", nil
}
