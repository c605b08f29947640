package store

import (
	"path"
	"strings"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/filetree"
)

// A rule says that a file must be a real file in the env although its bytes are equal
// everywhere.
type rule struct {
	name   string
	reason string
	match  func(*Item) bool
}

// fileRules look at one file.
var fileRules = []rule{
	{"prefix", "its bytes hold the prefix", func(it *Item) bool { return it.Prefix != nil }},
	{"elf-executable", "the loader finds $ORIGIN of an executable through its real path", isELFExecutable},
	{"no-link", "the package says no_link or no_softlink", func(it *Item) bool { return it.NoLink }},
	{"linker-script", "ld resolves the relative names in it from its real path", isLinkerScript},
	{"web-asset", "starlette and aiohttp refuse a file whose real path leaves its folder", isWebAsset},
}

func isELFExecutable(it *Item) bool { return it.Traits&artifact.ELFExecutable != 0 }

func isLinkerScript(it *Item) bool { return it.Traits&artifact.LinkerScript != 0 }

// webAssets are the endings that web servers serve as static files.
var webAssets = map[string]bool{
	".html": true, ".js": true, ".mjs": true, ".css": true, ".map": true, ".json": true, ".svg": true, ".png": true,
	".ico": true, ".woff": true, ".woff2": true, ".wasm": true, ".ttf": true,
}

func isWebAsset(it *Item) bool {
	return strings.Contains("/"+it.Path, "/site-packages/") && webAssets[strings.ToLower(path.Ext(it.Path))]
}

// An artifactRule says that all files of an artifact must be real files.
type artifactRule struct {
	name   string
	reason string
	match  func(*artifact.Facts) bool
}

var artifactRules = []artifactRule{
	{"sysroot", "gcc finds crt files and headers from the sysroot's real path", isSysroot},
	{"jvm", "libjvm finds its home and its modules from its own real path", hasFile(func(base string) bool { return base == "libjvm.so" })},
	{"rustc", "rustc finds its sysroot from the real path of librustc_driver", hasFile(func(base string) bool {
		return strings.HasPrefix(base, "librustc_driver")
	})},
}

func isSysroot(f *artifact.Facts) bool {
	return f.Kind == artifact.Conda && strings.HasPrefix(f.Name, "sysroot_")
}

func hasFile(match func(base string) bool) func(*artifact.Facts) bool {
	return func(f *artifact.Facts) bool {
		for i := range f.Members {
			if f.Members[i].Type == filetree.File && match(path.Base(f.Members[i].Path)) {
				return true
			}
		}
		return false
	}
}

// A copier knows what is copied for one artifact in one env.
type copier struct {
	whole string // reason why all files are copied
	globs Globs
}

func newCopier(f *artifact.Facts, o PlaceOptions) (*copier, error) {
	globs, err := ParseGlobs(o.Copy)
	if err != nil {
		return nil, err
	}
	c := &copier{globs: globs}
	if o.Layout == Copies {
		c.whole = "layout: copies"
		return c, nil
	}
	for _, r := range artifactRules {
		if r.match(f) {
			c.whole = r.name
			break
		}
	}
	return c, nil
}

// reason names the rule that makes a file a real copy, or is empty where a link does.
func (c *copier) reason(it *Item) string {
	switch {
	case it.Generated:
		return "generated"
	case c.whole != "":
		return c.whole
	}
	for _, r := range fileRules {
		if r.match(it) {
			return r.name
		}
	}
	if c.globs.Match(it.Path) {
		return "copy"
	}
	return ""
}

// CopyReason names the rule that makes a file of an artifact a real file in an env:
// "prefix", "generated", "elf-executable", "no-link", "linker-script", "web-asset",
// "sysroot", "jvm", "rustc", "copy" or "layout: copies". It is empty where the env gets
// a link into the store. Only files have reasons; an invalid glob in o is a *GlobError.
func CopyReason(f *artifact.Facts, it *Item, o PlaceOptions) (string, error) {
	c, err := newCopier(f, o)
	if err != nil {
		return "", err
	}
	return c.reason(it), nil
}
