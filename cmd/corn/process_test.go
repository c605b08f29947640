package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// A process is one run of corn beside the script.
type process struct {
	*exec.Cmd
	out, talk buffer
}

// A buffer can be looked into while the process writes.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// start runs a command as testscript would, without waiting for it.
func start(ts *testscript.TestScript, args []string) (*process, error) {
	path, err := exec.LookPath(args[0]) // TestMain has put corn there
	if err != nil {
		return nil, err
	}
	p := &process{Cmd: exec.Command(path, args[1:]...)}
	p.Dir, p.Stdout, p.Stderr = ts.MkAbs("."), &p.out, &p.talk
	p.Env = os.Environ()
	for _, name := range []string{"HOME", "CORN_CACHE_DIR", "TERM", "TMPDIR", "DOCKER_CONFIG", "GIT_CEILING_DIRECTORIES"} {
		p.Env = append(p.Env, name+"="+ts.Getenv(name))
	}
	return p, p.Start()
}

// code waits and returns the exit code, -1 for a process that a signal ended.
func (p *process) code() (int, error) {
	err := p.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), nil
	}
	return 0, err
}

var signals = map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL}

func cmdStopped(ts *testscript.TestScript, args []string) error {
	s := storyOf(ts)
	before := s.active.Load()
	p, err := start(ts, args[1:])
	if err != nil {
		return err
	}
	// It talks before it fetches: requests may be of a process that was stopped before.
	for deadline := time.Now().Add(20 * time.Second); (s.active.Load() == before || p.talk.String() == "") && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	if err := p.Process.Signal(signals[args[0]]); err != nil {
		return err
	}
	code, err := p.code()
	if err != nil {
		return err
	}
	if code != 130 || p.out.String() != "" {
		return fmt.Errorf("exit code %d and result %q, want 130 and none:\n%s", code, p.out.String(), p.talk.String())
	}
	fmt.Fprint(ts.Stdout(), tidy(ts, p.talk.String()))
	return nil
}

func cmdTorture(ts *testscript.TestScript, args []string) error {
	steps, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	cache := ts.Getenv("CORN_CACHE_DIR")
	image := ts.MkAbs("image")
	before, err := named(image)
	if err != nil {
		return err
	}
	// How long the whole takes, here and now.
	began := time.Now()
	if err := ts.Exec(args[2], step(args[3:], steps)...); err != nil {
		return err
	}
	took := time.Since(began)
	after, err := named(image)
	if err != nil {
		return err
	}
	stopped := 0
	for i := range steps {
		if i%2 == 0 { // every other time with what was left
			if err := os.RemoveAll(cache); err != nil {
				return err
			}
		}
		p, err := start(ts, step(args[2:], i))
		if err != nil {
			return err
		}
		time.Sleep(took * time.Duration(i+1) / time.Duration(steps+1))
		if err := p.Process.Signal(signals[args[0]]); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		code, err := p.code()
		switch {
		case err != nil:
			return err
		case code != 0 && code != 130 && code != -1:
			return fmt.Errorf("step %d: exit code %d:\n%s", i, code, p.talk.String())
		case code != 0:
			stopped++
		}
		got, err := named(image)
		if err != nil {
			return fmt.Errorf("step %d: the last good image: %w", i, err)
		}
		if err := storyOf(ts).allWhole(); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
		if got != before && got != after {
			return fmt.Errorf("step %d: the layout says %s", i, got)
		}
	}
	if stopped == 0 {
		return errors.New("no run was stopped")
	}
	ts.Logf("%d of %d runs of %v stopped", stopped, steps, took)
	return nil
}

// step puts the number of a step where the arguments have STEP.
func step(args []string, i int) []string {
	out := slices.Clone(args)
	for n := range out {
		out[n] = strings.ReplaceAll(out[n], "STEP", strconv.Itoa(i))
	}
	return out
}

func cmdTmpfs(ts *testscript.TestScript, args []string) error {
	dir := ts.MkAbs(args[0])
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := mount(dir, args[1]); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	ts.Defer(func() { ts.Check(unmount(dir)) })
	return nil
}

var consoleBlock = regexp.MustCompile("(?ms)^ *```console\n(.*?)^ *```")

// examplesOf lists the corn commands of a text: "$ corn ..." in console blocks, and what
// stands below "Examples:".
func examplesOf(text string) []string {
	var blocks []string
	for _, m := range consoleBlock.FindAllStringSubmatch(text, -1) {
		blocks = append(blocks, m[1])
	}
	if _, below, ok := strings.Cut(text, "\nExamples:\n"); ok {
		block, _, _ := strings.Cut(below, "\n\n")
		blocks = append(blocks, block)
	}
	var out []string
	for line := range strings.Lines(strings.Join(blocks, "\n")) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "$ ")
		line, _, _ = strings.Cut(line, " #")
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "corn ") {
			out = append(out, line)
		}
	}
	return out
}

// shellWords parts a command line as a shell does, as far as double quotes go.
func shellWords(line string) []string {
	var words []string
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			words = append(words, part)
			continue
		}
		words = append(words, strings.Fields(part)...)
	}
	return words
}

func cmdExamples(ts *testscript.TestScript, args []string) error {
	text := ts.ReadFile(args[0])
	lines := examplesOf(text)
	if len(lines) == 0 {
		return fmt.Errorf("%s has no examples", filepath.Base(args[0]))
	}
	for _, line := range lines {
		words := shellWords(line)
		if len(words) > 1 && words[1] == "test" {
			continue // starts Jupyter, which no image of a story has: e2e's TestCornTest does that
		}
		for i := range words { // the registries of examples are the story's
			for public, name := range map[string]string{"quay.io": "REGISTRY", "ghcr.io": "OTHER"} {
				if host := ts.Getenv(name); host != "" {
					words[i] = strings.Replace(words[i], public+"/", host+"/", 1)
				}
			}
			if hub := ts.Getenv("HUB"); hub != "" {
				words[i] = strings.Replace(words[i], "https://hub.example.org", hub, 1)
			}
		}
		if err := ts.Exec(words[0], words[1:]...); err != nil {
			return fmt.Errorf("%s: %w\n%s", line, err, ts.ReadFile("stderr"))
		}
	}
	fmt.Fprintln(ts.Stdout(), strings.Join(lines, "\n"))
	return nil
}
