package link

import (
	"path"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/store"
)

// PycPath is where Python looks for the bytecode of a source: PEP 3147's
// __pycache__/<stem>.<cache tag>.pyc, and beside the source for Python 2.
func (p *Python) PycPath(source string) string {
	if strings.HasPrefix(p.Short, "2.") {
		return source + "c"
	}
	stem := strings.TrimSuffix(path.Base(source), path.Ext(source))
	return path.Join(path.Dir(source), "__pycache__", stem+"."+p.CacheTag+".pyc")
}

// imports tells whether Python would import a file from there: a .py below the standard
// library or site-packages. Control characters in names are for nobody (micromamba
// leaves those out too).
func (p *Python) imports(file string) bool {
	return strings.HasSuffix(file, ".py") &&
		(strings.HasPrefix(file, "lib/python"+p.Short+p.thread()+"/") || strings.HasPrefix(file, p.SitePackages+"/")) &&
		!strings.ContainsFunc(file, func(r rune) bool { return r < 0x20 || r == 0x7f })
}

// missingPyc lists the bytecode that the files of a package lack, in the order of files.
func (p *Python) missingPyc(files []string) []string {
	have := make(map[string]bool, len(files))
	for _, f := range files {
		have[f] = true
	}
	var out []string
	for _, f := range files {
		if pyc := p.PycPath(f); p.imports(f) && !have[pyc] {
			out = append(out, pyc)
		}
	}
	return out
}

// bytecode decides what is compiled: bytecode that is missing, was stale in the archive,
// or belongs to a source that is rewritten. Shipped bytecode that is valid with the
// source's time in the image stays as it is.
func (l *linker) bytecode() {
	py := l.env.Python
	if py == nil || py.PyPy || l.env.ShippedPyc {
		return
	}
	var add []store.Item
	for i := range l.items {
		if !py.imports(l.items[i].Path) {
			continue
		}
		src := l.source(i)
		if src == nil {
			continue
		}
		p := py.PycPath(l.items[i].Path)
		it := store.Item{
			Path: p, Type: filetree.File, Pyc: &store.Pyc{Source: src.Path},
			Mode: pycMode(src.Mode), ModTime: filetree.Epoch1980,
		}
		switch j, shipped := l.at[p]; {
		case !shipped:
			add = append(add, it)
		case l.items[j].Type == filetree.File && !l.valid(src, &l.items[j]):
			add = append(add, it)
			l.items[j].Type = 0 // replaced; dropped below
		}
	}
	l.items = slices.DeleteFunc(l.items, func(it store.Item) bool { return it.Type == 0 })
	l.items = append(l.items, add...) // in the order of their sources, as micromamba lists them
}

// source returns the file that holds the source: the item itself, or where its link
// leads within the package. Python looks at the target's time, too.
func (l *linker) source(i int) *store.Item {
	it := &l.items[i]
	for hops := 0; it.Type == filetree.Symlink && hops < 8; hops++ {
		j, ok := l.at[path.Join(path.Dir(it.Path), it.Link)]
		if !ok || strings.HasPrefix(it.Link, "/") {
			return nil
		}
		it = &l.items[j]
	}
	if it.Type != filetree.File {
		return nil
	}
	return it
}

// valid tells whether Python takes shipped bytecode for the source as it is in the image.
func (l *linker) valid(src, pyc *store.Item) bool {
	m := l.members[pyc.Member]
	if m == nil || src.Prefix != nil || pyc.Prefix != nil || src.Generated {
		return false
	}
	py := l.env.Python
	if py.Magic != 0 && m.PycMagic != py.Magic {
		return false
	}
	switch {
	case strings.HasPrefix(py.Short, "2."):
		return true // its header stands elsewhere: nothing but the magic number is known
	case m.Traits&artifact.PycHash != 0:
		return true // made from this source, or the package was broken when it was built
	case m.Traits&artifact.PycTimestamp != 0:
		return m.PycTime == uint32(src.ModTime) && m.PycSize == uint32(src.SizeBytes)
	}
	return false
}

// pycMode is what importlib gives bytecode: the source's mode, writable for its owner,
// never executable, under the usual umask of 022.
func pycMode(source uint32) uint32 { return (source | 0o200) & 0o666 &^ 0o022 }
