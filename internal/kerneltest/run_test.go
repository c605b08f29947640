package kerneltest

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/internal/image"
)

// newFake returns an image with one environment, the venv, which has two packages.
func newFake(t *testing.T, kernels map[string]fakeKernel) (*fakeRunner, *Image) {
	t.Helper()
	dir := venvDir(t)
	site, err := filepath.Glob(filepath.Join(dir, "lib", "python3*", "site-packages"))
	if err != nil || len(site) != 1 {
		t.Fatalf("site-packages of the venv: %v, %v", site, err)
	}
	for name, text := range map[string]string{
		"good/__init__.py":              "",
		"good-1.2.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: good\nVersion: 1.2\n",
		"old/__init__.py":               "",
		"old-2.0.dist-info/METADATA":    "Metadata-Version: 2.1\nName: old\nVersion: 1.9\n",
		"bad/__init__.py":               "raise ImportError('not today')\n",
		"slashes/__init__.py":           "__file__ = '/' + __file__  # as xeus-python's\n",
		"killer/__init__.py":            "import os, sys\nprint('going down', file=sys.stderr)\nos._exit(3)\n",
	} {
		at := filepath.Join(site[0], filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r := &fakeRunner{t: t, kernels: kernels, running: map[string]*pythonProcess{}, home: t.TempDir()}
	m := &image.Metadata{Version: image.MetadataVersion, Format: image.FormatVersion, Platform: "linux/amd64", CondaDir: "srv/conda"}
	for name := range kernels {
		m.Kernels = append(m.Kernels, image.KernelMetadata{Name: name, Language: "python", Env: "env"})
	}
	return r, &Image{Metadata: m, Envs: []*Environment{{Name: "env", Prefix: dir, Asked: true}}}
}

// activatedEnv is what a launcher sets.
func activatedEnv(t *testing.T) []string {
	dir := venvDir(t)
	return []string{"CONDA_PREFIX=" + dir, "CONDA_DEFAULT_ENV=env", "PATH=" + dir + "/bin:" + os.Getenv("PATH"), "FROM_SCRIPT=1", "FROM_JSON=value"}
}

func fakePackage(name, version, module, dist, distVersion string) Package {
	return Package{Name: name, Version: version, FileName: name + "-" + version + "-0.conda", Kind: artifact.Conda, Importable: Importable{Modules: []string{module}, Dist: dist, DistVersion: distVersion}}
}

// results are a kernel's steps as "name: result".
func results(k KernelReport) []string {
	var out []string
	for _, s := range k.Steps {
		out = append(out, s.Name+": "+string(s.Result))
	}
	return out
}

func detail(k KernelReport, step string) string {
	for _, s := range k.Steps {
		if s.Name == step {
			return s.Detail
		}
	}
	return ""
}

func runFake(t *testing.T, r *fakeRunner, img *Image, o Options) *Report {
	t.Helper()
	o.Jobs = 2
	rep, err := Run(t.Context(), r, img, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.running) > 0 {
		t.Errorf("%d kernels run after the end", len(r.running))
	}
	return rep
}

func TestEverythingWorks(t *testing.T) {
	r, img := newFake(t, map[string]fakeKernel{"a": {env: activatedEnv(t)}})
	dir := venvDir(t)
	scripts := filepath.Join(dir, "etc", "conda", "activate.d")
	if err := os.MkdirAll(scripts, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(scripts, "x.sh"), []byte("export FROM_SCRIPT=1\necho talk\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	img.Envs[0].Variables = map[string]string{"FROM_JSON": "value"}
	img.Envs[0].Packages = []Package{
		fakePackage("good", "1.2.0", "good", "good", "1.2.0"),
		fakePackage("slashes", "1", "slashes", "", ""),
		{Name: "python", Version: "3", Kind: artifact.Wheel}, // nothing to import, no interpreter
		{Name: "libx", Version: "1", Kind: artifact.Conda},
		{Name: "r-mass", Version: "1", Kind: artifact.Conda, Importable: Importable{RPackages: []string{"MASS"}}},
	}
	var events []string
	rep := runFake(t, r, img, Options{Event: func(e Event) {
		if e.Kernel != nil {
			events = append(events, e.Kernel.Name)
		} else {
			events = append(events, e.Server.Command)
		}
	}})
	k := rep.Kernels[0]
	want := []string{"start: passed", "execute: passed", "interrupt: passed", "activation: passed", "imports: passed", "versions: passed", "stop: passed"}
	if diff := cmp.Diff(want, results(k)); diff != "" {
		t.Errorf("steps (-want +got):\n%s\n%+v", diff, k)
	}
	if rep.Result != Passed || k.Environment != "env" || k.DisplayName != "A" || k.StartMillis < 0 || !strings.HasPrefix(k.Version, "3.") {
		t.Errorf("report = %+v", rep)
	}
	if passed, of := k.Imported(); passed != 2 || of != 2 {
		t.Errorf("imported %d of %d, want 2 of 2: %+v", passed, of, k.Packages)
	}
	if got := k.Packages[4].Detail; got != "nothing to import: it is a package of R" {
		t.Errorf("a package of R: %q", got)
	}
	if diff := cmp.Diff([]string{"jupyterhub-singleuser", "a"}, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestPackagesThatDoNotWork(t *testing.T) {
	r, img := newFake(t, map[string]fakeKernel{"a": {env: activatedEnv(t)}})
	img.Envs[0].Packages = []Package{
		fakePackage("bad", "1", "bad", "", ""),
		fakePackage("good", "1.3", "good", "good", "1.3"),
		fakePackage("old", "2.0", "old", "old", "2.0"),
		fakePackage("absent", "2.0", "absent", "", ""),
		fakePackage("elsewhere", "1", "json", "", ""), // of the standard library, which is not in the venv
	}
	img.Envs[0].Missing = []string{"forgotten"}
	rep := runFake(t, r, img, Options{})
	k := rep.Kernels[0]
	for _, want := range []string{
		"forgotten is asked for, and the environment has no such package",
		"bad: ImportError: not today",
		"absent: ModuleNotFoundError: No module named 'absent'",
		"elsewhere: json comes from /",
	} {
		if !strings.Contains(detail(k, "imports"), want) {
			t.Errorf("imports: no %q in\n%s", want, detail(k, "imports"))
		}
	}
	want := "good is 1.2, and the locked good-1.3-0.conda holds 1.3\nold is 1.9, and the locked old-2.0-0.conda holds 2.0"
	if got := detail(k, "versions"); got != want {
		t.Errorf("versions: %s\nwant: %s", got, want)
	}
	if rep.Result != Failed || k.Log != "" {
		t.Errorf("result %s, log %q: want failed, none", rep.Result, k.Log)
	}
}

// An import that ends the process: the rest is skipped, and the log of another try is the
// kernel's own.
func TestKernelThatDiesOfAnImport(t *testing.T) {
	r, img := newFake(t, map[string]fakeKernel{"a": {env: activatedEnv(t)}, "b": {env: activatedEnv(t)}})
	img.Envs[0].Packages = []Package{fakePackage("killer", "1", "killer", "", ""), fakePackage("good", "1.2", "good", "", "")}
	rep := runFake(t, r, img, Options{Only: func(name string) bool { return name == "a" }})
	if len(rep.Kernels) != 1 {
		t.Fatalf("%d kernels tested, want a alone", len(rep.Kernels))
	}
	k := rep.Kernels[0]
	if got := detail(k, "imports"); got != "killer: the process of kernel a ended" {
		t.Errorf("imports: %s", got)
	}
	if k.Packages[1].Result != Skipped || k.Log != "going down" {
		t.Errorf("the next package %s, the log %q: want skipped, going down", k.Packages[1].Result, k.Log)
	}
}

func TestKernelsThatDoNotStart(t *testing.T) {
	r, img := newFake(t, map[string]fakeKernel{"dies": {dies: "no module named ipykernel"}, "hangs": {hangs: true}, "works": {env: activatedEnv(t)}})
	img.Metadata.Kernels = append(img.Metadata.Kernels, image.KernelMetadata{Name: "gone", Dir: "usr/local/share/jupyter/kernels/gone", Env: "env"})
	old := againLimit
	againLimit = time.Second
	t.Cleanup(func() { againLimit = old })
	rep := runFake(t, r, img, Options{Limits: Limits{Start: 2 * time.Second}})
	got := map[string]string{}
	for _, k := range rep.Kernels {
		got[k.Name] = string(k.Result) + ": " + detail(k, "start") + ": " + k.Log
	}
	want := map[string]string{
		"dies":  "failed: the process of kernel dies ended: no module named ipykernel",
		"gone":  "failed: Jupyter does not offer the kernel, whose kernelspec is in /usr/local/share/jupyter/kernels/gone: ",
		"hangs": "failed: no answer within 2s: ",
		"works": "passed: : ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var b bytes.Buffer
	if err := rep.WriteJUnit(&b, "image\x00 & co"); err != nil {
		t.Fatal(err)
	}
	checkJUnit(t, b.Bytes(), 3)
}

// checkJUnit reads JUnit XML as CI systems do and counts.
func checkJUnit(t *testing.T, data []byte, failures int) {
	t.Helper()
	var got struct {
		XMLName  xml.Name `xml:"testsuites"`
		Tests    int      `xml:"tests,attr"`
		Failures int      `xml:"failures,attr"`
		Suites   []struct {
			Name     string `xml:"name,attr"`
			Tests    int    `xml:"tests,attr"`
			Failures int    `xml:"failures,attr"`
			Cases    []struct {
				Name      string  `xml:"name,attr"`
				ClassName string  `xml:"classname,attr"`
				Time      float64 `xml:"time,attr"`
				Failure   []struct {
					Message string `xml:"message,attr"`
				} `xml:"failure"`
				Skipped []struct{} `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(bytes.ToValidUTF8(data, nil), &got); err != nil {
		t.Fatalf("JUnit XML: %v\n%s", err, data)
	}
	tests, failed := 0, 0
	for _, s := range got.Suites {
		tests += s.Tests
		failed += s.Failures
		if s.Tests != len(s.Cases) || s.Name == "" {
			t.Errorf("suite %q says %d tests and has %d", s.Name, s.Tests, len(s.Cases))
		}
		for _, c := range s.Cases {
			if c.Name == "" || c.ClassName != s.Name || len(c.Failure) > 0 && c.Failure[0].Message == "" {
				t.Errorf("test %+v of suite %s", c, s.Name)
			}
		}
	}
	if got.Tests != tests || got.Failures != failed || failed != failures {
		t.Errorf("JUnit XML says %d tests, %d failures; its suites %d, %d; want %d failures", got.Tests, got.Failures, tests, failed, failures)
	}
}

func TestActivationIsMissed(t *testing.T) {
	r, img := newFake(t, map[string]fakeKernel{"a": {env: []string{"CONDA_PREFIX=/elsewhere", "CONDA_DEFAULT_ENV="}}})
	img.Envs[0].Variables = map[string]string{"FROM_JSON": "value"}
	rep := runFake(t, r, img, Options{})
	dir := venvDir(t)
	got := detail(rep.Kernels[0], "activation")
	for _, want := range []string{
		`CONDA_DEFAULT_ENV is "", want "env"`, fmt.Sprintf(`CONDA_PREFIX is "/elsewhere", want %q`, dir),
		`FROM_JSON is not set; etc/conda/env_vars.d sets it to "value"`, "PATH begins with",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestUnknownLanguageIsStartedAndStopped(t *testing.T) {
	r, img := newFake(t, map[string]fakeKernel{"a": {language: "fortran"}})
	rep := runFake(t, r, img, Options{})
	want := []string{"start: passed", "execute: skipped", "interrupt: skipped", "activation: skipped", "imports: skipped", "versions: skipped", "stop: passed"}
	if diff := cmp.Diff(want, results(rep.Kernels[0])); diff != "" || rep.Result != Passed {
		t.Errorf("%s, steps (-want +got):\n%s", rep.Result, diff)
	}
}

func TestJupyterDoesNotStart(t *testing.T) {
	for _, c := range []struct {
		why     string
		missing []string
		silent  bool
		result  Result
		command string
		detail  string
		log     string
	}{
		{"no single-user server: its Jupyter alone", []string{"jupyterhub-singleuser"}, false, Passed, "jupyter", "the image has no jupyterhub-singleuser: a hub cannot start it", ""},
		{
			"no Jupyter at all", []string{"jupyterhub-singleuser", "jupyter"}, false, Failed, "jupyter",
			"the image has neither jupyterhub-singleuser nor jupyter on its PATH: it has no Jupyter to ask for its kernels", "jupyter: not found",
		},
		{"no answer", nil, true, Failed, "jupyterhub-singleuser", "no answer within 1s", "serving"},
	} {
		r, img := newFake(t, map[string]fakeKernel{"a": {env: activatedEnv(t)}})
		r.missing, r.silent = c.missing, c.silent
		rep := runFake(t, r, img, Options{Limits: Limits{Server: time.Second}})
		s := rep.Server
		if rep.Result != c.result || s.Result != c.result || s.Command != c.command || s.Detail != c.detail || !strings.Contains(s.Log, c.log) {
			t.Errorf("%s: %s, server %+v, want %s, %s, %q", c.why, rep.Result, s, c.result, c.command, c.detail)
		}
	}
}

func TestNotebooksAndTests(t *testing.T) {
	r, img := newFake(t, map[string]fakeKernel{"a": {env: activatedEnv(t)}, "b": {env: activatedEnv(t)}})
	img.Metadata.Kernels = []image.KernelMetadata{{Name: "a", Env: "env"}, {Name: "b", Env: "env"}}
	nb := func(spec string, cells ...string) *fstest.MapFile {
		var list []string
		for _, c := range cells {
			code, tag, _ := strings.Cut(c, "#tag ")
			list = append(list, fmt.Sprintf(`{"cell_type": "code", "source": [%q], "metadata": {"tags": [%q]}}`, code, tag))
		}
		return &fstest.MapFile{Data: fmt.Appendf(nil, `{"cells": [{"cell_type": "markdown", "source": "# x"}, %s], "metadata": {"kernelspec": {"name": %q}}}`, strings.Join(list, ","), spec)}
	}
	py := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	p := &Project{
		FS: fstest.MapFS{
			"envs/e/own.ipynb":          nb("python3", "x = open('data.txt').read()", "1/0 #tag raises-exception", "exit(1) #tag skip-execution", "assert x == 'data'"),
			"envs/e/data.txt":           py("data"),
			"envs/e/deep/not.ipynb":     nb("a", "1/0"),
			"envs/e/other.ipynb":        nb("b", "1/0"),
			"envs/e/.hidden/x.ipynb":    nb("a", "1/0"),
			"envs/e/tests/test_it.py":   py("import helper\ndef test_one(): helper.one()\ndef test_two(): assert 1 == 2, 'two'\n"),
			"envs/e/tests/helper.py":    py("def one(): assert open('data.txt').read() == 'data'\n"),
			"envs/e/tests/conftest.py":  py("1/0"),
			"envs/e/tests/more.R":       py("stop()"),
			"tests/shared a.ipynb":      nb("a", "import os; assert os.path.basename(os.getcwd()) == 'tests'"),
			"tests/nobodys.ipynb":       nb("", "1/0"),
			"tests/deep/shared b.ipynb": nb("b", "assert True"),
		},
		Dirs: map[string]string{"env": "envs/e"}, Shared: []string{"tests", "ci/tests"},
	}
	rep := runFake(t, r, img, Options{Project: p})
	want := map[string][]string{
		"a": {"notebook envs/e/own.ipynb: passed", "test envs/e/tests/helper.py: passed", "test envs/e/tests/test_it.py: failed", "notebook tests/shared a.ipynb: passed"},
		"b": {"notebook envs/e/other.ipynb: failed", "notebook tests/deep/shared b.ipynb: passed"},
	}
	for _, k := range rep.Kernels {
		got := results(k)[7:]
		if diff := cmp.Diff(want[k.Name], got); diff != "" {
			t.Errorf("kernel %s (-want +got):\n%s\n%+v", k.Name, diff, k.Steps)
		}
	}
	if got := detail(rep.Kernels[1], "notebook envs/e/other.ipynb"); !strings.HasPrefix(got, "cell 2: ZeroDivisionError") {
		t.Errorf("a failing cell: %s", got)
	}
	if got := detail(rep.Kernels[0], "test envs/e/tests/test_it.py"); !strings.HasPrefix(got, "AssertionError: two") {
		t.Errorf("a failing test: %s", got)
	}
}

func TestImportableNames(t *testing.T) {
	for _, c := range []struct {
		why   string
		kind  artifact.Kind
		paths []string
		want  Importable
	}{
		{"arch package", artifact.Conda, []string{
			"lib/python3.13/site-packages/numpy/__init__.py", "lib/python3.13/site-packages/numpy/core/__init__.py",
			"lib/python3.13/site-packages/numpy-2.2.4.dist-info/METADATA", "bin/f2py",
		}, Importable{Modules: []string{"numpy"}, Dist: "numpy", DistVersion: "2.2.4"}},
		{"noarch, namespace, single files, extensions", artifact.Conda, []string{
			"site-packages/google/cloud/storage/__init__.py", "site-packages/google/cloud/storage/blob.py", "site-packages/six.py",
			"site-packages/fast.cpython-313-x86_64-linux-gnu.so", "site-packages/stable.abi3.so", "site-packages/x-1.0-py3.13.egg-info/PKG-INFO",
		}, Importable{Modules: []string{"fast", "google.cloud.storage", "six", "stable"}, Dist: "x", DistVersion: "1.0"}},
		{"what was left beside it", artifact.Conda, []string{
			"site-packages/tests/__init__.py", "site-packages/_private.py", "site-packages/real/__init__.py", "site-packages/not-a-name/__init__.py", "site-packages/x.pth",
			"site-packages/__pycache__/real.cpython-313.pyc",
		}, Importable{Modules: []string{"real"}}},
		{"nothing but private", artifact.Conda, []string{"lib/python3.13/site-packages/_cffi_backend.cpython-313-x86_64-linux-gnu.so"}, Importable{Modules: []string{"_cffi_backend"}}},
		{"R", artifact.Conda, []string{"lib/R/library/MASS/DESCRIPTION", "lib/R/library/MASS/R/MASS", "lib/R/site-library/IRkernel/DESCRIPTION"}, Importable{RPackages: []string{"IRkernel", "MASS"}}},
		{"a library", artifact.Conda, []string{"lib/libz.so.1", "include/zlib.h"}, Importable{}},
		{"wheel", artifact.Wheel, []string{"foo/__init__.py", "foo-1.0.dist-info/METADATA", "foo-1.0.data/platlib/bar.py", "foo-1.0.data/scripts/x.py"}, Importable{Modules: []string{"bar", "foo"}, Dist: "foo", DistVersion: "1.0"}},
	} {
		f := &artifact.Facts{Kind: c.kind}
		if c.kind == artifact.Wheel {
			f.Wheel = &artifact.WheelFacts{DataDir: "foo-1.0.data"}
		}
		for _, p := range c.paths {
			f.Members = append(f.Members, artifact.Member{Path: p, Type: filetree.File})
		}
		if diff := cmp.Diff(c.want, ImportableNames(f)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, diff)
		}
	}
}

func TestDescribe(t *testing.T) {
	facts := map[digest.SHA256]*artifact.Facts{}
	var sums []digest.SHA256
	for _, f := range []*artifact.Facts{
		{Name: "python", Kind: artifact.Conda, Conda: &artifact.CondaFacts{Index: []byte(`{"depends": ["openssl >=3"]}`)}},
		{Name: "openssl", Kind: artifact.Conda, Conda: &artifact.CondaFacts{Index: []byte(`{}`)}, Kept: map[string][]byte{"etc/conda/env_vars.d/o.json": []byte(`{"A": "b", "n": 1}`)}},
		{Name: "numpy", Kind: artifact.Conda, Conda: &artifact.CondaFacts{Index: []byte(`{"depends": ["python"]}`)}},
		{Name: "Foo_Bar", Kind: artifact.Wheel, Wheel: &artifact.WheelFacts{Requires: []string{"numpy>=1; python_version>'3'"}}},
	} {
		f.SHA256 = digest.Sum([]byte(f.Name))
		facts[f.SHA256] = f
		sums = append(sums, f.SHA256)
	}
	names := func(e *Environment) string {
		var out []string
		for _, p := range e.Packages {
			out = append(out, p.Name)
		}
		return strings.Join(out, " ")
	}
	m := &image.Metadata{Envs: []image.EnvMetadata{
		{Name: "asked", Prefix: "srv/e", Artifacts: sums, Requested: []string{"numpy", "scipy"}, RequestedPip: []string{"foo-bar"}},
		{Name: "silent", Artifacts: sums},
	}}
	img := Describe(m, facts)
	e := img.Envs[0]
	if got := names(e); got != "Foo_Bar numpy" || !e.Asked || e.Prefix != "/srv/e" || e.Variables["A"] != "b" || len(e.Variables) != 1 {
		t.Errorf("asked: %s, %+v", got, e)
	}
	if diff := cmp.Diff([]string{"scipy"}, e.Missing); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	if got := names(img.Envs[1]); got != "Foo_Bar" || img.Envs[1].Asked {
		t.Errorf("without requests: %s, want what nothing needs", got)
	}
}

func TestSameVersion(t *testing.T) {
	for _, c := range []struct {
		x, y string
		want bool
	}{
		{"2023.01.0", "2023.1.0", true}, {"7.3-60", "7.3_60", true}, {"1.0.0", "1", true}, {"1.0RC1", "1.0rc1", true},
		{"1.10", "1.1", false}, {"2.0", "1.9", false}, {"1.2.post1", "1.2", false},
	} {
		if got := sameVersion(c.x, c.y); got != c.want {
			t.Errorf("sameVersion(%q, %q) = %v, want %v", c.x, c.y, got, c.want)
		}
	}
}

func TestTailAndClean(t *testing.T) {
	if got, want := tail([]byte("a\nb\n\x1b[31mred\x1b[0m \xff\x00\n"), 2), "b\nred \uFFFD"; got != want {
		t.Errorf("tail = %q, want %q", got, want)
	}
}

// A kernel that dies of an interrupt fails; the project's rules exempt it, and packages.
func TestRules(t *testing.T) {
	fragile := map[string]fakeKernel{"a": {env: append(activatedEnv(t), "DIES_OF_INTERRUPT=1")}}
	r, img := newFake(t, fragile)
	k := runFake(t, r, img, Options{}).Kernels[0]
	if got := detail(k, "interrupt"); k.Result != Failed || got != "the process of kernel a ended" {
		t.Errorf("a kernel that dies of an interrupt: %s, %q", k.Result, got)
	}

	r, img = newFake(t, fragile)
	img.Envs[0].Packages = []Package{
		fakePackage("Bad_Thing", "1", "bad", "", ""),
		fakePackage("good", "1.3", "notgood", "good", "1.3"),
		fakePackage("old", "1.9", "nosuch", "old", "1.9"),
	}
	p := &Project{FS: fstest.MapFS{}, Rules: Rules{
		SkipImports: []string{"bad-thing", "good", "nobody"}, Imports: map[string][]string{"OLD": {"old"}, "none": {"x"}}, NoInterrupt: []string{"a", "b"},
		Limits: Limits{Start: time.Minute},
	}}
	rep := runFake(t, r, img, Options{Project: p})
	k = rep.Kernels[0]
	want := []string{"start: passed", "execute: passed", "interrupt: skipped", "activation: passed", "imports: passed", "versions: failed", "stop: passed"}
	if diff := cmp.Diff(want, results(k)); diff != "" {
		t.Errorf("steps (-want +got):\n%s\n%+v", diff, k)
	}
	if got := detail(k, "versions"); got != "good is 1.2, and the locked good-1.3-0.conda holds 1.3" {
		t.Errorf("versions: %s", got)
	}
	if got := k.Packages[0]; got.Result != Skipped || got.Detail != "corn.yaml's skip_imports" || len(got.Modules) != 0 {
		t.Errorf("an exempted package: %+v", got)
	}
	if diff := cmp.Diff([]string{"no_interrupt: the image has no kernel b", "skip_imports: no environment asks for nobody", "imports: no environment asks for none"}, p.Rules.Unused(rep)); diff != "" {
		t.Errorf("unused (-want +got):\n%s", diff)
	}

	plain, err := (&Project{FS: fstest.MapFS{}}).Sum("env")
	if err != nil {
		t.Fatal(err)
	}
	ruled, err := p.Sum("env")
	if err != nil || plain == ruled {
		t.Errorf("rules do not change the sum: %v", err)
	}
	if got := (Limits{Start: 1}).or(Limits{Start: 2, Import: 3}); got != (Limits{Start: 1, Import: 3}) {
		t.Errorf("limits %+v", got)
	}
}
