package cache_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nasa-openscapes/corn/cache"
)

// TestMain lets this binary play another process that uses the same cache.
func TestMain(m *testing.M) {
	role, dir := os.Getenv("CORN_TEST_ROLE"), os.Getenv("CORN_TEST_DIR")
	if role == "" {
		os.Exit(m.Run())
	}
	c, err := cache.Open(dir, cache.Options{})
	if err == nil {
		err = play(role, c)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	c.Close()
}

const big = 3 << 20

func play(role string, c *cache.Cache) error {
	switch role {
	case "hang": // in the middle of writing everything there is, holding a lock
		w, err := c.Create("frame", key("hang"))
		if err != nil {
			return err
		}
		if _, err := w.Write(make([]byte, big)); err != nil {
			return err
		}
		if _, err := c.TempDir(); err != nil {
			return err
		}
		p, err := c.Partial(ctx, want(strings.Repeat("x", big)))
		if err != nil {
			return err
		}
		if _, err := io.WriteString(p, strings.Repeat("x", big/2)); err != nil {
			return err
		}
		if _, err := c.Lock(ctx, "frame", key("hang")); err != nil {
			return err
		}
		fmt.Println("ready")
		time.Sleep(time.Minute)
	case "work": // one of many: each value and blob is made by whoever has the lock
		for i := range 20 {
			if err := work(c, i, os.Stdout); err != nil {
				return err
			}
		}
	}
	return nil
}

func work(c *cache.Cache, i int, made io.Writer) error {
	name := fmt.Sprint("value ", i)
	data := strings.Repeat(name, 1000)
	l, err := c.Lock(ctx, "frame", key(name))
	if err != nil {
		return err
	}
	defer l.Unlock()
	if b, err := c.GetBytes("frame", key(name)); err == nil {
		if string(b) != data {
			return fmt.Errorf("%s is %d other bytes", name, len(b))
		}
		return nil
	} else if !cache.IsMiss(err) {
		return err
	}
	fmt.Fprintln(made, "made", i)
	if err := c.PutBytes("frame", key(name), []byte(data)); err != nil {
		return err
	}
	p, err := c.Partial(ctx, want(data))
	if err != nil {
		return err
	}
	defer p.Close()
	if _, err := io.WriteString(p, data); err != nil {
		return err
	}
	_, err = p.Commit()
	return err
}

func process(t *testing.T, role, dir string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "CORN_TEST_ROLE="+role, "CORN_TEST_DIR="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

func TestKill(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir)
	put(t, c, "frame", "before", "stays", "")
	cmd := process(t, "hang", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("the other process says %q, %v", line, err)
	}
	open(t, dir) // must not touch what a living process writes
	if n := len(files(t, c, "tmp")); n < 2 {
		t.Errorf("Open removed the files of a living process: %d left", n)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // says that it was killed

	if c.Has("frame", key("hang")) {
		t.Error("half a value is visible")
	}
	if b, err := c.GetBytes("frame", key("before")); err != nil || string(b) != "stays" {
		t.Errorf("what was there before: %q, %v", b, err)
	}
	l, err := c.Lock(ctx, "frame", key("hang")) // freed by the system
	if err != nil {
		t.Fatal(err)
	}
	l.Unlock()
	fresh := open(t, dir)
	// What is left is the session of this process, which has only put "before".
	if left := files(t, fresh, "tmp"); len(left) != 1 {
		t.Errorf("Open left %v of a killed process, want one lock file", left)
	}
	data := strings.Repeat("x", big)
	p, err := fresh.Partial(ctx, want(data))
	if err != nil {
		t.Fatal(err)
	}
	if p.Offset() != big/2 {
		t.Errorf("the download of a killed process has %d bytes, want %d", p.Offset(), big/2)
	}
	if _, err := io.WriteString(p, data[p.Offset():]); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Commit(); err != nil {
		t.Error(err)
	}
}

func TestManyProcesses(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	outs := make([][]byte, 3)
	errs := make([]error, len(outs))
	for i := range outs {
		cmd := process(t, "work", dir)
		wg.Go(func() { outs[i], errs[i] = cmd.Output() })
	}
	c := open(t, dir)
	mine := make([]bytes.Buffer, 20)
	for i := range 20 { // and goroutines of this one
		wg.Go(func() {
			if err := work(c, i, &mine[i]); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for i := range mine {
		outs = append(outs, mine[i].Bytes())
	}
	made := map[string]int{}
	for _, out := range outs {
		for line := range strings.Lines(string(out)) {
			if made[line]++; made[line] > 1 {
				t.Errorf("%q was made twice", line)
			}
		}
	}
	if len(made) != 20 {
		t.Errorf("%d values were made, want 20", len(made))
	}
	if n := len(files(t, c, "blob")); n != 20 {
		t.Errorf("%d blobs, want 20", n)
	}
	if left := files(t, c, "partial"); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

// TestFull needs root, to mount a file system of 1 MiB.
func TestFull(t *testing.T) {
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("needs Linux and root to mount a small tmpfs")
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=1m", "none", dir).CombinedOutput(); err != nil {
		t.Skipf("cannot mount a tmpfs: %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
	c, err := cache.Open(dir, cache.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	put(t, c, "frame", "small", "stays", "")
	data := strings.Repeat("x", big)
	check := func(act string, err error) {
		t.Helper()
		var full *cache.FullError
		if !errors.As(err, &full) || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s on a full disk = %v, want a *FullError", act, err)
		}
	}
	check("PutBytes", c.PutBytes("frame", key("big"), []byte(data)))
	_, err = c.Put(ctx, strings.NewReader(data), want(data))
	check("Put", err)
	w, err := c.Create("frame", key("big"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(w, data)
	check("Write", err)
	check("Commit", w.Commit())
	p, err := c.Partial(ctx, want(data))
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(p, data)
	check("Partial.Write", err)
	if p.Offset() == 0 {
		t.Error("what did fit of a download is not counted")
	}
	_, err = p.Commit()
	check("Partial.Commit", err)
	if err := p.Discard(); err != nil {
		t.Error(err)
	}
	if b, err := c.GetBytes("frame", key("small")); err != nil || string(b) != "stays" {
		t.Errorf("what was there before: %q, %v", b, err)
	}
	// Space that was taken is free again.
	if err := c.PutBytes("frame", key("fits"), []byte(data[:700<<10])); err != nil {
		t.Errorf("after all that: %v", err)
	}
}
