package rattler_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/nasa-openscapes/corn/bench/rattler"
)

// TestSolve installs the package, so it needs node, npm and a registry; CORN_RATTLER names the folder.
func TestSolve(t *testing.T) {
	dir := os.Getenv("CORN_RATTLER")
	if dir == "" {
		t.Skip("set CORN_RATTLER to a folder that @conda-org/rattler may be installed in")
	}
	s, err := rattler.Setup(t.Context(), dir)
	if errors.Is(err, rattler.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if err := rattler.VirtualChannel(filepath.Join(root, "virtual"), []string{"__glibc=2.36", "__archspec=1=x86_64_v3"}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.FileServer(http.Dir(root)))
	defer server.Close()
	req := rattler.Request{Specs: []string{"__archspec", "__glibc >=2.17"}, Channels: []string{server.URL + "/virtual/"}, Platforms: []string{"linux-64", "noarch"}}
	a, err := s.Solve(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]rattler.Package{}
	for _, p := range a.Packages {
		got[p.Name] = p
	}
	if want := (rattler.Package{Name: "__archspec", Version: "1", Build: "x86_64_v3"}); a.Unsolvable != "" || got["__archspec"] != want || got["__glibc"].Build != "0" {
		t.Errorf("Solve: %+v, want __archspec and __glibc", a)
	}
	req.Specs = []string{"__glibc >=3"}
	if a, err = s.Solve(t.Context(), req); err != nil || a.Unsolvable == "" {
		t.Errorf("Solve of what is not there: %+v, %v, want a reason", a, err)
	}
}
