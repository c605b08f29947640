package exec

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// hostPython finds a Python of this machine to compile with.
func hostPython(t *testing.T) *Interpreter {
	t.Helper()
	exe, err := osexec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 on this machine: byte-compilation is not tested")
	}
	out, err := osexec.Command(exe, "-c", `import sys, importlib.util as u
print(sys.base_prefix, "bin/python%d.%d" % sys.version_info[:2], int.from_bytes(u.MAGIC_NUMBER[:2], "little"))`).Output()
	if err != nil {
		t.Skipf("python3 of this machine does not run: %v", err)
	}
	i := &Interpreter{Name: "python-host"}
	if _, err := fmt.Sscan(string(out), &i.Home, &i.Binary, &i.Magic); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(i.Home, i.Binary)); err != nil {
		t.Skipf("python3 of this machine is not laid out as a prefix: %v", err)
	}
	return i
}

// sources returns jobs to compile texts.
func sources(texts ...string) []Job {
	jobs := make([]Job, len(texts))
	for i, text := range texts {
		jobs[i] = Job{
			Source: strings.NewReader(text), SourceBytes: int64(len(text)), Display: fmt.Sprintf("/opt/corn/store/x/m%d.py", i),
			ModTime: 1700000000 + uint32(i), SizeBytes: uint32(len(text)),
		}
	}
	return jobs
}

// compile collects the outcomes.
func compile(ctx context.Context, c *Compiler, jobs []Job) ([]Outcome, error) {
	var got []Outcome
	err := c.Compile(ctx, jobs, func(i int, o Outcome) error {
		if i != len(got) {
			return fmt.Errorf("outcome %d after %d", i, len(got))
		}
		got = append(got, o)
		return nil
	})
	return got, err
}

const module = `"""doc"""
import os, sys
NAMES = {"alpha", "beta", None, 1, 2.5}
def f(os, path="alpha"):
    return path in {"alpha", "beta", "gamma", None} and os
class Path: path = "os"
`

func TestCompileWritesTimestampBytecode(t *testing.T) {
	c := NewCompiler(hostPython(t))
	defer c.Close()
	jobs := sources(module, "print 'Python 2'\n", "x = '\\ud800'\n", "\x00", "# -*- coding: latin-1 -*-\nx = '\xe9'\n", "", strings.Repeat("# a long line of no meaning\n", 100_000))
	got, err := compile(t.Context(), c, jobs)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false, true, false, true, true, true} {
		data := got[i].Bytecode
		if (data != nil) != want {
			t.Errorf("source %d: %d bytes of bytecode (%s), want any: %v", i, len(data), got[i].Reason, want)
		}
		if data == nil {
			continue
		}
		if flags, mtime, size := binary.LittleEndian.Uint32(data[4:]), binary.LittleEndian.Uint32(data[8:]), binary.LittleEndian.Uint32(data[12:]); flags != 0 || mtime != jobs[i].ModTime || size != jobs[i].SizeBytes {
			t.Errorf("source %d: header says flags %d, time %d, size %d; want 0, %d, %d", i, flags, mtime, size, jobs[i].ModTime, jobs[i].SizeBytes)
		}
		if !bytes.Contains(data, []byte(jobs[i].Display)) {
			t.Errorf("source %d: bytecode does not name %s", i, jobs[i].Display)
		}
	}
	if !strings.Contains(got[1].Reason, "SyntaxError") {
		t.Errorf("reason = %q, want the SyntaxError", got[1].Reason)
	}
}

func TestCompileReportsTheCallersErrors(t *testing.T) {
	c := NewCompiler(hostPython(t))
	defer c.Close()
	mine := errors.New("mine")
	if err := c.Compile(t.Context(), sources(module, module), func(int, Outcome) error { return mine }); !errors.Is(err, mine) {
		t.Errorf("err = %v, want done's", err)
	}
	broken := sources(module, module)
	broken[1].Source = iotest.ErrReader(mine)
	if _, err := compile(t.Context(), c, broken); !errors.Is(err, mine) {
		t.Errorf("err = %v, want the source's", err)
	}
	short := sources(module)
	short[0].SourceBytes++
	if _, err := compile(t.Context(), c, short); err == nil || !strings.Contains(err.Error(), short[0].Display) {
		t.Errorf("err = %v, want one that names the short source", err)
	}
	if got, err := compile(t.Context(), c, sources(module)); err != nil || got[0].Bytecode == nil {
		t.Errorf("after errors: %v", err)
	}
}

// What was compiled before must not show: marshal writes references for objects that
// anything else in the process holds.
func TestBytecodeDoesNotDependOnTheProcess(t *testing.T) {
	i := hostPython(t)
	one := func(c *Compiler) []byte {
		t.Helper()
		got, err := compile(t.Context(), c, sources(module))
		if err != nil {
			t.Fatal(err)
		}
		return got[0].Bytecode
	}
	fresh := NewCompiler(i)
	defer fresh.Close()
	want := one(fresh)

	used := NewCompiler(i)
	defer used.Close()
	var many []string
	for n := range 50 {
		many = append(many, fmt.Sprintf("import os\nNAMES = ['alpha', 'beta', 'path', %d]\ndef Path(os): return NAMES\n", n))
	}
	if _, err := compile(t.Context(), used, sources(many...)); err != nil {
		t.Fatal(err)
	}
	if got := one(used); !bytes.Equal(got, want) {
		t.Errorf("bytecode differs after 50 other files: %d and %d bytes", len(got), len(want))
	}
	t.Setenv("PYTHONHASHSEED", "77")
	t.Setenv("PYTHONOPTIMIZE", "2")
	t.Setenv("TZ", "Pacific/Auckland")
	other := NewCompiler(i)
	defer other.Close()
	if got := one(other); !bytes.Equal(got, want) {
		t.Error("bytecode depends on the environment of the builder")
	}
}

func TestInterpreterThatDoesNotFit(t *testing.T) {
	i := *hostPython(t)
	i.Magic++
	c := NewCompiler(&i)
	defer c.Close()
	_, err := compile(t.Context(), c, sources(module))
	var ce *CompileError
	if !errors.As(err, &ce) || !strings.Contains(err.Error(), "magic number") {
		t.Errorf("wrong magic: err = %v, want a *CompileError that says so", err)
	}

	broken := &Interpreter{Name: "python-broken", Home: t.TempDir(), Binary: "bin/python3"}
	if err := os.MkdirAll(filepath.Join(broken.Home, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(broken.Home, broken.Binary), []byte("#!/bin/sh\necho no such libc >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err = compile(t.Context(), NewCompiler(broken), sources(module))
	if err == nil || !strings.Contains(err.Error(), "no such libc") || !strings.Contains(err.Error(), "python-broken") {
		t.Errorf("broken interpreter: err = %v, want its own words and its name", err)
	}
	err = broken.Ready(t.Context(), func(context.Context) (func(string, ...string) []string, error) {
		return nil, errors.New("the base has no loader")
	})
	if err == nil || !strings.Contains(err.Error(), "no such libc") || !strings.Contains(err.Error(), "the base has no loader") {
		t.Errorf("not ready: err = %v, want both reasons", err)
	}
	called := false
	err = broken.Ready(t.Context(), func(context.Context) (func(string, ...string) []string, error) {
		called = true
		return func(string, ...string) []string { return []string{"true"} }, nil
	})
	if err != nil || !called {
		t.Errorf("through a loader: err = %v, asked for it: %v", err, called)
	}
}

// An interpreter that hangs before it says anything, and one whose child keeps the pipes.
func TestHangingInterpreterStopsWithItsContext(t *testing.T) {
	for _, script := range []string{"sleep 60", "sleep 60 & wait", "printf '=\\010\\0\\0\\0\\0\\0\\0\\0001 3.13.0'; sleep 60 & wait"} {
		i := &Interpreter{Name: "python-hanging", Home: t.TempDir(), Binary: "python3"}
		if err := os.WriteFile(filepath.Join(i.Home, i.Binary), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		c := NewCompiler(i)
		began := time.Now()
		_, err := compile(ctx, c, sources(module))
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > waitDelay {
			t.Errorf("%s: err = %v after %s, want the context's at once", script, err, took)
		}
		c.Close()
	}
}

func TestCompileStopsWithItsContext(t *testing.T) {
	c := NewCompiler(hostPython(t))
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	// A constant expression that the compiler works on for long.
	slow := "x = (" + strings.Repeat("(1,)*", 1) + "1)\n" + strings.Repeat("def f(a=[i for i in ()]): pass\n", 200_000)
	began := time.Now()
	_, err := compile(ctx, c, sources(slow, slow, slow))
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 20*time.Second {
		t.Errorf("err = %v after %s, want the context's", err, time.Since(began))
	}
}
