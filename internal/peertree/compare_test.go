package peertree

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const meta = "conda-meta/a-1-0.json"

// sampleRecord is a conda-meta record as micromamba lays it out.
func sampleRecord(t *testing.T, machine string) []byte {
	t.Helper()
	sum := strings.Repeat("a1", 32)
	text := `{"build": "0", "depends": ["python", "b >=1"], "extracted_package_dir": "` + machine + `/a-1-0",
 "files": ["bin/a", "lib/l", "share/x", "lib/__pycache__/m.cpython-313.pyc"], "fn": "a-1-0.conda",
 "link": {"source": "` + machine + `/a-1-0", "type": 1}, "md5": "0f", "name": "a",
 "package_tarball_full_path": "` + machine + `/a-1-0.conda",
 "paths_data": {"paths": [
  {"_path": "bin/a", "path_type": "hardlink", "sha256": "` + sum + `", "sha256_in_prefix": "` + sha("a") + `", "size_in_bytes": 1},
  {"_path": "lib/l", "path_type": "softlink", "sha256_in_prefix": "` + sumOfNothing + `", "size_in_bytes": 1},
  {"_path": "share/x", "no_link": true, "path_type": "hardlink", "sha256": "` + sha("x") + `", "sha256_in_prefix": "` + sha("x") + `", "size_in_bytes": 1},
  {"_path": "lib/__pycache__/m.cpython-313.pyc", "path_type": "pyc_file"}], "paths_version": 1},
 "sha256": "` + sum + `", "size": 10, "version": "1"}`
	return must[[]byte](t)(canonicalJSON([]byte(text)))
}

func sha(data string) string { return fileNode(0, data).SHA256 }

func fileNode(mode uint32, data string) *Node {
	n := &Node{Type: 'f', Mode: mode, Size: int64(len(data))}
	n.SHA256 = fmt.Sprintf("%x", sha256.Sum256([]byte(data)))
	return n
}

// sample is an environment on one side of a comparison.
func sample(t *testing.T, machine string) *Tree {
	t.Helper()
	head := make([]byte, pycHead)
	copy(head, "\xf3\x0d\r\n")
	binary.LittleEndian.PutUint32(head[8:], 1000)
	binary.LittleEndian.PutUint32(head[12:], 3)
	pyc := fileNode(0o644, "bytecode")
	pyc.Head = head
	source := fileNode(0o644, "m=1")
	source.ModTime = 1000
	tree := &Tree{
		Nodes: map[string]*Node{
			"bin": {Type: 'd', Mode: 0o755}, "lib": {Type: 'd', Mode: 0o755}, "share": {Type: 'd', Mode: 0o755},
			"lib/__pycache__": {Type: 'd', Mode: 0o755}, "conda-meta": {Type: 'd', Mode: 0o755}, "empty": {Type: 'd', Mode: 0o755},
			"bin/a": fileNode(0o755, "a"), "lib/l": {Type: 'l', Target: "m 100%.py"}, "share/x": fileNode(0o600, "x"),
			"lib/m.py": source, "lib/__pycache__/m.cpython-313.pyc": pyc,
			meta: fileNode(0o644, "record"), "conda-meta/history": fileNode(0o644, "history"),
		},
		Meta: map[string][]byte{
			meta:                 sampleRecord(t, machine),
			"conda-meta/history": []byte("==> 2026-01-31 12:34:56 <==\n# cmd: micromamba create\n# conda version: 3.8.0\n+https://x/y::a-1-0\n"),
		},
	}
	return tree
}

// peerAndCorn are two environments that differ as they always do, and in nothing else.
func peerAndCorn(t *testing.T) (*Recording, *Tree) {
	t.Helper()
	peer := must[*Recording](t)(NewRecording(sample(t, "/cache"), nil))
	corn := sample(t, "/opt/corn/pkgs")
	corn.Meta["conda-meta/history"] = []byte("==> 1980-01-02 00:00:00 <==\n# cmd: corn build\n# conda version: 3.8.0\n+https://x/y::a-1-0\n")
	return peer, corn
}

// What is as it should be has no difference that nothing allows.
func TestCompareEqual(t *testing.T) {
	peer, corn := peerAndCorn(t)
	diffs := must[[]Difference](t)(Compare(peer, corn, Options{CacheTag: "cpython-313"}))
	judge(t, diffs)
	if len(diffs) != 5 {
		t.Errorf("%d differences, want three fields and two lines of history: %v", len(diffs), diffs)
	}
}

// Every kind of difference is found. Each row changes one thing in the image.
func TestCompareFinds(t *testing.T) {
	edit := func(old, with string) func(*Tree) {
		return func(c *Tree) {
			data := bytes.Replace(c.Meta[meta], []byte(old), []byte(with), 1)
			if bytes.Equal(data, c.Meta[meta]) {
				panic("nothing to replace: " + old)
			}
			c.Meta[meta] = data
		}
	}
	for _, row := range []struct {
		name   string
		change func(c *Tree)
		path   string
		what   string
		rule   string // "": must not be allowed
	}{
		{"a file is missing", func(c *Tree) { delete(c.Nodes, "share/x") }, "share/x", isMissing, ""},
		{"an empty folder is missing", func(c *Tree) { delete(c.Nodes, "empty") }, "empty", isMissing, ""},
		{"a file too many", func(c *Tree) { c.Nodes["share/y"] = fileNode(0o644, "y") }, "share/y", isExtra, ""},
		{"a link too many", func(c *Tree) { c.Nodes["bin/y"] = &Node{Type: 'l', Target: "a"} }, "bin/y", isExtra, ""},
		{"the launcher", func(c *Tree) { c.Nodes["libexec/corn/activate"] = fileNode(0o755, "#!") }, "libexec/corn/activate", isExtra, "kernels"},
		{"a file in place of a link", func(c *Tree) { c.Nodes["lib/l"] = fileNode(0o644, "m=1") }, "lib/l", isType, ""},
		{"a link in place of a file", func(c *Tree) { c.Nodes["share/x"] = &Node{Type: 'l', Target: "../none"} }, "share/x", isType, ""},
		{"another target", func(c *Tree) { c.Nodes["lib/l"].Target = "m.py" }, "lib/l", isTarget, ""},
		{"other bytes", func(c *Tree) { c.Nodes["bin/a"] = fileNode(0o755, "b") }, "bin/a", isBytes, ""},
		{"a file that may not be executed", func(c *Tree) { c.Nodes["bin/a"].Mode = 0o644 }, "bin/a", isMode, ""},
		{"a copy that may be read by all", func(c *Tree) { c.Nodes["share/x"].Mode = 0o644 }, "share/x", isMode, ""},
		{"the same in the store", func(c *Tree) { c.Nodes["share/x"].Mode, c.Nodes["share/x"].Stored = 0o644, true }, "share/x", isMode, "store-mode"},
		{"the store's has other bits", func(c *Tree) { c.Nodes["bin/a"].Mode, c.Nodes["bin/a"].Stored = 0o775, true }, "bin/a", isMode, ""},
		{"a folder's mode", func(c *Tree) { c.Nodes["lib"].Mode = 0o700 }, "lib", isMode, ""},
		{"history lacks a package", func(c *Tree) { c.Meta["conda-meta/history"] = c.Meta["conda-meta/history"][:80] }, "conda-meta/history", isHistory, ""},
		{"the record is missing", func(c *Tree) { delete(c.Nodes, meta); delete(c.Meta, meta) }, meta, isMissing, ""},
		{"a dependency", edit("b >=1", "b >=2"), meta, isField + "depends", ""},
		{"a key too many", edit(`"build": "0"`, "\"arch\": null,\n    \"build\": \"0\""), meta, isField + "names", ""},
		{"a key's place", edit("\"build\": \"0\",\n", ""), meta, isField + "names", ""},
		{"another layout", edit("    \"build\"", "  \"build\""), meta, isLayout, ""},
		{"a line end at the end", func(c *Tree) { c.Meta[meta] = append(c.Meta[meta], '\n') }, meta, isLayout, ""},
		{"the folder of packages", edit(`"extracted_package_dir": "/opt/corn/pkgs`, `"extracted_package_dir": "/opt`), meta, isField + "extracted_package_dir", ""},
		{"files in another order", edit("\"bin/a\",\n        \"lib/l\"", "\"lib/l\",\n        \"bin/a\""), meta, isField + "files", ""},
		{"a file's sum in the prefix", edit(sha("a"), sha("b")), meta, isEntry + "bin/a", ""},
		{"a file's sum in the package", edit("a1a1", "b1b1"), meta, isEntry + "bin/a", ""},
		{"a link's sum", edit(sumOfNothing, sha("m=1")), meta, isEntry + "lib/l", ""},
		{"a flag", edit(`"no_link": true`, `"no_link": false`), meta, isEntry + "share/x", ""},
		{"bytecode of another time", func(c *Tree) { c.Nodes["lib/m.py"].ModTime++ }, "lib/__pycache__/m.cpython-313.pyc", isHeader, ""},
		{"bytecode of another size", func(c *Tree) { c.Nodes["lib/m.py"].Size++ }, "lib/__pycache__/m.cpython-313.pyc", isHeader, ""},
		{"bytecode cut off", func(c *Tree) {
			n := c.Nodes["lib/__pycache__/m.cpython-313.pyc"]
			n.Head = n.Head[:7]
		}, "lib/__pycache__/m.cpython-313.pyc", isHeader, ""},
		{"bytecode that micromamba compiled is missing", func(c *Tree) { delete(c.Nodes, "lib/__pycache__/m.cpython-313.pyc") }, "lib/__pycache__/m.cpython-313.pyc", isMissing, ""},
		{"bytecode that no record lists", func(c *Tree) { c.Nodes["lib/__pycache__/n.cpython-313.pyc"] = fileNode(0o644, "") }, "lib/__pycache__/n.cpython-313.pyc", isExtra, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			peer, corn := peerAndCorn(t)
			row.change(corn)
			diffs := must[[]Difference](t)(Compare(peer, corn, Options{CacheTag: "cpython-313"}))
			for i := range diffs {
				d, rule := &diffs[i], ""
				if d.Rule != nil {
					rule = d.Rule.Name
				}
				if d.Path == row.path && d.What == row.what && rule == row.rule {
					return
				}
			}
			t.Errorf("want %s: %s, allowed by %q; got %v", row.path, row.what, row.rule, diffs)
		})
	}
}

// A record's place of a path counts, beside what its entry says.
func TestCompareOrder(t *testing.T) {
	peer, corn := peerAndCorn(t)
	paths := peer.Records[meta].Paths
	paths[0], paths[1] = paths[1], paths[0]
	diffs := must[[]Difference](t)(Compare(peer, corn, Options{}))
	found := false
	for _, d := range diffs {
		found = found || d.What == isOrder && d.Rule == nil
	}
	if !found {
		t.Errorf("not found: %v", diffs)
	}
}

// What is written is read again.
func TestRecordingRoundTrip(t *testing.T) {
	peer, _ := peerAndCorn(t)
	peer.Tool, peer.Date, peer.Inputs, peer.Prefix = "micromamba 2.8.1", "2026-01-31", "sha256:0", "/srv/conda/envs/a"
	peer.Nodes["odd\nname %0A.txt"] = &Node{Type: 'f', Mode: 0o4755, Size: 3, SHA256: strings.Repeat("0", sumDigits)}
	name := filepath.Join(t.TempDir(), "a.zst")
	if err := peer.Save(name); err != nil {
		t.Fatal(err)
	}
	again := must[*Recording](t)(Load(name))
	for _, r := range []*Recording{peer, again} {
		for p, n := range r.Nodes { // what only an image tells is not recorded
			n.Head, n.ModTime = nil, 0
			if n.Type == 'l' || n.Type == 'd' || keepsData(p) {
				n.Size = 0
			}
		}
	}
	if diff := cmp.Diff(peer, again); diff != "" {
		t.Errorf("written and read (-want +got):\n%s", diff)
	}
}

func TestReadRefuses(t *testing.T) {
	for _, row := range []struct{ why, text string }{
		{"another format", "corn peertree 2\n"},
		{"an unknown header", recordingFormat + "\ncolour red\n"},
		{"a short line", recordingFormat + "\n= tree\n0644 f 1 path\n"},
		{"a mode that is none", recordingFormat + "\n= tree\nrw-r f 1 00 path\n"},
		{"a size that is none", recordingFormat + "\n= tree\n0644 f one 00 path\n"},
		{"an unknown section", recordingFormat + "\n= colours\nred\n"},
		{"an unknown line", recordingFormat + "\n= record a\ncolour red\n"},
		{"a short entry", recordingFormat + "\n= record a\npath hardlink = path\n"},
	} {
		if _, err := Read(strings.NewReader(row.text)); err == nil {
			t.Errorf("%s: read without an error", row.why)
		}
	}
}

// A key in a path's entry that is not compared would hide a difference.
func TestParseRecordRefusesUnknownKeys(t *testing.T) {
	data := bytes.Replace(sampleRecord(t, "/"), []byte(`"no_link": true`), []byte(`"inode_paths": []`), 1)
	if _, err := ParseRecord(data, nil, Archive{}); err == nil || !strings.Contains(err.Error(), "inode_paths") {
		t.Errorf("%v, want an error that names inode_paths", err)
	}
}

// Each rule stands in the document, word for word.
func TestRulesAreDocumented(t *testing.T) {
	doc := string(must[[]byte](t)(os.ReadFile(filepath.Join("..", "..", "docs", "design", "link.md"))))
	seen := map[string]bool{}
	for _, r := range Rules {
		if seen[r.Name] || r.Name == "" || r.Why == "" {
			t.Errorf("rule %q: a name and a reason of its own are wanted", r.Name)
		}
		seen[r.Name] = true
		if !strings.Contains(doc, "| "+r.Doc) {
			t.Errorf("rule %s: docs/design/link.md has no row that begins with %q", r.Name, r.Doc)
		}
	}
	// And the other way round: what the worlds need is used by them.
	used := ""
	for _, name := range must[[]string](t)(filepath.Glob("testdata/*.differences")) {
		used += string(must[[]byte](t)(os.ReadFile(name)))
	}
	for _, r := range Rules {
		if r.Rare && !strings.Contains("\n"+used, "\n"+r.Name+": ") {
			t.Errorf("rule %s is for rare packages, and no world needs it", r.Name)
		}
	}
}

// Recordings stay small: they are in the repository.
func TestRecordingsAreSmall(t *testing.T) {
	var total int64
	for _, name := range must[[]string](t)(filepath.Glob("testdata/*.zst")) {
		total += must[os.FileInfo](t)(os.Stat(name)).Size()
		r := must[*Recording](t)(Load(name))
		if r.Tool == "" || r.Date == "" || r.Inputs == "" || r.Prefix != Prefix(strings.TrimSuffix(path.Base(filepath.ToSlash(name)), ".txt.zst")) {
			t.Errorf("%s: head of tool %q, date %q, inputs %q, prefix %q", name, r.Tool, r.Date, r.Inputs, r.Prefix)
		}
	}
	if total > 3<<20 {
		t.Errorf("%d bytes of recordings, want at most 3 MB", total)
	}
}
