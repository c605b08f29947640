package link

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/store"
)

const when = 1_700_000_000

func file(path string, mode uint32, data string) artifact.Member {
	return artifact.Member{
		Path: path, Type: filetree.File, Mode: mode, ModTime: when, SizeBytes: int64(len(data)), SHA256: digest.Sum([]byte(data)),
	}
}

func withPrefix(m artifact.Member, data string, mode artifact.PrefixMode) artifact.Member {
	m.Prefix = use(data, ph, mode)
	return m
}

func symlink(path, target string) artifact.Member {
	return artifact.Member{Path: path, Type: filetree.Symlink, Mode: 0o777, ModTime: when, Link: target}
}

func pyc(path string, magic uint16, mtime int64, size int) artifact.Member {
	m := file(path, 0o644, "pyc of "+path)
	m.Traits, m.PycMagic, m.PycTime, m.PycSize = artifact.PycTimestamp, magic, uint32(mtime), uint32(size)
	return m
}

func pkg(name, noarch string, members ...artifact.Member) *artifact.Facts {
	fn := name + "-1.0-h1_0.conda"
	return &artifact.Facts{
		Kind: artifact.Conda, FileName: fn, Name: name, Version: "1.0", Build: "h1_0", Noarch: noarch,
		SHA256: digest.Sum([]byte(fn)), MD5: digest.SumMD5([]byte(fn)), SizeBytes: 1234, Members: members,
		Conda: &artifact.CondaFacts{HasPathsJSON: true, Index: []byte(`{"name":"` + name + `","version":"1.0","build":"h1_0","build_number":0}`)},
	}
}

func py313(t testing.TB) *Python {
	t.Helper()
	p, ok, err := PythonOf(pythonFacts("3.13.5", "h1_0_cp313", ""))
	if err != nil || !ok {
		t.Fatal(err)
	}
	return p
}

// dump is one line an item: what, mode, size, path, and where its bytes come from.
func dump(items []store.Item) []string {
	var out []string
	for _, it := range items {
		s := fmt.Sprintf("%s %04o %d %s", it.Type, it.Mode, it.SizeBytes, it.Path)
		switch {
		case it.Pyc != nil:
			s += " pyc of " + it.Pyc.Source
		case it.Generated:
			s += " generated"
		case it.Type == filetree.Symlink:
			s += " -> " + it.Link
		case it.Type == filetree.File && it.Member != it.Path:
			s += " from " + it.Member
		}
		if it.Prefix != nil {
			s += " rewritten"
		}
		if it.NoLink {
			s += " nolink"
		}
		out = append(out, s)
	}
	return out
}

func wantItems(t *testing.T, f *artifact.Facts, env Env, want ...string) *Result {
	t.Helper()
	r, err := Items(f, env)
	if err != nil {
		t.Fatalf("Items(%s): %v", f.FileName, err)
	}
	if got := dump(r.Items); !slices.Equal(got, want) {
		t.Errorf("Items(%s)\n got\n  %s\nwant\n  %s", f.FileName, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	return r
}

func TestItemsPlain(t *testing.T) {
	text := "#!" + ph + "/bin/sh\n"
	noLink := file("share/lic", 0o600, "xx")
	noLink.NoLink = true
	noSoft := file("share/soft", 0o4755, "xx")
	noSoft.NoSoft = true
	old := file("old", 0o644, "x")
	old.ModTime = 0
	never := withPrefix(file("etc/never", 0o644, "abc"), "abc", artifact.Text) // listed, and not in it
	f := pkg("tool", "", withPrefix(file("bin/tool", 0o755, text), text, artifact.Text), symlink("bin/t", "tool"),
		file("lib/a.so", 0o755, "data"), noLink, noSoft, old, never,
		artifact.Member{Path: "share/empty", Type: filetree.Dir, Mode: 0o775})
	f.Conda.LinkScripts = []string{"bin/.tool-post-link.sh"}
	r := wantItems(t, f, Env{Prefix: "/srv/conda/envs/a"},
		"symlink 0777 0 bin/t -> tool",
		fmt.Sprintf("file 0755 %d bin/tool rewritten", len("#!/srv/conda/envs/a/bin/sh\n")),
		"file 0644 3 etc/never",
		"file 0755 4 lib/a.so",
		"file 0644 1 old",
		"dir 0775 0 share/empty",
		"file 0600 2 share/lic nolink",
		"file 4755 2 share/soft nolink",
	)
	if !slices.Equal(r.LinkScripts, f.Conda.LinkScripts) {
		t.Errorf("LinkScripts = %q", r.LinkScripts)
	}
	for _, it := range r.Items {
		if want := int64(when); it.Path != "old" && it.Path != "share/empty" && it.ModTime != want {
			t.Errorf("%s has the time %d, want %d", it.Path, it.ModTime, want)
		} else if it.Path == "old" && it.ModTime != filetree.Epoch1980 {
			t.Errorf("a file of 1970 has the time %d, want %d", it.ModTime, filetree.Epoch1980)
		}
	}
}

func TestItemsNoarchPython(t *testing.T) {
	f := pkg("lab", "python", file("site-packages/lab/__init__.py", 0o664, "import os\n"), file("site-packages/lab/x.txt", 0o644, "t"),
		file("python-scripts/run.py", 0o755, "#!python"), file("bin/lab", 0o755, "other"), file("etc/jupyter/x.json", 0o644, "{}"))
	f.Conda.EntryPoints = []string{"lab = lab.app:main"}
	script := len("#!/p/bin/python3.13\n# -*- coding: utf-8 -*-\nimport re\nimport sys\n\nfrom lab.app import main\n\n" +
		"if __name__ == '__main__':\n    sys.argv[0] = re.sub(r'(-script\\.pyw?|\\.exe)?$', '', sys.argv[0])\n    sys.exit(main())\n")
	wantItems(t, f, Env{Prefix: "/p", Python: py313(t)},
		fmt.Sprintf("file 0775 %d bin/lab generated", script), // the entry point wins over the file
		"file 0644 2 etc/jupyter/x.json",
		"file 0755 8 bin/run.py from python-scripts/run.py",
		"file 0664 10 lib/python3.13/site-packages/lab/__init__.py from site-packages/lab/__init__.py",
		"file 0644 1 lib/python3.13/site-packages/lab/x.txt from site-packages/lab/x.txt",
		"file 0644 0 lib/python3.13/site-packages/lab/__pycache__/__init__.cpython-313.pyc pyc of lib/python3.13/site-packages/lab/__init__.py",
	)

	var none *NoPythonError
	if _, err := Items(f, Env{Prefix: "/p"}); !errors.As(err, &none) || !strings.Contains(err.Error(), "lab-1.0-h1_0.conda") {
		t.Errorf("noarch python without Python: %v, want a *NoPythonError naming the package", err)
	}
	f.Conda.EntryPoints = []string{"../x = lab:main"}
	var ep *EntryPointError
	if _, err := Items(f, Env{Prefix: "/p", Python: py313(t)}); !errors.As(err, &ep) || ep.Package != f.FileName {
		t.Errorf("entry point that leaves bin: %v, want an *EntryPointError naming the package", err)
	}
	generic := pkg("data", "generic", file("site-packages/x.py", 0o644, "x"))
	wantItems(t, generic, Env{Prefix: "/p"}, "file 0644 1 site-packages/x.py")
}

// Two members that meet in one path: the later in the order of paths.json stays.
func TestItemsMeet(t *testing.T) {
	f := pkg("meet", "python", file("python-scripts/x", 0o755, "22"), file("bin/x", 0o755, "1"))
	wantItems(t, f, Env{Prefix: "/p", Python: py313(t)}, "file 0755 2 bin/x from python-scripts/x")
}

func TestItemsErrors(t *testing.T) {
	bin := ph + "/lib\x00"
	long := "/" + strings.Repeat("p", len(ph))
	f := pkg("tool", "", withPrefix(file("lib/a.so", 0o755, bin), bin, artifact.Binary))
	_, err := Items(f, Env{Prefix: long})
	var tooLong *PrefixTooLongError
	var member *MemberError
	if !errors.As(err, &tooLong) || !errors.As(err, &member) || member.Member != "lib/a.so" || member.Package != f.FileName {
		t.Errorf("prefix of %d bytes: %v, want a *PrefixTooLongError for lib/a.so", len(long), err)
	}
	for _, p := range []string{"../x", "/x", "a/../../x", "", "a//b"} {
		_, err := Items(pkg("evil", "", artifact.Member{Path: p, Type: filetree.File}), Env{Prefix: "/p"})
		var pe *filetree.PathError
		if !errors.As(err, &pe) {
			t.Errorf("member %q: %v, want a *filetree.PathError", p, err)
		}
	}
	if _, err := Items(pkg("odd", "", artifact.Member{Path: "x"}), Env{Prefix: "/p"}); err == nil {
		t.Error("a member without a type was linked")
	}
	if _, err := Items(&artifact.Facts{Kind: artifact.Wheel, FileName: "x.whl"}, Env{Prefix: "/p"}); err == nil {
		t.Error("a wheel was linked as a conda package")
	}
}

func TestBytecode(t *testing.T) {
	const sp = "lib/python3.13/site-packages/"
	const source = "import x\n"
	const cached = sp + "m/__pycache__/a.cpython-313.pyc"
	src := file(sp+"m/a.py", 0o644, source)
	text := "p = '" + ph + "'\n"
	rewritten := withPrefix(file(sp+"m/a.py", 0o644, text), text, artifact.Text)
	good := pyc(cached, 3571, when, len(source))
	old := src
	old.ModTime = 1000 // becomes 1980 in the image
	hash := good
	hash.Traits, hash.PycTime, hash.PycSize = artifact.PycHash, 0, 0
	otherMagic := good
	otherMagic.PycMagic = 3570
	noHeader := good
	noHeader.Traits = 0
	for _, tt := range []struct {
		why     string
		members []artifact.Member
		compile bool
	}{
		{"missing", []artifact.Member{src}, true},
		{"valid", []artifact.Member{src, good}, false},
		{"other time", []artifact.Member{src, pyc(cached, 3571, when+1, len(source))}, true},
		{"other size", []artifact.Member{src, pyc(cached, 3571, when, len(source)+1)}, true},
		{"other Python", []artifact.Member{src, otherMagic}, true},
		{"time moved to 1980", []artifact.Member{old, pyc(cached, 3571, 1000, len(source))}, true},
		{"hash-based", []artifact.Member{src, hash}, false},
		{"no header of bytecode", []artifact.Member{src, noHeader}, true},
		{"source rewritten", []artifact.Member{rewritten, pyc(cached, 3571, when, len(text))}, true},
		{"source rewritten, hash-based", []artifact.Member{rewritten, hash}, true},
		{"source is a link", []artifact.Member{file(sp+"m/b.txt", 0o644, source), symlink(sp+"m/a.py", "b.txt"), good}, false},
		{"source is a link, nothing shipped", []artifact.Member{file(sp+"m/b.txt", 0o644, source), symlink(sp+"m/a.py", "b.txt")}, true},
	} {
		slices.SortFunc(tt.members, func(a, b artifact.Member) int { return strings.Compare(a.Path, b.Path) })
		r, err := Items(pkg("m", "", tt.members...), Env{Prefix: "/p", Python: py313(t)})
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		for _, it := range r.Items {
			if it.Path == cached {
				seen++
				if got := it.Pyc != nil; got != tt.compile {
					t.Errorf("%s: compiled is %v, want %v", tt.why, got, tt.compile)
				}
			}
		}
		if seen != 1 {
			t.Errorf("%s: %d items at %s, want 1", tt.why, seen, cached)
		}
	}
}

// Only what the env's Python imports is compiled, and only by a Python that can.
func TestBytecodeWhere(t *testing.T) {
	f := pkg("m", "", file("lib/python3.13/os.py", 0o755, "x"), file("lib/python3.13/site-packages/a.py", 0o444, "x"),
		file("lib/python3.12/site-packages/b.py", 0o644, "x"), file("share/c.py", 0o644, "x"), file("bin/d.py", 0o755, "x"),
		file("lib/python3.13/e\nf.py", 0o644, "x"), file("lib/python3.13/g.pyi", 0o644, "x"), symlink("lib/python3.13/h.py", "/etc/h.py"),
		symlink("lib/python3.13/i.py", "i.py"))
	compiled := func(py *Python) (out []string) {
		r, err := Items(f, Env{Prefix: "/p", Python: py})
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range r.Items {
			if it.Pyc != nil {
				out = append(out, fmt.Sprintf("%s %04o", it.Path, it.Mode))
			}
		}
		return out
	}
	want := []string{"lib/python3.13/__pycache__/os.cpython-313.pyc 0644", "lib/python3.13/site-packages/__pycache__/a.cpython-313.pyc 0644"}
	if got := compiled(py313(t)); !slices.Equal(got, want) {
		t.Errorf("3.13 compiles %q, want %q", got, want)
	}
	shippedOnly, err := Items(pkg("m", "", file("lib/python3.13/a.py", 0o644, "x"), pyc("lib/python3.13/__pycache__/a.cpython-313.pyc", 1, 1, 1)),
		Env{Prefix: "/p", Python: py313(t), ShippedPyc: true})
	if err != nil || len(shippedOnly.Items) != 2 || slices.ContainsFunc(shippedOnly.Items, func(it store.Item) bool { return it.Pyc != nil }) {
		t.Errorf("ShippedPyc: %v, %v, want the two files as they are", shippedOnly, err)
	}
	if got := compiled(nil); got != nil {
		t.Errorf("no Python compiles %q", got)
	}
	if got := compiled(&Python{Short: "3.13", SitePackages: "lib/python3.13/site-packages", CacheTag: "pypy313", PyPy: true}); got != nil {
		t.Errorf("PyPy compiles %q", got)
	}
	two := &Python{Short: "3.13", SitePackages: "share", CacheTag: "cpython-313"}
	if got := compiled(two); !slices.Contains(got, "share/__pycache__/c.cpython-313.pyc 0644") {
		t.Errorf("site-packages of its own is not compiled: %q", got)
	}
}
