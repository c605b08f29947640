package resolve

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/pypi/pep508"
)

func TestResolution(t *testing.T) {
	w := parseWorld(t, `
name: everything that a result says
conda numpy 1.26.4 (numpy 1.26.4-py312_0)
option sdists
a 1 [sha256=aa]: b[x]>=1,<3 | b!=1.5 | numpy>=1.20 | w; os_name == "nt" | a[y]; extra == "y"
b 2 [sdist yanked=torn]: c; extra == "x" | d; extra == "z"
c 1 [url=https://x.example/c-1-py3-none-any.whl]
solve a==1 | b==2 | c @ https://x.example/c-1-py3-none-any.whl`)
	res, err := Solve(context.Background(), w.index, w.req)
	if err != nil {
		t.Fatal(err)
	}
	const index = "https://index.example"
	want := &Resolution{
		Chosen: []Chosen{
			{Name: "a", Version: "1", Requested: true,
				File:         File{Name: "a-1-py3-none-any.whl", URL: index + "/a-1-py3-none-any.whl", Hashes: map[string]string{"sha256": "aa"}, Index: index},
				Dependencies: []Dependency{{"b", "!=1.5,<3,>=1"}, {"numpy", ">=1.20"}}},
			{Name: "b", Version: "2", Requested: true, Sdist: true, Extras: []string{"x"},
				File:         File{Name: "b-2.tar.gz", URL: index + "/b-2.tar.gz", Yanked: true, YankedReason: "torn", Index: index},
				Dependencies: []Dependency{{"c", ""}}},
			{Name: "c", Version: "1", Requested: true, Direct: true,
				File: File{Name: "c-1-py3-none-any.whl", URL: "https://x.example/c-1-py3-none-any.whl"}},
		},
		Used:     []Used{{"numpy", "1.26.4", "numpy 1.26.4-py312_0"}},
		Warnings: []Warning{{Kind: YankedFile, Name: "b", Version: "2", Detail: "torn"}},
	}
	res.Stats = Stats{}
	if diff := cmp.Diff(want, res); diff != "" {
		t.Errorf("the result (-want +got):\n%s", diff)
	}
}

// TestCauses checks that the explanation is data, not only text.
func TestCauses(t *testing.T) {
	w := parseWorld(t, "name: x\na 2: b>=2\na 1: b>=3\nb 1\nsolve a")
	_, err := Solve(context.Background(), w.index, w.req)
	u, ok := errors.AsType[*Unsolvable](err)
	if !ok {
		t.Fatalf("%v, want an *Unsolvable", err)
	}
	want := []Problem{{
		Causes: []Cause{{
			Kind: Requested, Name: "a", Specs: []string{"a"}, Origin: &Origin{"requirements.txt", 1},
			Versions: []Dist{{Name: "a", Version: "2"}, {Name: "a", Version: "1"}},
			Because: []Cause{{
				Kind: Needs, Name: "b", Specs: []string{"b>=2", "b>=3"}, By: []Dist{{Name: "a", Version: "2"}, {Name: "a", Version: "1"}},
				Lack: Lack{Kind: NoSuchVersion, Have: []Dist{{Name: "b", Version: "1"}}, Target: "3.12.1"},
			}},
		}},
		Hints: []Hint{{Kind: Drop, Requirement: w.req.Requirements[0]}},
	}}
	if diff := cmp.Diff(want, u.Problems, cmp.Comparer(func(a, b *pep508.Requirement) bool { return a == b })); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestIndexFails(t *testing.T) {
	down := errors.New("no route to host")
	w := parseWorld(t, "name: x\na 1: b\nsolve a")
	w.index.errors["b"] = down
	_, err := Solve(context.Background(), w.index, w.req)
	e, ok := errors.AsType[*IndexError](err)
	if !ok || !errors.Is(err, down) || e.Project != "b" || e.Origin.Line != 1 || strings.Join(e.Chain, " ") != "a b" {
		t.Errorf("got %v, want an *IndexError about b", err)
	}
	const want = "requirements.txt:1 asks a, which needs b: no route to host"
	if err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w := parseWorld(t, "name: x\na 1\nsolve a")
	if _, err := Solve(ctx, w.index, w.req); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// expecter notes what is announced.
type expecter struct {
	*memIndex
	names []string
}

func (e *expecter) Expect(projects []string) { e.names = append(e.names, projects...) }

func TestExpect(t *testing.T) {
	w := parseWorld(t, "name: x\nconda n 1 (n 1)\na 1: b | c | n\nb 1: c\nc 1\nsolve a | n")
	x := &expecter{memIndex: w.index}
	if _, err := Solve(context.Background(), x, w.req); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(x.names, " "); got != "a b c" {
		t.Errorf("announced %q, want %q", got, "a b c")
	}
}

func TestMaxConflicts(t *testing.T) {
	w := parseWorld(t, "name: x\na 3, 2, 1: b | c\nb 3: c==1\nb 2: c==2\nb 1: c==3\nc 3: b==3\nc 2: b==1\nc 1: b==2\nsolve a")
	w.req.MaxConflicts = 1
	_, err := Solve(context.Background(), w.index, w.req)
	if e, ok := errors.AsType[*LimitError](err); !ok || e.Conflicts != 1 {
		t.Errorf("got %v, want a *LimitError", err)
	}
}

func TestTargetWithoutPython(t *testing.T) {
	w := parseWorld(t, "name: x\na 1\nsolve a")
	w.req.Env.PythonFullVersion = ""
	if _, err := Solve(context.Background(), w.index, w.req); err == nil || !strings.Contains(err.Error(), "python of the target") {
		t.Errorf("got %v, want an error about the target", err)
	}
}
