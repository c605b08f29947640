package archive_test

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/conda/archive"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
)

func factsOf(t testing.TB, a *archive.Archive, b []byte, name string) *artifact.Facts {
	t.Helper()
	f, err := a.Facts(t.Context())
	if err != nil {
		t.Fatalf("Facts(%s): %v", name, err)
	}
	return f
}

// ph is a placeholder as long as those of conda-build.
var ph = "/opt/build" + strings.Repeat("_placehold", 24) + "_end_"

// older makes info/ without paths.json.
func older(files, hasPrefix, noLink, noSoft string) []tm {
	return []tm{{name: "info/index.json", data: indexJSON}, {name: "info/files", data: files},
		{name: "info/has_prefix", data: hasPrefix}, {name: "info/no_link", data: noLink}, {name: "info/no_softlink", data: noSoft}}
}

// TestFactsOfBothLists: paths.json and the older files say the same, in both formats and
// wherever info/ stands.
func TestFactsOfBothLists(t *testing.T) {
	script := "#!" + ph + "/bin/python\nprint('" + ph + "')\n"
	payload := []tm{
		{name: "bin/tool", data: script, mode: 0o755},
		{name: "bin/hard", typ: tar.TypeLink, link: "bin/tool"},
		{name: "lib/with space.bin", data: "\x00" + ph + "/lib\x00" + strings.Repeat("x", 300000) + ph + "\x00"},
		{name: "lib/link", typ: tar.TypeSymlink, link: "with space.bin"},
		{name: "etc/plain", data: "nothing"},
		{name: "etc/unlisted", data: ph},
		{name: "etc/old", data: "/opt/anaconda1anaconda2anaconda3/x"},
	}
	paths := fmt.Sprintf(`{"paths_version":1,"paths":[
		{"_path":"bin/tool","path_type":"hardlink","file_mode":"text","prefix_placeholder":%[1]q},
		{"_path":"bin/hard","path_type":"hardlink","file_mode":"text","prefix_placeholder":%[1]q},
		{"_path":"lib/with space.bin","path_type":"hardlink","file_mode":"binary","prefix_placeholder":%[1]q},
		{"_path":"lib/link","path_type":"softlink"},
		{"_path":"etc/plain","path_type":"hardlink","no_link":true},
		{"_path":"etc/old","path_type":"hardlink","file_mode":"text","prefix_placeholder":"/opt/anaconda1anaconda2anaconda3"}]}`, ph)
	newer := []tm{{name: "info/index.json", data: indexJSON}, {name: "info/paths.json", data: paths}, {name: "info/no_softlink", data: "bin/tool\n"}}
	old := older("bin/tool\nbin/hard\r\nlib/with space.bin\n\n# a comment\nlib/link\netc/plain\netc/old\n",
		fmt.Sprintf("%[1]s text bin/tool\n%[1]s text bin/hard\n\"%[1]s\" 'binary' \"lib/with space.bin\"\netc/old\n%[1]s text gone\n", ph), "etc/plain\n", "bin/tool\n")
	var want []artifact.Member
	for i, info := range [][]tm{newer, old} {
		archives := map[string][]byte{
			condaName:         condaOf(t, info, payload),
			bz2Name:           bz2(t, makeTar(t, append(append([]tm{}, info...), payload...))),
			"last/" + bz2Name: bz2(t, makeTar(t, append(append([]tm{}, payload...), info...))),
			// The older lists first, paths.json last: the second reading corrects the first.
			"mixed/" + bz2Name: bz2(t, makeTar(t, append(append(append([]tm{}, info[:1]...), payload...), info[1:]...))),
		}
		for name, b := range archives {
			f := facts(t, b, base(name))
			if f.Conda.HasPathsJSON != (i == 0) {
				t.Errorf("%s: HasPathsJSON = %t", name, f.Conda.HasPathsJSON)
			}
			if f.SHA256 != digest.Sum(b) || f.MD5 != digest.SumMD5(b) || f.SizeBytes != int64(len(b)) {
				t.Errorf("%s: wrong digests or size of the archive", name)
			}
			if want == nil {
				want = f.Members
				checkUses(t, f, script)
			}
			if d := cmp.Diff(want, f.Members); d != "" {
				t.Errorf("%s of kind %d (-want +got)\n%s", name, i, d)
			}
		}
	}
}

func checkUses(t *testing.T, f *artifact.Facts, script string) {
	t.Helper()
	m := map[string]*artifact.Member{}
	for i := range f.Members {
		m[f.Members[i].Path] = &f.Members[i]
	}
	shebang := "#!" + ph + "/bin/python"
	for p, want := range map[string]*artifact.PrefixUse{
		"bin/tool":           {Placeholder: ph, Mode: artifact.Text, Offsets: []int64{2, int64(strings.LastIndex(script, ph))}, Shebang: shebang},
		"bin/hard":           {Placeholder: ph, Mode: artifact.Text, Offsets: []int64{2, int64(strings.LastIndex(script, ph))}, Shebang: shebang},
		"lib/with space.bin": {Placeholder: ph, Mode: artifact.Binary, Offsets: []int64{1, int64(1 + len(ph) + 5 + 300000)}},
		"etc/plain":          nil,
		"etc/old":            {Placeholder: "/opt/anaconda1anaconda2anaconda3", Mode: artifact.Text, Offsets: []int64{0}},
	} {
		if m[p] == nil {
			t.Errorf("%s is no member", p)
			continue
		}
		if d := cmp.Diff(want, m[p].Prefix); d != "" {
			t.Errorf("%s (-want +got)\n%s", p, d)
		}
	}
	if len(f.Members) != 6 || m["etc/unlisted"] != nil {
		t.Errorf("%d members, want the 6 listed ones", len(f.Members))
	}
	if !m["etc/plain"].NoLink || !m["bin/tool"].NoSoft || m["bin/hard"].NoSoft {
		t.Error("no_link and no_softlink are not where they were listed")
	}
	if h := m["bin/hard"]; h.HardLink != "bin/tool" || h.SHA256 != digest.Sum([]byte(script)) || h.Mode != 0o755 {
		t.Errorf("hard link: %+v", h)
	}
}

// elf makes an ELF-64 file whose program headers stand at off; the one before the last has type typ.
func elf(off, count int, typ uint32) string {
	b := make([]byte, max(off+56*count, 64))
	copy(b, "\x7fELF\x02\x01\x01")
	binary.LittleEndian.PutUint64(b[32:], uint64(off))
	binary.LittleEndian.PutUint16(b[54:], 56)
	binary.LittleEndian.PutUint16(b[56:], uint16(count))
	if count > 1 {
		binary.LittleEndian.PutUint32(b[off+56*(count-2):], typ)
	}
	return string(b)
}

// elf32 is the same for a big-endian 32-bit file.
func elf32(typ uint32) string {
	b := make([]byte, 52+32*2)
	copy(b, "\x7fELF\x01\x02\x01")
	binary.BigEndian.PutUint32(b[28:], 52)
	binary.BigEndian.PutUint16(b[42:], 32)
	binary.BigEndian.PutUint16(b[44:], 2)
	binary.BigEndian.PutUint32(b[52+32:], typ)
	return string(b)
}

func pyc(magic uint16, words ...uint32) string {
	b := binary.LittleEndian.AppendUint16(nil, magic)
	b = append(b, "\r\n"...)
	for _, w := range words {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return string(b) + "code"
}

func TestTraits(t *testing.T) {
	type want struct {
		traits     artifact.Traits
		time, size uint32
		magic      uint16
	}
	const exe, script = artifact.ELFExecutable, artifact.LinkerScript
	cases := []struct {
		path, data string
		want       want
		why        string
	}{
		{"bin/exe", elf(64, 9, 3), want{traits: exe}, "headers behind the file header, as linkers write them"},
		{"bin/far", elf(300001, 9, 3), want{traits: exe}, "patchelf moves the table to the end; odd offset, cut by a read"},
		{"bin/cut", elf(256<<10-57, 3, 3), want{traits: exe}, "the type itself is cut by a read"},
		{"bin/elf32", elf32(3), want{traits: exe}, "32 bit, big endian"},
		{"lib/lib.so", elf(64, 9, 1), want{}, "a library has no loader"},
		{"lib/one.so", elf(64, 1, 3), want{}, "type 0"},
		{"lib/short", "\x7fELF", want{}, "no whole header"},
		{"lib/zero", strings.Replace(elf(64, 9, 3), "\x38\x00\x09", "\x00\x00\x09", 1), want{}, "headers of no size"},
		{"lib/libc.so", "/* GNU ld script */\nGROUP ( /lib64/libc.so.6 )\n", want{traits: script}, ""},
		{"lib/libm.a", "GROUP ( libm-2.17.a )\n", want{traits: script}, ""},
		{"lib/real.a", "!<arch>\nx", want{}, "an archive of objects"},
		{"lib/thin.a", "!<thin>\nx", want{}, ""},
		{"lib/empty.so", "", want{}, ""},
		{"lib/macho.so", "\xcf\xfa\xed\xfe\x00", want{}, "no text"},
		{"lib/a.txt", "text", want{}, ""},
		{"c/a.pyc", pyc(3571, 0, 1700000000, 42), want{artifact.PycTimestamp, 1700000000, 42, 3571}, "3.13"},
		{"c/h.pyc", pyc(3571, 1, 1, 2), want{traits: artifact.PycHash, magic: 3571}, "unchecked hash"},
		{"c/c.pyc", pyc(3571, 3, 1, 2), want{traits: artifact.PycHash, magic: 3571}, "checked hash"},
		{"c/old.pyc", pyc(3379, 1500000000, 7), want{artifact.PycTimestamp, 1500000000, 7, 3379}, "3.6: 12 bytes of header"},
		{"c/two.pyc", pyc(62211, 1500000000), want{magic: 62211}, "2.7: no size"},
		{"c/cut.pyc", pyc(3571, 0)[:12], want{magic: 3571}, "cut off"},
		{"c/bad.pyc", "no bytecode at all", want{}, ""},
		{"c/a.py", pyc(3571, 0, 1, 2), want{}, "only .pyc are looked at"},
	}
	var members []tm
	for _, c := range cases {
		members = append(members, tm{name: c.path, data: c.data})
	}
	for i, m := range facts(t, condaOf(t, listing(members...), members), condaName).Members {
		c := cases[i]
		if got := (want{m.Traits, m.PycTime, m.PycSize, m.PycMagic}); got != c.want {
			t.Errorf("%s: %+v, want %+v (%s)", c.path, got, c.want, c.why)
		}
	}
}

func TestInfo(t *testing.T) {
	info := []tm{
		{name: "info/index.json", data: `{"name": "p", "version": "1", "build": "0", "noarch": "python", "python_site_packages_path": "lib/python3.13t/site-packages", "license": "A < B"}`},
		{name: "info/link.json", data: `{"noarch":{"type":"python","entry_points":["p = p.cli:main"]},"package_metadata_version":1}`},
		{name: "info/about.json", data: "{\n \"home\": \"h\"}"},
		{name: "info/run_exports.json", data: "no json"},
		{name: "info/files", data: "bin/.p-post-link.sh\nbin/.p-pre-unlink.sh\nbin/.q-post-link.sh\nScripts/.p-post-link.bat\nshare/jupyter/kernels/k/kernel.json\netc/conda/env_vars.d/p.json\netc/conda/env_vars.d/sub/p.json\netc/conda/env_vars.d/hard.json\n"},
		{name: "info/recipe/meta.yaml", data: strings.Repeat("x", 1<<20)},
	}
	members := []tm{
		{name: "bin/.p-post-link.sh", data: "1"}, {name: "bin/.p-pre-unlink.sh"}, {name: "bin/.q-post-link.sh"}, {name: "Scripts/.p-post-link.bat"},
		{name: "share/jupyter/kernels/k/kernel.json", data: "{}"}, {name: "etc/conda/env_vars.d/p.json", data: `{"A":"b"}`},
		{name: "etc/conda/env_vars.d/sub/p.json", data: "{}"},
		{name: "etc/conda/env_vars.d/hard.json", typ: tar.TypeLink, link: "bin/.p-post-link.sh"},
	}
	f := facts(t, condaOf(t, info, members), condaName)
	want := &artifact.CondaFacts{
		Index:                  []byte(`{"name":"p","version":"1","build":"0","noarch":"python","python_site_packages_path":"lib/python3.13t/site-packages","license":"A < B"}`),
		EntryPoints:            []string{"p = p.cli:main"},
		PythonSitePackagesPath: "lib/python3.13t/site-packages",
		LinkScripts:            []string{"bin/.p-post-link.sh", "bin/.p-pre-unlink.sh"},
		About:                  []byte(`{"home":"h"}`),
	}
	if d := cmp.Diff(want, f.Conda); d != "" {
		t.Errorf("CondaFacts (-want +got)\n%s", d)
	}
	if f.Name != "p" || f.Version != "1" || f.Build != "0" || f.Noarch != "python" || f.Kind != artifact.Conda || f.FileName != condaName {
		t.Errorf("facts: %+v", f)
	}
	kept := map[string][]byte{"share/jupyter/kernels/k/kernel.json": []byte("{}"), "etc/conda/env_vars.d/p.json": []byte(`{"A":"b"}`), "etc/conda/env_vars.d/hard.json": []byte("1")}
	if d := cmp.Diff(kept, f.Kept); d != "" {
		t.Errorf("Kept (-want +got)\n%s", d)
	}
	b, err := artifact.Pack(f)
	if err != nil {
		t.Fatal(err)
	}
	again, err := artifact.Unpack(b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(f, again); d != "" {
		t.Errorf("Unpack(Pack(f)) (-want +got)\n%s", d)
	}
}

func TestDirectories(t *testing.T) {
	members := []tm{{name: "share/there/", typ: tar.TypeDir, mode: 0o700}, {name: "share/x", data: "x"}, {name: "unlisted/", typ: tar.TypeDir}}
	listed := append([]tm{{name: "var/implicit/", typ: tar.TypeDir}}, members[:2]...)
	f := facts(t, condaOf(t, listing(listed...), members), condaName)
	var got []string
	for _, m := range f.Members {
		got = append(got, fmt.Sprintf("%s %04o %s", m.Type, m.Mode, m.Path))
	}
	if d := cmp.Diff([]string{"dir 0700 share/there", "file 0644 share/x", "dir 0755 var/implicit"}, got); d != "" {
		t.Errorf("members (-want +got)\n%s", d)
	}
	if f.Members[0].Type != filetree.Dir {
		t.Error("no directory")
	}
}

// TestKnownDigests: digests that the caller has verified are taken over.
func TestKnownDigests(t *testing.T) {
	b := condaOf(t, listing(), nil)
	o := archive.Options{SHA256: digest.Sum([]byte("x")), MD5: digest.SumMD5([]byte("x"))}
	f := factsOf(t, open(t, b, condaName, o), b, condaName)
	if f.SHA256 != o.SHA256 || f.MD5 != o.MD5 {
		t.Error("digests were computed again")
	}
}

// TestPromises: what the lists say has to be so.
func TestPromises(t *testing.T) {
	paths := func(entries string) []tm {
		return []tm{{name: "info/index.json", data: indexJSON}, {name: "info/paths.json", data: `{"paths_version":1,"paths":[` + entries + `]}`}}
	}
	good := digest.Sum([]byte("abc")).String()
	payload := []tm{{name: "a", data: "abc"}, {name: "d/", typ: tar.TypeDir}}
	for _, c := range []struct {
		info []tm
		want string
	}{
		{paths(`{"_path":"a","path_type":"hardlink","sha256":"` + good + `","size_in_bytes":3}`), ""},
		{paths(`{"_path":"b","path_type":"hardlink"}`), "missing info/paths.json b"},
		{older("a\nb\n", "", "", ""), "missing info/files b"},
		{paths(`{"_path":"d","path_type":"hardlink"}`), `"d": is a dir`},
		{paths(`{"_path":"a","path_type":"directory"}`), `"a": is a file`},
		{paths(`{"_path":"a"},{"_path":"./a"}`), "is listed twice"},
		{paths(`{"_path":"../a"}`), "leaves its folder"},
		{paths(`{"_path":"/a"}`), "is absolute"},
		{paths(`{"_path":"info/index.json"}`), "not part of the payload"},
		{paths(`{"_path":"a","path_type":"device"}`), "want hardlink, softlink or directory"},
		{paths(`{"_path":"a","prefix_placeholder":"x","file_mode":"both"}`), "want text or binary"},
		{paths(`{"_path":"a","sha256":"12"}`), "64 hexadecimal digits"},
		{paths(`{"_path":"a"`), "info/paths.json"},
		{[]tm{{name: "info/index.json", data: indexJSON}, {name: "info/paths.json", data: `{"paths_version":2,"paths":[]}`}}, "paths_version 2, want 1"},
		{older("a\n", "x y\n", "", ""), "has 2 fields"},
		{older("a\n", "x verse a\n", "", ""), "want text or binary"},
		{older("a\n", "\"x text a\n", "", ""), "quote without its end"},
		{[]tm{{name: "info/files", data: "a\n"}}, "has no info/index.json"},
		{[]tm{{name: "info/index.json", data: "{"}}, "info/index.json"},
		{[]tm{{name: "info/index.json", data: strings.Replace(indexJSON, `"p"`, `"q"`, 1)}}, "identity name q p"},
		{[]tm{{name: "info/index.json", data: strings.Replace(indexJSON, `"1"`, `"2"`, 1)}}, "identity version 2 1"},
		{[]tm{{name: "info/index.json", data: strings.Replace(indexJSON, `"0"`, `"h0"`, 1)}}, "identity build h0 0"},
		{[]tm{{name: "info/index.json", data: strings.Replace(indexJSON, `{`, `{"python_site_packages_path":"../x",`, 1)}}, "python_site_packages_path"},
		{[]tm{{name: "info/index.json", data: indexJSON}, {name: "info/link.json", data: "["}}, "info/link.json"},
		{[]tm{{name: "info/index.json", typ: tar.TypeSymlink, link: "/etc/passwd"}}, "is a link, want a file"},
		{[]tm{{name: "info/index.json", data: indexJSON}}, ""}, // no list: conda installs nothing
	} {
		for name, b := range map[string][]byte{
			condaName: condaOf(t, c.info, payload),
			bz2Name:   bz2(t, makeTar(t, append(append([]tm{}, payload...), c.info...))),
		} {
			_, err := open(t, b, name, archive.Options{}).Facts(t.Context())
			if got := describe(err); c.want == "" && err != nil || !strings.Contains(got, c.want) {
				t.Errorf("%s with %v: error %q, want %q", name, c.info[len(c.info)-1], got, c.want)
			}
		}
	}
}

// describe gives the facts of a typed error.
func describe(err error) string {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*archive.MissingError](err); ok {
		return "missing " + e.List + " " + e.Path
	}
	if e, ok := errors.AsType[*archive.IdentityError](err); ok {
		return "identity " + e.Field + " " + e.Got + " " + e.Want
	}
	if e, ok := errors.AsType[*archive.LimitError](err); ok {
		return "limit " + e.What
	}
	if e, ok := errors.AsType[*archive.FormatError](err); ok {
		return "format " + e.Error()
	}
	return "untyped " + err.Error()
}

// TestFactsAreStable: two archives of the same bytes, read at once, give the same bytes of facts.
func TestFactsAreStable(t *testing.T) {
	b := condaOf(t, listing(payload[2:]...), payload)
	a := open(t, b, condaName, archive.Options{})
	out := make([][]byte, 4)
	done := make(chan error)
	for i := range out {
		go func() {
			f, err := a.Facts(t.Context())
			if err == nil {
				out[i], err = artifact.Encode(f)
			}
			if err == nil {
				_, _, err = walked(t.Context(), a)
			}
			done <- err
		}()
	}
	for range out {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range out[1:] {
		if !bytes.Equal(o, out[0]) {
			t.Error("facts differ between two readings")
		}
	}
}

// What paths.json says wrongly of a file is noted and not refused, as in conda, mamba and rattler.
func TestFalseListingIsNoted(t *testing.T) {
	info := []tm{{name: "info/index.json", data: indexJSON}, {name: "info/paths.json", data: `{"paths_version":1,"paths":[
		{"_path":"b","path_type":"softlink","size_in_bytes":7},
		{"_path":"a","path_type":"hardlink","size_in_bytes":4,"sha256":"` + strings.Repeat("0f", 32) + `"}]}`}}
	payload := []tm{{name: "a", data: "xyz"}, {name: "b", typ: tar.TypeSymlink, link: "a"}}
	f, err := open(t, condaOf(t, info, payload), condaName, archive.Options{}).Facts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a, b := f.Members[0], f.Members[1]
	if a.SizeBytes != 3 || a.ListedSizeBytes != 4 || a.SHA256 != digest.Sum([]byte("xyz")) || a.ListedSHA256.String() != strings.Repeat("0f", 32) {
		t.Errorf("file: %+v, want its own size and digest, and those listed", a)
	}
	if b.ListedSizeBytes != 7 || b.Listed != 1 || a.Listed != 2 {
		t.Errorf("places in the list: link %d, file %d, link size %d; want 1, 2, 7", b.Listed, a.Listed, b.ListedSizeBytes)
	}
}
