package depcheck

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"strings"
	"testing"
)

const module = "github.com/nasa-openscapes/corn"

// tiers gives each package below the module its tier; a pattern ending in "/..." covers
// a folder and what is below it. The first match counts.
var tiers = []struct {
	pattern string
	tier    int
}{
	{"digest", 0}, {"sat", 0}, {"conda/version", 0}, {"pypi/pep440", 0},
	{"filetree", 1}, {"cache", 1},
	{"artifact", 2}, {"transport", 2}, {"yamltree", 2},
	{"conda", 2}, {"conda/matchspec", 2}, {"conda/record", 2}, {"conda/repodata", 2}, {"conda/virtual", 2},
	{"conda/environment", 2}, {"conda/archive", 2},
	{"pypi", 2}, {"pypi/pep508", 2}, {"pypi/requirements", 2}, {"pypi/tags", 2}, {"pypi/wheel", 2}, {"store", 2},
	{"conda/channel", 3}, {"conda/solve", 3}, {"conda/link", 3},
	{"pypi/simple", 3}, {"pypi/resolve", 3}, {"lock", 3},
	{"oci/...", tierImage},
	{"internal/...", tierApp}, {"cmd/...", tierApp}, {"demo/...", tierApp}, {"bench/...", tierApp}, {"e2e/...", tierApp},
}

const (
	tierImage = 10
	tierApp   = 20
)

type pkg struct {
	ImportPath string
	Imports    []string
	GoFiles    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,GoFiles", module+"/...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("decode go list: %v", err)
		}
		if len(p.GoFiles) > 0 {
			all = append(all, p)
		}
	}
}

func tierOf(t *testing.T, rel string) int {
	t.Helper()
	for _, row := range tiers {
		prefix, whole := strings.CutSuffix(row.pattern, "/...")
		if rel == prefix || whole && strings.HasPrefix(rel, prefix+"/") {
			return row.tier
		}
	}
	t.Errorf("package %s is in no tier: add it to the table here and in docs/ARCHITECTURE.md", rel)
	return tierApp
}

func TestImportsFollowTheTiers(t *testing.T) {
	for _, p := range packages(t) {
		rel := strings.TrimPrefix(p.ImportPath, module+"/")
		tier := tierOf(t, rel)
		for _, imp := range p.Imports {
			if reason := forbidden(t, rel, tier, imp); reason != "" {
				t.Errorf("%s imports %s: %s", rel, imp, reason)
			}
		}
	}
}

// forbidden gives the reason why the package rel of the given tier may not import imp,
// or "".
func forbidden(t *testing.T, rel string, tier int, imp string) string {
	if imp == "path/filepath" && slashPathsOnly(rel) {
		return "paths inside packages and images are slash paths; use package path"
	}
	if strings.HasPrefix(imp, "github.com/google/go-containerregistry") && !mayUseRegistry(rel) {
		return "go-containerregistry belongs to oci/layer and internal/image, and to what is not shipped"
	}
	other, ours := strings.CutPrefix(imp, module+"/")
	if !ours {
		return ""
	}
	ot := tierOf(t, other)
	switch {
	case tier == tierApp:
		if path.Dir(rel) == "internal" && path.Base(rel) == "cli" && !cliMayImport[other] {
			return "internal/cli turns flags into requests, and that is all"
		}
		if !unshipped(rel) && unshipped(other) {
			return "the program never needs its tests and its demo"
		}
		return ""
	case ot == tierApp:
		return "a library never needs the application"
	case tier == tierImage:
		if ot == tierImage || other == "digest" || other == "filetree" || other == "cache" {
			return ""
		}
		return "an image knows no package words"
	case tier == 3 && ot == 3:
		return "acts do not import one another"
	case tier == 1 && ot == 1, ot > tier:
		return "imports go to lower tiers"
	}
	return ""
}

var cliMayImport = map[string]bool{
	"internal/project": true, "internal/pipeline": true, "internal/hub": true,
	"internal/report": true, "internal/target": true,
}

func slashPathsOnly(rel string) bool {
	for _, root := range []string{"conda/", "pypi/", "oci/", "filetree", "store", "artifact", "lock"} {
		if strings.HasPrefix(rel, root) {
			return rel != "conda/channel" && rel != "pypi/simple"
		}
	}
	return false
}

func mayUseRegistry(rel string) bool {
	return rel == "oci/layer" || rel == "internal/image" || unshipped(rel)
}

// unshipped tells whether a package is no part of the program: it serves tests, the demo or
// measurements.
func unshipped(rel string) bool {
	for _, root := range []string{"internal/testkit", "internal/peertree", "demo", "bench", "e2e"} {
		if rel == root || strings.HasPrefix(rel, root+"/") {
			return true
		}
	}
	return false
}

func TestTableNamesTiersInOrder(t *testing.T) {
	for _, c := range []struct {
		rel, imp, why string
		ok            bool
	}{
		{"conda/archive", "conda/link", "formats come before acts", false},
		{"conda/link", "conda/archive", "acts read formats", true},
		{"oci/plan", "artifact", "images know no packages", false},
		{"oci/layer", "oci/frame", "", true},
		{"lock", "conda/link", "acts do not meet", false},
		{"internal/cli", "oci/plan", "the command line goes through pipeline", false},
		{"internal/pipeline", "oci/plan", "", true},
		{"internal/image", "internal/testkit/layertest", "the program needs no test kit", false},
		{"demo", "internal/testkit/channeltest", "the demo serves a channel", true},
		{"store", "artifact", "formats may know one another", true},
		{"store", "internal/report", "a library never needs the application", false},
		{"bench", "internal/pipeline", "", true},
		{"digest", "filetree", "the lowest tier imports nothing", false},
	} {
		got := forbidden(t, c.rel, tierOf(t, c.rel), module+"/"+c.imp) == ""
		if got != c.ok {
			t.Errorf("%s importing %s allowed = %v, want %v (%s)", c.rel, c.imp, got, c.ok, c.why)
		}
	}
}
