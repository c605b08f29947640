// Package toolroot makes layers with programs that run: one static program under several
// names, see the folder tool. Tests of sandboxes, steps and kernels use it as their base.
package toolroot

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// ToolVar names the environment variable with the path of a tool that is built already: a
// test that runs itself again as another user has no Go there.
const ToolVar = "CORN_TEST_TOOL"

var built = sync.OnceValues(func() ([]byte, error) {
	if p := os.Getenv(ToolVar); p != "" {
		return os.ReadFile(p)
	}
	dir, err := os.MkdirTemp("", "corn-tool-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "tool")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "github.com/nasa-openscapes/corn/internal/testkit/toolroot/tool")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the tool: %w\n%s", err, text)
	}
	return os.ReadFile(out)
})

// Build returns the program's bytes where there is no test to fail.
func Build() ([]byte, error) { return built() }

// Tool returns the program's bytes.
func Tool(tb testing.TB) []byte {
	tb.Helper()
	b, err := Build()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// Base returns a layer with the tool as /bin/tool, /bin/sh, /usr/bin/env and /usr/bin/jupyter, accounts of root
// and of jovyan (1000:1000) with a home, and the usual empty folders.
func Base(tb testing.TB) []byte {
	tb.Helper()
	dir := func(name string) tar.Header { return tar.Header{Name: name + "/", Typeflag: tar.TypeDir, Mode: 0o755} }
	return Layer(tb, []Entry{
		{Header: dir("usr")}, {Header: dir("usr/bin")}, {Header: tar.Header{Name: "bin", Typeflag: tar.TypeSymlink, Linkname: "usr/bin"}},
		{Header: dir("etc")}, {Header: dir("home")}, {Header: dir("srv")}, {Header: dir("opt")},
		{Header: tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}},
		{Header: tar.Header{Name: "root/", Typeflag: tar.TypeDir, Mode: 0o700}},
		{Header: tar.Header{Name: "usr/bin/tool", Mode: 0o755}, Data: Tool(tb)},
		{Header: tar.Header{Name: "usr/bin/sh", Typeflag: tar.TypeLink, Linkname: "usr/bin/tool"}},
		{Header: tar.Header{Name: "usr/bin/jupyter", Typeflag: tar.TypeLink, Linkname: "usr/bin/tool"}},
		{Header: tar.Header{Name: "usr/bin/env", Typeflag: tar.TypeLink, Linkname: "usr/bin/tool"}},
		{Header: tar.Header{Name: "etc/passwd", Mode: 0o644}, Data: []byte("root:x:0:0:root:/root:/bin/sh\njovyan:x:1000:1000::/home/jovyan:/bin/sh\n")},
		{Header: tar.Header{Name: "etc/group", Mode: 0o644}, Data: []byte("root:x:0:\njovyan:x:1000:\n")},
		{Header: tar.Header{Name: "home/jovyan/", Typeflag: tar.TypeDir, Mode: 0o755, Uid: 1000, Gid: 1000}},
		{Header: tar.Header{Name: "home/jovyan/.profile", Mode: 0o644, Uid: 1000, Gid: 1000}, Data: []byte("# jovyan\n")},
	})
}

// An Entry is one member of a layer. Type, size and time may be left out.
type Entry struct {
	tar.Header
	Data []byte
}

// Layer makes a tar stream of entries, hostile ones included.
func Layer(tb testing.TB, entries []Entry) []byte {
	tb.Helper()
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	for _, e := range entries {
		h := e.Header
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(e.Data))
		}
		if h.ModTime.IsZero() {
			h.ModTime = time.Unix(1_700_000_000, 0)
		}
		if err := tw.WriteHeader(&h); err != nil {
			tb.Fatalf("write %s: %v", h.Name, err)
		}
		if _, err := tw.Write(e.Data); err != nil {
			tb.Fatalf("write %s: %v", h.Name, err)
		}
	}
	if err := tw.Close(); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}
