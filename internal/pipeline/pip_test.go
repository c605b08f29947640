package pipeline

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/internal/testkit/indextest"
	"github.com/nasa-openscapes/corn/pypi/pep508"
	"github.com/nasa-openscapes/corn/pypi/requirements"
	"github.com/nasa-openscapes/corn/pypi/resolve"
	"github.com/nasa-openscapes/corn/pypi/simple"
	"github.com/nasa-openscapes/corn/pypi/tags"
	"github.com/nasa-openscapes/corn/transport"
)

// choosing runs the way of corn lock from requirements to files, without conda.
func choosing(t testing.TB, c *cache.Cache, index string, target *pipTarget, text string) (*resolve.Resolution, error) {
	t.Helper()
	r := requirements.NewReader(fstest.MapFS{"requirements.txt": {Data: []byte(text)}}, requirements.ReadOptions{})
	if err := r.File("requirements.txt"); err != nil {
		return nil, err
	}
	set := r.Set()
	client, err := simple.New(c, simple.Options{Indexes: []string{index}, Transport: transport.Options{RetryWait: time.Millisecond}})
	if err != nil {
		return nil, err
	}
	l := &envLocker{}
	req := resolve.Request{Env: target.env, Tags: target.tags, Prereleases: set.Options.Prereleases, RequireHashes: set.Options.RequireHashes,
		NoBinary: formatsOf(set.Options.Formats.NoBinary, set.Options.Formats.OnlyBinary), OnlyBinary: formatsOf(set.Options.Formats.OnlyBinary, set.Options.Formats.NoBinary)}
	if req.Requirements, err = l.asked(set.Requirements, target); err != nil {
		return nil, err
	}
	if req.Constraints, err = l.asked(set.Constraints, target); err != nil {
		return nil, err
	}
	idx := newPipIndex(t.Context(), client, target)
	defer idx.close()
	return resolve.Solve(t.Context(), idx, req)
}

func openTestCache(t testing.TB) *cache.Cache {
	t.Helper()
	c, err := cache.Open(t.TempDir(), cache.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// pipWorld has what requirements of real projects meet: markers, extras, versions that cannot go
// together, prereleases, yanked files, wheels of several tags, demands on Python.
const pipWorld = `
-- netCDF4-1.6.5-py3-none-any.whl --
requires: cftime
requires: certifi
requires: numpy
-- netCDF4-1.7.0-py3-none-any.whl --
requires: cftime
-- certifi-2023.11.17-py3-none-any.whl --
-- certifi-2024.8.30-py3-none-any.whl --
-- cftime-1.6.3-py3-none-any.whl --
requires: numpy>1.13.3
-- cftime-1.6.4-py3-none-any.whl --
requires: numpy>=2 ; python_version >= "3.9"
-- numpy-1.26.4-py3-none-any.whl --
-- numpy-2.1.0-py3-none-any.whl --
-- numpy-2.2.0rc1-py3-none-any.whl --
-- numpy-9.0-py3-none-any.whl --
requires-python: >=4
-- numpy-9.1-cp27-cp27m-win32.whl --
-- withdrawn-1.0-py3-none-any.whl --
-- withdrawn-2.0-py3-none-any.whl --
yanked: broken
-- app-1.0-py3-none-any.whl --
requires: lib[fast]>=1
requires: never ; sys_platform == "win32"
requires: plugin ; extra == "all"
extra: all
-- lib-1.0-py3-none-any.whl --
requires: speed<2 ; extra == "fast"
extra: fast
-- lib-2.0-py3-none-any.whl --
requires: speed>=2 ; extra == "fast"
extra: fast
-- speed-1.0-py3-none-any.whl --
-- speed-2.0-py3-none-any.whl --
requires: numpy<2
-- plugin-1.0-py3-none-any.whl --
requires: lib
-- beta-1.0b1-py3-none-any.whl --
-- xq-0.0.4-py3-none-any.whl --
-- jupyterlab_quarto-0.3.0-py3-none-any.whl --
requires: jupyterlab>=4
-- jupyterlab-4.2.0-py3-none-any.whl --
-- jupyterlab-4.2.0-1-py3-none-any.whl --
-- jupyter_desktop_server-0.1.3-py3-none-any.whl --
-- jupyter_desktop_server-0.2.0-py3-none-any.whl --
`

// pipTexts are requirements that pip was given; the last ones cannot be met.
var pipTexts = []string{
	"netcdf4==1.6.5\ncertifi==2023.11.17\ncftime==1.6.3\n",
	"netcdf4\n",
	"xq\njupyterlab-quarto\njupyter-desktop-server>=0.1.3\n",
	"app[all]\n",
	"app\nnumpy>=2\n",
	"app\nnumpy<2\n",
	"withdrawn\n",
	"withdrawn==2.0\n",
	"beta\n",
	"numpy>=2.2.0rc1\n",
	"numpy\n--pre\n",
	"never ; python_version < '3'\ncertifi<2024\n",
	"certifi ~= 2023.11\ncftime != 1.6.4\n",
	"jupyterlab==4.2.0\n",
	"numpy>3\n",
	"nobody\n",
	"lib[fast]==2.0\nnumpy>=2\n",
	"netcdf4>2\n",
}

// To record again: go test ./internal/pipeline -run ChoosesAsPip -record-pip, on a Linux machine
// whose python3 has pip.
var recordPip = flag.Bool("record-pip", false, "ask the pip of this machine what it chooses, and write testdata/pip-choices.json")

// pipChoices are what pip said.
type pipChoices struct {
	Pip     string              `json:"pip"`
	Python  string              `json:"python"`
	Chosen  map[string][]string `json:"chosen"` // file names by requirements
	Refused []string            `json:"refused"`
}

const pipChoicesFile = "testdata/pip-choices.json"

// What corn chooses is what pip chooses, from the same index, for the same Python.
func TestChoosesAsPip(t *testing.T) {
	s := indextest.New(t, pipWorld)
	if *recordPip {
		recordChoices(t, s)
	}
	data, err := os.ReadFile(pipChoicesFile)
	if err != nil {
		t.Fatal(err)
	}
	var pip pipChoices
	if err := json.Unmarshal(data, &pip); err != nil {
		t.Fatal(err)
	}
	release, err := releaseOf(pip.Python)
	if err != nil {
		t.Fatal(err)
	}
	c := openTestCache(t)
	target := &pipTarget{env: pep508.CPython(pip.Python, "Linux", "x86_64"), tags: tags.For(tags.Target{Python: release, Platform: tags.Platform{Arch: "x86_64", Glibc: tags.Release{Major: 2, Minor: 36}}})}
	if len(pip.Chosen)+len(pip.Refused) != len(pipTexts) {
		t.Errorf("pip was asked %d times, want %d: record again", len(pip.Chosen)+len(pip.Refused), len(pipTexts))
	}
	for _, text := range pipTexts {
		res, err := choosing(t, c, s.Index(), target, text)
		if slices.Contains(pip.Refused, text) {
			if err == nil {
				t.Errorf("%q: corn chooses %v, pip nothing", text, res.Chosen)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v; pip chooses %v", text, err, pip.Chosen[text])
			continue
		}
		var got []string
		for _, f := range res.Chosen {
			got = append(got, f.File.Name)
		}
		slices.Sort(got)
		if diff := cmp.Diff(pip.Chosen[text], got); diff != "" {
			t.Errorf("%q (-pip +corn):\n%s", text, diff)
		}
	}
}

func recordChoices(t *testing.T, s *indextest.Server) {
	t.Helper()
	out, err := exec.Command("python3", "-c", "import platform, pip; print(pip.__version__, platform.python_version())").Output()
	if err != nil {
		t.Fatal(err)
	}
	pip := pipChoices{Chosen: map[string][]string{}}
	if _, err := fmt.Sscan(string(out), &pip.Pip, &pip.Python); err != nil {
		t.Fatal(err)
	}
	for _, text := range pipTexts {
		dir := t.TempDir()
		file := filepath.Join(dir, "requirements.txt")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("python3", "-m", "pip", "install", "--isolated", "--disable-pip-version-check", "--no-cache-dir", "--quiet", "--dry-run", "--ignore-installed",
			"--only-binary", ":all:", "--report", filepath.Join(dir, "report.json"), "--index-url", s.Index(), "-r", file)
		if err := cmd.Run(); err != nil {
			pip.Refused = append(pip.Refused, text)
			continue
		}
		pip.Chosen[text] = reported(t, filepath.Join(dir, "report.json"))
	}
	data, err := json.MarshalIndent(pip, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(pipChoicesFile, append(data, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// reported are the files of a report of pip's.
func reported(t *testing.T, name string) []string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Install []struct {
			DownloadInfo struct{ URL string } `json:"download_info"`
		}
	}
	if err := json.Unmarshal(data, &report); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, i := range report.Install {
		out = append(out, i.DownloadInfo.URL[strings.LastIndexByte(i.DownloadInfo.URL, '/')+1:])
	}
	slices.Sort(out)
	return out
}

func TestDistsOf(t *testing.T) {
	f := &artifact.Facts{}
	for _, p := range []string{
		"site-packages/Foo_Bar-1.2.dist-info/METADATA", "lib/python3.12/site-packages/numpy-2.1.0.dist-info/METADATA",
		"lib/python3.12/site-packages/numpy-2.1.0.dist-info/RECORD", "lib/python3.12/site-packages/setuptools/_vendor/wheel-0.43.0.dist-info/METADATA",
		"lib/python3.12/site-packages/old.thing-1.0-py3.12.egg-info/PKG-INFO", "lib/python3.12/site-packages/older-0.9-py3.12.egg-info", "share/x-1.0.dist-info/METADATA",
	} {
		f.Members = append(f.Members, artifact.Member{Path: p})
	}
	if diff := cmp.Diff("[{Foo_Bar 1.2} {numpy 2.1.0} {old.thing 1.0} {older 0.9}]", fmt.Sprint(distsOf(f))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// hundred is 100 requirements that lead to 400 more, each of them with 20 versions.
func hundred() (world, text string) {
	var w, r strings.Builder
	for i := range 500 {
		for v := range 20 {
			fmt.Fprintf(&w, "-- p%03d-%d.0-py3-none-any.whl --\nrequires-python: >=3.8\n", i, v)
			if i < 100 {
				for d := range 4 {
					fmt.Fprintf(&w, "requires: p%03d>=%d\n", 100+4*i+d, v/2)
				}
			} else if i+7 < 500 {
				fmt.Fprintf(&w, "requires: p%03d>=1,<30\n", i+7)
			}
		}
		if i < 100 {
			fmt.Fprintf(&r, "p%03d\n", i)
		}
	}
	return w.String(), r.String()
}

// A hundred requirements with four hundred more, from a warm cache.
func BenchmarkHundredRequirements(b *testing.B) {
	world, text := hundred()
	s := indextest.New(b, world)
	c := openTestCache(b)
	target := &pipTarget{env: pep508.CPython("3.12.4", "Linux", "x86_64"), tags: tags.For(tags.Target{Python: tags.Release{Major: 3, Minor: 12}, Platform: tags.Platform{Arch: "x86_64", Glibc: tags.Release{Major: 2, Minor: 36}}})}
	if _, err := choosing(b, c, s.Index(), target, text); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		res, err := choosing(b, c, s.Index(), target, text)
		if err != nil || len(res.Chosen) != 500 {
			b.Fatalf("%v, %v", res, err)
		}
	}
}
