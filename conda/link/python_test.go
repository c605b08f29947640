package link

import (
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
)

func pythonFacts(version, build, sitePackages string) *artifact.Facts {
	return &artifact.Facts{
		Kind: artifact.Conda, Name: "python", Version: version, Build: build, SHA256: digest.Sum([]byte(version)),
		FileName: "python-" + version + "-" + build + ".conda", Conda: &artifact.CondaFacts{PythonSitePackagesPath: sitePackages},
	}
}

func TestPythonOf(t *testing.T) {
	for _, tt := range []struct {
		why, version, build, path string
		want                      Python
		executable                string
	}{
		{"usual", "3.13.5", "hec9711d_102_cp313", "", Python{Short: "3.13", SitePackages: "lib/python3.13/site-packages", CacheTag: "cpython-313", Magic: 3571}, "bin/python3.13"},
		{"CEP 17 path", "3.12.1", "h1_0_cpython", "lib/python3.12/site-packages", Python{Short: "3.12", SitePackages: "lib/python3.12/site-packages", CacheTag: "cpython-312", Magic: 3531}, "bin/python3.12"},
		{"CEP 17 path of its own", "3.12.1", "h1_0", "lib/py/site", Python{Short: "3.12", SitePackages: "lib/py/site", CacheTag: "cpython-312", Magic: 3531}, "bin/python3.12"},
		{"free-threaded", "3.13.5", "h71033d7_2_cp313t", "lib/python3.13t/site-packages", Python{Short: "3.13", SitePackages: "lib/python3.13t/site-packages", CacheTag: "cpython-313", Magic: 3571, FreeThreading: true}, "bin/python3.13t"},
		{"free-threaded without a path", "3.14.0", "h1_0_cp314t", "", Python{Short: "3.14", SitePackages: "lib/python3.14t/site-packages", CacheTag: "cpython-314", Magic: 3627, FreeThreading: true}, "bin/python3.14t"},
		{"free-threaded with the plain path", "3.13.1", "h1_0_cp313t", "lib/python3.13/site-packages", Python{Short: "3.13", SitePackages: "lib/python3.13t/site-packages", CacheTag: "cpython-313", Magic: 3571, FreeThreading: true}, "bin/python3.13t"},
		{"PyPy keeps CPython's folder", "3.9.18", "0_73_pypy", "", Python{Short: "3.9", SitePackages: "lib/python3.9/site-packages", CacheTag: "pypy39", PyPy: true}, "bin/python3.9"},
		{"two digits", "3.9.18", "h1_0_cpython", "", Python{Short: "3.9", SitePackages: "lib/python3.9/site-packages", CacheTag: "cpython-39", Magic: 3425}, "bin/python3.9"},
		{"release candidate", "3.14.0rc2", "h1_0", "", Python{Short: "3.14", SitePackages: "lib/python3.14/site-packages", CacheTag: "cpython-314", Magic: 3627}, "bin/python3.14"},
		{"not released yet", "3.99.0", "h1_0", "", Python{Short: "3.99", SitePackages: "lib/python3.99/site-packages", CacheTag: "cpython-399"}, "bin/python3.99"},
	} {
		f := pythonFacts(tt.version, tt.build, tt.path)
		got, ok, err := PythonOf(f)
		if err != nil || !ok {
			t.Errorf("%s: PythonOf = %v, %v", tt.why, ok, err)
			continue
		}
		tt.want.Version, tt.want.Artifact = tt.version, f.SHA256
		if *got != tt.want {
			t.Errorf("%s: PythonOf(%s %s)\n got %+v\nwant %+v", tt.why, tt.version, tt.build, *got, tt.want)
		}
		if got.Executable() != tt.executable {
			t.Errorf("%s: Executable() = %s, want %s", tt.why, got.Executable(), tt.executable)
		}
	}
	if _, ok, err := PythonOf(&artifact.Facts{Kind: artifact.Conda, Name: "numpy", Version: "2"}); ok || err != nil {
		t.Errorf("PythonOf(numpy) = %v, %v, want no python", ok, err)
	}
	for _, bad := range []*artifact.Facts{
		pythonFacts("3", "h1_0", ""), pythonFacts("three", "h1_0", ""), pythonFacts("3.13.1", "h1_0", "../../etc"), pythonFacts("3.13.1", "h1_0", "/abs"),
	} {
		var pe *PythonError
		if _, ok, err := PythonOf(bad); ok || !errors.As(err, &pe) {
			t.Errorf("PythonOf(%s, %q) = %v, %v, want a *PythonError", bad.Version, bad.Conda.PythonSitePackagesPath, ok, err)
		}
	}
	if (*Python)(nil).Store() != nil {
		t.Error("Store of no Python is not nil")
	}
}

func TestMajorMinor(t *testing.T) {
	for in, want := range map[string]string{
		"3.5.2": "3.5", "lib/python34/site-packages/": "3.4", "python3": "", "3.10.0": "3.10", "310": "3.10", "": "", "x": "", "3.": "", "3.13": "3.13",
		"bin/python3.11": "3.11",
	} {
		got, ok := majorMinor(in)
		if got != want || ok != (want != "") {
			t.Errorf("majorMinor(%q) = %q, %v, want %q", in, got, ok, want)
		}
	}
}

// The table is compared with the interpreters of this machine.
func TestMagics(t *testing.T) {
	if testing.Short() {
		t.Skip("starts interpreters")
	}
	seen := 0
	for short, want := range magics {
		exe, err := exec.LookPath("python" + short)
		if err != nil {
			continue
		}
		script := "import importlib.util as u; print(u.MAGIC_NUMBER[0] + 256*u.MAGIC_NUMBER[1])"
		if strings.HasPrefix(short, "2") {
			script = "import imp; m=imp.get_magic(); print(ord(m[0])+256*ord(m[1]))"
		}
		out, err := exec.Command(exe, "-I", "-c", script).Output()
		if err != nil {
			continue // a shim without an interpreter behind it
		}
		seen++
		if got := strings.TrimSpace(string(out)); got != strconv.Itoa(int(want)) {
			t.Errorf("%s has the magic number %s, the table %d", exe, got, want)
		}
	}
	if seen == 0 {
		t.Skip("no versioned python on PATH")
	}
}
