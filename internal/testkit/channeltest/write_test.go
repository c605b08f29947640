package channeltest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const toolWorld = `
-- tool-1.2-h1_3.conda --
depends: python >=3.11
constrains: other <2
license: MIT
run_export: tool >=1.2
-- tool-1.2-h1_3.tar.bz2 --
-- tool-1.2-h1_3/bin/tool mode=0755 --
#!@PREFIX@/bin/python
print("hello")
-- tool-1.2-h1_3/bin/t link=tool --
-- tool-1.2-h1_3/bin/again hardlink=bin/tool --
-- tool-1.2-h1_3/lib/tool.so mode=0755 escape nolink --
\x7fELF\x00@PREFIX@/lib:@PREFIX@/share\x00
-- tool-1.2-h1_3/share/empty dir --
-- tool-1.2-h1_3/share/secret mode=0600 mtime=1000000000 nosoftlink --
secret
-- tool-1.2-h1_3/share/dangling link=../nowhere --
`

func parseWorld(t *testing.T, world string) []Archive {
	t.Helper()
	archives, err := FromTxtar([]byte(world))
	if err != nil {
		t.Fatal(err)
	}
	return archives
}

// run runs a tool of the system and returns its stdout.
func run(t *testing.T, stdin []byte, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed", name)
	}
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C")
	cmd.Stdin = bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, &stderr)
	}
	return string(out)
}

func TestWriteIsReadByOtherTools(t *testing.T) {
	dir := t.TempDir()
	archives := parseWorld(t, toolWorld)
	if _, err := Publish(dir, archives); err != nil {
		t.Fatal(err)
	}
	conda := filepath.Join(dir, Platform, "tool-1.2-h1_3.conda")
	run(t, nil, "unzip", "-tqq", conda)
	wantNames := "metadata.json\npkg-tool-1.2-h1_3.tar.zst\ninfo-tool-1.2-h1_3.tar.zst\n"
	if diff := cmp.Diff(wantNames, run(t, nil, "unzip", "-Z1", conda)); diff != "" {
		t.Errorf("members of the zip (-want +got):\n%s", diff)
	}
	tar := func(member string) []byte {
		packed := run(t, nil, "unzip", "-p", conda, member)
		return []byte(run(t, []byte(packed), "zstd", "-dcq"))
	}
	pkg := tar("pkg-tool-1.2-h1_3.tar.zst")
	want := `-rwxr-xr-x 0/0             284 2024-01-02 03:04:05 bin/tool
lrwxrwxrwx 0/0               0 2024-01-02 03:04:05 bin/t -> tool
-rwxr-xr-x 0/0             528 2024-01-02 03:04:05 lib/tool.so
lrwxrwxrwx 0/0               0 2024-01-02 03:04:05 share/dangling -> ../nowhere
drwxr-xr-x 0/0               0 2024-01-02 03:04:05 share/empty/
-rw------- 0/0               7 2001-09-09 01:46:40 share/secret
hrw-r--r-- 0/0               0 2024-01-02 03:04:05 bin/again link to bin/tool
`
	if diff := cmp.Diff(sortLines(want), sortLines(run(t, pkg, "tar", "-tv", "--full-time", "-f", "-"))); diff != "" {
		t.Errorf("payload (-want +got):\n%s", diff)
	}
	info := tar("info-tool-1.2-h1_3.tar.zst")
	wantInfo := "info/about.json\ninfo/files\ninfo/has_prefix\ninfo/hash_input.json\ninfo/index.json\n" +
		"info/no_link\ninfo/no_softlink\ninfo/paths.json\ninfo/run_exports.json\n"
	if diff := cmp.Diff(wantInfo, run(t, info, "tar", "-tf", "-")); diff != "" {
		t.Errorf("info (-want +got):\n%s", diff)
	}

	// The older format holds the same, info first.
	bz := filepath.Join(dir, Platform, "tool-1.2-h1_3.tar.bz2")
	plain := []byte(run(t, nil, "bzip2", "-dc", bz))
	names := run(t, plain, "tar", "-tf", "-")
	if want := wantInfo + run(t, pkg, "tar", "-tf", "-"); names != want {
		t.Errorf(".tar.bz2 holds\n%s\nwant\n%s", names, want)
	}
	for _, name := range []string{"info/index.json", "info/paths.json", "bin/tool"} {
		got := run(t, plain, "tar", "-xOf", "-", name)
		from := pkg
		if strings.HasPrefix(name, "info/") {
			from = info
		}
		if want := run(t, from, "tar", "-xOf", "-", name); got != want {
			t.Errorf("%s differs between the formats", name)
		}
	}
}

func sortLines(s string) []string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	for i := range lines {
		lines[i] = strings.Join(strings.Fields(lines[i]), " ")
	}
	// Archive order is by path, hard links last; order is compared elsewhere.
	slices.Sort(lines)
	return lines
}

func TestInfo(t *testing.T) {
	if len(DefaultPlaceholder) != 255 {
		t.Errorf("the placeholder has %d characters, want 255", len(DefaultPlaceholder))
	}
	p := parseWorld(t, toolWorld)[0].Package
	members, err := p.members()
	if err != nil {
		t.Fatal(err)
	}
	files, _, err := p.info(members)
	if err != nil {
		t.Fatal(err)
	}
	var paths struct {
		Version int         `json:"paths_version"`
		Paths   []pathEntry `json:"paths"`
	}
	if err := json.Unmarshal(files["paths.json"], &paths); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range paths.Paths {
		size, sum := int64(-1), "-"
		if e.SizeBytes != nil {
			size, sum = *e.SizeBytes, e.SHA256[:8]
		}
		got = append(got, fmt.Sprintf("%s %s %s %d %s no_link=%t", e.Path, e.PathType, sum, size, e.FileMode, e.NoLink))
		if (e.Placeholder != "") != (e.FileMode != "") {
			t.Errorf("%s: placeholder %q with file mode %q", e.Path, e.Placeholder, e.FileMode)
		}
	}
	exe := members[2].sha256[:8]
	want := []string{
		"bin/again hardlink " + exe + " 284 text no_link=false",
		"bin/t softlink " + exe + " 284  no_link=false",
		"bin/tool hardlink " + exe + " 284 text no_link=false",
		"lib/tool.so hardlink " + members[3].sha256[:8] + " 528 binary no_link=true",
		"share/dangling softlink e3b0c442 0  no_link=false",
		"share/empty directory - -1  no_link=false",
		"share/secret hardlink " + members[6].sha256[:8] + " 7  no_link=false",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("paths.json (-want +got):\n%s", diff)
	}
	ph := DefaultPlaceholder
	wantPrefix := ph + " text bin/again\n" + ph + " text bin/tool\n" + ph + " binary lib/tool.so\n"
	if diff := cmp.Diff(wantPrefix, string(files["has_prefix"])); diff != "" {
		t.Errorf("has_prefix (-want +got):\n%s", diff)
	}
	wantIndex := `{
  "arch": "x86_64",
  "build": "h1_3",
  "build_number": 3,
  "constrains": [
    "other <2"
  ],
  "depends": [
    "python >=3.11"
  ],
  "license": "MIT",
  "name": "tool",
  "platform": "linux",
  "subdir": "linux-64",
  "timestamp": 1704164645000,
  "version": "1.2"
}`
	if diff := cmp.Diff(wantIndex, string(files["index.json"])); diff != "" {
		t.Errorf("index.json (-want +got):\n%s", diff)
	}

	p.OldStyle = true
	p.Info = map[string][]byte{"index.json": []byte("lies"), "about.json": nil, "extra": []byte("x")}
	if files, _, err = p.info(members); err != nil {
		t.Fatal(err)
	}
	if files["paths.json"] != nil || files["about.json"] != nil || string(files["index.json"]) != "lies" || string(files["extra"]) != "x" {
		t.Errorf("old style with overrides has files %v", files)
	}
}

func TestNoarchLinkJSON(t *testing.T) {
	for _, tt := range []struct{ header, want string }{
		{"noarch: python\nentry_point: a = b:c", `{"noarch":{"entry_points":["a = b:c"],"type":"python"},"package_metadata_version":1}`},
		{"noarch: generic", `{"noarch":{"type":"generic"},"package_metadata_version":1}`},
		{"", ""},
	} {
		p := parseWorld(t, "-- a-1-0.conda --\n"+tt.header+"\n")[0].Package
		files, _, err := p.info(nil)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if data := files["link.json"]; data != nil {
			if err := json.Compact(&got, data); err != nil {
				t.Fatal(err)
			}
		}
		if got.String() != tt.want {
			t.Errorf("link.json for %q = %s, want %s", tt.header, got.String(), tt.want)
		}
	}
}

// A file on disk and the same bytes in memory make the same archive, under any
// umask of the day and whatever the file's own mode and time are.
func TestWriteDependsOnContentAlone(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	copy(big[len(big)/2:], DefaultPlaceholder)
	src := filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(src, big, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, f := range []Format{Conda, TarBz2} {
		var first Record
		for i, file := range []File{{Path: "big", Data: big}, {Path: "big", Src: src}, {Path: "big", Src: src}} {
			p := Package{Name: "big", Version: "1", Build: "0", TimestampMillis: worldMillis, Placeholder: DefaultPlaceholder, Files: []File{file}}
			rec, err := p.Write(t.TempDir(), f)
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				first = rec
			} else if diff := cmp.Diff(first, rec); diff != "" {
				t.Errorf("%s, write %d (-first +this):\n%s", f.Ext(), i, diff)
			}
		}
	}
}

// The placeholder is found wherever the reads happen to be cut.
func TestFinderSeams(t *testing.T) {
	needle := "needle"
	text := "abc" + needle + "def"
	for chunk := 1; chunk <= len(text); chunk++ {
		f := finder{needle: []byte(needle)}
		for rest := text; rest != ""; {
			n := min(chunk, len(rest))
			f.Write([]byte(rest[:n]))
			rest = rest[n:]
		}
		if !f.found {
			t.Errorf("chunks of %d: not found", chunk)
		}
	}
	f := finder{needle: []byte(needle)}
	for range 3 {
		f.Write([]byte("needl"))
	}
	if f.found {
		t.Error("found in needlneedlneedl")
	}
}

func TestWorldErrors(t *testing.T) {
	for _, tt := range []struct{ world, want string }{
		{"-- a-1.conda --\n", "want name-version-build"},
		{"-- a-1-0/x --\n", "no package"},
		{"-- a-1-0.conda --\ncolour: red\n", `unknown key "colour"`},
		{"-- a-1-0.conda --\ntimestamp: now\n", "timestamp"},
		{"-- a-1-0.conda --\n-- a-1-0/x mode=9 --\n", `attribute "mode=9"`},
		{"-- a-1-0.conda --\n-- a-1-0/x shiny --\n", `attribute "shiny": unknown`},
		{"-- a-1-0.conda --\n-- a-1-0/x escape --\n\\q\n", "escape at"},
	} {
		if _, err := FromTxtar([]byte(tt.world)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("FromTxtar(%q) error = %v, want one with %q", tt.world, err, tt.want)
		}
	}
}
