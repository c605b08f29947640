package synthetic

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

func find(t *testing.T, dist string) channeltest.Package {
	t.Helper()
	for _, p := range All() {
		if p.Dist() == dist {
			return p
		}
	}
	t.Fatalf("no package %s", dist)
	return channeltest.Package{}
}

// install writes the package's files below a new folder, with the placeholder
// replaced the plain way, which suits text and programs of the test alike.
func install(t *testing.T, dists ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, dist := range dists {
		for _, f := range find(t, dist).Files {
			name := filepath.Join(root, f.Path)
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				t.Fatal(err)
			}
			var err error
			switch {
			case f.Link != "":
				err = os.Symlink(f.Link, name)
			case f.HardLink != "":
				err = os.Link(filepath.Join(root, f.HardLink), name)
			case f.Dir:
				err = os.MkdirAll(name, 0o755)
			default:
				data := f.Data
				if !bytes.HasPrefix(data, []byte("\x7fELF")) {
					data = bytes.ReplaceAll(data, []byte(prefix), []byte(root))
				}
				if err = os.WriteFile(name, data, 0o644); err == nil && f.Mode != 0 {
					err = os.Chmod(name, os.FileMode(f.Mode&0o777))
				}
				if err == nil {
					err = os.Chtimes(name, unix(builtUnix), unix(builtUnix))
				}
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return root
}

func output(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(name), err, out)
	}
	return string(out)
}

func unix(seconds int64) time.Time { return time.Unix(seconds, 0) }

func needLinux(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("the programs are x86-64 Linux")
	}
}

func TestProgramsRun(t *testing.T) {
	needLinux(t)
	root := install(t, "binprefix-1.0-h1_0")
	got := output(t, nil, filepath.Join(root, "bin/binprefix"))
	if want := "lib=" + prefix + "/lib:share=" + prefix + "/share/binprefix\n"; got != want {
		t.Errorf("binprefix printed %q, want %q", got, want)
	}
	// What an installer does to a C string: a shorter one, padded with NUL.
	name := filepath.Join(root, "bin/binprefix")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	short := "lib=/p/lib:share=/p/share/binprefix\n"
	at := bytes.Index(data, []byte("lib="))
	copy(data[at:], short+strings.Repeat("\x00", len(got)-len(short)))
	if err := os.WriteFile(name, data, 0o755); err != nil {
		t.Fatal(err)
	}
	if got := output(t, nil, name); got != short {
		t.Errorf("binprefix with another prefix printed %q, want %q", got, short)
	}

	root = install(t, "origin-tool-1.0-h1_0")
	if _, err := os.Stat("/lib64/ld-linux-x86-64.so.2"); err != nil {
		t.Skip("no glibc loader")
	}
	for _, name := range []string{"libexec/origin-tool/hello", "bin/origin-tool"} {
		if got := output(t, nil, filepath.Join(root, name)); got != "found through $ORIGIN\n" {
			t.Errorf("%s printed %q", name, got)
		}
	}
	// Alone it must fail, or $ORIGIN proves nothing.
	alone := filepath.Join(t.TempDir(), "hello")
	if data, err = os.ReadFile(filepath.Join(root, "libexec/origin-tool/hello")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(alone, data, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(alone).CombinedOutput(); err == nil || !strings.Contains(string(out), "liborigin.so.1") {
		t.Errorf("hello outside its folder: %v, %s, want a message about liborigin.so.1", err, out)
	}
}

// Go's own reader agrees with what the loader saw, and the two kinds of
// executables differ in PT_INTERP.
func TestProgramHeaders(t *testing.T) {
	for _, tt := range []struct {
		dist, path string
		interp     bool
		runpath    string
	}{
		{"binprefix-1.0-h1_0", "bin/binprefix", false, ""},
		{"origin-tool-1.0-h1_0", "libexec/origin-tool/hello", true, "$ORIGIN/../../lib/origin-tool"},
		{"origin-tool-1.0-h1_0", "lib/origin-tool/liborigin.so.1.0", false, ""},
	} {
		for _, f := range find(t, tt.dist).Files {
			if f.Path != tt.path {
				continue
			}
			e, err := elf.NewFile(bytes.NewReader(f.Data))
			if err != nil {
				t.Fatalf("%s: %v", f.Path, err)
			}
			interp := false
			for _, p := range e.Progs {
				interp = interp || p.Type == elf.PT_INTERP
			}
			if interp != tt.interp {
				t.Errorf("%s: PT_INTERP %t, want %t", f.Path, interp, tt.interp)
			}
			if tt.runpath != "" && !bytes.Contains(f.Data, []byte(tt.runpath+"\x00")) {
				t.Errorf("%s: no runpath %s", f.Path, tt.runpath)
			}
		}
	}
}

func TestScriptsRun(t *testing.T) {
	needLinux(t)
	root := install(t, "hardlinks-1.0-h1_0", "realpath-tool-1.0-0", "secretfile-1.0-h1_0", "longshebang-1.0-h1_0")
	for _, tt := range []struct{ name, want string }{
		{"hardlinks", "hardlinks in " + root + "\n"},
		{"realpath-tool", "beside the script\nbelow share\n"},
		{"secretfile", "token\n"},
	} {
		if got := output(t, nil, filepath.Join(root, "bin", tt.name)); got != tt.want {
			t.Errorf("%s printed %q, want %q", tt.name, got, tt.want)
		}
	}
	// Through env, as installers write a line that is too long.
	path := "PATH=" + root + "/bin:" + os.Getenv("PATH")
	if got := output(t, []string{path}, "/usr/bin/env", "longshebang-sh", filepath.Join(root, "bin/longshebang")); got != "longshebang started\n" {
		t.Errorf("longshebang printed %q", got)
	}
	data, err := os.ReadFile(filepath.Join(root, "bin/longshebang"))
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	if n := len(line) - len(root); n+len("/a") <= 127 {
		t.Errorf("the first line has %d bytes besides the prefix: too short for every prefix", n)
	}
}

func TestActivation(t *testing.T) {
	root := install(t, "activate-sh-1.0-0", "activate-bash-1.0-0")
	for _, tt := range []struct{ shell, script, show, want string }{
		{"dash", "activate-sh", "$ACTIVATE_SH_HOME", root + "/share/activate-sh"},
		{"bash", "activate-sh", "$ACTIVATE_SH_HOME", root + "/share/activate-sh"},
		{"bash", "activate-bash", "$ACTIVATE_BASH_COUNT:$ACTIVATE_BASH_PATH",
			"2:" + root + "/share/activate-bash/one:" + root + "/share/activate-bash/two words"},
		{"dash", "activate-bash", "", "fails"},
	} {
		if _, err := exec.LookPath(tt.shell); err != nil {
			t.Logf("%s is not installed", tt.shell)
			continue
		}
		cmd := exec.Command(tt.shell, "-c", "set -e; . "+root+"/etc/conda/activate.d/"+tt.script+".sh; printf %s \""+tt.show+"\"")
		cmd.Env = append(os.Environ(), "CONDA_PREFIX="+root)
		out, err := cmd.CombinedOutput()
		got := string(out)
		if err != nil {
			got = "fails"
		}
		if got != tt.want {
			t.Errorf("%s under %s: %q (%s), want %q", tt.script, tt.shell, got, out, tt.want)
		}
	}
}

// Real interpreters run shipped bytecode where it is valid, and only there.
func TestBytecode(t *testing.T) {
	for _, version := range []string{"3.11", "3.13"} {
		python, err := exec.LookPath("python" + version)
		if err != nil || exec.Command(python, "-c", "").Run() != nil {
			t.Logf("python%s is not installed", version)
			continue
		}
		root := install(t, "pycdemo-1.0-py"+strings.ReplaceAll(version, ".", "")+"_0")
		got := output(t, []string{"PYTHONPATH=" + root + "/lib/python" + version + "/site-packages", "PYTHONDONTWRITEBYTECODE=1"}, python, "-c",
			"from pycdemo import valid, stale, rewritten, missing\n"+
				"print(valid.WHERE, stale.WHERE, rewritten.WHERE, missing.WHERE, sep=', ')")
		if want := "bytecode of valid, source, source, source\n"; got != want {
			t.Errorf("python%s: %q, want %q", version, got, want)
		}
	}
}

func TestAllIsCompleteAndWritten(t *testing.T) {
	var first []channeltest.Record
	for _, procs := range []int{1, 4} {
		old := runtime.GOMAXPROCS(procs)
		records, err := channeltest.Publish(t.TempDir(), Archives())
		runtime.GOMAXPROCS(old)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = records
		} else if diff := cmp.Diff(first, records); diff != "" {
			t.Errorf("a second run differs (-first +second):\n%s", diff)
		}
	}
	seen := map[string]bool{}
	formats := map[string]int{}
	for _, r := range first {
		if seen[r.Path()] {
			t.Errorf("%s twice", r.Path())
		}
		seen[r.Path()] = true
		_, ext, _ := strings.Cut(strings.TrimPrefix(r.FileName, r.Index.Name+"-"+r.Index.Version+"-"+r.Index.Build), ".")
		formats[ext]++
	}
	if formats["conda"] < 20 || formats["tar.bz2"] < 5 {
		t.Errorf("archives by format: %v", formats)
	}
	kinds := map[string]bool{}
	for _, p := range All() {
		kinds["noarch "+p.Noarch] = true
		kinds["track_features"] = kinds["track_features"] || p.TrackFeatures != ""
		kinds["constrains"] = kinds["constrains"] || len(p.Constrains) > 0
		kinds["old style"] = kinds["old style"] || p.OldStyle
		kinds["entry points"] = kinds["entry points"] || len(p.EntryPoints) > 0
		for _, f := range p.Files {
			kinds["no_link"] = kinds["no_link"] || f.NoLink
			kinds["no_softlink"] = kinds["no_softlink"] || f.NoSoftlink
			kinds["hard link"] = kinds["hard link"] || f.HardLink != ""
			kinds["directory"] = kinds["directory"] || f.Dir
			kinds["0600"] = kinds["0600"] || f.Mode == 0o600
			kinds["post-link"] = kinds["post-link"] || strings.HasSuffix(f.Path, "-post-link.sh")
			kinds["prefix in link"] = kinds["prefix in link"] || strings.HasPrefix(f.Link, prefix)
		}
	}
	for _, want := range []string{"noarch python", "noarch generic", "noarch ", "track_features", "constrains", "old style",
		"entry points", "no_link", "no_softlink", "hard link", "directory", "0600", "post-link", "prefix in link"} {
		if !kinds[want] {
			t.Errorf("no package has: %s", want)
		}
	}
}
