package lock

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// differ compares two trees, places included.
func differ(a, b *node, at string) string {
	if a.kind == nullNode && b.kind == nullNode && a.line == b.line {
		return "" // the column of nothing is a matter of taste
	}
	if a.kind != b.kind || a.text != b.text || a.line != b.line || a.col != b.col || len(a.vals) != len(b.vals) || len(a.keys) != len(b.keys) {
		return fmt.Sprintf("%s: %d:%d %s %q (%d) and %d:%d %s %q (%d)", at, a.line, a.col, a.kind, a.text, len(a.vals), b.line, b.col, b.kind, b.text, len(b.vals))
	}
	for i := range a.vals {
		if a.keys != nil && a.keys[i] != b.keys[i] {
			return fmt.Sprintf("%s: key %+v and %+v", at, a.keys[i], b.keys[i])
		}
		if d := differ(a.vals[i], b.vals[i], at+"/"); d != "" {
			return d
		}
	}
	return ""
}

// agree fails where the fast parser reads what the whole parser reads otherwise.
func agree(t *testing.T, data []byte) (fast bool) {
	t.Helper()
	n := parseFast(data)
	if n == nil {
		return false
	}
	s := &source{path: "f", lines: strings.Split(string(data), "\n")}
	m, err := s.parseYAML(data)
	if err != nil {
		t.Errorf("the fast parser accepts what is refused with %v:\n%s", err, data)
		return true
	}
	if d := differ(n, m, ""); d != "" {
		t.Errorf("the parsers differ (fast, whole): %s\n%s", d, data)
	}
	return true
}

func TestFastAgreesWithYAML(t *testing.T) {
	for _, name := range []string{"conda-lock.yml", "pixi-v6.lock", "pixi-v5.lock"} {
		_, data := readFile(t, name)
		if !agree(t, data) {
			t.Errorf("%s is not read by the fast parser", name)
		}
	}
	for text, fast := range map[string]bool{
		"a: 1\n":                          true,
		"a:\n  - b\n  - c: d\n    e: f\n": true,
		"a:\n- b\n-  c\n":                 true,
		"a: 'it''s'\n'b': \"c\"\n":        true,
		"a: \"\\n\"\n":                    false, // escapes
		"a: b\n  c\n":                     false, // goes on in the next line
		"a: |\n  b\n":                     false,
		"a: {b: c}\n":                     false,
		"a: {}\nb: []\n":                  true,
		"a: ~\nb: null\nc:\nd: ''\n":      true,
		"a: b # c\n":                      false,
		"# c\n\na: b\n":                   true,
		"---\na: b\n":                     true,
		"--- a\n":                         false,
		"- - a\n  - b\n- c\n":             true,
		"-\n  a: b\n-\n- c\n":             false,
		"a: http://h/x#y\n":               true,
		"a: -1\nb: 1e3\nc: 0x1f\n":        true,
		"a: >=1.0\n":                      false, // folded scalar's sign: YAML refuses it
		"a: '>=1.0'\n":                    true,
		"a: *b\n":                         false,
		"<<: {}\n":                        false,
		"a: 1\na: 2\n":                    false,
		"a:\n   b: 1\n  c: 2\n":           false,
		"a: b: c\n":                       false,
		"a: yes\nb: 12_000\nc: .inf\n":    true,
		"? a\n: b\n":                      false,
		"a: \tb\n":                        false,
	} {
		if got := agree(t, []byte(text)); got != fast {
			t.Errorf("the fast parser reads %q: %v, want %v", text, got, fast)
		}
	}
}

func FuzzFastAgreesWithYAML(f *testing.F) {
	for _, s := range []string{"a:\n- b: 'c'\n  d:\n  - e\n", "- - {}\n- []\n", "a: ~\n", "'x': \"y\"\n", "a: -b\n", "-\n  - a\n", "a:\n  b:\n  c: d\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) < 1<<12 && strings.Count(text, "[")+strings.Count(text, "{") < maxDepth {
			agree(t, []byte(text))
		}
	})
}

func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*lock*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		if !strings.HasSuffix(name, ".json") {
			f.Add(data)
		}
	}
	f.Add([]byte(condaHead + okEntry))
	f.Add([]byte("@EXPLICIT\nhttps://h/c/noarch/a-1-0.conda#00000000000000000000000000000001\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := Read("f", data)
		if err != nil {
			if !typed(err) {
				t.Errorf("error of type %T: %v", err, err)
			}
			return
		}
		for _, platform := range append([]string{"linux-64"}, l.Platforms...) {
			packages, err := l.For(platform)
			if err != nil && !is[*PlatformError](err) && !is[*UnsupportedError](err) && !is[*EnvironmentError](err) {
				t.Errorf("For(%s): error of type %T: %v", platform, err, err)
			}
			for _, p := range packages {
				if p.MD5.IsZero() && p.SHA256.IsZero() {
					t.Errorf("package %s without a hash", p.Name)
				}
				if p.Name == "" || p.FileName == "" || strings.Contains(p.FileName, "/") {
					t.Errorf("package %+v", p)
				}
			}
		}
	})
}

// big writes a conda-lock.yml of four platforms.
func big(packages int) []byte {
	var b strings.Builder
	b.WriteString("version: 1\nmetadata:\n  platforms:\n  - linux-64\n  - linux-aarch64\n  - osx-64\n  - osx-arm64\npackage:\n")
	for i := range packages {
		for _, p := range []string{"linux-64", "linux-aarch64", "osx-64", "osx-arm64"} {
			fmt.Fprintf(&b, "- name: pkg%d\n  version: '1.%d'\n  manager: conda\n  platform: %s\n  dependencies:\n    __glibc: '>=2.17,<3.0.a0'\n    libgcc: '>=14'\n    python: '>=3.13,<3.14.0a0'\n    python_abi: 3.13.* *_cp313\n"+
				"  url: https://conda.anaconda.org/conda-forge/%s/pkg%d-1.%d-h%d_0.conda\n  hash:\n    md5: %032x\n    sha256: %064x\n  category: main\n  optional: false\n", i, i, p, p, i, i, i, i+1, i+1)
		}
	}
	return []byte(b.String())
}

// TestBigLock: 800 packages for four platforms, 50,000 lines, well under a second. The
// bound is loose because machines that test are busy; docs hold the measurement.
func TestBigLock(t *testing.T) {
	data := big(800)
	if parseFast(data) == nil {
		t.Fatal("the lock is not read by the fast parser")
	}
	began := time.Now()
	l, err := Read("conda-lock.yml", data)
	if err != nil || len(l.Packages) != 3200 {
		t.Fatalf("Read: %v", err)
	}
	if d := time.Since(began); d > 2*time.Second {
		t.Errorf("reading %d bytes took %v", len(data), d)
	}
}

func BenchmarkRead(b *testing.B) {
	data := big(800)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read("conda-lock.yml", data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWholeYAML(b *testing.B) {
	data := big(800)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		s := &source{path: "f"}
		if _, err := s.parseYAML(data); err != nil {
			b.Fatal(err)
		}
	}
}
