package recipe

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nasa-openscapes/corn/demo/deb"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

func TestPrefixPath(t *testing.T) {
	noarch, module := &Recipe{Kind: pure}, &Recipe{Kind: compiled, Python: "3.13"}
	for _, row := range []struct {
		r        *Recipe
		in, want string
	}{
		{noarch, "usr/lib/python3/dist-packages/a/b.py", "site-packages/a/b.py"},
		{module, "usr/lib/python3/dist-packages/a/b.py", "lib/python3.13/site-packages/a/b.py"},
		{module, "usr/lib/python3.13/dist-packages/a.py", "lib/python3.13/site-packages/a.py"},
		{module, "usr/lib/python3.13/os.py", "lib/python3.13/os.py"},
		{module, "usr/lib/x86_64-linux-gnu/libz.so.1", "lib/libz.so.1"},
		{module, "usr/lib/x86_64-linux-gnu/openblas-pthread/libblas.so.3", "lib/libblas.so.3"}, // flattened
		{module, "usr/sbin/x", "bin/x"},
		{module, "etc/jupyter/x.json", "etc/jupyter/x.json"},
		{module, "opt/x", ""},
	} {
		if got := row.r.prefixPath(row.in); got != row.want {
			t.Errorf("prefixPath(%q) = %q, want %q", row.in, got, row.want)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, row := range []struct {
		pattern, path string
		want          bool
	}{
		{"a/**", "a/b/c", true},
		{"a/**", "ab/c", false},
		{"a/**", "a", false},
		{"a/**.so", "a/b/c.so", true},
		{"a/**.so", "a/c.so.1", false},
		{"a/x*/**", "a/xyz/c", true},
		{"a/*.py", "a/b.py", true},
		{"a/*.py", "a/b/c.py", false},
	} {
		if got := match(row.pattern, row.path); got != row.want {
			t.Errorf("match(%q, %q) = %v, want %v", row.pattern, row.path, got, row.want)
		}
	}
}

func TestRelative(t *testing.T) {
	for _, row := range [][3]string{
		{"lib", "lib/x.so", "x.so"},
		{"lib/a/b", "lib/x.so", "../../x.so"},
		{"bin", "lib/x.so", "../lib/x.so"},
		{".", "lib/x.so", "lib/x.so"},
		{"lib/a", "lib/ab/x", "../ab/x"},
		{"a/b", "a/b", "../b"}, // a folder is not left out because its name is on the way
	} {
		if got := relative(row[0], row[1]); got != row[2] {
			t.Errorf("relative(%q, %q) = %q, want %q", row[0], row[1], got, row[2])
		}
	}
}

func TestToSpec(t *testing.T) {
	for _, row := range []struct {
		in, python, want string
		old              bool
	}{
		{"numpy>=1.24", "", "numpy >=1.24", false},
		{"prompt_toolkit<3.1.0,>=3.0.41", "", "prompt-toolkit <3.1.0,>=3.0.41", false},
		{"jedi (>=0.16)", "", "jedi >=0.16", false},
		{"jsonschema[format-nongpl]>=4.18.0", "", "jsonschema >=4.18.0", false},
		{"Jupyter.Client", "", "jupyter_client", false}, // conda-forge's underscore
		{"pexpect>4.3; sys_platform != \"win32\" and sys_platform != \"emscripten\"", "", "pexpect >4.3", false},
		{"appnope; platform_system == 'Darwin'", "", "", false},
		{"pytest; extra == 'test'", "", "", false},
		{"tomli; python_version < '3.11'", "", "", true}, // so: not for 3.10
		{"typing-extensions>=4.6; python_version < '3.12'", "", "typing_extensions >=4.6", false},
		{"typing-extensions>=4.6; python_version < '3.12'", "3.13", "", false}, // compiled for one
		{"numpy>=1.23.2; python_version == \"3.11\"", "3.11", "numpy >=1.23.2", false},
		{"pathlib2; (python_version in \"2.6 2.7\")", "", "", false},
		{"greenlet>=1; python_version < \"3.14\" and (platform_machine == \"aarch64\" or (platform_machine == \"x86_64\"))", "3.13", "greenlet >=1", false},
	} {
		got, old, err := toSpec(row.in, row.python)
		if err != nil || got != row.want || old != row.old {
			t.Errorf("toSpec(%q, %q) = %q, %v, %v, want %q, %v", row.in, row.python, got, old, err, row.want, row.old)
		}
	}
	for _, in := range []string{"", "a; moon == 'full'", "a; (python_version < '3'", "a; python_version ~ '3'", "a; os_name == 'nt' os_name"} {
		if _, _, err := toSpec(in, ""); err == nil {
			t.Errorf("toSpec(%q) is no error", in)
		}
	}
}

func TestTidy(t *testing.T) {
	for in, want := range map[string]string{
		">=3.8":                           ">=3.8",
		">=2.7,!=3.0.*,!=3.1.*,<3.12.0a0": ">=3.8,<3.12.0a0",
		">=3.8,>=3.11":                    ">=3.11",
		">=3.7,<4":                        ">=3.7",
		">=3.9,!=3.9.1":                   ">=3.9,!=3.9.1",
	} {
		if got := tidy(in); got != want {
			t.Errorf("tidy(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestFromRequiresTxt(t *testing.T) {
	got := fromRequiresTxt("a>=1\n\n[:python_version < \"3\"]\nb\n\n[x]\nc\n\n[y:os_name == \"nt\"]\nd\n")
	want := "Requires-Dist: a>=1\nRequires-Dist: b; (python_version < \"3\")\nRequires-Dist: c; extra == \"x\"\n" +
		"Requires-Dist: d; (os_name == \"nt\") and extra == \"y\"\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPrefixesInText(t *testing.T) {
	short := func(s string) string { return strings.ReplaceAll(s, Placeholder, "@") }
	for in, want := range map[string]string{
		`'LIBDIR': '/usr/lib/x86_64-linux-gnu',`: `'LIBDIR': '@/lib',`,
		`'prefix': '/usr',`:                      `'prefix': '@',`,
		`'TZPATH': '/usr/share/zoneinfo:/etc'`:   `'TZPATH': '@/share/zoneinfo:/etc'`,
		`'--prefix=/usr' '--x'`:                  `'--prefix=@' '--x'`,
		`'BINDIR': '/usr/bin',`:                  `'BINDIR': '@/bin',`,
		`'INSTALL': '/usr/bin/install -c',`:      `'INSTALL': '/usr/bin/install -c',`, // a tool of the system
		`'x': '/build/usr/x'`:                    `'x': '/build/usr/x'`,
	} {
		if got := short(debianPrefix(in)); got != want {
			t.Errorf("debianPrefix(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		`prefix="/install"`: `prefix="@"`, `"--prefix=/install' x`: `"--prefix=@' x`,
		"/install/lib /install/include": "@/lib @/include", "/tools/install-sh": "/tools/install-sh", "a/install/b": "a/install/b",
	} {
		if got := short(baked.ReplaceAllString(in, "${1}"+Placeholder)); got != want {
			t.Errorf("baked: %q becomes %q, want %q", in, got, want)
		}
	}
}

// scratch is a draft over files given as text; a target of a link stands after "-> ".
func scratch(t *testing.T, r *Recipe, version string, own, linked map[string]string) *draft {
	t.Helper()
	d := &draft{
		recipe: r, works: &works{dir: t.TempDir()},
		pins: map[string]deb.Pin{"x": {Version: version}},
		tree: map[string]channeltest.File{}, own: map[string]bool{}, files: map[string]channeltest.File{},
	}
	for files, mine := range map[*map[string]string]bool{&own: true, &linked: false} {
		for p, text := range *files {
			f := channeltest.File{Path: p, Mode: 0o644, Data: []byte(text)}
			if to, ok := strings.CutPrefix(text, "-> "); ok {
				f.Data, f.Link = nil, to
			}
			d.tree[p] = f
			if mine {
				d.own[p] = true
			}
		}
	}
	return d
}

// listing is the files of a draft as "path content" or "path -> target".
func listing(t *testing.T, d *draft) []string {
	t.Helper()
	var out []string
	for _, p := range sortedKeys(d.files) {
		f := d.files[p]
		if f.Link != "" {
			out = append(out, p+" -> "+f.Link)
			continue
		}
		data, err := content(f)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p+" "+string(data))
	}
	return out
}

func TestConvertLinks(t *testing.T) {
	d := scratch(t, &Recipe{Kind: library, Debs: []string{"x"}}, "1", map[string]string{
		"usr/lib/x86_64-linux-gnu/liba.so.1":    "lib",
		"usr/lib/x86_64-linux-gnu/liba.so":      "-> liba.so.1",
		"usr/lib/R/etc/conf":                    "-> /etc/R/conf",     // absolute
		"etc/R/conf":                            "c",                  //
		"usr/share/app/script.js":               "-> ../js/script.js", // in another deb: copied
		"usr/share/app/folder":                  "-> ../js",           // a folder of another deb
		"usr/share/app/own":                     "-> ../own",          // a folder of this one
		"usr/share/own/file":                    "o",
		"usr/lib/x86_64-linux-gnu/blas/libb.so": "b",
		"usr/lib/x86_64-linux-gnu/libb.so":      "-> blas/libb.so", // one place for both
	}, map[string]string{"usr/share/js/script.js": "-> script-1.js", "usr/share/js/script-1.js": "s"})
	if err := d.convert(); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"etc/R/conf c", "lib/R/etc/conf -> ../../../etc/R/conf", "lib/liba.so -> liba.so.1", "lib/liba.so.1 lib", "lib/libb.so b",
		"share/app/folder/script-1.js s", "share/app/folder/script.js s", "share/app/own -> ../own", "share/app/script.js s", "share/own/file o",
	}
	if diff := cmp.Diff(want, listing(t, d)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestConvertRefuses(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"two files for one place":   {"usr/bin/a": "1", "usr/sbin/a": "2"},
		"a link to nothing at hand": {"usr/bin/a": "-> /usr/bin/b"},
		"no place for it":           {"opt/a": "1"},
	} {
		if err := scratch(t, &Recipe{Kind: library, Debs: []string{"x"}}, "1", files, nil).convert(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	d := scratch(t, &Recipe{Kind: library, Debs: []string{"x"}}, "1", map[string]string{"usr/bin/a": "1", "usr/sbin/a": "1"}, nil)
	if err := d.convert(); err != nil {
		t.Errorf("two files of one content: %v", err)
	}
}

// An egg of Debian's becomes what pip would have left, with its right version.
func TestDistribution(t *testing.T) {
	const dist = "usr/lib/python3/dist-packages/"
	r := &Recipe{Name: "xarray", Suite: bookworm, Kind: pure, Debs: []string{"x"}}
	d := scratch(t, r, "2023.01.0+dfsg-1.1", map[string]string{
		dist + "xarray/__init__.py":                        "code",
		dist + "xarray/_version.py":                        "v = '999+dfsg'",
		dist + "xarray-999+dfsg.egg-info/PKG-INFO":         "Name: xarray\r\nVersion: 999+dfsg\r\nRequires-Python: >=3.8\r\nLicense: Apache-2.0\r\nSummary: N-D\r\n\r\nVersion: of text\r\n",
		dist + "xarray-999+dfsg.egg-info/requires.txt":     "numpy>=1.20\n[test]\npytest\n",
		dist + "xarray-999+dfsg.egg-info/entry_points.txt": "[console_scripts]\nxa = xarray.cli:main [extra]\n[other]\nno = x:y\n",
		dist + "xarray-999+dfsg.egg-info/not-zip-safe":     "",
		dist + "xarray-999+dfsg.egg-info/top_level.txt":    "xarray\n",
		"usr/bin/xa":    "#!/usr/bin/python3\nnever\n",
		"usr/bin/other": "#! /usr/bin/python3\nkept\n",
	}, nil)
	for _, step := range []func() error{d.convert, d.scripts, d.modules, d.record} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	const info = "site-packages/xarray-2023.01.0.dist-info/"
	want := []string{
		"python-scripts/other #!" + Placeholder + "/bin/python\nkept\n",
		info + "INSTALLER conda\n",
		info + "METADATA Name: xarray\nVersion: 2023.01.0\nRequires-Python: >=3.8\nLicense: Apache-2.0\nSummary: N-D\nRequires-Dist: numpy>=1.20\nRequires-Dist: pytest; extra == \"test\"\n\nVersion: of text\n",
		info + "RECORD",
		info + "WHEEL Wheel-Version: 1.0\nGenerator: demo\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
		info + "entry_points.txt [console_scripts]\nxa = xarray.cli:main [extra]\n[other]\nno = x:y\n",
		info + "top_level.txt xarray\n",
		"site-packages/xarray/__init__.py code",
		"site-packages/xarray/_version.py v = '2023.01.0'",
	}
	got := listing(t, d)
	var record string
	for i, line := range got {
		if rest, ok := strings.CutPrefix(line, info+"RECORD "); ok {
			got[i], record = info+"RECORD", rest
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	// printf code | sha256sum, in the URL's base64 without padding
	for _, line := range []string{"xarray/__init__.py,sha256=VpTQii5T_8rgwxA-Wtb2B2q9lg6x-KVldwQLwQKPcCs,4\n",
		"../../../bin/other,,\n", "xarray-2023.01.0.dist-info/RECORD,,\n"} {
		if !strings.Contains(record, line) {
			t.Errorf("RECORD lacks %q:\n%s", line, record)
		}
	}
	if diff := cmp.Diff([]string{"xa = xarray.cli:main"}, d.pkg.EntryPoints); diff != "" {
		t.Errorf("entry points (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"numpy >=1.20", "python >=3.8,<3.12.0a0"}, d.requires); diff != "" {
		t.Errorf("requirements (-want +got):\n%s", diff)
	}
	if d.pkg.Version != "2023.01.0" || d.pkg.License != "Apache-2.0" || d.pkg.Summary != "N-D" {
		t.Errorf("the package is %+v", d.pkg)
	}
}

func TestCommand(t *testing.T) {
	d := scratch(t, &Recipe{Kind: compiled, Python: "3.13"}, "1", nil, nil)
	if err := d.command("f2py = numpy.f2py.f2py2e:Main.run"); err != nil {
		t.Fatal(err)
	}
	got := listing(t, d)[0]
	for _, want := range []string{"bin/f2py #!" + Placeholder + "/bin/python3.13\n", "from numpy.f2py.f2py2e import Main\n", "sys.exit(Main.run())"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q has no %q", got, want)
		}
	}
}

func TestEdit(t *testing.T) {
	d := scratch(t, &Recipe{}, "1", nil, nil)
	if err := d.set("a", []byte("one two")); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"no such file":          d.replace("b", "x", "y"),
		"nothing to replace":    d.replace("a", "three", "3"),
		"one of two to replace": d.replace("a", "one", "1", "three", "3"),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
