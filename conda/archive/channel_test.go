package archive_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/conda/archive"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

// world is written by the test kit, which shares no code with this package's reader.
const world = `
-- tool-1.2-h1_0.conda --
depends: python >=3.11
license: MIT
timestamp: 1700000000000
run_export: tool >=1.2
-- tool-1.2-h1_0/bin/tool mode=0755 --
#!@PREFIX@/bin/python
print("@PREFIX@/share")
-- tool-1.2-h1_0/bin/hard hardlink=bin/tool --
-- tool-1.2-h1_0/lib/blob escape nonl --
\x00@PREFIX@/lib\x00\x00@PREFIX@:@PREFIX@/x\x00
-- tool-1.2-h1_0/lib/link link=blob --
-- tool-1.2-h1_0/etc/private mode=0600 nolink mtime=1600000000 --
secret
-- tool-1.2-h1_0/etc/soft nosoftlink --
text
-- tool-1.2-h1_0/var/empty dir --
-- noarch-2-pyh_1.conda --
noarch: python
entry_point: nn = nn.cli:main
-- noarch-2-pyh_1/site-packages/nn/cli.py --
def main(): pass
`

const wantWorld = `noarch-2-pyh_1 noarch "python" eps [nn = nn.cli:main]
file 0644 17 site-packages/nn/cli.py
tool-1.2-h1_0 noarch "" eps []
file 0755 540 bin/tool t[2 276] #!PH/bin/python
file 0600 7 etc/private nolink
file 0644 5 etc/soft nosoft
file 0644 776 lib/blob b[1 262 518]
symlink lib/link -> blob
dir 0755 0 var/empty
file 0755 540 bin/hard t[2 276] #!PH/bin/python
`

// TestChannel: one golden text for .conda and .tar.bz2, with paths.json and without.
func TestChannel(t *testing.T) {
	archives, err := channeltest.FromTxtar([]byte(world))
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []channeltest.Format{channeltest.Conda, channeltest.TarBz2} {
		for _, old := range []bool{false, true} {
			var got []string
			for _, a := range archives {
				dir := t.TempDir()
				a.Package.OldStyle = old
				rec, err := a.Package.Write(dir, format)
				if err != nil {
					t.Fatal(err)
				}
				b, err := os.ReadFile(dir + "/" + rec.FileName)
				if err != nil {
					t.Fatal(err)
				}
				o := archive.Options{TempDir: dir}
				f := factsOf(t, open(t, b, rec.FileName, o), b, rec.FileName)
				if f.SHA256.String() != rec.SHA256 || f.MD5.String() != rec.MD5 || f.SizeBytes != rec.SizeBytes {
					t.Errorf("%s: digests are not those of the record", rec.FileName)
				}
				if f.Conda.HasPathsJSON == old {
					t.Errorf("%s: HasPathsJSON = %t", rec.FileName, f.Conda.HasPathsJSON)
				}
				got = append(got, brief(f))
				if _, _, err := walked(t.Context(), open(t, b, rec.FileName, o)); err != nil {
					t.Errorf("Walk(%s): %v", rec.FileName, err)
				}
			}
			if got[0] > got[1] {
				got[0], got[1] = got[1], got[0]
			}
			if d := cmp.Diff(wantWorld, strings.Join(got, "")); d != "" {
				t.Errorf("%s, old %t (-want +got)\n%s", format.Ext(), old, d)
			}
		}
	}
}

// brief is one line per member.
func brief(f *artifact.Facts) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s-%s-%s noarch %q eps %v\n", f.Name, f.Version, f.Build, f.Noarch, f.Conda.EntryPoints)
	for _, m := range f.Members {
		if m.Link != "" {
			fmt.Fprintf(&b, "%s %s -> %s\n", m.Type, m.Path, m.Link)
			continue
		}
		fmt.Fprintf(&b, "%s %04o %d %s", m.Type, m.Mode, m.SizeBytes, m.Path)
		if p := m.Prefix; p != nil {
			fmt.Fprintf(&b, " %.1s%v", p.Mode, p.Offsets)
			if p.Shebang != "" {
				b.WriteString(" " + strings.Replace(p.Shebang, p.Placeholder, "PH", 1))
			}
		}
		if m.NoLink {
			b.WriteString(" nolink")
		}
		if m.NoSoft {
			b.WriteString(" nosoft")
		}
		b.WriteString("\n")
	}
	return b.String()
}
