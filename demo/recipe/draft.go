package recipe

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/demo/deb"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

// Placeholder stands in files for the prefix: 255 bytes, as conda-build's is.
var Placeholder = func() string {
	s := "/opt/demo/build/croot/_h_env"
	for len(s) < 255 {
		s += "_placehold"
	}
	return s[:255]
}()

// A draft is a package in the making.
type draft struct {
	recipe *Recipe
	works  *works
	pins   map[string]deb.Pin // by package
	tree   map[string]channeltest.File
	own    map[string]bool // paths of tree that come from Debs
	files  map[string]channeltest.File
	python []channeltest.File // of Standalone
	pip    []channeltest.File // of Pip
	pkg    channeltest.Package
	// requires are MatchSpecs that the metadata asked for.
	requires []string
	dists    []dist // the Python distributions in the package
}

// convert puts the files of tree in their places below the prefix.
func (d *draft) convert() error {
	from := map[string]string{}
	for _, p := range sortedKeys(d.tree) {
		if !d.own[p] || matchAny(d.recipe.Drop, p) || matchAny(needless, p) && !matchAny(d.recipe.Keep, p) {
			continue
		}
		to := d.recipe.prefixPath(p)
		if to == "" {
			return fmt.Errorf("%s has no place below a prefix; drop it", p)
		}
		f := d.tree[p]
		if f.Link != "" {
			if err := d.link(p, to); err != nil {
				return err
			}
			continue
		}
		if err := d.place(f, p, to, from); err != nil {
			return err
		}
	}
	return nil
}

// place adds a file; where two meet, they have to be the same.
func (d *draft) place(f channeltest.File, p, to string, from map[string]string) error {
	if old, there := d.files[to]; there {
		if same, err := sameContent(old, f); err != nil || same {
			return err
		}
		return fmt.Errorf("%s and %s differ and both become %s", from[to], p, to)
	}
	from[to] = p
	f.Path = to
	if f.Mode&0o111 != 0 {
		f.Mode = 0o755
	} else {
		f.Mode = 0o644
	}
	d.files[to] = f
	return nil
}

// link adds the link at Debian's path p as to: relative where its target is in the
// package, else as a copy of what it leads to.
func (d *draft) link(p, to string) error {
	target := d.follow(p)
	if d.own[target] || d.ownFolder(target) {
		at := d.recipe.prefixPath(target)
		outside := d.recipe.Kind == pure && inSitePackages(to) != inSitePackages(at)
		if !matchAny(d.recipe.Drop, target) && at != "" && !outside {
			if at == to {
				return nil // two names in Debian's tree, one below the prefix
			}
			d.files[to] = channeltest.File{Path: to, Link: relative(path.Dir(to), at), ModTime: d.tree[p].ModTime}
			return nil
		}
	}
	if err := d.copyOf(target, to, 8); err != nil {
		return fmt.Errorf("link %s: %w", p, err)
	}
	return nil
}

// copyOf places what is at target, a file or a folder, as to. Links in a folder become
// copies too, as deep as depth.
func (d *draft) copyOf(target, to string, depth int) error {
	if f, ok := d.tree[target]; ok {
		return d.place(f, target, to, map[string]string{})
	}
	found := false
	for _, q := range sortedKeys(d.tree) {
		rest, ok := strings.CutPrefix(q, target+"/")
		if !ok {
			continue
		}
		found = true
		if depth == 0 {
			return fmt.Errorf("%s holds links too deep", target)
		}
		if err := d.copyOf(d.follow(q), to+"/"+rest, depth-1); err != nil {
			return err
		}
	}
	if !found {
		return fmt.Errorf("%s is in no deb at hand", target)
	}
	return nil
}

// follow gives where the link at p leads in Debian's tree, links on the way included.
func (d *draft) follow(p string) string {
	for range 40 {
		f, ok := d.tree[p]
		if !ok || f.Link == "" {
			break
		}
		if path.IsAbs(f.Link) {
			p = deb.Merged(f.Link)
		} else {
			p = deb.Merged(path.Join(path.Dir(p), f.Link))
		}
	}
	return p
}

func (d *draft) ownFolder(p string) bool {
	for q := range d.own {
		if strings.HasPrefix(q, p+"/") {
			return true
		}
	}
	return false
}

func inSitePackages(p string) bool { return strings.HasPrefix(p, "site-packages/") }

// relative is the path of to as seen from the folder from.
func relative(from, to string) string {
	a, b := strings.Split(path.Clean(from), "/"), strings.Split(path.Clean(to), "/")
	if from == "." || from == "" {
		a = nil
	}
	n := 0
	for n < len(a) && n < len(b)-1 && a[n] == b[n] {
		n++
	}
	return strings.Repeat("../", len(a)-n) + strings.Join(b[n:], "/")
}

func sameContent(a, b channeltest.File) (bool, error) {
	if a.Link != "" || b.Link != "" {
		return a.Link == b.Link, nil
	}
	x, err := content(a)
	if err != nil {
		return false, err
	}
	y, err := content(b)
	return bytes.Equal(x, y), err
}

func content(f channeltest.File) ([]byte, error) {
	if f.Src == "" {
		return f.Data, nil
	}
	return os.ReadFile(f.Src)
}

// set makes the content of the file at p, which is new or keeps mode and time.
func (d *draft) set(p string, data []byte) error {
	f, ok := d.files[p]
	if !ok {
		f = channeltest.File{Path: p, Mode: 0o644}
	}
	src, err := d.works.keep(data)
	f.Src, f.Data = src, nil
	d.files[p] = f
	return err
}

// edit changes the file at p, which has to be there and has to change.
func (d *draft) edit(p string, change func(string) string) error {
	f, ok := d.files[p]
	if !ok {
		return fmt.Errorf("edit %s: the package has no such file", p)
	}
	old, err := content(f)
	if err != nil {
		return err
	}
	text := change(string(old))
	if text == string(old) {
		return fmt.Errorf("edit %s: nothing changed, so the file is not what the recipe was written for", p)
	}
	return d.set(p, []byte(text))
}

// replace is the change of an edit: pairs of old and new text, each of which has to occur.
func (d *draft) replace(p string, pairs ...string) error {
	var missing error
	err := d.edit(p, func(s string) string {
		for i := 0; i < len(pairs); i += 2 {
			if !strings.Contains(s, pairs[i]) {
				missing = fmt.Errorf("edit %s: no %q in it", p, pairs[i])
			}
			s = strings.ReplaceAll(s, pairs[i], pairs[i+1])
		}
		return s
	})
	return errors.Join(missing, err)
}

func (d *draft) symlink(p, to string) { d.files[p] = channeltest.File{Path: p, Link: to} }

// works is the folder of contents that conversion made, named by their digest.
type works struct{ dir string }

func (w *works) keep(data []byte) (string, error) {
	sum := sha256.Sum256(data)
	name := filepath.Join(w.dir, hex.EncodeToString(sum[:]))
	if _, err := os.Stat(name); err == nil {
		return name, nil
	}
	tmp, err := os.CreateTemp(w.dir, ".keep-")
	if err != nil {
		return "", err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err := errors.Join(err, tmp.Close()); err != nil {
		return "", err
	}
	return name, os.Rename(tmp.Name(), name)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
