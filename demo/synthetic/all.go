package synthetic

import (
	"strings"

	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

// builtMillis is the clock of all packages: 2025-03-04T05:06:07Z.
const builtMillis = 1741064767000

// builtUnix is builtMillis in seconds, the time of every file that has no own.
const builtUnix = builtMillis / 1000

// prefix is the build prefix inside the packages.
var prefix = channeltest.DefaultPlaceholder

// All returns the synthetic packages, by name, version and build. The caller
// owns the result.
func All() []channeltest.Package {
	var all []channeltest.Package
	for _, group := range [][]channeltest.Package{
		activation(), binaries(), bytecode(), links(), metadata(), python(), scripts(),
	} {
		all = append(all, group...)
	}
	for i := range all {
		p := &all[i]
		p.TimestampMillis += builtMillis
		if p.License == "" {
			p.License = "CC0-1.0"
		}
		if p.Placeholder == "" {
			p.Placeholder = prefix
		}
	}
	return all
}

// bz2Too names the packages that are published as .tar.bz2 besides .conda.
var bz2Too = map[string]bool{
	"binprefix": true, "hardlinks": true, "linkmodes": true, "noarch-tool": true, "pycdemo": true, "softlinks": true,
}

// Archives returns the packages with the formats they are published in: .conda
// for most, .tar.bz2 alone for those of the old style, both for several.
func Archives() []channeltest.Archive {
	var archives []channeltest.Archive
	all := All()
	for i := range all {
		p := &all[i]
		if !p.OldStyle {
			archives = append(archives, channeltest.Archive{Package: p, Format: channeltest.Conda})
		}
		if p.OldStyle || bz2Too[p.Name] {
			archives = append(archives, channeltest.Archive{Package: p, Format: channeltest.TarBz2})
		}
	}
	return archives
}

// text is a file of lines; @PREFIX@ stands for the build prefix.
func text(path, content string) channeltest.File {
	return channeltest.File{Path: path, Data: []byte(withPrefix(content))}
}

// script is text with mode 0755.
func script(path, content string) channeltest.File {
	f := text(path, content)
	f.Mode = 0o755
	return f
}

func withPrefix(s string) string { return strings.ReplaceAll(s, "@PREFIX@", prefix) }
