package archive_test

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/conda/archive"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
)

const conformance = "../../../shared/data/conformance/"

// TestConformance opens every package of the recorded suites and compares with what installing
// it alone has to give. noarch paths are compared before they are moved.
func TestConformance(t *testing.T) {
	dir := conformance + "link/packages/"
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Skipf("no conformance data: %v", err)
	}
	all := map[string]*artifact.Facts{}
	for _, e := range entries {
		b, err := os.ReadFile(dir + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		f := facts(t, b, e.Name())
		all[e.Name()] = f
		_, data, err := walked(context.Background(), open(t, b, e.Name(), archive.Options{}))
		if err != nil {
			t.Errorf("Walk(%s): %v", e.Name(), err)
		}
		for _, m := range f.Members {
			if m.Type == filetree.File && digest.Sum([]byte(data[m.Path])) != m.SHA256 {
				t.Errorf("%s: %s: Walk and Facts differ", e.Name(), m.Path)
			}
		}
	}
	if len(all) < 30 {
		t.Errorf("%d packages, want at least 30", len(all))
	}
	file, err := os.Open(conformance + "link.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cases := 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var c struct {
			Kind     string
			Packages []string
			Files    map[string]string `json:"expect_files"`
			Links    map[string]string `json:"expect_symlinks"`
		}
		// Other kinds have other shapes.
		if json.Unmarshal(lines.Bytes(), &c) != nil || c.Kind != "install" || len(c.Packages) != 1 {
			continue
		}
		f := all[c.Packages[0]]
		if f == nil {
			t.Errorf("%s is not there", c.Packages[0])
			continue
		}
		cases++
		got, links := map[string]string{}, map[string]string{}
		for _, m := range f.Members {
			p := m.Path
			if f.Noarch == "python" && strings.HasPrefix(p, "site-packages/") {
				p = path.Join("lib/python3.11", p)
			}
			if m.Type == filetree.Symlink {
				links[p] = m.Link
			} else {
				got[p] = m.SHA256.String()
			}
		}
		if d := cmp.Diff(c.Files, got); d != "" {
			t.Errorf("%s: files (-want +got)\n%s", c.Packages[0], d)
		}
		for p, want := range c.Links {
			if links[p] != want {
				t.Errorf("%s: %s -> %q, want %q", c.Packages[0], p, links[p], want)
			}
		}
	}
	if cases < 15 {
		t.Errorf("%d install cases, want at least 15", cases)
	}
}
