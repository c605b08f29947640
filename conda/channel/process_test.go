package channel_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/conda/channel"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

// TestMain is the test, or the process that a test starts: it opens a channel and says so.
func TestMain(m *testing.M) {
	url, dir := os.Getenv("CORN_TEST_CHANNEL"), os.Getenv("CORN_TEST_CACHE")
	if url == "" {
		os.Exit(m.Run())
	}
	c, err := cache.Open(dir, cache.Options{})
	if err == nil {
		var s *channel.Set
		s, err = channel.Open(context.Background(), c, []string{url}, linux, channel.Options{})
		if err == nil {
			err = s.Closure(context.Background(), "app")
		}
		if err == nil {
			fmt.Println(len(s.Records("app")), s.Err())
		}
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

func child(t *testing.T, url, dir string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), self)
	cmd.Env = append(os.Environ(), "CORN_TEST_CHANNEL="+url, "CORN_TEST_CACHE="+dir)
	return cmd
}

// A process that is killed anywhere leaves a cache that the next one can use.
func TestKilledProcessesDoNoHarm(t *testing.T) {
	for i, form := range formNames {
		s := serve(t, channeltest.Options{})
		s.without(t, formNames[:i]...)
		s.Fail(channeltest.Fault{Path: "/*/*", Kind: channeltest.Slow, Delay: 3 * time.Millisecond})
		dir := t.TempDir()
		for wait := range 6 {
			cmd := child(t, s.url, dir)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(4+5*wait) * time.Millisecond)
			_ = cmd.Process.Kill() // it may be done by now
			_ = cmd.Wait()
		}
		out, err := child(t, s.url, dir).CombinedOutput()
		if err != nil || string(out) != "2 <nil>\n" {
			t.Errorf("%s: after killed processes: %q, %v, want 2 records", form, out, err)
		}
		// The next one finds nothing left of the dead.
		c, err := cache.Open(dir, cache.Options{})
		if err != nil {
			t.Fatal(err)
		}
		left, err := filepath.Glob(filepath.Join(dir, cache.Version, "tmp", "*"))
		if err != nil || len(left) > 0 {
			t.Errorf("%s: left in tmp: %v (%v)", form, left, err)
		}
		c.Close()
	}
}
