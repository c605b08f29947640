package kerneltest

import (
	"errors"
	"io/fs"
	"path"
	"slices"

	"github.com/nasa-openscapes/corn/digest"
)

// Sum is a hash over the files that the notebooks and tests of an environment's kernels can
// see, and over its rules: what decides, beside the image, how they end. Folders without any count as nothing.
func (p *Project) Sum(env string) (digest.SHA256, error) {
	key := digest.NewKey("project-tests")
	p.Rules.addTo(key)
	dirs := slices.Clone(p.Shared)
	if dir, ok := p.Dirs[env]; ok {
		dirs = append(dirs, dir)
	}
	for _, dir := range dirs {
		s, err := p.suite(dir, func(name, _ string) (notebook, test bool) { return true, path.Dir(name) != "." && path.Ext(name) != "" })
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return digest.SHA256{}, err
		}
		if len(s.notebooks)+len(s.tests) == 0 {
			continue
		}
		for _, name := range s.files {
			data, err := fs.ReadFile(p.FS, path.Join(dir, name))
			if err != nil {
				return digest.SHA256{}, err
			}
			key.Str("file", path.Join(dir, name)).Sum("data", digest.Sum(data))
		}
	}
	return key.Key(), nil
}
