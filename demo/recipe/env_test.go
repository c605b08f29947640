package recipe

import (
	"context"
	"maps"
	"os"
	"testing"

	"github.com/nasa-openscapes/corn/demo/locks"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

// environments are what the packages are there for, by name.
var environments = map[string][]string{
	"notebook":   {"python 3.13.*", "jupyterlab 4.*", "jupyterhub-singleuser 5.*", "pip"},
	"team-a":     {"python 3.13.*", "ipykernel", "numpy 2.2.*", "pandas 2.2.*", "xarray 2025.3.*", "jupyter_kernel_test", "dask", "distributed", "pip"},
	"team-b":     {"python 3.11.*", "ipykernel", "numpy 1.24.*", "pandas 1.5.*", "xarray 2023.1.*", "dask 2022.12.*", "distributed", "jupyter_kernel_test", "pip"},
	"old":        {"python 3.11.*", "ipykernel 6.17.*", "xarray", "jupyter_server 1.*", "jinja2 3.1.2"},
	"plain-3.10": {"python 3.10.*", "pip"},
	"plain-3.14": {"python 3.14.*", "pip"},
	"r":          {"r-irkernel"},
	"xeus":       {"xeus-python", "numpy"},
}

// solve picks packages for specs as a solver would.
func solve(t *testing.T, pkgs []channeltest.Package, specs []string, glibc string) []channeltest.Package {
	t.Helper()
	var records []channeltest.Record
	byFile := map[string]channeltest.Package{}
	for _, p := range pkgs {
		file := p.Name + "-" + p.Version + "-" + p.Build + ".conda"
		byFile[file] = p
		records = append(records, channeltest.Record{Subdir: p.SubdirName(), FileName: file, Index: channeltest.Index{
			Name: p.Name, Version: p.Version, Build: p.Build, BuildNumber: p.BuildNumber, Depends: p.Depends,
			Constrains: p.Constrains, TimestampMillis: p.TimestampMillis, Noarch: p.Noarch,
		}})
	}
	ch, err := locks.NewChannel(records)
	if err != nil {
		t.Fatal(err)
	}
	virtual := maps.Clone(locks.DefaultVirtual)
	virtual["__glibc"] = glibc
	chosen, err := locks.Solve(ch, specs, virtual)
	if err != nil {
		t.Fatalf("solve %v: %v", specs, err)
	}
	var out []channeltest.Package
	for _, r := range chosen {
		out = append(out, byFile[r.FileName])
	}
	return out
}

func TestEnvironments(t *testing.T) {
	dir := cacheForTest(t)
	pkgs, err := Build(context.Background(), dir, Full(), 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range sortedKeys(environments) {
		chosen := solve(t, pkgs, environments[name], "2.41")
		root := os.Getenv("CORN_DEMO_ROOT")
		var list string
		for _, p := range chosen {
			list += " " + p.Name + "-" + p.Version
		}
		t.Logf("%s: %d packages:%s", name, len(chosen), list)
		if root != "" {
			prefix := "/opt/envs/" + name
			os.RemoveAll(root + prefix)
			install(t, root, prefix, chosen)
		}
	}
}
