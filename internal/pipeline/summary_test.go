package pipeline

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/conda/link"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/fetch"
	"github.com/nasa-openscapes/corn/lock"
	"github.com/nasa-openscapes/corn/store"
)

func someSummary() *summary {
	return &summary{
		Python: &link.Python{Version: "3.13.5", Short: "3.13", SitePackages: "lib/python3.13/site-packages", Magic: 3571, Artifact: digest.Sum([]byte("python"))},
		Packages: []packageSummary{{
			Facts:   &artifact.Facts{FactsVersion: artifact.FactsVersion, Kind: artifact.Conda, FileName: "a-1-0.conda", SHA256: digest.Sum([]byte("a")), SizeBytes: 7, Name: "a", Version: "1", Build: "0"},
			Content: digest.Sum([]byte("content")), Place: digest.Sum([]byte("place")), Files: 3, Compiles: 1,
			Scripts: []string{"bin/.a-post-link.sh"}, FalseName: "x", FalseCount: 2, Linked: "c/noarch::a-1-0", Requested: "a==1=0",
		}},
		Clobbers: []store.Clobber{{Path: "x", Owners: []string{"a", "b"}, Winner: "b"}},
		Kept:     map[string][]byte{"share/jupyter/kernels/p/kernel.json": []byte("{}")},
		files:    []string{"bin/a", "new\nline", "x"}, dirs: []string{"bin"},
	}
}

func TestSummaryComesBack(t *testing.T) {
	for _, want := range []*summary{someSummary(), {Packages: []packageSummary{}}} {
		data, err := want.pack()
		if err != nil {
			t.Fatal(err)
		}
		got, err := unpackSummary(data)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, cmp.AllowUnexported(summary{})); d != "" {
			t.Errorf("unpackSummary(pack) (-want +got)\n%s", d)
		}
	}
}

func FuzzUnpackSummary(f *testing.F) {
	data, err := someSummary().pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := unpackSummary(data)
		if err != nil {
			return
		}
		again, err := s.pack()
		if err != nil {
			t.Fatal(err)
		}
		s2, err := unpackSummary(again)
		if err != nil {
			t.Fatal(err)
		}
		if third, err := s2.pack(); err != nil || !bytes.Equal(again, third) {
			t.Errorf("packed twice: other bytes (%v)", err)
		}
	})
}

// TestPlanKey changes all that decides a plan, one by one.
func TestPlanKey(t *testing.T) {
	c, err := cache.Open(t.TempDir(), cache.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b := &builder{cache: c}
	key := func(change func(*env, *linkOptions)) digest.SHA256 {
		l := lock.Package{
			Manager: lock.Conda, FileName: "a-1-0.conda", URL: "https://h/c/noarch/a-1-0.conda", Channel: "https://h/c", Subdir: "noarch",
			SHA256: digest.Sum([]byte("a")), SizeBytes: 7, Depends: []lock.Dependency{{Name: "b", Constraint: ">=1"}},
		}
		e := &env{id: "x", prefix: "/srv/x", root: "srv/x", copyGlobs: []string{"*.js"}, lockKind: lock.CondaLock, packages: []*pkg{{locked: l}, {locked: l}}}
		o := linkOptions{params: store.Params{FormatVersion: 1, Platform: "linux-64", Strip: []string{"*.a"}}, uid: 1000, gid: 100}
		e.packages[1].locked.FileName = "b-1-0.conda"
		change(e, &o)
		for _, p := range e.packages {
			p.ask = fetch.Request{Want: digest.Want{SHA256: p.locked.SHA256, MD5: p.locked.MD5, SizeBytes: p.locked.SizeBytes}}
		}
		k, ok := b.planKey(e, o, "program")
		if !ok {
			return digest.SHA256{}
		}
		return k
	}
	seen := map[digest.SHA256]string{key(func(*env, *linkOptions) {}): "nothing"}
	for what, change := range map[string]func(*env, *linkOptions){
		"format":       func(_ *env, o *linkOptions) { o.params.FormatVersion = 2 },
		"platform":     func(_ *env, o *linkOptions) { o.params.Platform = "linux-aarch64" },
		"strip":        func(_ *env, o *linkOptions) { o.params.Strip = nil },
		"uid":          func(_ *env, o *linkOptions) { o.uid = 1 },
		"gid":          func(_ *env, o *linkOptions) { o.gid = 1 },
		"pyc":          func(_ *env, o *linkOptions) { o.pycShipped = true },
		"prefix":       func(e *env, _ *linkOptions) { e.prefix = "/srv/y" },
		"root":         func(e *env, _ *linkOptions) { e.root = "srv/y" },
		"copy":         func(e *env, _ *linkOptions) { e.copyGlobs = []string{"*.css"} },
		"layout":       func(e *env, _ *linkOptions) { e.layout = store.Copies },
		"kind of lock": func(e *env, _ *linkOptions) { e.lockKind = lock.Explicit },
		"order":        func(e *env, _ *linkOptions) { e.packages[0], e.packages[1] = e.packages[1], e.packages[0] },
		"fewer":        func(e *env, _ *linkOptions) { e.packages = e.packages[:1] },
		"manager":      func(e *env, _ *linkOptions) { e.packages[1].locked.Manager = lock.Pip },
		"file name":    func(e *env, _ *linkOptions) { e.packages[0].locked.FileName = "a-2-0.conda" },
		"URL":          func(e *env, _ *linkOptions) { e.packages[0].locked.URL = "https://i/c/noarch/a-1-0.conda" },
		"channel":      func(e *env, _ *linkOptions) { e.packages[0].locked.Channel = "https://h/d" },
		"subdir":       func(e *env, _ *linkOptions) { e.packages[0].locked.Subdir = "linux-64" },
		"archive":      func(e *env, _ *linkOptions) { e.packages[0].locked.SHA256 = digest.Sum([]byte("b")) },
		"md5":          func(e *env, _ *linkOptions) { e.packages[0].locked.MD5[0] = 1 },
		"size":         func(e *env, _ *linkOptions) { e.packages[0].locked.SizeBytes = 8 },
		"direct URL":   func(e *env, _ *linkOptions) { e.packages[0].locked.DirectURL = true },
		"requirement":  func(e *env, _ *linkOptions) { e.packages[0].locked.Depends[0].Constraint = ">=2" },
		"md5 not known": func(e *env, _ *linkOptions) {
			e.packages[0].locked.SHA256, e.packages[0].locked.MD5[0] = digest.SHA256{}, 1
		},
	} {
		k := key(change)
		if what == "md5 not known" {
			if !k.IsZero() {
				t.Errorf("%s: there is a key, want none", what)
			}
			continue
		}
		if other, ok := seen[k]; ok {
			t.Errorf("%s gives the key of %s", what, other)
		}
		seen[k] = what
	}
	if id, ok := program(); !ok || len(id) < 32 {
		t.Errorf("program() = %q, %v, want an ID", id, ok)
	}
}
