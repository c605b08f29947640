// Package rattler runs the solver of rattler, as its project publishes it on npm: compiled to WebAssembly, for Node.
//
// That is the same solver as in pixi. The package knows no cache and no virtual packages: each run fetches and
// parses the index, and the facts of the target come from a channel beside the others (VirtualChannel).
package rattler

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

//go:embed package.json package-lock.json solve.cjs
var files embed.FS

// ErrMissing is returned where there is no Node, or no npm to install the package with.
var ErrMissing = errors.New("rattler: needs node and npm")

// A Solver is the package, installed.
type Solver struct {
	dir, node string
	Version   string // of the package
}

// Setup installs the package into dir with npm, in the version that package-lock.json pins; where that is
// there already, it does nothing.
func Setup(ctx context.Context, dir string) (*Solver, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMissing, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("set rattler up: %w", err)
	}
	for _, name := range []string{"package.json", "package-lock.json", "solve.cjs"} {
		data, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return nil, fmt.Errorf("set rattler up: %w", err)
		}
	}
	s := &Solver{dir: dir, node: node}
	want, err := pinned()
	if err != nil {
		return nil, err
	}
	if s.Version = installed(dir); s.Version == want {
		return s, nil
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMissing, err)
	}
	cmd := exec.CommandContext(ctx, npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("install @conda-org/rattler %s: %w: %s", want, err, bytes.TrimSpace(out))
	}
	if s.Version = installed(dir); s.Version != want {
		return nil, fmt.Errorf("install @conda-org/rattler: got version %q, want %s", s.Version, want)
	}
	return s, nil
}

// pinned is the version in package.json.
func pinned() (string, error) {
	data, err := files.ReadFile("package.json")
	if err != nil {
		return "", err
	}
	var doc struct{ Dependencies map[string]string }
	if err := json.Unmarshal(data, &doc); err != nil {
		return "", fmt.Errorf("read package.json: %w", err)
	}
	return doc.Dependencies["@conda-org/rattler"], nil
}

// installed is the version that dir has; empty: none.
func installed(dir string) string {
	data, err := os.ReadFile(filepath.Join(dir, "node_modules", "@conda-org", "rattler", "package.json"))
	var doc struct{ Version string }
	if err != nil || json.Unmarshal(data, &doc) != nil {
		return ""
	}
	return doc.Version
}

// A Request is what to solve.
type Request struct {
	Specs     []string `json:"specs"`
	Channels  []string `json:"channels"` // base URLs
	Platforms []string `json:"platforms"`
}

// A Package is one that was chosen.
type Package struct{ Name, Version, Build string }

// An Answer is what came out of a run of node.
type Answer struct {
	Packages   []Package
	Unsolvable string        // why there is no answer
	Wall       time.Duration // of the process: its start, fetching and parsing the index, the search
}

// Solve runs node once.
func (s *Solver) Solve(ctx context.Context, r Request) (*Answer, error) {
	in, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, s.node, filepath.Join(s.dir, "solve.cjs"))
	cmd.Stdin = bytes.NewReader(in)
	var said bytes.Buffer
	cmd.Stderr = &said
	start := time.Now()
	out, err := cmd.Output()
	a := &Answer{Wall: time.Since(start)}
	if err != nil {
		return nil, fmt.Errorf("run the rattler solver: %w: %s", err, strings.TrimSpace(said.String()))
	}
	if err := json.Unmarshal(out, a); err != nil {
		return nil, fmt.Errorf("read what the rattler solver found: %w", err)
	}
	return a, nil
}

// VirtualChannel writes a channel into dir whose only records are virtual packages ("__glibc=2.36").
func VirtualChannel(dir string, virtual []string) error {
	type rec struct {
		Name        string   `json:"name"`
		Version     string   `json:"version"`
		Build       string   `json:"build"`
		BuildNumber int      `json:"build_number"`
		Depends     []string `json:"depends"`
		Subdir      string   `json:"subdir"`
	}
	all := map[string]rec{}
	for _, v := range virtual {
		f := append(strings.SplitN(v, "=", 3), "0", "0")
		if strings.Count(v, "=") == 1 {
			f[2] = "0"
		}
		all[f[0]+"-"+f[1]+"-"+f[2]+".conda"] = rec{Name: f[0], Version: f[1], Build: f[2], Depends: []string{}, Subdir: "noarch"}
	}
	for subdir, records := range map[string]map[string]rec{"noarch": all, "linux-64": {}} {
		data, err := json.Marshal(map[string]any{"info": map[string]string{"subdir": subdir}, "packages": map[string]rec{}, "packages.conda": records})
		if err != nil {
			return err
		}
		at := filepath.Join(dir, subdir)
		if err := os.MkdirAll(at, 0o755); err != nil {
			return fmt.Errorf("make a channel of virtual packages: %w", err)
		}
		if err := os.WriteFile(filepath.Join(at, "repodata.json"), data, 0o644); err != nil {
			return fmt.Errorf("make a channel of virtual packages: %w", err)
		}
	}
	return nil
}
