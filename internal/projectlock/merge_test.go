package projectlock_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/internal/projectlock"
	"github.com/nasa-openscapes/corn/oci/plan"
)

// withKernel adds what a new kernel brings: its step, its layers, two packages that stand
// alone, a shared bucket.
func withKernel(t testing.TB, l *projectlock.Lock, slug string) *projectlock.Lock {
	t.Helper()
	s := plan.State{Buckets: 28}
	owners := projectlock.Owners{Layers: map[string]string{}}
	if old := l.State("linux-64"); old != nil {
		s = *old
		for _, e := range l.Envs {
			for _, y := range e.For("linux-64").Layers {
				owners.Layers[y.ID] = e.Slug
			}
		}
	}
	s.Arrivals = append(s.Arrivals, plan.Arrival{Env: slug, Step: len(s.Arrivals) + 1})
	n := len(s.Order)
	for _, id := range []string{"alone:" + slug + "-lib", "alone:" + slug, fmt.Sprintf("shared:%02d", n%28), "private:" + slug, "place:" + slug} {
		if !slices.Contains(s.Order, id) {
			s.Order = append(s.Order, id)
			owners.Layers[id] = slug
		}
	}
	next := parse(t, string(l.Bytes()))
	next.SetState("linux-64", s, owners, l)
	next.SetPythons("linux-64", map[string][]projectlock.Python{slug: {{Short: "3.12", FileName: "python-3.12.1-0.conda", SHA256: sum(slug), URL: "https://x/" + slug}}})
	return next
}

// gitMerge merges two files as `git merge` does and tells whether they conflict.
func gitMerge(t *testing.T, base, ours, theirs []byte) (string, bool) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	dir := t.TempDir()
	var files []string
	for i, data := range [][]byte{ours, base, theirs} {
		file := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	out, err := exec.Command("git", "merge-file", "-p", files[0], files[1], files[2]).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() > 0 && exit.ExitCode() < 128 {
		return string(out), true
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(out), false
}

func project(t testing.TB, slugs ...string) *projectlock.Lock {
	l := &projectlock.Lock{Base: projectlock.Base{Ref: "oci:base", Platforms: []projectlock.BasePlatform{{Subdir: "linux-64", Digest: sum("base")}}}}
	for _, s := range slugs {
		l = withKernel(t, l, s)
	}
	return l
}

// Two branches that each add a kernel merge: only names that fall into one of the 64 places
// conflict, and those are resolved by Merge.
func TestBranchesMerge(t *testing.T) {
	base := project(t, "notebook", "team-a", "team-b", "climate", "r")
	var names []string
	for i := range 14 {
		names = append(names, fmt.Sprintf("team-%c", 'c'+i), fmt.Sprintf("group%d", i))
	}
	meet := ""
	for i := 0; meet == ""; i++ {
		if name := fmt.Sprintf("meets-%d", i); place(t, name) == place(t, names[0]) {
			meet = name
		}
	}
	names = append(names, meet)
	conflicts, pairs := 0, 0
	for i, a := range names {
		for j, b := range names[:i] {
			if (i+j)%3 != 0 && a != meet { // a third of the pairs is enough
				continue
			}
			pairs++
			ours, theirs := withKernel(t, base, a), withKernel(t, base, b)
			text, conflict := gitMerge(t, base.Bytes(), ours.Bytes(), theirs.Bytes())
			var merged *projectlock.Lock
			if conflict {
				conflicts++
				var conflictErr *projectlock.ConflictError
				if _, err := projectlock.Parse("corn.lock", []byte(text)); !errors.As(err, &conflictErr) || !strings.Contains(conflictErr.Hint(), "corn lock --merge") {
					t.Fatalf("%s and %s: %v, want a ConflictError", a, b, err)
				}
				var bad []error
				var err error
				if merged, bad, err = projectlock.Merge("corn.lock", []byte(text)); err != nil || len(bad) > 0 {
					t.Fatalf("%s and %s: %v %v", a, b, bad, err)
				}
			} else {
				merged = parse(t, text)
			}
			if want := projectlock.Union(ours, theirs).Bytes(); string(merged.Bytes()) != string(want) {
				t.Fatalf("%s and %s (-want +got)\n%s", a, b, cmp.Diff(string(want), string(merged.Bytes())))
			}
		}
	}
	t.Logf("%d of %d merges conflict", conflicts, pairs)
	if conflicts == 0 || conflicts*20 > pairs {
		t.Errorf("%d of %d merges conflict, want at least the one of %s and %s, and at most one in twenty", conflicts, pairs, names[0], meet)
	}
}

// place is the line that stands above an environment's.
func place(t testing.TB, slug string) string {
	text := string((&projectlock.Lock{Envs: []projectlock.Env{{Slug: slug, Other: []string{"x"}}}}).Bytes())
	above, _, ok := strings.Cut(text, "\nenv "+slug)
	if !ok {
		t.Fatal(text)
	}
	return above[strings.LastIndexByte(above, '\n'):]
}

func TestMerge(t *testing.T) {
	const head = "corn-lock 1\n"
	for _, c := range []struct{ why, text, want string }{
		{"what both sides know", head + "<<<<<<< HEAD\nenv a linux-64 since 2\n=======\nenv b linux-64 since 2\n>>>>>>> other\nenv c linux-64 since 1\n",
			"env a linux-64 since 2, env b linux-64 since 2, env c linux-64 since 1"},
		{"what was there before counts for nothing (diff3)", head + "<<<<<<< HEAD\nenv a linux-64 since 2\n||||||| 1234\nenv old linux-64 since 1\n=======\n>>>>>>> other\n",
			"env a linux-64 since 2"},
		{"the first side's number where there can be one", head + "<<<<<<< HEAD\nlayout buckets 30\n=======\nlayout buckets 28\n>>>>>>> other\n",
			"layout alone-bytes 0, layout buckets 30, layout max-alone 0"},
		{"the earlier arrival and the lower rank", head + "<<<<<<< HEAD\nenv a linux-64 since 3\nenv a linux-64 layer alone:x 3\n=======\nenv a linux-64 since 2\nenv a linux-64 layer alone:x 4\n>>>>>>> other\n",
			"env a linux-64 layer alone:x 3, env a linux-64 since 2"},
		{"one class for one content", head + "<<<<<<< HEAD\nenv a linux-64 class x 0123456789abcdef private:a\n=======\nenv b linux-64 class x 0123456789abcdef private:b\n>>>>>>> other\n",
			"env a linux-64 class x 0123456789abcdef private:a"},
		{"the first side's base, whole", head + "<<<<<<< HEAD\nbase linux-64 digest sha256:" + sum("a").String() + "\nbase ref x\n=======\nbase linux-64 digest sha256:" + sum("b").String() + "\nbase ref y\n>>>>>>> other\n",
			"base linux-64 digest sha256:" + sum("a").String() + ", base ref x"},
		{"a marker that was left behind", head + ">>>>>>> other\nenv c linux-64 since 1\n", "env c linux-64 since 1"},
		{"lines that are no facts go", head + "oops\nenv c linux-64 since 1\n", "env c linux-64 since 1"},
		{"no first line", "env c linux-64 since 1\n", "env c linux-64 since 1"},
		{"unknown facts of both sides", head + "<<<<<<< HEAD\nenv a part x\n=======\nenv a wheel y\n>>>>>>> other\n", "env a part x, env a wheel y"},
	} {
		l, _, err := projectlock.Merge("corn.lock", []byte(c.text))
		if err != nil {
			t.Errorf("%s: %v", c.why, err)
			continue
		}
		var lines []string
		for line := range strings.Lines(string(l.Bytes())) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' && line != "corn-lock 1" {
				lines = append(lines, line)
			}
		}
		slices.Sort(lines)
		if got := strings.Join(lines, ", "); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.why, got, c.want)
		}
	}
	if _, _, err := projectlock.Merge("corn.lock", []byte("corn-lock 9\n")); err == nil {
		t.Error("a later version was merged")
	}
}
