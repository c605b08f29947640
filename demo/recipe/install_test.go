package recipe

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

// install puts packages below root+prefix as a conda installer would, with plain copies:
// enough to run what is in them, and nothing of corn, whose own linking is tested against
// these packages elsewhere.
func install(t *testing.T, root, prefix string, pkgs []channeltest.Package) {
	t.Helper()
	python := ""
	for _, p := range pkgs {
		if p.Name == "python" {
			python = strings.Join(strings.Split(p.Version, ".")[:2], ".")
		}
	}
	for _, p := range pkgs {
		for _, f := range p.Files {
			to := f.Path
			if p.Noarch == "python" {
				if rest, ok := strings.CutPrefix(to, "site-packages/"); ok {
					to = "lib/python" + python + "/site-packages/" + rest
				}
				if rest, ok := strings.CutPrefix(to, "python-scripts/"); ok {
					to = "bin/" + rest
				}
			}
			to = filepath.Join(root, prefix, to)
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Lstat(to); err == nil {
				t.Errorf("%s of %s is there already", f.Path, p.Name)
			}
			if f.Link != "" {
				if err := os.Symlink(f.Link, to); err != nil {
					t.Fatal(err)
				}
				continue
			}
			data, err := content(f)
			if err != nil {
				t.Fatal(err)
			}
			data = bytes.ReplaceAll(data, []byte(p.Placeholder), []byte(prefix))
			if err := os.WriteFile(to, data, os.FileMode(f.Mode)); err != nil {
				t.Fatal(err)
			}
		}
		for _, e := range p.EntryPoints {
			name, target, _ := strings.Cut(e, " = ")
			module, function, _ := strings.Cut(target, ":")
			text := fmt.Sprintf("#!%s/bin/python\nimport sys\nfrom %s import %s\nsys.exit(%s())\n",
				prefix, module, strings.Split(function, ".")[0], function)
			if err := os.WriteFile(filepath.Join(root, prefix, "bin", name), []byte(text), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
}
