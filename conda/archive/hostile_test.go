package archive_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/nasa-openscapes/corn/conda/archive"
	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/filetree"
)

// TestHostileMembers: paths and kinds that no archive may hold are refused by both
// Walk and Facts, in both formats.
func TestHostileMembers(t *testing.T) {
	long := strings.Repeat("d/", 2500) + "f"
	for _, c := range []struct {
		name    string
		members []tm
		want    string
	}{
		{"parent", []tm{{name: "../evil"}}, `"../evil": path "../evil" leaves its folder`},
		{"parent inside", []tm{{name: "lib/../../evil"}}, "leaves its folder"},
		{"parent at end", []tm{{name: "lib/..", typ: tar.TypeDir}}, "leaves its folder"},
		{"dots after dots", []tm{{name: "././../evil"}}, "leaves its folder"},
		{"absolute", []tm{{name: "/etc/passwd"}}, "is absolute"},
		{"dot then absolute", []tm{{name: ".//etc/passwd"}}, "is absolute"},
		{"not clean", []tm{{name: "lib//x"}}, "shortest form"},
		{"root as link", []tm{{name: ".", typ: tar.TypeSymlink, link: "/"}}, "no name for a file"},
		{"through a symlink", []tm{{name: "lib", typ: tar.TypeSymlink, link: "/etc"}, {name: "lib/passwd"}}, "stands below lib, which is a symlink"},
		{"deep through a symlink", []tm{{name: "a/b", typ: tar.TypeSymlink, link: "/etc"}, {name: "a/b/c/d/passwd"}}, "stands below a/b"},
		{"folder over symlink", []tm{{name: "lib", typ: tar.TypeSymlink, link: "/etc"}, {name: "lib", typ: tar.TypeDir}}, "is a dir and a symlink"},
		{"symlink over folder", []tm{{name: "lib/x"}, {name: "lib", typ: tar.TypeSymlink, link: "/etc"}}, "is a symlink and a dir"},
		{"below a file", []tm{{name: "lib"}, {name: "lib/x"}}, "which is a file"},
		{"file over folder", []tm{{name: "lib/x"}, {name: "lib"}}, "is a file and a dir"},
		{"twice", []tm{{name: "x", data: "1"}, {name: "./x", data: "2"}}, "is there twice"},
		{"link over file", []tm{{name: "x"}, {name: "x", typ: tar.TypeSymlink, link: "y"}}, "is a symlink and a file"},
		{"hard link over file", []tm{{name: "x"}, {name: "y"}, {name: "y", typ: tar.TypeLink, link: "x"}}, "is there twice"},
		{"character device", []tm{{name: "null", typ: tar.TypeChar}}, "is a device"},
		{"block device", []tm{{name: "sda", typ: tar.TypeBlock}}, "is a device"},
		{"pipe", []tm{{name: "pipe", typ: tar.TypeFifo}}, "is a device"},
		{"hard link outside", []tm{{name: "x", typ: tar.TypeLink, link: "../../etc/shadow"}}, "leaves its folder"},
		{"hard link absolute", []tm{{name: "x", typ: tar.TypeLink, link: "/etc/shadow"}}, "is absolute"},
		{"hard link to nothing", []tm{{name: "x", typ: tar.TypeLink, link: "y"}}, "no file before it"},
		{"hard link forward", []tm{{name: "x", typ: tar.TypeLink, link: "y"}, {name: "y"}}, "no file before it"},
		{"hard link to itself", []tm{{name: "x", typ: tar.TypeLink, link: "x"}}, "no file before it"},
		{"hard link to a folder", []tm{{name: "d", typ: tar.TypeDir}, {name: "x", typ: tar.TypeLink, link: "d"}}, "no file before it"},
		{"hard link to a symlink", []tm{{name: "s", typ: tar.TypeSymlink, link: "/etc/shadow"}, {name: "x", typ: tar.TypeLink, link: "s"}}, "no file before it"},
		{"symlink to nothing", []tm{{name: "s", typ: tar.TypeSymlink}}, "without a target"},
		{"info as a file", []tm{{name: "info"}}, "want a folder"},
		{"info as a link", []tm{{name: "info", typ: tar.TypeSymlink, link: "lib"}}, "want a folder"},
		{"long path", []tm{{name: long}}, "limit bytes in a path"},
		{"long link", []tm{{name: "x", typ: tar.TypeSymlink, link: long}}, "limit bytes in a path"},
	} {
		for name, b := range map[string][]byte{
			condaName: condaOf(t, listing(), c.members),
			bz2Name:   bz2(t, makeTar(t, append(listing(), c.members...))),
		} {
			a := open(t, b, name, archive.Options{})
			_, err := a.Facts(t.Context())
			if got := describe(err); !strings.Contains(got, c.want) {
				t.Errorf("%s: Facts(%s): error %q, want %q", c.name, name, got, c.want)
			}
			_, _, err = walked(t.Context(), a)
			if got := describe(err); !strings.Contains(got, c.want) {
				t.Errorf("%s: Walk(%s): error %q, want %q", c.name, name, got, c.want)
			}
		}
	}
	b := condaOf(t, listing(), []tm{{name: "../evil"}})
	_, err := open(t, b, condaName, archive.Options{}).Facts(t.Context())
	if _, ok := errors.AsType[*filetree.PathError](err); !ok {
		t.Errorf("no *filetree.PathError in %v", err)
	}
}

// TestWrongParts: a .conda keeps info/ and payload apart.
func TestWrongParts(t *testing.T) {
	for _, b := range [][]byte{
		condaOf(t, append(listing(), tm{name: "bin/x"}), nil),
		condaOf(t, listing(), []tm{{name: "info/paths.json", data: "{}"}}),
	} {
		_, err := open(t, b, condaName, archive.Options{}).Facts(t.Context())
		if got := describe(err); !strings.Contains(got, "wrong part") {
			t.Errorf("Facts of a .conda with files in the wrong tar: error %q, want one of a wrong part", got)
		}
	}
	// The parts are read one after the other or the payload alone: a hard link that leads
	// from one into the other would be found in one case and not in the other.
	link := tm{name: "x", typ: tar.TypeLink, link: "info/index.json"}
	a := open(t, condaOf(t, listing(link), []tm{link}), condaName, archive.Options{})
	_, err := a.Facts(t.Context())
	_, _, werr := walked(t.Context(), a)
	for _, err := range []error{err, werr} {
		if got := describe(err); !strings.Contains(got, "no file before it") {
			t.Errorf("hard link from payload to info: error %q, want one of no file before it", got)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	info := zst(t, makeTar(t, listing()))
	many := make([]zipFile, 30000)
	for i := range many {
		many[i].name = fmt.Sprintf("%050d", i)
	}
	good := condaOf(t, listing(), payload)
	for _, c := range []struct {
		name string
		b    []byte
		want string
	}{
		{"empty", nil, "is no zip file"},
		{"no zip", []byte("PK but not really"), "is no zip file"},
		{"cut", good[:len(good)-30], "is no zip file"},
		{"no info", makeZip(t, zipFile{"pkg-p-1-0.tar.zst", info}), "has no info-*.tar.zst"},
		{"info below a folder", makeZip(t, zipFile{"x/info-p-1-0.tar.zst", info}), "has no info-*.tar.zst"},
		{"two payloads", makeZip(t, zipFile{"info-p-1-0.tar.zst", info}, zipFile{"pkg-a.tar.zst", info}, zipFile{"pkg-b.tar.zst", info}), "is there beside pkg-a.tar.zst"},
		{"huge directory", makeZip(t, many...), "limit bytes of zip directory"},
	} {
		_, err := archive.Open(bytes.NewReader(c.b), int64(len(c.b)), condaName)
		if got := describe(err); !strings.Contains(got, c.want) {
			t.Errorf("%s: error %q, want %q", c.name, got, c.want)
		}
	}
	_, err := archive.Open(bytes.NewReader(good), int64(len(good)), "../p-1-0.conda")
	if _, ok := errors.AsType[*record.NameError](err); !ok {
		t.Errorf("hostile file name: error %v, want a *record.NameError", err)
	}
	// Bytes behind the zip's end are no part of it.
	facts(t, append(bytes.Clone(good), "garbage"...), condaName)
}

// TestDamage: an archive that is cut, or has a byte changed, is never taken for another
// good one with less or other content.
func TestDamage(t *testing.T) {
	random := make([]byte, 40000)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range random {
		random[i] = byte(rng.Uint32())
	}
	members := []tm{{name: "a", data: string(random)}, {name: "b", data: "b"}}
	for name, b := range map[string][]byte{
		condaName: condaOf(t, listing(members...), members),
		bz2Name:   bz2(t, makeTar(t, append(listing(members...), members...))),
	} {
		want, wantData, err := walked(t.Context(), open(t, b, name, archive.Options{}))
		if err != nil {
			t.Fatal(err)
		}
		check := func(what string, b []byte) {
			a, err := archive.Open(bytes.NewReader(b), int64(len(b)), name)
			var lines []string
			var data map[string]string
			if err == nil {
				lines, data, err = walked(t.Context(), a)
			}
			switch {
			case err != nil:
				if got := describe(err); strings.HasPrefix(got, "untyped") {
					t.Errorf("%s %s: %s", name, what, got)
				}
			case fmt.Sprint(lines, data["a"], data["b"]) != fmt.Sprint(want, wantData["a"], wantData["b"]):
				t.Errorf("%s %s: other content without an error", name, what)
			}
		}
		for range 60 {
			cut := rng.IntN(len(b))
			check(fmt.Sprintf("cut at %d", cut), b[:cut])
			at, bit := rng.IntN(len(b)), rng.IntN(8)
			bad := bytes.Clone(b)
			bad[at] ^= 1 << bit
			check(fmt.Sprintf("bit %d of byte %d", bit, at), bad)
		}
	}
	// Garbage behind the compressed stream.
	b := append(bz2(t, makeTar(t, append(listing(members...), members...))), "garbage"...)
	if _, _, err := walked(t.Context(), open(t, b, bz2Name, archive.Options{})); !strings.HasPrefix(describe(err), "format") {
		t.Errorf("garbage behind bzip2: error %v", err)
	}
	tars := zst(t, makeTar(t, members))
	b = makeZip(t, zipFile{"info-p-1-0.tar.zst", zst(t, makeTar(t, listing()))}, zipFile{"pkg-p-1-0.tar.zst", append(tars, "garbage"...)})
	if _, _, err := walked(t.Context(), open(t, b, condaName, archive.Options{})); !strings.HasPrefix(describe(err), "format") {
		t.Errorf("garbage behind zstd: error %v", err)
	}
}

// TestSeveralStreams: parallel compressors write several bzip2 streams or zstd frames.
func TestSeveralStreams(t *testing.T) {
	tarBytes := makeTar(t, append(listing(payload[2:]...), payload...))
	half := len(tarBytes) / 2
	b := append(bz2(t, tarBytes[:half]), bz2(t, tarBytes[half:])...)
	if lines, _, err := walked(t.Context(), open(t, b, bz2Name, archive.Options{})); err != nil || len(lines) != len(wantLines) {
		t.Errorf("two bzip2 streams: %d lines, error %v", len(lines), err)
	}
	tarBytes = makeTar(t, payload)
	half = len(tarBytes) / 2
	b = makeZip(t, zipFile{"info-p-1-0.tar.zst", zst(t, makeTar(t, listing()))},
		zipFile{"pkg-p-1-0.tar.zst", append(zst(t, tarBytes[:half]), zst(t, tarBytes[half:])...)})
	if lines, _, err := walked(t.Context(), open(t, b, condaName, archive.Options{})); err != nil || len(lines) != len(wantLines) {
		t.Errorf("two zstd frames: %d lines, error %v", len(lines), err)
	}
}

func TestLimits(t *testing.T) {
	small := []tm{{name: "a", data: strings.Repeat("a", 3000)}, {name: "b", data: "b"}, {name: "c", typ: tar.TypeLink, link: "a"}}
	kept := []tm{{name: "etc/conda/env_vars.d/p.json", data: "123456"}}
	deep := []tm{{name: strings.Repeat("d/", 60) + "f"}}
	many := tm{name: "info/paths.json", data: `{"paths":[{}` + strings.Repeat(",{}", 60) + `],"paths_version":1}`}
	prefixed := []tm{{name: "info/index.json", data: indexJSON}, {name: "info/files", data: "a\n"}, {name: "info/has_prefix", data: "a text a\n"}}
	for _, c := range []struct {
		name          string
		lim           archive.Limits
		info, payload []tm
		want          string
	}{
		{"none", archive.Limits{}, listing(small...), small, ""},
		{"unpacked", archive.Limits{UnpackedBytes: 4000}, listing(small...), small, "limit unpacked bytes"},
		{"members", archive.Limits{Members: 4}, listing(small...), small, "limit members"},
		{"implied folders", archive.Limits{Members: 50}, listing(deep...), deep, "limit members"},
		{"listed paths", archive.Limits{Members: 50}, []tm{{name: "info/index.json", data: indexJSON}, many}, nil, "limit paths in info/paths.json"},
		{"paths", archive.Limits{TotalPathBytes: 20}, listing(small...), small, "limit bytes of paths"},
		{"one path", archive.Limits{PathBytes: 14}, listing(small...), small, "limit bytes in a path"},
		{"info", archive.Limits{InfoBytes: 80}, listing(small...), small, "limit bytes of info/paths.json"},
		{"kept", archive.Limits{KeptBytes: 5}, listing(kept...), kept, "limit bytes of etc/conda/env_vars.d/p.json"},
		{"placeholders", archive.Limits{Placeholders: 2999}, prefixed, small, "limit placeholders"},
		{"placeholders enough", archive.Limits{Placeholders: 3000}, prefixed, small, ""},
	} {
		for name, b := range map[string][]byte{
			condaName:         condaOf(t, c.info, c.payload),
			"last/" + bz2Name: bz2(t, makeTar(t, append(append([]tm{}, c.payload...), c.info...))),
		} {
			_, err := open(t, b, base(name), archive.Options{Limits: c.lim}).Facts(t.Context())
			if got := describe(err); c.want == "" && err != nil || !strings.Contains(got, c.want) {
				t.Errorf("%s: %s: error %q, want %q", c.name, name, got, c.want)
			}
		}
	}
}

// TestBombs: archives that promise or unpack to far more than they are end soon, in little memory.
func TestBombs(t *testing.T) {
	// 300 MiB of zeros take 10 KB of zstd: above what the ratio allows.
	var zeros bytes.Buffer
	enc, err := zstd.NewWriter(&zeros)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(enc)
	if err := w.WriteHeader(&tar.Header{Name: "zeros", Size: 300 << 20, Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	chunk := make([]byte, 1<<20)
	for range 300 {
		if _, err := w.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), enc.Close()); err != nil {
		t.Fatal(err)
	}
	// A header alone promises 2^60 bytes.
	var lying bytes.Buffer
	if err := tar.NewWriter(&lying).WriteHeader(&tar.Header{Name: "x", Size: 1 << 60, Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	// Hard links multiply one file.
	links := []tm{{name: "f", data: strings.Repeat("x", 1<<20)}}
	for i := range 300 {
		links = append(links, tm{name: fmt.Sprint(i), typ: tar.TypeLink, link: "f"})
	}
	// A frame that asks for a window of 1 GiB, with one raw empty block.
	window := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 20 << 3, 0x01, 0x00, 0x00}
	for name, c := range map[string]struct {
		payload []byte
		want    string
	}{
		"zeros":      {zeros.Bytes(), "limit unpacked bytes"},
		"lying size": {zst(t, lying.Bytes()), "limit unpacked bytes"},
		"hard links": {zst(t, makeTar(t, links)), "limit unpacked bytes"},
		"window":     {window, "limit bytes of zstd window"},
	} {
		b := makeZip(t, zipFile{"info-p-1-0.tar.zst", zst(t, makeTar(t, listing()))}, zipFile{"pkg-p-1-0.tar.zst", c.payload})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		a := open(t, b, condaName, archive.Options{})
		_, err := a.Facts(t.Context())
		err2 := a.Walk(t.Context(), func(_ archive.Header, r io.Reader) error { _, err := io.Copy(io.Discard, r); return err })
		runtime.ReadMemStats(&after)
		if got := describe(err); !strings.Contains(got, c.want) {
			t.Errorf("%s: Facts: error %q, want %q", name, got, c.want)
		}
		if got := describe(err2); !strings.Contains(got, c.want) {
			t.Errorf("%s: Walk: error %q, want %q", name, got, c.want)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 {
			t.Errorf("%s: allocated %d MiB", name, used>>20)
		}
	}
}
