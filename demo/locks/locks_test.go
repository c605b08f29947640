package locks

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

// conformance calls each for every line of a file of cases from conda's, mamba's and
// rattler's tests, where those are at hand.
func conformance(t *testing.T, name string, each func(line []byte)) {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", "conformance", name))
	if err != nil {
		t.Skipf("no conformance data: %v", err)
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		each(sc.Bytes())
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
}

func TestVersionOrderConformance(t *testing.T) {
	n := 0
	conformance(t, "version_order.jsonl", func(line []byte) {
		var c struct {
			A, Op, B, Invalid string
			Quirk             any
		}
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		if c.Op == "" || c.Quirk != nil || strings.Contains(c.A+c.B, "*") { // no version of a package has a star
			return
		}
		a, errA := parseVersion(c.A)
		b, errB := parseVersion(c.B)
		if errA != nil || errB != nil {
			t.Errorf("%s: %v, %v", line, errA, errB)
			return
		}
		n++
		got := a.compare(b)
		if back := b.compare(a); back != -got {
			t.Errorf("compare(%q, %q) = %d, the other way round %d", c.A, c.B, got, back)
		}
		if ok := map[string]bool{"<": got < 0, "==": got == 0, ">": got > 0, "!=": got != 0, "<=": got <= 0, ">=": got >= 0}[c.Op]; !ok {
			t.Errorf("compare(%q, %q) = %d, want %s", c.A, c.B, got, c.Op)
		}
	})
	if n < 100 {
		t.Errorf("only %d cases", n)
	}
}

func TestVersionSpecConformance(t *testing.T) {
	n, refused := 0, 0
	conformance(t, "version_spec.jsonl", func(line []byte) {
		var c struct {
			Spec, Version string
			Match         *bool
			Quirk         any
			Feature       string
		}
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		// ~=2.0.0 excludes 2.0.1 in mamba's own terms; here it means what PEP 440 says.
		if c.Match == nil || c.Quirk != nil || c.Feature != "" || c.Spec == "~=2.0.0" {
			return
		}
		s, err := parseSpec("x " + c.Spec)
		v, errV := parseVersion(c.Version)
		if err != nil || errV != nil {
			refused++ // an error is honest; a wrong answer is not
			return
		}
		n++
		if got := s.matches(v, "0"); got != *c.Match {
			t.Errorf("%q matches %q: %t, want %t", c.Spec, c.Version, got, *c.Match)
		}
	})
	t.Logf("%d answered, %d refused", n, refused)
	if n < 50 {
		t.Errorf("only %d cases", n)
	}
}

// Order and matching without the conformance data.
func TestVersionOrder(t *testing.T) {
	ordered := []string{"1.0dev1", "1.0a1", "1.0b1", "1.0rc1", "1.0", "1.0.1_", "1.0.1a", "1.0.1post1", "1.1", "1.10", "2025.03.1", "1!0.1"}
	for i := range ordered {
		for j := range ordered {
			a, errA := parseVersion(ordered[i])
			b, errB := parseVersion(ordered[j])
			if errA != nil || errB != nil {
				t.Fatal(errA, errB)
			}
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := a.compare(b); got != want {
				t.Errorf("compare(%s, %s) = %d, want %d", ordered[i], ordered[j], got, want)
			}
		}
	}
}

func TestSpecMatches(t *testing.T) {
	for _, tt := range []struct {
		spec, version, build string
		want                 bool
	}{
		{"x", "1", "0", true},
		{"x 3.11.*", "3.11.2", "0", true},
		{"x 3.1.*", "3.11.2", "0", false},
		{"x >=3.11,<3.12.0a0", "3.11.11", "0", true},
		{"x >=3.11,<3.12.0a0", "3.12.0rc1", "0", false},
		{"x 1.0", "1.0.0", "0", true},
		{"x 1.0", "1.0.1", "0", false},
		{"x=1.0", "1.0.1", "0", true},
		{"x==1.0", "1.0.1", "0", false},
		{"x 3.13.* *_cp313", "3.13.5", "1_cp313", true},
		{"x 3.13.* *_cp313", "3.13.5", "1_cp311", false},
		{"x=1.0=h_0", "1.0", "h_0", true},
		{"x=1.0=h_0", "1.0", "h_1", false},
		{"x <2|>=3", "2.5", "0", false},
		{"x <2|>=3", "3", "0", true},
		{"x ~=1.4.2", "1.4.5", "0", true},
		{"x ~=1.4.2", "1.5", "0", false},
		{"x != 1.5.*", "1.5.1", "0", false},
		{"x *", "1", "0", true},
		{"x >= 1.2", "1.3", "0", true},
	} {
		s, err := parseSpec(tt.spec)
		if err != nil {
			t.Errorf("parseSpec(%q): %v", tt.spec, err)
			continue
		}
		v, err := parseVersion(tt.version)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.matches(v, tt.build); got != tt.want {
			t.Errorf("%q matches %s %s: %t, want %t", tt.spec, tt.version, tt.build, got, tt.want)
		}
	}
	for _, bad := range []string{"", "conda-forge::x", "x[version=1]", "x 1 2 3", "x >>1", "x >=1.*.2", "X Y Z W", "x ^1.*$"} {
		if s, err := parseSpec(bad); err == nil {
			t.Errorf("parseSpec(%q) = %+v, want an error", bad, s)
		}
	}
}

// world makes a channel of "name version build: depends; depends" lines.
func world(t *testing.T, lines string) *Channel {
	t.Helper()
	var text strings.Builder
	for line := range strings.Lines(strings.TrimSpace(lines)) {
		head, deps, _ := strings.Cut(strings.TrimSpace(line), ":")
		f := strings.Fields(head)
		if len(f) < 3 {
			f = append(f, "0")
		}
		text.WriteString("-- " + f[0] + "-" + f[1] + "-" + f[2] + ".conda --\n")
		for d := range strings.SplitSeq(deps, ";") {
			d = strings.TrimSpace(d)
			switch {
			case d == "":
			case strings.HasPrefix(d, "!"):
				text.WriteString("constrains: " + d[1:] + "\n")
			case strings.HasPrefix(d, "~"):
				text.WriteString("track_features: " + d[1:] + "\n")
			default:
				text.WriteString("depends: " + d + "\n")
			}
		}
	}
	s := channeltest.New(t, text.String())
	ch, err := ReadChannel(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

func dists(records []channeltest.Record) string {
	var out []string
	for _, r := range records {
		out = append(out, r.Index.Name+" "+r.Index.Version+" "+r.Index.Build)
	}
	return strings.Join(out, ", ")
}

func TestSolve(t *testing.T) {
	const pythons = `
		python 3.11.11 0: __glibc >=2.17
		python 3.13.5 0: __glibc >=2.38
		numpy 2.2.4 py313_0: python 3.13.*
		numpy 1.24.2 py311_0: python 3.11.*
		numpy 2.0.0 py311_0: python 3.11.*
		pandas 1.5.3 py311_0: python 3.11.*; numpy <2
		xarray 2025.03 py_0: numpy; python >=3.10
		xarray 2023.01 py_0: numpy; python >=3.9; dask-core
		dask-core 2022.12 py_0: python >=3.9
	`
	for _, tt := range []struct {
		name, world string
		specs       []string
		want        string
	}{
		{"the newest", pythons, []string{"xarray"}, "python 3.13.5 0, numpy 2.2.4 py313_0, xarray 2025.03 py_0"},
		{"builds follow the python pin", pythons, []string{"xarray 2023.01", "python 3.11.*"},
			"python 3.11.11 0, dask-core 2022.12 py_0, numpy 2.0.0 py311_0, xarray 2023.01 py_0"},
		{"an older numpy for pandas", pythons, []string{"numpy", "pandas"}, "python 3.11.11 0, numpy 1.24.2 py311_0, pandas 1.5.3 py311_0"},
		{"features weigh a variant down", "blas 1 fast_0\nblas 1 slow_1: ~slow\n", []string{"blas"}, "blas 1 fast_0"},
		{"constrains bind only what is there", "a 1: !b >=2\nb 1\nb 2\n", []string{"a"}, "a 1 0"},
		{"constrains bind what is there", "a 1: !b <2\nb 1\nb 2\n", []string{"b", "a"}, "a 1 0, b 1 0"},
		{"a cycle", "python 3: pip\npip 24: python\n", []string{"python"}, "python 3 0, pip 24 0"},
		{"the search goes back", "a 2: c <2\na 1: c\nb 1: c >=2\nc 1\nc 2\n", []string{"a", "b"}, "c 2 0, a 1 0, b 1 0"},
	} {
		got, err := Solve(world(t, tt.world), tt.specs, DefaultVirtual)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		} else if dists(got) != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, dists(got), tt.want)
		}
	}
	for _, tt := range []struct {
		name, world string
		specs       []string
		virtual     map[string]string
		want        string
	}{
		{"nothing of that name", pythons, []string{"scipy"}, DefaultVirtual,
			`no scipy satisfies "scipy" (asked by the environment); the channel has none`},
		{"a direct contradiction", pythons, []string{"python 3.11.*", "numpy >=2.1"}, DefaultVirtual,
			`no python satisfies "python 3.11.*" (asked by the environment) and "python 3.13.*" (asked by numpy 2.2.4); the channel has 3.13.5 0, 3.11.11 0`},
		{"an old target", "python 3.13.5 0: __glibc >=2.38\n", []string{"python"}, map[string]string{"__glibc": "2.31"},
			`no __glibc satisfies "__glibc >=2.38" (asked by python 3.13.5); the channel has 2.31 (the target)`},
	} {
		_, err := Solve(world(t, tt.world), tt.specs, tt.virtual)
		unsat, ok := errors.AsType[*UnsatisfiableError](err)
		if !ok || unsat.Error() != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
}

func TestProject(t *testing.T) {
	s := channeltest.New(t, `
-- python-3.11.11-h1_0.conda --
depends: __glibc >=2.17
-- numpy-1.24-py311_0.tar.bz2 --
depends: python 3.11.*
depends: python >=3.11
-- yes-1e5-0.conda --
noarch: generic
`)
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("ci/environments/a/environment.yml", "name: a\nchannels:\n  - corn-demo\n  - nodefaults\ndependencies:\n  - numpy=1.24\n  - yes\n")
	write("ci/environments/b/environment.yml", "channels: [corn-demo]\ndependencies: [numpy]\n")
	for i, changed := range []bool{true, false} {
		written, err := Project(dir, s.Dir, []string{"b"})
		if err != nil {
			t.Fatal(err)
		}
		want := []Written{
			{filepath.Join(dir, "ci/environments/a/conda-lock.yml"), 3, changed},
			{filepath.Join(dir, "ci/environments/b/conda-linux-64.lock"), 2, changed},
		}
		if diff := cmp.Diff(want, written); diff != "" {
			t.Errorf("run %d (-want +got):\n%s", i+1, diff)
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "ci/environments/a/conda-lock.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := yaml.Unmarshal(data, &doc); err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	python, numpy, yes := s.Records[0], s.Records[1], s.Records[2]
	pkg := func(r channeltest.Record, deps map[string]any) map[string]any {
		return map[string]any{
			"name": r.Index.Name, "version": r.Index.Version, "manager": "conda", "platform": "linux-64", "dependencies": deps,
			"url": "https://conda.anaconda.org/corn-demo/" + r.Path(), "hash": map[string]any{"md5": r.MD5, "sha256": r.SHA256},
			"category": "main", "optional": false,
		}
	}
	want := []any{
		pkg(python, map[string]any{"__glibc": ">=2.17"}),
		pkg(numpy, map[string]any{"python": "3.11.*,>=3.11"}),
		pkg(yes, map[string]any{}),
	}
	if diff := cmp.Diff(want, doc["package"]); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
	meta := doc["metadata"].(map[string]any)
	if diff := cmp.Diff([]any{map[string]any{"url": "corn-demo", "used_env_vars": []any{}}}, meta["channels"]); diff != "" {
		t.Errorf("channels (-want +got):\n%s", diff)
	}
	if hash := meta["content_hash"].(map[string]any)["linux-64"].(string); len(hash) != 64 {
		t.Errorf("content_hash %q", hash)
	}
	explicit, err := os.ReadFile(filepath.Join(dir, "ci/environments/b/conda-linux-64.lock"))
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(explicit), "@EXPLICIT\n")
	wantList := "https://conda.anaconda.org/corn-demo/" + python.Path() + "#" + python.MD5 + "\n" +
		"https://conda.anaconda.org/corn-demo/" + numpy.Path() + "#" + numpy.MD5 + "\n"
	if list != wantList {
		t.Errorf("explicit list:\n%s\nwant\n%s", list, wantList)
	}

	write("ci/environments/c/environment.yml", "channels: [conda-forge]\ndependencies: [numpy]\n")
	write("ci/environments/d/environment.yml", "channels: [corn-demo]\ndependencies: [numpy, {pip: [x]}]\n")
	write("ci/environments/e/environment.yml", "channels: [corn-demo]\ndependencies: [scipy]\n")
	_, err = Project(dir, s.Dir, nil)
	for _, want := range []string{`channel "conda-forge"`, "pip lists cannot be locked", "no scipy satisfies"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Project of environments that cannot be locked: error %v, want it to say %s", err, want)
		}
	}
}

// Every text comes back as the string it was.
func TestScalar(t *testing.T) {
	for _, s := range []string{"", "1", "1.0", "0x1", "1e5", "1_000", "0o7", "yes", "null", "~", "a b", "it's", "2025-01-02", "a", "numpy", "_x",
		">=1,<2", "*", "3.11.*", "1234567890123456789012345678901e", "0b1", "-1", ".5", "e1", ".inf", "a: b", "# c", "1:30"} {
		var got struct{ K any }
		if err := yaml.Unmarshal([]byte("k: "+scalar(s)+"\n"), &got); err != nil {
			t.Errorf("%q as %s: %v", s, scalar(s), err)
		} else if got.K != s {
			t.Errorf("%q as %s reads as %v (%T)", s, scalar(s), got.K, got.K)
		}
	}
}
