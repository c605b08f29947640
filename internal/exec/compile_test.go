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

// sources writes files and returns the jobs to compile them.
func sources(t *testing.T, texts ...string) []Job {
	t.Helper()
	dir := t.TempDir()
	jobs := make([]Job, len(texts))
	for i, text := range texts {
		jobs[i] = Job{
			Source: filepath.Join(dir, fmt.Sprintf("m%d.py", i)), Display: fmt.Sprintf("/opt/corn/store/x/m%d.py", i),
			Out: filepath.Join(dir, fmt.Sprintf("m%d.pyc", i)), ModTime: 1700000000 + uint32(i), SizeBytes: uint32(len(text)),
		}
		if err := os.WriteFile(jobs[i].Source, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return jobs
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
	jobs := sources(t, module, "print 'Python 2'\n", "x = '\\ud800'\n", "\x00", "# -*- coding: latin-1 -*-\nx = '\xe9'\n")
	got, err := c.Compile(t.Context(), jobs)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false, true, false, true} {
		if got[i].OK != want {
			t.Errorf("source %d: OK = %v (%s), want %v", i, got[i].OK, got[i].Reason, want)
		}
		data, err := os.ReadFile(jobs[i].Out)
		if !want {
			if err == nil {
				t.Errorf("source %d: bytecode of %d bytes for a source that does not compile", i, len(data))
			}
			continue
		}
		if err != nil {
			t.Error(err)
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

// What was compiled before must not show: marshal writes references for objects that
// anything else in the process holds.
func TestBytecodeDoesNotDependOnTheProcess(t *testing.T) {
	i := hostPython(t)
	compile := func(c *Compiler) []byte {
		t.Helper()
		jobs := sources(t, module)
		if _, err := c.Compile(t.Context(), jobs); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(jobs[0].Out)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	fresh := NewCompiler(i)
	defer fresh.Close()
	want := compile(fresh)

	used := NewCompiler(i)
	defer used.Close()
	var many []string
	for n := range 50 {
		many = append(many, fmt.Sprintf("import os\nNAMES = ['alpha', 'beta', 'path', %d]\ndef Path(os): return NAMES\n", n))
	}
	if _, err := used.Compile(t.Context(), sources(t, many...)); err != nil {
		t.Fatal(err)
	}
	if got := compile(used); !bytes.Equal(got, want) {
		t.Errorf("bytecode differs after 50 other files: %d and %d bytes", len(got), len(want))
	}
	t.Setenv("PYTHONHASHSEED", "77")
	t.Setenv("PYTHONOPTIMIZE", "2")
	t.Setenv("TZ", "Pacific/Auckland")
	other := NewCompiler(i)
	defer other.Close()
	if got := compile(other); !bytes.Equal(got, want) {
		t.Error("bytecode depends on the environment of the builder")
	}
}

func TestInterpreterThatDoesNotFit(t *testing.T) {
	i := *hostPython(t)
	i.Magic++
	c := NewCompiler(&i)
	defer c.Close()
	_, err := c.Compile(t.Context(), sources(t, module))
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
	_, err = NewCompiler(broken).Compile(t.Context(), sources(t, module))
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
	for _, script := range []string{"sleep 60", "sleep 60 & wait", "echo corn 1 3.13.0; sleep 60 & wait"} {
		i := &Interpreter{Name: "python-hanging", Home: t.TempDir(), Binary: "python3"}
		if err := os.WriteFile(filepath.Join(i.Home, i.Binary), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		c := NewCompiler(i)
		began := time.Now()
		_, err := c.Compile(ctx, sources(t, module))
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
	_, err := c.Compile(ctx, sources(t, slow, slow, slow))
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 20*time.Second {
		t.Errorf("err = %v after %s, want the context's", err, time.Since(began))
	}
}
