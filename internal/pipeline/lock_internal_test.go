package pipeline

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/conda/solve"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/project"
	"github.com/nasa-openscapes/corn/lock"
)

func TestChangesBetween(t *testing.T) {
	p := func(name, version, build string, size int64) lock.Package {
		return lock.Package{Manager: lock.Conda, Name: name, Version: version, Build: build, FileName: name + version + build, MD5: digest.SumMD5([]byte(name + version + build)), SizeBytes: size}
	}
	moved := p("same", "1", "0", 0)
	moved.URL, moved.SHA256 = "https://elsewhere", digest.Sum(nil) // the MD5 says that it is the same archive
	got := changesBetween(
		[]lock.Package{p("up", "1.9", "0", 0), p("down", "2", "0", 0), p("rebuilt", "1", "0", 0), p("gone", "1", "0", 5), p("same", "1", "0", 0)},
		[]lock.Package{moved, p("up", "1.10", "0", 7), p("down", "1.10", "0", 0), p("rebuilt", "1", "1", 0), p("new", "1", "0", 0)},
	)
	want := []PackageChange{
		{Change: "down", Name: "down", Manager: "conda", From: "2 0", To: "1.10 0"},
		{Change: "removed", Name: "gone", Manager: "conda", From: "1 0", Size: 5},
		{Change: "added", Name: "new", Manager: "conda", To: "1 0"},
		{Change: "rebuilt", Name: "rebuilt", Manager: "conda", From: "1 0", To: "1 1"},
		{Change: "up", Name: "up", Manager: "conda", From: "1.9 0", To: "1.10 0", Size: 7},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestDependencyOf(t *testing.T) {
	for in, want := range map[string]lock.Dependency{
		"python":                           {Name: "python"},
		"python >=3.9,<4":                  {Name: "python", Constraint: ">=3.9,<4"},
		"python_abi 3.12.* *_cp312":        {Name: "python_abi", Constraint: "3.12.* *_cp312"},
		"  numpy   >=1  ":                  {Name: "numpy", Constraint: ">=1"},
		"numpy>=1.2":                       {Name: "numpy", Constraint: ">=1.2"},
		"blas[version='2.*',build='*mkl']": {Name: "blas", Constraint: "2.* *mkl"},
		"blas[build='*mkl']":               {Name: "blas", Constraint: "* *mkl"},
	} {
		if got := dependencyOf(in); got != want {
			t.Errorf("dependencyOf(%q) = %+v, want %+v", in, got, want)
		}
	}
}

func TestMissingKernels(t *testing.T) {
	for _, c := range []struct {
		why        string
		asked, has string
		want       string
	}{
		{"Python alone", "python xarray", "python xarray", "ipykernel"},
		{"Python that somebody brings", "xarray", "python xarray", "ipykernel"},
		{"a kernel is there", "jupyterlab", "python jupyterlab ipykernel", ""},
		{"another kernel for the same language", "python", "python xeus-python", ""},
		{"a kernel of another kind", "bash", "bash bash_kernel python", ""},
		{"R alone", "r-base", "r-base", "r-irkernel"},
		{"an R package", "r-tidyverse", "r-base r-tidyverse", "r-irkernel"},
		{"R that brings Python", "r-reticulate", "r-base r-reticulate python", "r-irkernel"},
		{"Python that brings R", "python rpy2", "python rpy2 r-base", "ipykernel"},
		{"both asked for", "python r-base", "python r-base", "ipykernel r-irkernel"},
		{"no language", "gdal", "gdal", ""},
	} {
		w := &wanted{id: "x"}
		for _, s := range strings.Fields(c.asked) {
			w.specs = append(w.specs, solve.Spec{Text: s})
		}
		has := map[string]bool{}
		for _, name := range strings.Fields(c.has) {
			has[name] = true
		}
		added, err := missingKernels(w, has)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range added {
			got = append(got, s.Text)
			if s.Origin.Note == "" {
				t.Errorf("%s: %s does not say why it is there", c.why, s.Text)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: added %v, want %s", c.why, got, c.want)
		}
		w.id = notebookID
		if added, _ := missingKernels(w, has); len(added) > 0 {
			t.Errorf("%s: the notebook environment gets %v", c.why, added)
		}
	}
}

func rec(name, version, build string) *record.Record {
	n := build[strings.LastIndexByte(build, '_')+1:]
	return &record.Record{Name: name, Version: version, Build: build, BuildNumber: int64(n[0] - '0'), Channel: "https://h/c", Subdir: "linux-64", FileName: name + "-" + version + "-" + build + ".conda"}
}

func TestFavorites(t *testing.T) {
	env := func(recs ...*record.Record) *solved {
		s := &solved{wanted: &wanted{}, solution: &solve.Solution{}}
		for _, r := range recs {
			s.solution.Packages = append(s.solution.Packages, solve.Package{Record: r})
		}
		return s
	}
	all := []*solved{
		env(rec("blas", "2", "mkl_0"), rec("numpy", "1", "py312_0"), rec("z", "1", "0_0")),
		env(rec("blas", "2", "open_0"), rec("numpy", "1", "py312_1"), rec("z", "2", "0_0")),
		env(rec("blas", "2", "open_0"), rec("numpy", "1", "py311_0"), rec("z", "2", "0_0")),
	}
	for mode, want := range map[string]string{
		// The most chosen; of equally many the newer build; nothing for another interpreter.
		"builds": "blas-2-open_0 numpy-1-py311_0 numpy-1-py312_1 z-1-0_0 z-2-0_0",
		"prefer": "blas-2-open_0 numpy-1-py311_0 numpy-1-py312_1 z-1-0_0", // who has z 1 could not have 2
	} {
		for range 3 { // of maps
			var got []string
			for _, r := range favorites(all, mode) {
				got = append(got, strings.TrimSuffix(r.FileName, ".conda"))
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s: %v, want %s", mode, got, want)
			}
		}
	}
	if f := favorites(all, "builds"); !mayGain(all[0], f, "builds") || mayGain(all[2], f, "builds") {
		t.Error("the first may gain blas and numpy, the last has what is favored")
	}
}

// TestShareMovesNoVersion: where the favored build of one package would pull another version
// of its dependency in, "builds" leaves the environment as it is, and "prefer" lists the move.
func TestShareMovesNoVersion(t *testing.T) {
	x0, x1 := rec("x", "1", "a_0"), rec("x", "1", "b_1")
	x0.Depends = []string{"y"}
	x1.Depends = []string{"y <2"}
	idx := worldIndex{"x": {x0, x1}, "y": {rec("y", "1", "0_0"), rec("y", "2", "0_0")}}
	want := func(id string, specs ...string) *wanted {
		w := &wanted{id: notebookID, env: &project.Environment{Slug: id}, urls: []string{"https://h/c"}}
		for _, s := range specs {
			w.specs = append(w.specs, solve.Spec{Text: s})
		}
		return w
	}
	of := func(*wanted) index { return idx }
	wants := []*wanted{want("old", "x", "y <2"), want("new", "x[build_number=0]"), want("old2", "x", "y <2")}
	for _, mode := range []string{"off", "builds", "prefer"} {
		alone, err := solveAll(t.Context(), wants, of, 2)
		if err != nil {
			t.Fatal(err)
		}
		shared, err := share(t.Context(), alone, of, mode, 2)
		if err != nil {
			t.Fatal(err)
		}
		for i := range alone {
			moves, err := versionMoves(alone[i], shared[i])
			if err != nil {
				t.Fatal(err)
			}
			if mode != "prefer" && len(moves) > 0 {
				t.Errorf("%s: environment %d moves %v", mode, i, moves)
			}
			if mode == "prefer" && len(shared[i].lowered) != len(moves) {
				t.Errorf("%s: environment %d lists %v, and moves %v", mode, i, shared[i].lowered, moves)
			}
		}
		if archives(shared) > archives(alone) {
			t.Errorf("%s: %d archives, %d without", mode, archives(shared), archives(alone))
		}
	}
}

type worldIndex map[string][]*record.Record

func (w worldIndex) Records(name string) []*record.Record { return w[name] }

func (w worldIndex) Names() []string {
	var names []string
	for n := range w {
		names = append(names, n)
	}
	return names
}

// The wheels of the old lock stay where they are an answer to what is asked now.
func TestKeptWheels(t *testing.T) {
	wheel := func(name, file string, depends ...string) lock.Package {
		p := lock.Package{Manager: lock.Pip, Name: name, Version: "1.0", Platform: "linux-64", FileName: file, URL: "https://h/" + file, Category: lock.MainCategory, SHA256: digest.Sum([]byte(name))}
		for _, d := range depends {
			p.Depends = append(p.Depends, lock.Dependency{Name: d})
		}
		return p
	}
	old := &lock.Lock{Kind: lock.CondaLock, Platforms: []string{"linux-64"}, Packages: []lock.Package{
		wheel("A_b", "a_b-1.0-py3-none-any.whl", "c"), wheel("c", "c-1.0-cp312-cp312-manylinux_2_17_x86_64.whl"), wheel("left", "left-1.0-py3-none-any.whl"),
	}}
	for _, c := range []struct {
		name, python, ask string
		conda             string // another package that conda brings
		kept              []string
	}{
		{"as they were", "3.12.3", "a.b>=1", "", []string{"A_b", "c"}},
		{"another Python", "3.13.0", "a.b>=1", "", nil},
		{"a newer one is asked for", "3.12.3", "a.b>=2", "", nil},
		{"conda brings one of them", "3.12.3", "a.b>=1", "c", nil},
		{"none is asked for", "3.12.3", "other", "", nil},
	} {
		w := &wanted{id: "x", platform: "linux-64", env: &project.Environment{}, pip: []lock.Ask{{Text: c.ask, File: "e.yml", Line: 7, Name: strings.TrimRight(c.ask, ">=12")}}}
		w.virtual = []*record.Record{{Name: "__glibc", Version: "2.36"}}
		s := &solved{wanted: w, solution: &solve.Solution{Packages: []solve.Package{{Record: rec("python", c.python, "h_0")}}}}
		if c.conda != "" {
			s.solution.Packages = append(s.solution.Packages, solve.Package{Record: rec(c.conda, "1.0", "h_0")})
		}
		kept, ok := keptAsTheyAre(old, s)
		var names []string
		for _, p := range kept {
			names = append(names, p.Name)
		}
		if ok != (c.kept != nil) || ok && cmp.Diff(c.kept, names) != "" {
			t.Errorf("%s: kept %v, %v; want %v", c.name, names, ok, c.kept)
		}
	}
}

func TestYAMLText(t *testing.T) {
	for in, want := range map[string]string{
		"xarray >=2024": "xarray >=2024", "python=3.12": "python=3.12", "conda-forge::gdal": "'conda-forge::gdal'", "no": "'no'", "3.12": "'3.12'",
		"x[version='1']": "'x[version=''1'']'", "a ": "'a '", "https://h/c": "'https://h/c'",
	} {
		if got := yamlText(in); got != want {
			t.Errorf("yamlText(%q) = %s, want %s", in, got, want)
		}
	}
}
