package image

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/internal/testkit/layertest"
)

func factsOf(t *testing.T, b *Base, paths ...string) *Facts {
	t.Helper()
	f, err := b.Facts(t.Context(), FactsOptions{Paths: paths})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFactsOfPangeosShape(t *testing.T) {
	b := baseOf(t, pangeoConfig, debianish()...)
	f := factsOf(t, b)
	got := *f
	got.Nodes, got.Config = nil, [32]byte{}
	want := Facts{
		Version: factsVersion, OS: "linux", Architecture: "amd64",
		User: User{Spec: "jovyan", Name: "jovyan", UID: 1000, GID: 100, Home: "/home/jovyan", Shell: "/bin/bash"},
		Env:  pangeoConfig.Config.Env, Entrypoint: []string{"/srv/start"}, WorkingDir: "/home/jovyan",
		Labels: map[string]string{"a": "b"}, OnBuild: []string{"USER root"},
		Glibc: "2.41", OSRelease: map[string]string{"ID": "debian", "VERSION_ID": "13", "PRETTY_NAME": "Debian GNU/Linux 13 (trixie)"},
		CondaDir: "srv/conda", NotebookPrefix: "srv/conda/envs/notebook",
		Programs: map[string]string{"sh": "/usr/bin/sh", "bash": "/usr/bin/bash", "env": "/usr/bin/env"},
		Files:    []string{"/bin/sh", "/bin/bash", "/usr/bin/env"}, MissingEntrypoint: "/srv/start",
		Runtime: []RuntimeFile{
			{0, "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", []string{"ld-linux-x86-64.so.2"}},
			{0, "usr/lib/x86_64-linux-gnu/libc.so.6", []string{"libc.so.6"}},
			{0, "usr/lib/x86_64-linux-gnu/libm.so.6", []string{"libm.so.6"}},
			{1, "usr/lib/x86_64-linux-gnu/libz.so.1.3.1", []string{"libz.so.1"}},
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("facts (-want +got):\n%s", d)
	}
}

func TestFactsOfEnvs(t *testing.T) {
	nb := "srv/conda/envs/notebook/"
	b := baseOf(t, pangeoConfig, append(debianish(), layertest.Layer(
		h{Name: nb + "bin/python3.11", Mode: 0o755, Data: "x"}, h{Name: nb + "bin/python3", Link: "python3.11"},
		h{Name: nb + "bin/jupyterhub-singleuser", Mode: 0o775, Data: "x"}, h{Name: nb + "bin/jupyter", Mode: 0o644, Data: "not executable"},
		h{Name: nb + "conda-meta/history", Data: ""}, h{Name: nb + "conda-meta/nb_conda_kernels-2.3.1-py311_1.json", Data: "{}"},
		h{Name: nb + "share/jupyter/kernels/python3/kernel.json", Data: `{"display_name": "Python 3", "language": "python"}`},
		h{Name: nb + "share/jupyter/kernels/broken/kernel.json", Data: `{`},
		h{Name: nb + "share/jupyter/kernels/nothing/logo.png", Data: ``},
		h{Name: "srv/conda/envs/data/file.txt", Data: "no env"},
		h{Name: "srv/conda/envs/meta/conda-meta/nb_conda_kernels_extra-1.json", Data: "{}"},
		h{Name: "srv/conda/envs/linked", Link: "/opt/env"}, h{Name: "opt/env/bin/python", Mode: 0o755, Data: "x"},
		h{Name: "usr/local/share/jupyter/kernels/bash/kernel.json", Data: `{"display_name": "Bash", "language": "bash"}`},
		h{Name: "srv/start", Mode: 0o755, Data: "#!/bin/sh\n"},
	))...)
	f := factsOf(t, b)
	kernels := []KernelFact{
		{Name: "broken", Dir: nb + "share/jupyter/kernels/broken"},
		{Name: "python3", Dir: nb + "share/jupyter/kernels/python3", DisplayName: "Python 3", Language: "python"},
	}
	notebook := EnvFact{Name: "notebook", Prefix: "srv/conda/envs/notebook", Python: true, NBCondaKernels: true, Singleuser: true, Kernels: kernels}
	if d := cmp.Diff(&notebook, f.Notebook); d != "" {
		t.Errorf("notebook env (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]EnvFact{{Name: "linked", Prefix: "srv/conda/envs/linked", Python: true}, {Name: "meta", Prefix: "srv/conda/envs/meta"}, notebook}, f.Envs); d != "" {
		t.Errorf("envs (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]KernelFact{{Name: "bash", Dir: "usr/local/share/jupyter/kernels/bash", DisplayName: "Bash", Language: "bash"}}, f.Kernels); d != "" {
		t.Errorf("kernels (-want +got):\n%s", d)
	}
	if f.MissingEntrypoint != "" {
		t.Errorf("MissingEntrypoint = %q, want none", f.MissingEntrypoint)
	}
	if got := f.Programs["jupyterhub-singleuser"]; got != "/"+nb+"bin/jupyterhub-singleuser" {
		t.Errorf("jupyterhub-singleuser is at %q", got)
	}
	if got, ok := f.Programs["jupyter"]; ok {
		t.Errorf("jupyter without an x bit is found at %q", got)
	}
}

func TestWhiteoutsInTheScan(t *testing.T) {
	b := baseOf(t, v1.ConfigFile{},
		layertest.Layer(h{Name: "etc/passwd", Data: passwd}, h{Name: "srv/conda/envs/notebook/bin/python", Mode: 0o755, Data: "x"},
			h{Name: "srv/conda/envs/old/bin/python", Mode: 0o755, Data: "x"}, h{Name: "bin/sh", Mode: 0o755, Data: "x"}, h{Name: "usr/bin/env", Mode: 0o755, Data: "x"}),
		layertest.Layer(
			// The opaque marker comes after a file of its own layer: it hides lower ones only.
			h{Name: "srv/conda/envs/notebook/"}, h{Name: "srv/conda/envs/notebook/bin/python", Mode: 0o755, Data: "new"},
			h{Name: "srv/conda/envs/notebook/.wh..wh..opq"}, h{Name: "srv/conda/envs/.wh.old"},
			h{Name: "bin/.wh.sh"}, h{Name: "bin/bash", Mode: 0o755, Data: "x"}, h{Name: "usr/", Mode: 0o700}, h{Name: ".wh..wh.plnk/x", Data: ""}),
	)
	f := factsOf(t, b)
	if f.Notebook == nil || len(f.Envs) != 1 {
		t.Errorf("notebook %v, envs %v, want the new notebook env alone", f.Notebook, f.Envs)
	}
	if want := []string{"/bin/bash", "/usr/bin/env"}; !slices.Equal(f.Files, want) {
		t.Errorf("files = %v, want %v", f.Files, want)
	}
}

// TestScanAgreesWithFlatten compares the scan's tree with another implementation's on
// layers that pile up every kind of change.
func TestScanAgreesWithFlatten(t *testing.T) {
	layers := []v1.Layer{
		layertest.Layer(h{Name: "a/"}, h{Name: "a/b/"}, h{Name: "a/b/c", Data: "1"}, h{Name: "a/d", Data: "2"}, h{Name: "e/"}, h{Name: "e/f/"}, h{Name: "e/f/g", Data: "3"}, h{Name: "l", Link: "a"}),
		layertest.Layer(h{Name: "a/b", Data: "dir becomes file"}, h{Name: "e/"}, h{Name: "e/.wh..wh..opq"}, h{Name: "e/n", Data: "4"}, h{Name: "h1", Data: "x"}, h{Name: "h2", Type: tar.TypeLink, Link: "h1"}),
		layertest.Layer(h{Name: "a/b/"}, h{Name: "a/b/again", Data: "5"}, h{Name: ".wh.l"}, h{Name: "a/.wh.d"}, h{Name: "e/f/"}, h{Name: "e/f/late", Data: "6"}, h{Name: "a/.wh.missing"}),
		layertest.Layer(h{Name: ".wh.h1"}, h{Name: "l", Data: "link becomes file"}, h{Name: "e/.wh.f"}, h{Name: "e/f", Link: "../a"}),
	}
	want, err := layertest.FlattenLayers(layers)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := scan(t.Context(), layers)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	var walk func(n *node, at string)
	walk = func(n *node, at string) {
		for name, c := range n.children {
			p := strings.TrimPrefix(at+"/"+name, "/")
			got = append(got, p+" "+c.kind.String())
			walk(c, p)
		}
	}
	walk(tree.root, "")
	slices.Sort(got)
	var wanted []string
	for _, p := range want.Paths("") {
		wanted = append(wanted, p+" "+want.Entries[p].Type)
	}
	slices.Sort(wanted)
	if d := cmp.Diff(wanted, got); d != "" {
		t.Errorf("scan (-flatten +scan):\n%s", d)
	}
	if tree.entries != len(got) {
		t.Errorf("the tree counts %d entries and has %d", tree.entries, len(got))
	}
}

func TestUsers(t *testing.T) {
	for _, tt := range []struct {
		spec     string
		uid, gid int
		home     string
		name     string
		err      string
	}{
		{"", 0, 0, "/root", "root", ""},
		{"root", 0, 0, "/root", "root", ""},
		{"jovyan", 1000, 100, "/home/jovyan", "jovyan", ""},
		{"1000", 1000, 100, "/home/jovyan", "jovyan", ""},
		{"1000:0", 1000, 0, "/home/jovyan", "jovyan", ""},
		{"1000:100", 1000, 100, "/home/jovyan", "jovyan", ""},
		{"jovyan:users", 1000, 100, "/home/jovyan", "jovyan", ""},
		{"jovyan:root", 1000, 0, "/home/jovyan", "jovyan", ""},
		{"jovyan:", 1000, 100, "/home/jovyan", "jovyan", ""},
		{":users", 0, 100, "/root", "root", ""},
		{"4242", 4242, 0, "/", "", ""},
		{"4242:4343", 4242, 4343, "/", "", ""},
		{"nobody", 65534, 65534, "/nonexistent", "nobody", ""},
		{"joe", 0, 0, "", "", "no such user"},
		{"-1", 0, 0, "", "", "no such user"},
		{"+5", 0, 0, "", "", "no such user"},
		{"99999999999", 0, 0, "", "", "no such user"},
		{"# comment", 0, 0, "", "", "no such user"},
		{"bad", 0, 0, "", "", `uid "many"`},
		{"jovyan:nogroup", 0, 0, "", "", "no group"},
		{"jovyan:bad", 0, 0, "", "", `the gid "many"`},
	} {
		u, err := resolveUser(tt.spec, []byte(passwd), []byte(group))
		var bad *UserError
		if tt.err != "" {
			if !errors.As(err, &bad) || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("user %q: error %v, want a *UserError with %q", tt.spec, err, tt.err)
			}
			continue
		}
		if err != nil || u.UID != tt.uid || u.GID != tt.gid || u.Home != tt.home || u.Name != tt.name || u.Spec != tt.spec {
			t.Errorf("user %q = %+v, %v, want %d:%d %s %s", tt.spec, u, err, tt.uid, tt.gid, tt.home, tt.name)
		}
	}
	if u, err := resolveUser("1000:100", nil, nil); err != nil || u.UID != 1000 || u.GID != 100 {
		t.Errorf("numbers without a passwd file: %+v, %v", u, err)
	}
}

func TestResolveDir(t *testing.T) {
	b := baseOf(t, pangeoConfig, append(debianish(), layertest.Layer(
		h{Name: "opt", Link: "/srv/opt"}, h{Name: "srv/opt/", Mode: 0o711, UID: 7, GID: 8},
		h{Name: "loop", Link: "loop2"}, h{Name: "loop2", Link: "loop"},
		h{Name: "out", Link: "../../../../usr/bin"}, h{Name: "dangling", Link: "not/there"},
		h{Name: "afile", Data: "x"}, h{Name: "tofile", Link: "afile"},
		h{Name: "srv/conda/envs/linked", Link: "../../opt"},
		h{Name: "root-link", Link: "/"},
	))...)
	asked := []string{"loop/x", "out/x", "dangling/deep", "afile/x", "tofile", "usr/local/bin", "root-link", "/srv//conda/./etc/"}
	f := factsOf(t, b, asked...)
	dir := func(p string, mode uint32, uid, gid int) filetree.Entry {
		return filetree.Entry{Path: p, Type: filetree.Dir, Mode: mode, UID: uid, GID: gid, ModTime: filetree.Epoch1980}
	}
	srv := dir("srv", 0o775, 0, 100)
	conda := dir("srv/conda", 0o2755, 1000, 100)
	conda.Xattrs = map[string]string{"user.corn": "a\x01b"}
	envs := dir("srv/conda/envs", 0o755, 1000, 100)
	for _, tt := range []struct {
		p, real string
		parents []filetree.Entry
	}{
		{"srv/conda/envs/new", "srv/conda/envs/new", []filetree.Entry{srv, conda, envs, dir("srv/conda/envs/new", 0o755, 0, 0)}},
		{"srv/conda/envs/new/lib/x", "srv/conda/envs/new/lib/x", []filetree.Entry{srv, conda, envs, dir("srv/conda/envs/new", 0o755, 0, 0), dir("srv/conda/envs/new/lib", 0o755, 0, 0), dir("srv/conda/envs/new/lib/x", 0o755, 0, 0)}},
		{"opt/corn/store", "srv/opt/corn/store", []filetree.Entry{srv, dir("srv/opt", 0o711, 7, 8), dir("srv/opt/corn", 0o755, 0, 0), dir("srv/opt/corn/store", 0o755, 0, 0)}},
		{"opt/corn", "srv/opt/corn", []filetree.Entry{srv, dir("srv/opt", 0o711, 7, 8), dir("srv/opt/corn", 0o755, 0, 0)}},
		{"srv/conda/envs/linked", "srv/opt", []filetree.Entry{srv, dir("srv/opt", 0o711, 7, 8)}},
		{"out/x", "usr/bin/x", []filetree.Entry{dir("usr", 0o755, 0, 0), dir("usr/bin", 0o755, 0, 0), dir("usr/bin/x", 0o755, 0, 0)}},
		{"dangling/deep", "not/there/deep", []filetree.Entry{dir("not", 0o755, 0, 0), dir("not/there", 0o755, 0, 0), dir("not/there/deep", 0o755, 0, 0)}},
		{"srv/conda/etc", "srv/conda/etc", []filetree.Entry{srv, conda, dir("srv/conda/etc", 0o755, 0, 0)}},
		{"usr/local/share/jupyter/kernels/a", "usr/local/share/jupyter/kernels/a", []filetree.Entry{dir("usr", 0o755, 0, 0), dir("usr/local", 0o755, 0, 0), dir("usr/local/share", 0o755, 0, 0), dir("usr/local/share/jupyter", 0o755, 0, 0), dir("usr/local/share/jupyter/kernels", 0o755, 0, 0), dir("usr/local/share/jupyter/kernels/a", 0o755, 0, 0)}},
		{"root-link", "", nil},
	} {
		real, parents, err := f.ResolveDir(tt.p)
		if err != nil || real != tt.real {
			t.Errorf("ResolveDir(%q) = %q, %v, want %q", tt.p, real, err, tt.real)
			continue
		}
		if d := cmp.Diff(tt.parents, parents); d != "" {
			t.Errorf("parents of %s (-want +got):\n%s", tt.p, d)
		}
	}
	var loop *LoopError
	var notDir *NotDirError
	var unknown *NotScannedError
	var bad *filetree.PathError
	for p, target := range map[string]any{"loop/x": &loop, "afile/x": &notDir, "tofile": &notDir, "usr/share": &unknown, "usr/sbin": &unknown, "../x": &bad} {
		if _, _, err := f.ResolveDir(p); err == nil || !errors.As(err, target) {
			t.Errorf("ResolveDir(%q): error %v, want a %T", p, err, target)
		}
	}
	if ok, err := f.Exists("srv/conda/envs/linked"); !ok || err != nil {
		t.Errorf("Exists(linked) = %v, %v, want true", ok, err)
	}
	if ok, err := f.Exists("srv/conda/envs/new"); ok || err != nil {
		t.Errorf("Exists(new) = %v, %v, want false", ok, err)
	}
	// Facts survive the cache, attributes with odd bytes included.
	data, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var again Facts
	if err := json.Unmarshal(data, &again); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(f, &again); d != "" {
		t.Errorf("facts through JSON (-before +after):\n%s", d)
	}
}

func TestFactsAreCached(t *testing.T) {
	b := baseOf(t, pangeoConfig, debianish()...)
	c := &memoryCache{}
	first, err := b.Facts(t.Context(), FactsOptions{Cache: c})
	if err != nil {
		t.Fatal(err)
	}
	// Without its files the base can only answer from the cache.
	if err := os.RemoveAll(filepath.Join(b.Ref().Path, "blobs")); err != nil {
		t.Fatal(err)
	}
	second, err := b.Facts(t.Context(), FactsOptions{Cache: c})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(first, second); d != "" || c.puts != 1 {
		t.Errorf("%d puts; facts from the cache (-first +second):\n%s", c.puts, d)
	}
	if _, err := b.Facts(t.Context(), FactsOptions{Cache: c, Paths: []string{"var/x"}}); err == nil {
		t.Error("facts of other paths come from the cache")
	}
}

func TestHostileLayers(t *testing.T) {
	for name, entry := range map[string]h{
		"climbs out":             {Name: "../../etc/passwd", Data: "x"},
		"climbs out in between":  {Name: "a/../../x", Data: "x"},
		"hard link out":          {Name: "x", Type: tar.TypeLink, Link: "../../etc/passwd"},
		"hard link to nothing":   {Name: "x", Type: tar.TypeLink, Link: "nothing"},
		"hard link to a folder":  {Name: "x", Type: tar.TypeLink, Link: "etc"},
		"below a file":           {Name: "etc/passwd/x", Data: "x"},
		"below a loop":           {Name: "loop/x", Data: "x"},
		"huge passwd":            {Name: "etc/passwd", Data: strings.Repeat("x", maxKeptBytes+1)},
		"hard link through loop": {Name: "x", Type: tar.TypeLink, Link: "loop/x"},
	} {
		b := baseOf(t, v1.ConfigFile{}, layertest.Layer(h{Name: "etc/"}, h{Name: "etc/passwd", Data: passwd}, h{Name: "loop", Link: "loop"}), layertest.Layer(entry))
		_, err := b.Facts(t.Context(), FactsOptions{})
		var bad *LayerError
		if !errors.As(err, &bad) || bad.Path != entry.Name {
			t.Errorf("%s: error %v, want a *LayerError for %s", name, err, entry.Name)
		}
	}
	// What engines allow: absolute names, links that lead out (they stay inside the
	// root), devices, a passwd file behind a link.
	b := baseOf(t, v1.ConfigFile{Config: v1.Config{User: "jovyan"}}, layertest.Layer(
		h{Name: "/usr/etc/passwd", Data: passwd}, h{Name: "etc", Link: "../../../usr/../etc2"}, h{Name: "dev/null", Type: tar.TypeChar},
		h{Name: "etc2/", Mode: 0o755}, h{Name: "etc/passwd", Data: passwd}, h{Name: "x/fifo", Type: tar.TypeFifo}))
	if f := factsOf(t, b); f.User.UID != 1000 {
		t.Errorf("uid = %d, want 1000", f.User.UID)
	}
}

func TestGlibcVersions(t *testing.T) {
	lib := func(name, data string) v1.Layer {
		return layertest.Layer(h{Name: "lib/"}, h{Name: "lib/x86_64-linux-gnu/" + name, Data: data, Mode: 0o755})
	}
	banner := func(v string) string { return "GNU C Library (X) stable release version " + v + ".\n" }
	for _, tt := range []struct {
		name   string
		layers []v1.Layer
		want   string
		musl   bool
	}{
		{"across read buffers", []v1.Layer{lib("libc.so.6", strings.Repeat("\x00", 64<<10-20)+banner("2.36")+strings.Repeat("\x00", 9000))}, "2.36", false},
		{"old names", []v1.Layer{layertest.Layer(h{Name: "lib64/libc-2.17.so", Data: banner("2.17")}, h{Name: "lib64/libc.so.6", Link: "libc-2.17.so"})}, "2.17", false},
		{"replaced by a higher layer", []v1.Layer{lib("libc.so.6", banner("2.31")), lib("libc.so.6", banner("2.39"))}, "2.39", false},
		{"deleted", []v1.Layer{lib("libc.so.6", banner("2.31")), layertest.Layer(h{Name: "lib/x86_64-linux-gnu/.wh.libc.so.6"})}, "", false},
		{"Ubuntu's banner", []v1.Layer{lib("libc.so.6", "GNU C Library (Ubuntu GLIBC 2.39-0ubuntu8.4) stable release version 2.39.\n")}, "2.39", false},
		{"a development snapshot", []v1.Layer{lib("libc.so.6", "GNU C Library (GNU libc) development release version 2.42.9000.\n")}, "2.42", false},
		{"musl", []v1.Layer{layertest.Layer(h{Name: "lib/ld-musl-x86_64.so.1", Data: "x"})}, "", true},
		{"none", []v1.Layer{layertest.Layer(h{Name: "x", Data: "x"})}, "", false},
	} {
		f := factsOf(t, baseOf(t, v1.ConfigFile{}, append([]v1.Layer{layertest.Layer(h{Name: "etc/passwd", Data: passwd})}, tt.layers...)...))
		if f.Glibc != tt.want || f.Musl != tt.musl {
			t.Errorf("%s: glibc %q, musl %v, want %q, %v", tt.name, f.Glibc, f.Musl, tt.want, tt.musl)
		}
	}
}

func TestSparseLibraryIsRefused(t *testing.T) {
	s := &scanner{tree: newTree()}
	hdr := &tar.Header{Name: "lib/libc.so.6", Size: 1 << 60, Typeflag: tar.TypeReg}
	if _, reason, err := s.file(hdr, hdr.Name, endless{}, &node{}); reason == "" || err != nil {
		t.Errorf("an exbibyte of C library: reason %q, error %v, want a reason", reason, err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestEntrypoints(t *testing.T) {
	tree, err := scan(t.Context(), append(debianish(), layertest.Layer(h{Name: "usr/bin/tini", Mode: 0o755, Data: "x"}, h{Name: "start/run", Mode: 0o755, Data: "x"})))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		entrypoint []string
		env        string
		want       string
	}{
		{nil, "", ""},
		{[]string{"/usr/bin/tini"}, "", ""},
		{[]string{"/bin/tini"}, "", ""}, // through the link bin -> usr/bin
		{[]string{"tini"}, "PATH=/usr/bin", ""},
		{[]string{"tini", "--", "/srv/start"}, "", "/srv/start"},
		{[]string{"tini", "-g", "--", "start.sh"}, "", ""}, // not a path: whose PATH is not known
		{[]string{"/srv/start", "--", "x"}, "", "/srv/start"},
		{[]string{"entry"}, "", "/usr/local/bin/entry"},
		{[]string{"entry"}, "PATH=/opt/x:/opt/y", "/opt/x/entry"},
		{[]string{"./run"}, "", ""},
		{[]string{"./walk"}, "", "/start/walk"},
		{[]string{"/../../srv/start"}, "", "/srv/start"},
	} {
		if got := missingEntrypoint(tree, tt.entrypoint, "/start", []string{tt.env}); got != tt.want {
			t.Errorf("entrypoint %q with %q: missing %q, want %q", tt.entrypoint, tt.env, got, tt.want)
		}
	}
}

func TestExtractRuntime(t *testing.T) {
	b := baseOf(t, pangeoConfig, debianish()...)
	dir := t.TempDir()
	r, err := b.ExtractRuntime(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"ld-linux-x86-64.so.2", "libc.so.6", "libm.so.6", "libz.so.1"}; !slices.Equal(r.Libraries, want) {
		t.Errorf("libraries = %v, want %v", r.Libraries, want)
	}
	for name, want := range map[string]string{"ld-linux-x86-64.so.2": "the loader", "libz.so.1": "zlib of the second layer", "libm.so.6": "libm"} {
		fi, err := os.Lstat(filepath.Join(dir, name))
		if err != nil || !fi.Mode().IsRegular() || fi.Mode()&0o100 == 0 {
			t.Errorf("%s: %v, %v, want an executable file", name, fi, err)
			continue
		}
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s = %q, %v, want %q", name, got, err, want)
		}
	}
	want := []string{filepath.Join(dir, "ld-linux-x86-64.so.2"), "--library-path", dir + ":/env/lib", "/env/bin/python", "-V"}
	if got := r.Command([]string{"/env/lib"}, "/env/bin/python", "-V"); !slices.Equal(got, want) {
		t.Errorf("Command = %q, want %q", got, want)
	}
	empty := baseOf(t, v1.ConfigFile{}, layertest.Layer(h{Name: "x", Data: "x"}))
	if _, err := empty.ExtractRuntime(t.Context(), t.TempDir()); !errors.Is(err, ErrNoRuntime) {
		t.Errorf("base without a loader: %v, want ErrNoRuntime", err)
	}
}

func BenchmarkScan(b *testing.B) {
	var entries []h
	for d := range 1000 {
		entries = append(entries, h{Name: fmt.Sprintf("usr/lib/d%d/", d)})
		for f := range 100 {
			entries = append(entries, h{Name: fmt.Sprintf("usr/lib/d%d/some-file-name-%d.py", d, f), Data: "x"})
		}
	}
	layers := []v1.Layer{layertest.Layer(entries...)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := scan(b.Context(), layers); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(101_000*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}
