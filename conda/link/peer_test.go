package link

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
	"github.com/nasa-openscapes/corn/store"
)

// peerWorld adds what only a comparison with micromamba can settle: what its record
// says of links.
const peerWorld = `
-- links-1-h1_0.conda --
depends: lib
-- links-1-h1_0/share/l/dir link=../d --
-- links-1-h1_0/share/d/x --
x
-- links-1-h1_0/share/l/other link=../../etc/keep.conf --
-- links-1-h1_0/share/l/later link=../../share/later --
-- links-1-h1_0/share/l/out link=../../../outside --
-- links-1-h1_0/share/l/same link=../d/x --
-- links-1-h1_0/share/l/rewritten link=../../bin/tool --
-- links-1-h1_0/bin/tool mode=0750 --
#!@PREFIX@/bin/sh
-- links-1-h1_0/bin/long mode=0555 --
#!@PREFIX@/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx/tool -a -b
-- links-1-h1_0/lib64/y.txt --
through the link
-- links-1-h1_0/empty --
-- later-1-h1_0.conda --
-- later-1-h1_0/share/later --
later
`

// TestMicromamba installs the world with a real micromamba 2.8 and compares the trees
// and the records. Set CORN_MICROMAMBA to its path.
func TestMicromamba(t *testing.T) {
	exe := os.Getenv("CORN_MICROMAMBA")
	if exe == "" {
		t.Skip("CORN_MICROMAMBA names no micromamba")
	}
	text := strings.Replace(world, "-- app-1-pyh1_0/share/empty dir --\n", "", 1) + peerWorld[1:] // 2.8 refuses directories
	server := channeltest.New(t, text)
	dir := t.TempDir()
	prefix := dir + "/env"
	packages := worldSources(t, text)
	origins := map[string]Origin{}
	explicit := "@EXPLICIT\n"
	for _, p := range packages {
		subdir := "linux-64"
		if strings.HasPrefix(p.fileName, "app-") {
			subdir = "noarch"
		}
		url := server.URL + "/" + subdir + "/" + p.fileName
		explicit += url + "\n"
		parts := strings.Split(strings.TrimSuffix(strings.TrimSuffix(p.fileName, ".conda"), ".tar.bz2"), "-")
		origins[p.fileName] = Origin{
			URL: url, Channel: server.URL, Subdir: subdir,
			RequestedSpec: fmt.Sprintf("%s==%s=%s", parts[0], parts[1], parts[2]),
		}
	}
	if err := os.WriteFile(dir+"/explicit.txt", []byte(explicit), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "create", "-y", "-p", prefix, "--file", dir+"/explicit.txt", "--no-rc")
	cmd.Env = append(os.Environ(), "MAMBA_ROOT_PREFIX="+dir+"/root", "MAMBA_REGISTER_ENVS=false", "HOME="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	l, err := install(t, Env{Prefix: prefix, Python: py313(t)}, store.Links, packages...)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(peerTree(t, prefix), envTree(l, t)); diff != "" {
		t.Errorf("tree (-micromamba +corn):\n%s", diff)
	}
	comparePeerRecords(t, prefix, Env{Prefix: prefix, Python: py313(t)}, packages, origins)
}

// peerTree lists files and links of a prefix with modes and content.
func peerTree(t *testing.T, prefix string) map[string]string {
	t.Helper()
	out := map[string]string{}
	root := os.DirFS(prefix)
	err := fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(p, "conda-meta/") {
			return err
		}
		if d.Type()&fs.ModeSymlink != 0 {
			to, err := os.Readlink(prefix + "/" + p)
			out[p] = "-> " + to
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := fs.ReadFile(root, p)
		out[p] = fmt.Sprintf("%04o %q", info.Mode().Perm(), data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// envTree is the same of an image. The store's modes are not the archive's, by design, so
// modes of links into it are those of the items.
func envTree(l *linked, t *testing.T) map[string]string {
	out := map[string]string{}
	for p, n := range l.env(t) {
		switch {
		case strings.HasSuffix(p, ".pyc"):
			// a pretended Python compiles nothing
		case n.Type == filetree.Symlink:
			out[p] = "-> " + n.Link
		default:
			out[p] = fmt.Sprintf("%04o %q", n.mode, n.data)
		}
	}
	return out
}

// pathSums are sums of files by path in the prefix.
type pathSums map[string]digest.SHA256

func (s pathSums) get(p string) (digest.SHA256, bool) {
	sum, ok := s[p]
	return sum, ok
}

func sumOf(t *testing.T, file string) digest.SHA256 {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return digest.Sum(data)
}

func comparePeerRecords(t *testing.T, prefix string, env Env, packages []source, origins map[string]Origin) {
	t.Helper()
	sums := pathSums{}
	for _, p := range packages {
		_, f := openPackage(t, p.data, p.fileName)
		r, err := Items(f, env)
		if err != nil {
			t.Fatal(err)
		}
		learnt := &Learnt{Sums: pathSums{}, Pyc: map[string]bool{}}
		for _, it := range r.Items {
			if it.Prefix != nil {
				learnt.Sums[it.Path] = sumOf(t, prefix+"/"+it.Path)
			}
			// What micromamba lists: bytecode of noarch packages, whether it is there or not.
			learnt.Pyc[it.Path] = it.Pyc != nil && f.Noarch == "python"
		}
		o := origins[p.fileName]
		o.Targets = sums.get
		got, err := Record(f, r.Items, o, learnt)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(prefix + "/" + RecordPath(f))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(withoutMachine(t, want), withoutMachine(t, got)); diff != "" {
			t.Errorf("%s (-micromamba +corn):\n%s", RecordPath(f), diff)
		}
		for _, it := range r.Items {
			if it.Type == filetree.File && it.Prefix == nil && it.Member != "" {
				for _, m := range f.Members {
					if m.Path == it.Member {
						sums[it.Path] = m.SHA256
					}
				}
			}
		}
	}
}

// withoutMachine writes a record without the fields that name a machine: what is left
// must be equal byte for byte.
func withoutMachine(t *testing.T, record []byte) string {
	t.Helper()
	var out []string
	for line := range strings.Lines(string(record)) {
		key := strings.TrimSpace(line)
		if strings.HasPrefix(key, `"extracted_package_dir"`) || strings.HasPrefix(key, `"package_tarball_full_path"`) || strings.HasPrefix(key, `"source"`) {
			line = strings.Repeat(" ", strings.Index(line, `"`)) + path.Base(key[:strings.Index(key, ":")]) + "\n"
		}
		out = append(out, line)
	}
	if len(out) == 0 {
		t.Error(errors.New("the record is empty"))
	}
	return strings.Join(out, "")
}
