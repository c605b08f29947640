package synthetic

import (
	"strings"

	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

// scripts are packages with scripts that look at how they were started.
func scripts() []channeltest.Package {
	// Long enough to pass 127 bytes under any prefix. Installers then write
	// "/usr/bin/env longshebang-sh", so that name is in bin too.
	deep := "libexec/longshebang/" + strings.Repeat("a-long-folder-name/", 6) + "longshebang-sh"
	interp := "#!/bin/sh\nLONGSHEBANG=started exec /bin/sh \"$@\"\n"
	return []channeltest.Package{
		{
			Name: "realpath-tool", Version: "1.0", Build: "0", Noarch: "generic",
			Summary: "a script that finds its data through its own real path",
			Files: []channeltest.File{
				script("bin/realpath-tool", `#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
cat "$here/realpath-tool.data" "$here/../share/realpath-tool/data.txt"
`),
				text("bin/realpath-tool.data", "beside the script\n"),
				text("share/realpath-tool/data.txt", "below share\n"),
			},
		},
		{
			Name: "longshebang", Version: "1.0", Build: "h1_0",
			Summary: "a script whose first line grows over 127 bytes",
			Files: []channeltest.File{
				script(deep, interp),
				script("bin/longshebang-sh", interp),
				script("bin/longshebang", "#!@PREFIX@/"+deep+"\necho \"longshebang $LONGSHEBANG\"\n"),
				script("bin/longshebang-args", "#!@PREFIX@/"+deep+" -e\necho \"longshebang-args $LONGSHEBANG\"\n"),
				script("bin/longshebang-spaces", "#! @PREFIX@/bin/longshebang-sh -e\necho \"longshebang-spaces $LONGSHEBANG\"\n"),
			},
		},
	}
}
