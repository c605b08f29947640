package project

import (
	"path"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestRequested(t *testing.T) {
	var e Environment
	for _, s := range []string{
		"python=3.13", "xarray", "conda-forge::Dask >=2024", "https://conda.anaconda.org/conda-forge::gdal", "numpy[version='>=2']",
		"r-mass>=7", "__glibc >=2.17", "python", "conda-forge/linux-64::zlib=1.3=*_0", "ruamel.yaml",
	} {
		e.Dependencies = append(e.Dependencies, Requirement{Text: s})
	}
	r := pipReader{fstest.MapFS{}, "e.yml", path.Clean}.reader()
	for _, s := range []string{
		"Foo_Bar[extra]>=1 ; python_version > '3'", "ruamel.yaml", "git+https://example.org/x.git", "https://example.org/x.whl",
		"named @ https://example.org/y.whl", "git+https://example.org/z.git#egg=Egg",
	} {
		if err := r.Line(s, "e.yml", 1); err != nil {
			t.Fatal(err)
		}
	}
	e.pipFile = r.Set()
	e.pipOn("linux-64")
	conda, pip := e.Requested()
	if diff := cmp.Diff([]string{"dask", "gdal", "numpy", "python", "r-mass", "ruamel.yaml", "xarray", "zlib"}, conda); diff != "" {
		t.Errorf("conda packages (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"egg", "foo-bar", "named", "ruamel-yaml"}, pip); diff != "" {
		t.Errorf("PyPI packages (-want +got):\n%s", diff)
	}
}
