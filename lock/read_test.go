package lock

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func readFile(t testing.TB, name string) (*Lock, []byte) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	l, err := Read(name, data)
	if err != nil {
		t.Fatalf("Read(%s): %v", name, err)
	}
	return l, data
}

// TestGolden compares whole locks with testdata/*.json.
func TestGolden(t *testing.T) {
	for _, name := range []string{"conda-lock.yml", "explicit.lock", "pixi-v6.lock", "pixi-v5.lock"} {
		t.Run(name, func(t *testing.T) {
			l, _ := readFile(t, name)
			got, err := json.MarshalIndent(l, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+".json")
			if *update {
				if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
				t.Errorf("lock (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLines: every package's line holds the start of its entry.
func TestLines(t *testing.T) {
	for _, name := range []string{"conda-lock.yml", "explicit.lock", "pixi-v6.lock", "pixi-v5.lock"} {
		l, data := readFile(t, name)
		lines := strings.Split(string(data), "\n")
		for _, p := range l.Packages {
			line := lines[p.Line-1]
			ok := strings.HasPrefix(strings.TrimSpace(line), "- ")
			if l.Kind == Explicit {
				ok = strings.Contains(line, "://")
			}
			if !ok {
				t.Errorf("%s: %s is said to be in line %d, %q", name, p.Name, p.Line, line)
			}
		}
	}
}

func names(packages []Package) string {
	var out []string
	for _, p := range packages {
		out = append(out, p.Name)
	}
	return strings.Join(out, " ")
}

func TestFor(t *testing.T) {
	for _, c := range []struct {
		file, platform string
		categories     []string
		want           string
	}{
		{"conda-lock.yml", "linux-64", nil, "zlib python xq ruamel-yaml"},
		{"conda-lock.yml", "linux-64", []string{"dev"}, "zlib python xq ruamel-yaml pytest"}, // main first, xq once
		{"explicit.lock", "linux-64", nil, "zlib xq x264 ruamel-yaml six"},
		{"pixi-v6.lock", "linux-64", nil, "zlib python aaa pip ruamel-yaml"}, // sorted; python before pip
		{"pixi-v6.lock", "osx-64", nil, "zlib"},
		{"pixi-v5.lock", "linux-64", nil, "zlib six"},
	} {
		l, _ := readFile(t, c.file)
		got, err := l.For(c.platform, c.categories...)
		if err != nil || names(got) != c.want {
			t.Errorf("%s For(%s, %v) = %s, %v, want %s", c.file, c.platform, c.categories, names(got), err, c.want)
		}
		for _, p := range got {
			if p.Platform != c.platform {
				t.Errorf("%s: %s has the platform %q", c.file, p.Name, p.Platform)
			}
		}
	}
}

func TestForErrors(t *testing.T) {
	l, _ := readFile(t, "conda-lock.yml")
	_, err := l.For("linux-aarch64")
	p, ok := errors.AsType[*PlatformError](err)
	if !ok || !strings.Contains(err.Error(), "linux-64, osx-64") || !strings.Contains(p.Hint(), "--platform linux-aarch64") {
		t.Errorf("For(linux-aarch64) = %v", err)
	}
	_, err = l.For("osx-64")
	u, ok := errors.AsType[*UnsupportedError](err)
	if !ok || u.Line != 100 || !strings.Contains(err.Error(), "conda-lock.yml:100: package old-thing is a source distribution (old-thing-1.0.tar.gz)") || u.Hint() == "" {
		t.Errorf("For(osx-64) = %v (line %d)", err, u.Line)
	}
	if _, err = l.For("linux-64", "docs"); !is[*CategoryError](err) || !strings.Contains(err.Error(), "dev, main") {
		t.Errorf("For(linux-64, docs) = %v", err)
	}
	if _, err := l.Select("x"); !is[*EnvironmentError](err) {
		t.Errorf("Select of a conda-lock.yml = %v", err)
	}
	empty, err := Read("conda-lock.yml", []byte("version: 1\nmetadata:\n  platforms: [linux-64]\npackage: []\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := empty.For("linux-64"); !is[*PlatformError](err) || !strings.Contains(err.Error(), "the lock is empty") {
		t.Errorf("For of an empty lock = %v", err)
	}
}

func is[T error](err error) bool { _, ok := errors.AsType[T](err); return ok }

func TestSelect(t *testing.T) {
	l, _ := readFile(t, "pixi-v6.lock")
	docs, err := l.Select("docs")
	if err != nil {
		t.Fatal(err)
	}
	if names(docs.Packages) != "zlib the-project" || !cmp.Equal(docs.Platforms, []string{"linux-64"}) {
		t.Errorf("docs has %s for %v", names(docs.Packages), docs.Platforms)
	}
	if _, err := docs.For("linux-64"); !is[*UnsupportedError](err) || !strings.Contains(err.Error(), "is a path on the machine") {
		t.Errorf("For of an environment with the project itself = %v", err)
	}
	if _, err := docs.For("osx-64"); !is[*PlatformError](err) {
		t.Errorf("For of a platform of the other environment = %v", err)
	}
	if _, err := l.Select("nope"); !is[*EnvironmentError](err) || !strings.Contains(err.Error(), "default, docs") {
		t.Errorf("Select(nope) = %v", err)
	}
}

// TestNumbersStayText: 1.10 is not 1.1, whoever wrote it without quotes.
func TestNumbersStayText(t *testing.T) {
	_, data := readFile(t, "conda-lock.yml")
	plain := strings.ReplaceAll(string(data), "'1.10'", "1.10")
	for _, text := range []string{plain, plain + "# tab\there\n"} { // the second takes the slow path
		l, err := Read("conda-lock.yml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Packages[4].Version; got != "1.10" {
			t.Errorf("version is %q, want 1.10", got)
		}
	}
}

func TestPlatformOfExplicit(t *testing.T) {
	const url = "https://h/c/linux-64/a-1-0.conda#00000000000000000000000000000001\n"
	const noarch = "https://h/c/noarch/a-1-0.conda#00000000000000000000000000000001\n"
	for _, c := range []struct{ path, text, want string }{
		{"x.lock", "# platform: linux-aarch64\n@EXPLICIT\n" + noarch, "linux-aarch64"},
		{"dir/conda-linux-ppc64le.lock", "@EXPLICIT\n" + noarch, "linux-ppc64le"},
		{"linux-64.lock", "@EXPLICIT\n" + noarch, "linux-64"},
		{"explicit.txt", "@EXPLICIT\n" + url, "linux-64"},
	} {
		l, err := Read(c.path, []byte(c.text))
		if err != nil || !cmp.Equal(l.Platforms, []string{c.want}) {
			t.Errorf("%s: %+v, %v, want %s", c.path, l, err, c.want)
		}
	}
	l, err := Read("explicit.txt", []byte("@EXPLICIT\n"+noarch))
	if err != nil || len(l.Platforms) != 0 {
		t.Fatalf("a lock of noarch packages: %+v, %v", l, err)
	}
	if got, err := l.For("linux-aarch64"); err != nil || got[0].Platform != "linux-aarch64" {
		t.Errorf("For = %v, %v", got, err)
	}
}

func TestWindowsLineEnds(t *testing.T) {
	for _, name := range []string{"conda-lock.yml", "explicit.lock", "pixi-v6.lock"} {
		want, data := readFile(t, name)
		got, err := Read(name, []byte(strings.ReplaceAll(string(data), "\n", "\r\n")))
		if err != nil {
			t.Errorf("%s with CR LF: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(Package{})); diff != "" {
			t.Errorf("%s with CR LF (-want +got):\n%s", name, diff)
		}
	}
}

func TestExpand(t *testing.T) {
	l, _ := readFile(t, "conda-lock.yml")
	xq := l.Packages[4]
	got, err := xq.Expand(func(name string) (string, bool) { return "s3cret", name == "CHANNEL_KEY" })
	if err != nil || got != "https://me:s3cret@packages.example.org/private/noarch/xq-1.10-py_0.conda" {
		t.Errorf("Expand = %q, %v", got, err)
	}
	_, err = xq.Expand(func(string) (string, bool) { return "", false })
	if v, ok := errors.AsType[*VariableError](err); !ok || v.Variable != "CHANNEL_KEY" || strings.Contains(err.Error(), "me:") {
		t.Errorf("Expand without the variable = %v", err)
	}
	if got, err := (Package{URL: "https://h/$A/${B_1}/c$"}).Expand(func(n string) (string, bool) { return "<" + n + ">", true }); err != nil || got != "https://h/<A>/<B_1>/c$" {
		t.Errorf("Expand = %q, %v", got, err)
	}
}

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"get https://me:pw@h/x?token=1#sha256:00 now": "get https://***@h/x?***#sha256:00 now",
		"https://h/t/tk-1234/c/noarch/a-1-0.conda":    "https://h/t/***/c/noarch/a-1-0.conda",
		"https://h/c/noarch/a-1-0.conda":              "https://h/c/noarch/a-1-0.conda",
		"https://p@ss@h/x":                            "https://***@h/x",
	} {
		if got := Redact(in); got != want {
			t.Errorf("Redact(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestTopological(t *testing.T) {
	pkg := func(name string, deps ...string) Package {
		p := Package{Manager: Conda, Name: name}
		for _, d := range deps {
			p.Depends = append(p.Depends, Dependency{Name: d})
		}
		return p
	}
	for _, c := range []struct {
		in   []Package
		want string
	}{
		{[]Package{pkg("a", "b"), pkg("b", "c"), pkg("c")}, "c b a"},
		{[]Package{pkg("c"), pkg("b"), pkg("a")}, "c b a"},                                     // no choice is made for its own sake
		{[]Package{pkg("x", "y"), pkg("y", "x")}, "y x"},                                       // a circle
		{[]Package{pkg("pip", "python"), pkg("python", "pip", "z"), pkg("z")}, "z python pip"}, // python first
		{[]Package{pkg("python", "pip"), pkg("pip", "python")}, "python pip"},                  // from either side
		{[]Package{{Manager: Pip, Name: "w"}, pkg("a", "gone"), pkg("b", "a", "a")}, "a b w"},  // wheels last
		{nil, ""},
	} {
		if got := names(Topological(c.in)); got != c.want {
			t.Errorf("Topological(%s) = %s, want %s", names(c.in), got, c.want)
		}
	}
	long := make([]Package, 100_000)
	for i := range long {
		long[i] = pkg(string(rune('a'+i%26))+strings.Repeat("x", i%7)+string(rune(0x4e00+i%20000))+string(rune(0x400+i/20000)), "next")
		long[i].Name = "p" + itoa(i)
		long[i].Depends[0].Name = "p" + itoa(i+1)
	}
	if got := Topological(long); len(got) != len(long) || got[0].Name != "p99999" {
		t.Errorf("a long chain starts with %s of %d", got[0].Name, len(got))
	}
}

func itoa(i int) string {
	b, _ := json.Marshal(i)
	return string(b)
}
