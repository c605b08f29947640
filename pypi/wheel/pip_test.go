package wheel

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/store"
)

// To record again: CORN_PIP_PYTHON=/path/to/python3.13 go test ./pypi/wheel -run TestPip
// -record, as a user who may write to the prefixes below.
var recordPipFlag = flag.Bool("record", false, "write testdata/pip-*.txt with the pip of CORN_PIP_PYTHON")

// pipCases are installed by real pip, recorded in testdata/pip-<name>.txt.
var pipCases = []struct {
	name   string
	wheel  built
	prefix string
}{
	{"probe", probe(), "/srv/corn-test/envs/a"},
	{"pip", fakePip(), "/srv/corn-test/envs/a"},
	{"long", probe(), "/srv/corn-test/envs/" + strings.Repeat("long-name-", 12)},
	{"blank", probe(), "/srv/corn test/envs/a"},
}

// recordedPython is what the recorded files were made with.
var recordedPython = Python{Short: "3.13", SitePackages: "lib/python3.13/site-packages", CacheTag: "cpython-313"}

func TestPip(t *testing.T) {
	for _, c := range pipCases {
		t.Run(c.name, func(t *testing.T) {
			golden := filepath.Join("testdata", "pip-"+c.name+".txt")
			if *recordPipFlag {
				recordPip(t, golden, c.wheel, c.prefix)
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			got := "# made by " + headOf(want) + "\n" + listItems(t, c.wheel, Env{Prefix: c.prefix, Python: recordedPython}, Options{Requested: true, DirectURL: pipURL(c.wheel)})
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("items differ from what pip installed (-pip +items):\n%s", diff)
			}
		})
	}
}

func headOf(golden []byte) string {
	line, _, _ := strings.Cut(string(golden), "\n")
	return strings.TrimPrefix(line, "# made by ")
}

// pipURL is the address that pip is given: a local file is a direct URL to it.
func pipURL(b built) string { return "file:///nowhere/" + b.fileName }

func recordPip(t *testing.T, golden string, b built, prefix string) {
	python := os.Getenv("CORN_PIP_PYTHON")
	if python == "" {
		t.Fatal("CORN_PIP_PYTHON is not set")
	}
	top := "/" + strings.Join(strings.Split(prefix, "/")[1:3], "/")
	if _, err := os.Stat(top); err == nil {
		t.Fatalf("%s exists", top)
	}
	defer os.RemoveAll(top)
	version := pipVersion(t, python)
	if err := os.WriteFile(golden, []byte("# made by "+version+"\n"+installWithPip(t, python, b, prefix)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestPipLive asks the pip of this machine, unless it is newer than the one that Items
// follows: later versions may write other texts.
func TestPipLive(t *testing.T) {
	if testing.Short() {
		t.Skip("starts pip")
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	if out, err := exec.Command(python, "-m", "pip", "--version").CombinedOutput(); err != nil {
		t.Skipf("no pip: %s", out)
	}
	out, err := exec.Command(python, "-c", "import os,sys,sysconfig;"+
		"print(os.path.realpath(sys.executable));print('%d.%d'%sys.version_info[:2]);print(sys.implementation.cache_tag);print(sysconfig.get_path('purelib',vars={'base':'/p'}))").Output()
	if err != nil {
		t.Skipf("python3 does not run: %v", err)
	}
	facts := strings.Fields(string(out))
	if strings.Contains(facts[3], "dist-packages") {
		t.Skip("Debian's python installs into dist-packages")
	}
	prefix := filepath.Join(t.TempDir(), "env")
	python = facts[0]
	var major int
	if _, err := fmt.Sscanf(pipVersion(t, python), "pip %d.", &major); err != nil || major < 23 || major > 24 {
		t.Skipf("%s is not of the versions that Items follows, 23 and 24", pipVersion(t, python))
	}
	py := Python{Short: facts[1], CacheTag: facts[2], SitePackages: strings.TrimPrefix(facts[3], "/p/")}
	want := installWithPip(t, python, probe(), prefix)
	got := listItems(t, probe(), Env{Prefix: prefix, Python: py}, Options{Requested: true, DirectURL: pipURL(probe())})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("items differ from what %s installed (-pip +items):\n%s", pipVersion(t, python), diff)
	}
}

func pipVersion(t *testing.T, python string) string {
	t.Helper()
	out, err := exec.Command(python, "-c", "import pip,platform; print('pip', pip.__version__, 'of Python', platform.python_version())").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// installWithPip installs into a prefix that has no more than bin/python and lists it. The
// link makes sys.executable <prefix>/bin/python, as it is in a conda environment.
func installWithPip(t *testing.T, python string, b built, prefix string) string {
	t.Helper()
	wheel := filepath.Join(t.TempDir(), b.fileName)
	if err := os.WriteFile(wheel, b.bytes(t), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(prefix, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(prefix, "bin", "python")
	if err := os.Symlink(python, link); err != nil {
		t.Fatal(err)
	}
	old := syscall.Umask(0o022)
	defer syscall.Umask(old)
	cmd := exec.Command(link, "-I", "-m", "pip", "install", "--no-index", "--no-deps", "--no-cache-dir", "--disable-pip-version-check",
		"--ignore-installed", "--no-warn-script-location", "--prefix", prefix, wheel)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + t.TempDir(), "PIP_ROOT_USER_ACTION=ignore", "LC_ALL=C.UTF-8"}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("pip: %v\n%s", err, out)
	}
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	got := map[string]listed{}
	err := filepath.WalkDir(prefix, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(prefix, p)
		if err != nil {
			return err
		}
		l := listed{mode: uint32(info.Mode().Perm())}
		if !strings.HasSuffix(rel, ".pyc") {
			if l.data, err = os.ReadFile(p); err != nil {
				return err
			}
		}
		got[filepath.ToSlash(rel)] = l
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return listing(got, "file://"+filepath.ToSlash(wheel), pipURL(b))
}

// A listed file is compared by mode and content; bytecode by mode alone.
type listed struct {
	mode uint32
	data []byte
}

// listing prints a tree. The URL of direct_url.json names the folder of the wheel, so it
// is replaced, with its hash in RECORD.
func listing(files map[string]listed, url, by string) string {
	var oldRow, newRow string
	for p, l := range files {
		if strings.HasSuffix(p, "/direct_url.json") && url != by {
			text := bytes.ReplaceAll(l.data, []byte(url), []byte(by))
			oldRow = strings.TrimPrefix(rowText(l.data), "x")
			newRow = strings.TrimPrefix(rowText(text), "x")
			files[p] = listed{l.mode, text}
		}
	}
	var paths []string
	for p := range files {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	var b strings.Builder
	for _, p := range paths {
		l := files[p]
		if oldRow != "" && strings.HasSuffix(p, ".dist-info/RECORD") {
			l.data = bytes.Replace(l.data, []byte(oldRow), []byte(newRow), 1)
		}
		fmt.Fprintf(&b, "-- %#o %s --\n", l.mode, p)
		for _, line := range strings.SplitAfter(string(l.data), "\n") {
			if line != "" {
				fmt.Fprintf(&b, "%q\n", line)
			}
		}
	}
	return b.String()
}

// rowText is the hash and size of a row of RECORD.
func rowText(data []byte) string {
	r := hashed("x", digest.Sum(data), int64(len(data)))
	return r.path + "," + r.hash + "," + r.size
}

// listItems prints what Items makes of a wheel, in the same form. The facts go through
// JSON, as they do in the cache.
func listItems(t *testing.T, b built, env Env, opts Options) string {
	t.Helper()
	facts := roundTrip(t, factsOf(t, b))
	items, err := Items(facts, env, opts)
	if err != nil {
		t.Fatal(err)
	}
	members := contents(t, b)
	got := map[string]listed{}
	for _, it := range items {
		l := listed{mode: it.Mode}
		switch {
		case it.Generated:
			l.data = it.Data
		case it.Pyc == nil:
			l.data = members[it.Member]
		}
		if it.Pyc == nil && int64(len(l.data)) != it.SizeBytes {
			t.Errorf("%s has SizeBytes %d, want %d", it.Path, it.SizeBytes, len(l.data))
		}
		if _, ok := got[it.Path]; ok {
			t.Errorf("%s is listed twice", it.Path)
		}
		got[it.Path] = l
	}
	checkPycLast(t, items)
	return listing(got, "", "")
}

func checkPycLast(t *testing.T, items []store.Item) {
	t.Helper()
	seen := false
	for _, it := range items {
		if seen && it.Pyc == nil {
			t.Errorf("%s comes after bytecode", it.Path)
		}
		seen = seen || it.Pyc != nil
	}
}

func factsOf(t testing.TB, b built) *artifact.Facts {
	t.Helper()
	f, err := open(t, b).Facts(context.Background())
	if err != nil {
		t.Fatalf("Facts(%s): %v", b.fileName, err)
	}
	return f
}

func contents(t testing.TB, b built) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := open(t, b).Walk(context.Background(), func(h Header, r io.Reader) error {
		data, err := io.ReadAll(r)
		out[h.Path] = data
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
