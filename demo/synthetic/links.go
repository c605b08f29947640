package synthetic

import "github.com/nasa-openscapes/corn/internal/testkit/channeltest"

// links are packages whose files are links, must not become links, or meet.
func links() []channeltest.Package {
	return []channeltest.Package{
		{
			Name: "softlinks-target", Version: "1.0", Build: "h1_0",
			Summary: "what softlinks points into",
			Files: []channeltest.File{
				text("share/softlinks-target/data.txt", "from another package\n"),
				text("share/softlinks-target/folder/inner.txt", "inner\n"),
			},
		},
		{
			Name: "softlinks", Version: "1.0", Build: "h1_0",
			Depends: []string{"softlinks-target"},
			Summary: "symbolic links of every kind",
			Files: []channeltest.File{
				text("share/softlinks/real.txt", "real\n"),
				{Path: "share/softlinks/beside", Link: "real.txt"},
				{Path: "share/softlinks/chain", Link: "beside"},
				{Path: "share/softlinks/deep/up", Link: "../real.txt"},
				{Path: "share/softlinks/into-other-package", Link: "../softlinks-target/data.txt"},
				{Path: "share/softlinks/to-folder", Link: "../softlinks-target/folder"},
				{Path: "share/softlinks/absolute", Link: withPrefix("@PREFIX@/share/softlinks/real.txt")},
				{Path: "share/softlinks/dangling", Link: "nothing-here"},
				{Path: "share/softlinks/out-of-prefix", Link: "/etc/hostname"},
			},
		},
		{
			Name: "linkmodes", Version: "1.0", Build: "h1_0",
			Summary: "files listed in no_link and no_softlink",
			Files: []channeltest.File{
				{Path: "share/linkmodes/copied.txt", Data: []byte("never a link\n"), NoLink: true},
				{Path: "share/linkmodes/hard.txt", Data: []byte("never a symbolic link\n"), NoSoftlink: true},
				{Path: "share/linkmodes/neither.txt", Data: []byte("neither\n"), NoLink: true, NoSoftlink: true},
				text("share/linkmodes/plain.txt", "a link is fine\n"),
			},
		},
		{
			Name: "hardlinks", Version: "1.0", Build: "h1_0",
			Summary: "hard links inside the archive, with and without the prefix",
			Files: []channeltest.File{
				script("bin/hardlinks", "#!/bin/sh\necho hardlinks in @PREFIX@\n"),
				{Path: "bin/hardlinks-2", Mode: 0o755, HardLink: "bin/hardlinks"},
				text("share/hardlinks/one.txt", "one inode\n"),
				{Path: "share/hardlinks/sub/two.txt", HardLink: "share/hardlinks/one.txt"},
			},
		},
		{
			Name: "clobber-a", Version: "1.0", Build: "h1_0",
			Summary: "brings paths that clobber-b brings too",
			Files: []channeltest.File{
				text("share/clobber/both.txt", "a\n"),
				text("share/clobber/same.txt", "same\n"),
				text("share/clobber/only-a.txt", "a\n"),
				{Path: "share/clobber/kind", Link: "only-a.txt"},
			},
		},
		{
			Name: "clobber-b", Version: "1.0", Build: "h1_0",
			Summary: "brings paths that clobber-a brings too",
			Files: []channeltest.File{
				text("share/clobber/both.txt", "b, and longer\n"),
				text("share/clobber/same.txt", "same\n"),
				text("share/clobber/only-b.txt", "b\n"),
				text("share/clobber/kind", "a file here, a link in clobber-a\n"),
			},
		},
		{
			Name: "secretfile", Version: "1.0", Build: "h1_0",
			Summary: "modes that are not 0644 or 0755",
			Files: []channeltest.File{
				{Path: "share/secretfile/token", Mode: 0o600, Data: []byte("token\n")},
				{Path: "share/secretfile/readonly", Mode: 0o444, Data: []byte("read only\n")},
				{Path: "share/secretfile/group", Mode: 0o664, Data: []byte("group\n")},
				{Path: "bin/secretfile", Mode: 0o700, Data: []byte("#!/bin/sh\ncat \"$(dirname \"$0\")/../share/secretfile/token\"\n")},
				{Path: "bin/secretfile-setuid", Mode: 0o4755, Data: []byte("#!/bin/sh\nid -u\n")},
			},
		},
	}
}
