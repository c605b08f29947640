package e2e

import (
	"encoding/json"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/internal/testkit/projecttest"
)

// syft lists the packages of every environment as their locks do, and each Python distribution
// once: those of the store, for the links to them are the same file.
func TestSyftCountsPackages(t *testing.T) {
	s := need(t)
	syft := os.Getenv("CORN_SYFT")
	if syft == "" {
		t.Skip("set CORN_SYFT to the file of a syft")
	}
	img := must[*image](t)(s.hackweek())
	layout := filepath.Join(t.TempDir(), "layout")
	must[*built](t)(s.cornBuild(within(t, 5*time.Minute), img.Dir, "-o", "oci:"+layout))
	var found struct {
		Artifacts []struct {
			Type, Name, Version string
			Locations           []struct{ Path string }
		}
	}
	out := must[string](t)(command(within(t, 5*time.Minute), syft, "scan", "--quiet", "oci-dir:"+layout,
		"--override-default-catalogers", "conda,python", "--output", "json"))
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		t.Fatal(err)
	}
	conda, python := map[string]map[string]string{}, map[string]int{}
	for _, a := range found.Artifacts {
		for _, l := range a.Locations {
			if dir, name := path.Split(l.Path); a.Type == "conda" && strings.HasSuffix(dir, "/conda-meta/") && strings.HasSuffix(name, ".json") {
				env := path.Base(path.Dir(path.Clean(dir)))
				if conda[env] == nil {
					conda[env] = map[string]string{}
				}
				conda[env][a.Name] = a.Version
			}
		}
		if a.Type == "python" {
			python[a.Name+" "+a.Version]++
		}
	}
	for _, env := range append([]string{"notebook"}, environments(img)...) {
		folder := env
		if env == "notebook" {
			folder = "ci"
		}
		if diff := cmp.Diff(img.versions(t, folder), conda[env]); diff != "" {
			t.Errorf("conda packages of %s (-lock +syft):\n%s", env, diff)
		}
	}

	opened, err := projecttest.OpenImage("oci:" + layout)
	if err != nil {
		t.Fatal(err)
	}
	distributions := map[string]bool{} // folders of metadata that are no links: the store's, and copies in environments
	for p, n := range must[tree](t)(layersTree(opened)) {
		if dir := path.Dir(p); n.Kind == 'f' && (path.Base(p) == "METADATA" && strings.HasSuffix(dir, ".dist-info") ||
			path.Base(p) == "PKG-INFO" && strings.HasSuffix(dir, ".egg-info")) {
			distributions[dir] = true
		}
	}
	sum := 0
	for _, n := range python {
		sum += n
	}
	if sum != len(distributions) {
		t.Errorf("syft counts %d Python distributions, the image has the metadata of %d: %v", sum, len(distributions),
			slices.Sorted(maps.Keys(distributions)))
	}
}

// environments are those that corn says it made kernels of, each once.
func environments(img *image) []string {
	var names []string
	seen := map[string]bool{}
	for _, k := range img.Kernels {
		if !seen[k.Environment] {
			seen[k.Environment] = true
			names = append(names, k.Environment)
		}
	}
	return names
}
