package synthetic

import "github.com/nasa-openscapes/corn/internal/testkit/channeltest"

// binaries are packages whose prefix, or whose place, is part of a program.
func binaries() []channeltest.Package {
	// One C string with three placeholders, one with none, one that ends with the
	// placeholder, and a last one that no NUL ends.
	table := withPrefix("\x7fDAT\x00@PREFIX@/lib:@PREFIX@/lib64:@PREFIX@/share\x00plain\x00@PREFIX@\x00tail=@PREFIX@/tail")
	return []channeltest.Package{
		{
			Name: "binprefix", Version: "1.0", Build: "h1_0",
			Summary: "a program and data with the prefix inside, as text and as binary",
			Files: []channeltest.File{
				{Path: "bin/binprefix", Mode: 0o755, Data: staticELF(
					withPrefix("lib=@PREFIX@/lib:share=@PREFIX@/share/binprefix\n"), withPrefix("@PREFIX@/etc"), "no prefix here")},
				{Path: "lib/binprefix/table.bin", Data: []byte(table)},
				text("share/binprefix/config.ini", "[paths]\nlib = @PREFIX@/lib\nboth = @PREFIX@/a:@PREFIX@/b\n"),
				text("share/binprefix/utf8.txt", "préfixe «@PREFIX@» – Präfix „@PREFIX@/ß“\n"),
				{Path: "share/binprefix/latin1.txt", Data: []byte(withPrefix("pr\xe9fixe @PREFIX@/lib\n"))},
				text("share/odd names/with space.txt", "@PREFIX@/share/odd names\n"),
				text("share/odd names/naïve.txt", "no prefix\n"),
			},
		},
		{
			Name: "origin-tool", Version: "1.0", Build: "h1_0",
			Depends: []string{"__glibc >=2.17"},
			Summary: "an executable below libexec that finds its library through $ORIGIN",
			Files: []channeltest.File{
				{Path: "libexec/origin-tool/hello", Mode: 0o755, Data: dynamicELF("liborigin.so.1", "$ORIGIN/../../lib/origin-tool", "origin_text")},
				{Path: "lib/origin-tool/liborigin.so.1.0", Mode: 0o755, Data: sharedLibrary("liborigin.so.1", "origin_text", "found through $ORIGIN\n")},
				{Path: "lib/origin-tool/liborigin.so.1", Link: "liborigin.so.1.0"},
				{Path: "bin/origin-tool", Link: "../libexec/origin-tool/hello"},
			},
		},
	}
}
