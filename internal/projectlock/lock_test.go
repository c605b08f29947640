package projectlock_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/projectlock"
	"github.com/nasa-openscapes/corn/oci/plan"
)

var update = flag.Bool("update", false, "rewrite golden files")

func sum(s string) digest.SHA256 { return digest.Sum([]byte(s)) }

// sample has everything that a file can have.
func sample(t testing.TB) *projectlock.Lock {
	t.Helper()
	facts, err := projectlock.Flatten([]byte(`{"version": 2, "glibc": "2.41", "musl": false, "empty": "",
		"user": {"name": "jovyan", "uid": 1000}, "entrypoint": ["/srv/start", "-x y"],
		"runtime": [{"layer": 0, "path": "lib/ld.so"}, {"layer": 0, "path": "lib/libc.so.6"}],
		"nodes": {"": {"type": 2}, "srv/my envs": {"type": 2, "mode": 493}, "[0]": {}, "\"q\"": {}}}`))
	if err != nil {
		t.Fatal(err)
	}
	l := &projectlock.Lock{
		Base: projectlock.Base{Ref: "oci:a base:1.0", Platforms: []projectlock.BasePlatform{
			{Subdir: "linux-64", Digest: sum("base"), FactsKey: sum("key"), Facts: facts, Steps: []projectlock.Step{{ID: "apt", Key: sum("apt"), DiffID: sum("packages")}}},
			{Subdir: "linux-aarch64", Digest: sum("base on arm")},
		}},
		Params:    projectlock.Params{AloneBytes: 8 << 20, MaxAlone: 45, Buckets: 28},
		Snapshots: []projectlock.Snapshot{{Channel: "conda-forge", Subdir: "noarch", URL: "https://conda.anaconda.org/conda-forge/noarch/repodata.json.zst", SHA256: sum("index")}},
		Virtual:   []projectlock.Virtual{{Subdir: "linux-64", Name: "__glibc", Version: "2.41", Build: "0"}},
		Envs: []projectlock.Env{
			{Slug: "notebook", Platforms: []projectlock.EnvPlatform{{
				Subdir: "linux-64", Since: 1, Layers: []projectlock.Layer{{"place:notebook", 1}, {"shared:03", 1}, {"alone:jupyterlab", 10}, {"alone:python", 2}},
				Pythons: []projectlock.Python{{
					Short: "3.13", FileName: "python-3.13.5-h1_0_cpython.conda", SHA256: sum("python"), SizeBytes: 12,
					URL: "https://conda.anaconda.org/conda-forge/linux-64/python-3.13.5-h1_0_cpython.conda",
				}},
				Steps: []projectlock.Step{{ID: "run:data", Key: sum("run"), DiffID: sum("data")}, {ID: "postBuild", Key: sum("post"), DiffID: sum("built")}},
			}}},
			{Slug: "team-a", Platforms: []projectlock.EnvPlatform{
				{
					Subdir: "linux-64", Since: 2, Layers: []projectlock.Layer{{"private:team-a", 2}},
					Classes: []plan.Class{{Name: "xarray", ID: "0123456789abcdef", Layer: "private:team-b"}}, Places: []string{"place:notebook"},
				},
				{Subdir: "linux-aarch64", Since: 1},
			}, Other: []string{"part linux-64 ghcr.io/team-a/kernel sha256:0", "wheel x"}},
		},
	}
	return l
}

func parse(t testing.TB, text string) *projectlock.Lock {
	t.Helper()
	l, err := projectlock.Parse("corn.lock", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestGolden(t *testing.T) {
	got := sample(t).Bytes()
	file := filepath.Join("testdata", "all.lock")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	l := parse(t, string(got))
	if d := cmp.Diff(string(got), string(l.Bytes())); d != "" {
		t.Errorf("printed, parsed and printed (-want +got)\n%s", d)
	}
	if l := parse(t, strings.ReplaceAll(string(got), "\n", "\r\n")); string(l.Bytes()) != string(got) {
		t.Errorf("with the ends of lines that Windows has:\n%s", l.Bytes())
	}
	if got := sample(t).Base.Platforms[0].Facts; len(l.Base.For("linux-64").Facts) != len(got) {
		t.Errorf("%d facts were read back, want %d", len(l.Base.For("linux-64").Facts), len(got))
	}
}

// What is remembered of a base comes back as the JSON that it was.
func TestFactsComeBack(t *testing.T) {
	object := `{"a":1,"b":[1,2],"c":{"":{"x":[1]},"\"":null,"[00]":true,"p q":"v w","plain":{}},"d":[{"n":0},{"n":1}],"e":false}`
	facts, err := projectlock.Flatten([]byte(object))
	if err != nil {
		t.Fatal(err)
	}
	l := &projectlock.Lock{Base: projectlock.Base{Platforms: []projectlock.BasePlatform{{Subdir: "linux-64", Digest: sum("d"), FactsKey: sum("k"), Facts: facts}}}}
	back, err := projectlock.Unflatten(parse(t, string(l.Bytes())).Base.For("linux-64").Facts)
	if err != nil {
		t.Fatal(err)
	}
	if string(back) != object {
		t.Errorf("got  %s\nwant %s\n%s", back, object, l.Bytes())
	}
	var many []map[string]int // more than two digits
	for i := range 123 {
		many = append(many, map[string]int{"n": i})
	}
	text, err := json.Marshal(map[string]any{"list": many})
	if err != nil {
		t.Fatal(err)
	}
	if facts, err = projectlock.Flatten(text); err != nil {
		t.Fatal(err)
	}
	if back, err = projectlock.Unflatten(facts); err != nil || string(back) != string(text) {
		t.Errorf("a long list: %v\n%s", err, back)
	}
}

// Facts that a hand changed are as if they were not there: they are read from the base.
func TestFactsStandTogether(t *testing.T) {
	whole := string(sample(t).Bytes())
	for why, text := range map[string]string{
		"a line gone":     strings.Replace(whole, "base linux-64 fact glibc \"2.41\"\n", "", 1),
		"a line changed":  strings.Replace(whole, `"2.41"`, `"2.17"`, 1),
		"a line too many": strings.Replace(whole, "base ref", "base linux-64 fact zzz 1\nbase ref", 1),
		"no sum":          cut(whole, "base linux-64 facts "),
	} {
		b := parse(t, text).Base.For("linux-64")
		if text == whole || b == nil || b.Digest != sum("base") || len(b.Facts) > 0 || !b.FactsKey.IsZero() {
			t.Errorf("%s: %+v, want the digest alone", why, b)
		}
	}
	if b := parse(t, cut(whole, "base linux-64 digest")).Base.For("linux-64"); b != nil {
		t.Errorf("facts of no image: %+v", b)
	}
}

// cut takes the line that begins so out of a text.
func cut(text, begin string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, begin) {
			out.WriteString(line)
		}
	}
	return out.String()
}

func TestRefuses(t *testing.T) {
	hex := strings.Repeat("ab", 32)
	for _, c := range []struct{ why, line, want string }{
		{"an unknown word", "bass ref x", `a line that begins with base, layout, index, virtual or env`},
		{"an indented line", " base ref x", `a line that begins with`},
		{"a base without a reference", "base ref ", "base ref REFERENCE"},
		{"a digest of another kind", "base linux-64 digest md5:00", "base SUBDIR digest sha256:HEX"},
		{"a digest in capitals", "base linux-64 digest sha256:" + strings.ToUpper(hex), "base SUBDIR digest sha256:HEX"},
		{"no digest at all", "base linux-64 digest sha256:" + strings.Repeat("00", 32), "base SUBDIR digest sha256:HEX"},
		{"a fact that is no JSON", "base linux-64 fact glibc 2.4.1", "base SUBDIR fact NAME JSON"},
		{"a fact of three names", "base linux-64 fact a b c 1", "base SUBDIR fact NAME JSON"},
		{"a step without a result", "base linux-64 step apt " + hex, "base SUBDIR step ID KEY sha256:HEX"},
		{"a result of another kind", "base linux-64 step apt " + hex + " md5:00", "base SUBDIR step ID KEY sha256:HEX"},
		{"an env's step without a key", "env a linux-64 step postBuild sha256:" + hex, "env a SUBDIR step ID KEY sha256:HEX"},
		{"a number that is none", "layout buckets many", "layout buckets NUMBER"},
		{"a number with a zero before it", "layout buckets 08", "layout buckets NUMBER"},
		{"no image has so many layers", "layout buckets 99999999", "layout buckets NUMBER"},
		{"an unknown number", "layout height 3", "layout alone-bytes NUMBER"},
		{"a channel's index without a hash", "index conda-forge noarch https://x", "index CHANNEL SUBDIR URL sha256:HEX"},
		{"half a virtual package", "virtual linux-64 __glibc=2.41", "virtual SUBDIR NAME=VERSION=BUILD"},
		{"an env without a fact", "env a", "env SLUG FACT..."},
		{"two blanks", "env a  b", "env SLUG FACT..."},
		{"a step before the first", "env a linux-64 since 0", "env a SUBDIR since NUMBER, from 1"},
		{"a layer without a rank", "env a linux-64 layer alone:x", "env a SUBDIR layer ID NUMBER"},
		{"a layer of no kind", "env a linux-64 layer x 1", "env a SUBDIR layer ID NUMBER"},
		{"a rank that overflows", "env a linux-64 layer alone:x 99999999999999999999", "env a SUBDIR layer ID NUMBER"},
		{"content in a layer of placements", "env a linux-64 class x 0123456789abcdef place:a", "env a SUBDIR class NAME KEY LAYER"},
		{"placements in a layer of content", "env a linux-64 in shared:01", "env a SUBDIR in LAYER"},
		{"an interpreter without a URL", "env a linux-64 python 3.12 python.conda sha256:" + hex + " - 0", "env a SUBDIR python X.Y FILE sha256:HEX MD5 SIZE URL"},
	} {
		_, err := projectlock.Parse("p/corn.lock", []byte("# made by hand\ncorn-lock 1\n\n"+c.line+"\n"))
		bad, ok := errors.AsType[*projectlock.ParseError](err)
		if !ok {
			t.Errorf("%s: %v, want a ParseError", c.why, err)
			continue
		}
		if bad.File != "p/corn.lock" || bad.Line != 4 || !strings.Contains(bad.Want, c.want) || !strings.HasPrefix(err.Error(), "p/corn.lock:4: want ") || !strings.Contains(err.Error(), fmt.Sprintf("got %q", c.line)) {
			t.Errorf("%s: %v, want %s in line 4", c.why, err, c.want)
		}
	}
	for _, c := range []struct{ why, text, want string }{
		{"an empty file", "", `corn.lock:1: want "corn-lock 1", got ""`},
		{"another file", "version: 1\n", `corn.lock:1: want "corn-lock 1" as the first line, got "version: 1"`},
		{"another value for what there is one of", "corn-lock 1\nlayout buckets 28\nlayout buckets 30\n",
			`corn.lock:3: want one layout buckets: line 2 says 28, got "layout buckets 30"`},
	} {
		if _, err := projectlock.Parse("corn.lock", []byte(c.text)); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.why, err, c.want)
		}
	}
	_, err := projectlock.Parse("corn.lock", []byte("corn-lock 2\nnew fact\n"))
	if v, ok := errors.AsType[*projectlock.VersionError](err); !ok || v.Version != "2" {
		t.Errorf("a later version: %v, want a VersionError", err)
	}
}

func TestKeepsWhatItDoesNotKnow(t *testing.T) {
	text := "corn-lock 1\nenv a part linux-64 ghcr.io/x sha256:0\nenv a linux-64 since 1\nenv a wheel-of-sdist x y\nenv gone exec 1\n"
	l := parse(t, text)
	l.Keep([]string{"a"})
	got := string(l.Bytes())
	for _, line := range []string{"env a part linux-64 ghcr.io/x sha256:0\n", "env a wheel-of-sdist x y\n", "env a linux-64 since 1\n"} {
		if !strings.Contains(got, line) {
			t.Errorf("%q is lost:\n%s", line, got)
		}
	}
	if strings.Contains(got, "gone") {
		t.Errorf("facts of an environment that left are kept:\n%s", got)
	}
}

// A result is found by what the step is and sees; those of other keys mean nothing.
func TestStep(t *testing.T) {
	l := sample(t)
	for _, c := range []struct {
		subdir, id string
		key, want  digest.SHA256
	}{
		{"linux-64", "apt", sum("apt"), sum("packages")},
		{"linux-64", "postBuild", sum("post"), sum("built")},
		{"linux-64", "postBuild", sum("other"), digest.SHA256{}},
		{"linux-64", "run:data", sum("post"), digest.SHA256{}},
		{"linux-aarch64", "apt", sum("apt"), digest.SHA256{}},
	} {
		if got := l.Step(c.subdir, c.id, c.key); got != c.want {
			t.Errorf("Step(%s, %s) = %s, want %s", c.subdir, c.id, got, c.want)
		}
	}
	l.SetSteps("linux-64", nil, map[string][]projectlock.Step{"team-a": {{ID: "post-link:team-a", Key: sum("k"), DiffID: sum("v")}}})
	if l = parse(t, string(l.Bytes())); !l.Step("linux-64", "apt", sum("apt")).IsZero() || l.Step("linux-64", "post-link:team-a", sum("k")) != sum("v") {
		t.Errorf("after SetSteps:\n%s", l.Bytes())
	}
	// Of two branches both are known; of one key the first side's.
	a, b := sample(t), sample(t)
	a.Envs[0].Platforms[0].Steps = []projectlock.Step{{ID: "postBuild", Key: sum("post"), DiffID: sum("ours")}}
	b.Envs[0].Platforms[0].Steps = append(b.Envs[0].Platforms[0].Steps, projectlock.Step{ID: "run:x", Key: sum("x"), DiffID: sum("theirs")})
	u := projectlock.Union(a, b)
	if u.Step("linux-64", "postBuild", sum("post")) != sum("ours") || u.Step("linux-64", "run:x", sum("x")) != sum("theirs") {
		t.Errorf("merged:\n%s", u.Bytes())
	}
}

// Ranks stay with layers, whatever comes and goes.
func TestRanksStay(t *testing.T) {
	owners := projectlock.Owners{Layers: map[string]string{}}
	set := func(before *projectlock.Lock, order ...string) *projectlock.Lock {
		for _, id := range order {
			owners.Layers[id] = "a"
		}
		next := parse(t, string(before.Bytes()))
		next.SetState("linux-64", plan.State{Buckets: 28, Order: order, Arrivals: []plan.Arrival{{Env: "a", Step: 1}}}, owners, before)
		return next
	}
	text := func(l *projectlock.Lock) string {
		var out []string
		for _, y := range l.Env("a").For("linux-64").Layers {
			out = append(out, fmt.Sprint(y.ID, " ", y.Rank))
		}
		return strings.Join(out, ", ")
	}
	one := set(&projectlock.Lock{}, "alone:b", "alone:a", "shared:01")
	two := set(one, "alone:b", "alone:a", "alone:0", "shared:01", "shared:00")
	three := set(two, "alone:a", "alone:0", "alone:z", "shared:00")
	four := set(three, "alone:0", "alone:a", "shared:00")
	for i, c := range []struct {
		why  string
		lock *projectlock.Lock
		want string
	}{
		{"the first time", one, "alone:b 1, alone:a 2, shared:01 1"},
		{"new ones stand on top of their kind", two, "alone:b 1, alone:a 2, alone:0 3, shared:01 1, shared:00 2"},
		{"where one leaves the others stay", three, "alone:a 2, alone:0 3, alone:z 4, shared:00 2"},
		{"another order is numbered anew", four, "alone:0 1, alone:a 2, shared:00 1"},
	} {
		if got := text(c.lock); got != c.want {
			t.Errorf("%d, %s: %s, want %s", i, c.why, got, c.want)
		}
	}
	if d := cmp.Diff([]string{"alone:a", "shared:00", "alone:0", "alone:z"}, three.State("linux-64").Order); d != "" {
		t.Errorf("order (-want +got)\n%s", d)
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	if data, name, err := projectlock.Read(dir); data != nil || err != nil || name != filepath.ToSlash(dir)+"/corn.lock" {
		t.Errorf("no file: %q, %s, %v", data, name, err)
	}
	if written, err := projectlock.Write(dir, []byte("x\n")); !written || err != nil {
		t.Errorf("write: %v, %v", written, err)
	}
	if written, err := projectlock.Write(dir, []byte("x\n")); written || err != nil {
		t.Errorf("write the same: %v, %v", written, err)
	}
	if data, _, err := projectlock.Read(dir); string(data) != "x\n" || err != nil {
		t.Errorf("read: %q, %v", data, err)
	}
	file := filepath.Join(dir, "corn.lock")
	if err := os.Truncate(file, 17<<20); err != nil {
		t.Fatal(err)
	}
	if _, _, err := projectlock.Read(dir); err == nil || !strings.Contains(err.Error(), "more than 16777216 bytes") {
		t.Errorf("a huge file: %v", err)
	}
	outside := filepath.Join(t.TempDir(), "secret")
	if err := errors.Join(os.WriteFile(outside, []byte("secret\n"), 0o600), os.Remove(file), os.Symlink(outside, file)); err != nil {
		t.Fatal(err)
	}
	if data, _, err := projectlock.Read(dir); err == nil {
		t.Errorf("a link out of the project was followed: %q", data)
	}
	if err := errors.Join(os.Remove(file), os.Mkdir(file, 0o755)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := projectlock.Read(dir); err == nil || !strings.Contains(err.Error(), "is no regular file") {
		t.Errorf("a folder: %v", err)
	}
}
