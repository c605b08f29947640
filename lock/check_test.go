package lock

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/conda/record"
)

const checkedLock = `version: 1
metadata:
  content_hash:
    linux-64: '0'
  channels:
  - url: conda-forge
    used_env_vars: []
  platforms:
  - linux-64
  sources:
  - environment.yml
package:
- name: python
  version: 3.12.3
  manager: conda
  platform: linux-64
  dependencies:
    __glibc: '>=2.17,<3.0.a0'
  url: https://conda.anaconda.org/conda-forge/linux-64/python-3.12.3-hab00c5b_0_cpython.conda
  hash:
    md5: 00000000000000000000000000000001
  category: main
  optional: false
- name: numpy
  version: 1.26.4
  manager: conda
  platform: linux-64
  dependencies:
    python: '>=3.12,<3.13.0a0'
    libblas: '>=3.9.0,<4.0a0'
  url: https://conda.anaconda.org/conda-forge/linux-64/numpy-1.26.4-py312heda63a1_0.conda
  hash:
    md5: 00000000000000000000000000000002
  category: main
  optional: false
- name: libblas
  version: 3.9.0
  manager: conda
  platform: linux-64
  dependencies: {}
  url: https://conda.anaconda.org/other/linux-64/libblas-3.9.0-20_mkl.conda
  hash:
    md5: 00000000000000000000000000000003
  category: main
  optional: false
- name: Ruamel.Yaml
  version: 0.18.6
  manager: pip
  platform: linux-64
  dependencies: {}
  url: https://files.pythonhosted.org/packages/ruamel.yaml-0.18.6-py3-none-any.whl
  hash:
    sha256: 0000000000000000000000000000000000000000000000000000000000000004
  category: main
  optional: false
`

func ask(line int, text string) Ask { return Ask{Text: text, File: "environment.yml", Line: line} }

func TestCheck(t *testing.T) {
	forge, other := "https://conda.anaconda.org/conda-forge", "https://conda.anaconda.org/other"
	glibc := func(v string) []*record.Record { return []*record.Record{{Name: "__glibc", Version: v, Build: "0"}} }
	for _, c := range []struct {
		why  string
		req  Request
		lock string // what is changed: "old => new"
		want []string
	}{
		{"all that is asked for is there", Request{Conda: []Ask{ask(5, "python=3.12"), ask(6, "numpy >=1.25"), ask(7, "__glibc >=2.17")}, Pip: []Ask{ask(9, "ruamel_yaml>=0.18,<0.19")}, Virtual: glibc("2.36")}, "", nil},
		{"a spec that was changed", Request{Conda: []Ask{ask(6, "numpy >=2")}}, "", []string{"environment.yml:6 asks numpy >=2: the lock has numpy 1.26.4 py312heda63a1_0 (x.yml:24)"}},
		{"a spec that was added", Request{Conda: []Ask{ask(8, "gdal")}}, "", []string{"environment.yml:8 asks gdal: the lock has no gdal"}},
		{"a build", Request{Conda: []Ask{ask(8, "libblas=*=*openblas")}}, "", []string{"environment.yml:8 asks libblas=*=*openblas: the lock has libblas 3.9.0 20_mkl (x.yml:36)"}},
		{"a dependency that is gone", Request{}, "name: libblas => name: libcblas; libblas-3 => libcblas-3", []string{"numpy 1.26.4 py312heda63a1_0 depends on libblas >=3.9.0,<4.0a0, and the lock has no libblas (x.yml:24)"}},
		{"a dependency of another version", Request{}, "version: 3.12.3 => version: 3.13.0; python-3.12.3 => python-3.13.0", []string{"numpy 1.26.4 py312heda63a1_0 depends on python >=3.12,<3.13.0a0, and the lock has python 3.13.0 hab00c5b_0_cpython (line 13) (x.yml:24)"}},
		{"the target is too old", Request{Virtual: glibc("2.12")}, "", []string{"python 3.12.3 hab00c5b_0_cpython depends on __glibc >=2.17,<3.0.a0: the target has __glibc 2.12 (x.yml:13)"}},
		{"nothing is known of the target", Request{Virtual: nil}, "", nil},
		{"a channel that the environment lacks", Request{Channels: []string{forge}}, "", []string{"libblas 3.9.0 20_mkl comes from https://conda.anaconda.org/other, and the environment's channels are https://conda.anaconda.org/conda-forge (x.yml:36)"}},
		{"a channel that it has", Request{Channels: []string{forge, other}}, "", nil},
		{"a channel by name, on a mirror", Request{Channels: []string{"conda-forge", "other"}}, "https://conda.anaconda.org/other => https://mirror.example.org/x/other", nil},
		{"a wheel that was added", Request{Pip: []Ask{ask(10, "xarray>=2024.1")}}, "", []string{"environment.yml:10 asks xarray>=2024.1: the lock has no wheel of xarray"}},
		{"a wheel that was changed", Request{Pip: []Ask{ask(10, "ruamel.yaml==0.17.*")}}, "", []string{"environment.yml:10 asks ruamel.yaml==0.17.*: the lock has Ruamel.Yaml 0.18.6 (x.yml:46)"}},
		{"a wheel that conda brings", Request{Pip: []Ask{ask(10, "NumPy[extra] ~= 1.26.0")}}, "", nil},
		{"a wheel for another system", Request{Pip: []Ask{ask(10, "winpty; sys_platform == 'win32'")}}, "", nil},
		{"a wheel with a marker that is there is compared as well as one can", Request{Pip: []Ask{ask(10, "ruamel.yaml===0.18.6")}}, "", nil},
		{"exact, with leftovers", Request{Exact: true, Conda: []Ask{ask(5, "python")}}, "", []string{
			"nothing asks for numpy 1.26.4 py312heda63a1_0 any more (x.yml:24)", "nothing asks for libblas 3.9.0 20_mkl any more (x.yml:36)", "nothing asks for Ruamel.Yaml 0.18.6 any more (x.yml:46)"}},
		{"exact, and all needed", Request{Exact: true, Conda: []Ask{ask(5, "numpy")}, Pip: []Ask{ask(9, "ruamel.yaml")}, Channels: []string{forge}, Written: []string{"conda-forge"}}, "/other/ => /conda-forge/", nil},
		{"exact, a URL for the name", Request{Exact: true, Conda: []Ask{ask(5, "numpy")}, Pip: []Ask{ask(9, "ruamel.yaml")}, Written: []string{forge}}, "", nil},
		{"exact, another channel first", Request{Exact: true, Conda: []Ask{ask(5, "numpy")}, Pip: []Ask{ask(9, "ruamel.yaml")}, Channels: []string{other, forge}, Written: []string{"other", "conda-forge"}}, "", []string{
			"it was made with the channels conda-forge, and the environment's are other, conda-forge"}},
	} {
		text := checkedLock
		for change := range strings.SplitSeq(c.lock, "; ") {
			if from, to, ok := strings.Cut(change, " => "); ok {
				text = strings.Replace(text, from, to, 1)
			}
		}
		l, err := Read("x.yml", []byte(text))
		if err != nil {
			t.Fatalf("%s: %v", c.why, err)
		}
		c.req.Platform = "linux-64"
		var got []string
		err = l.Check(c.req)
		if stale, ok := errors.AsType[*StaleError](err); ok {
			for _, r := range stale.Reasons {
				got = append(got, r.in("x.yml"))
			}
			if !strings.HasPrefix(err.Error(), "x.yml is not what the environment asks for\n"+got[0]) || stale.Hint() == "" {
				t.Errorf("%s: error %q", c.why, err)
			}
		} else if err != nil {
			t.Errorf("%s: error of type %T: %v", c.why, err, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, diff)
		}
	}
}

func TestCheckErrors(t *testing.T) {
	l, err := Read("x.yml", []byte(checkedLock))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Check(Request{Platform: "osx-64"}); !is[*PlatformError](err) {
		t.Errorf("a platform that the lock lacks: %v", err)
	}
	err = l.Check(Request{Platform: "linux-64", Conda: []Ask{ask(7, "numpy >=1..2,,")}})
	if !is[*AskError](err) || !strings.HasPrefix(err.Error(), "environment.yml:7: ") {
		t.Errorf("a spec that cannot be read: %v", err)
	}
	many := Request{Platform: "linux-64"}
	for i := range 8 {
		many.Conda = append(many.Conda, ask(i+1, "x"+string(rune('a'+i))))
	}
	if err := l.Check(many); err == nil || strings.Count(err.Error(), "\n") != 6 || !strings.HasSuffix(err.Error(), "and 3 more") {
		t.Errorf("many reasons: %v", err)
	}
}
