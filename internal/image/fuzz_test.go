package image

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"pgregory.net/rapid"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/testkit/layertest"
)

// FuzzScan feeds layers that nobody wrote on purpose: no panic, no endless loop, and what
// has been scanned can be asked for anything.
func FuzzScan(f *testing.F) {
	f.Add(layertest.Tar(h{Name: "a/b/c", Data: "x"}, h{Name: "l", Link: "../../a"}, h{Name: "a/.wh.b"}, h{Name: ".wh..wh..opq"}))
	f.Add(layertest.Tar(h{Name: "loop", Link: "loop/x"}, h{Name: "loop/y", Data: "x"}, h{Name: "opt", Link: "."}, h{Name: "opt/corn", Link: "/opt/opt"}))
	f.Add(layertest.Tar(h{Name: "etc/passwd", Data: passwd}, h{Name: "lib/libc.so.6", Data: "GNU C Library (x) release version 2.1"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		hash := toHash(digest.Sum(data))
		l := &blobLayer{open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }, digest: hash, diffID: hash}
		tree, err := scan(t.Context(), []v1.Layer{l})
		if err != nil {
			return
		}
		b := &Base{image: &staticImage{config: &v1.ConfigFile{Config: v1.Config{Entrypoint: []string{"/srv/start"}}}, layers: []v1.Layer{l}}}
		facts, err := b.facts(tree, b.anchors([]string{"opt/opt/x", "l/c"}))
		if err != nil {
			return
		}
		for _, p := range []string{StoreDir, SharedKernelsDir, "srv/conda/envs/new/lib", "opt/opt/x", "l/c"} {
			real, parents, err := facts.ResolveDir(p)
			if err == nil && real != "" && parents[len(parents)-1].Path != real {
				t.Errorf("ResolveDir(%q) = %q, but its last entry is %q", p, real, parents[len(parents)-1].Path)
			}
		}
		runtimeFiles(tree)
	})
}

// TestRandomLayersScanAsTheyFlatten compares the scan with the plain implementation on
// random layers.
func TestRandomLayersScanAsTheyFlatten(t *testing.T) {
	names := rapid.SampledFrom([]string{"a", "b", "a/a", "a/b", "b/a", "a/a/a", "a/b/c", "a/a/b"})
	rapid.Check(t, func(rt *rapid.T) {
		var layers []v1.Layer
		for range rapid.IntRange(1, 4).Draw(rt, "layers") {
			kinds := map[string]string{}
			var hs []h
			for range rapid.IntRange(0, 6).Draw(rt, "entries") {
				name, kind := names.Draw(rt, "name"), rapid.SampledFrom([]string{"file", "dir", "whiteout", "opaque"}).Draw(rt, "kind")
				dir, base, _ := strings.Cut(name, "/")
				if base == "" {
					dir, base = "", name
				} else if i := strings.LastIndexByte(name, '/'); true {
					dir, base = name[:i], name[i+1:]
				}
				switch kind {
				case "whiteout":
					hs = append(hs, h{Name: strings.TrimPrefix(dir+"/.wh."+base, "/")})
				case "opaque":
					if kinds[name] == "file" {
						continue
					}
					hs = append(hs, h{Name: name + "/"}, h{Name: name + "/.wh..wh..opq"})
					kinds[name] = "dir"
				default:
					if kinds[name] != "" && kinds[name] != kind {
						continue
					}
					kinds[name] = kind
					if kind == "dir" {
						name += "/"
					}
					hs = append(hs, h{Name: name})
				}
			}
			// Parents as directories, which the plain implementation does not invent, and
			// nothing below a file of the same layer.
			layers = append(layers, layertest.Layer(withParents(hs)...))
		}
		want, err := layertest.FlattenLayers(layers)
		if err != nil {
			rt.Skip(err.Error())
		}
		tree, err := scan(t.Context(), layers)
		if err != nil {
			rt.Fatal(err)
		}
		var got, wanted []string
		var walk func(n *node, at string)
		walk = func(n *node, at string) {
			for name, c := range n.children {
				p := strings.TrimPrefix(at+"/"+name, "/")
				got = append(got, p+" "+c.kind.String())
				walk(c, p)
			}
		}
		walk(tree.root, "")
		for p, e := range want.Entries {
			wanted = append(wanted, p+" "+e.Type)
		}
		slices.Sort(got)
		slices.Sort(wanted)
		if d := cmp.Diff(wanted, got); d != "" {
			rt.Fatalf("scan (-flatten +scan):\n%s", d)
		}
		if tree.entries != len(got) {
			rt.Fatalf("the tree counts %d entries and has %d", tree.entries, len(got))
		}
	})
}

func withParents(hs []h) []h {
	var out []h
	files := map[string]bool{}
	for _, e := range hs {
		if !strings.HasSuffix(e.Name, "/") && !strings.Contains(e.Name, ".wh.") {
			files[e.Name] = true
		}
	}
	for _, e := range hs {
		below := false
		var parents []h
		for i, c := range e.Name {
			if c == '/' && i < len(e.Name)-1 {
				below = below || files[e.Name[:i]]
				parents = append(parents, h{Name: e.Name[:i+1]})
			}
		}
		if !below {
			out = append(append(out, parents...), e)
		}
	}
	return out
}

func FuzzParseRef(f *testing.F) {
	for _, s := range []string{"oci:a:b", "oci:a@sha256:" + strings.Repeat("0", 64), "docker-archive:x.tar:a/b:c", "x:y", "oci:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRef(s)
		if err != nil {
			return
		}
		if again, err := ParseRef(r.String()); err != nil || again != r {
			t.Errorf("ParseRef(%q) = %+v; printed and parsed again: %+v, %v", s, r, again, err)
		}
	})
}
