package wheel

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/store"
)

func find(t *testing.T, items []store.Item, path string) store.Item {
	t.Helper()
	for _, it := range items {
		if it.Path == path {
			return it
		}
	}
	t.Fatalf("no item %s", path)
	return store.Item{}
}

func mustItems(t *testing.T, b built, env Env, opts Options) []store.Item {
	t.Helper()
	items, err := Items(factsOf(t, b), env, opts)
	if err != nil {
		t.Fatal(err)
	}
	return items
}

func TestItemFields(t *testing.T) {
	items := mustItems(t, probe(), testEnv, Options{})
	site := recordedPython.SitePackages
	want := store.Item{Path: site + "/corn_probe/tool.sh", Type: filetree.File, Member: "corn_probe/tool.sh", Mode: 0o755, ModTime: testTime.Unix(), SizeBytes: 20}
	if diff := cmp.Diff(want, find(t, items, want.Path)); diff != "" {
		t.Errorf("a member (-want +got):\n%s", diff)
	}
	want = store.Item{Path: site + "/corn_probe/sub/__pycache__/two.dots.cpython-313.pyc", Type: filetree.File, Mode: 0o644,
		ModTime: filetree.Epoch1980, Pyc: &store.Pyc{Source: site + "/corn_probe/sub/two.dots.py"}}
	if diff := cmp.Diff(want, find(t, items, want.Path)); diff != "" {
		t.Errorf("bytecode (-want +got):\n%s", diff)
	}
	script := find(t, items, "bin/probe-py")
	if !script.Generated || script.Member != "" || script.ModTime != filetree.Epoch1980 || string(script.Data) != "#!/srv/conda/envs/a/bin/python\nprint('py')\n" {
		t.Errorf("a rewritten script is %+v with the text %q", script, script.Data)
	}
	for _, absent := range []string{"REQUESTED", "direct_url.json"} {
		for _, it := range items {
			if strings.HasSuffix(it.Path, "/"+absent) {
				t.Errorf("%s without being asked for", it.Path)
			}
		}
	}
}

func TestPrefixSpelling(t *testing.T) {
	a := mustItems(t, probe(), Env{Prefix: "srv/conda/envs/a", Python: recordedPython}, Options{})
	b := mustItems(t, probe(), Env{Prefix: "/srv/conda/envs/a", Python: recordedPython}, Options{})
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("a slash in front of the prefix changes items:\n%s", diff)
	}
}

func TestShippedBytecode(t *testing.T) {
	b := minimal("a", "1.0",
		file{path: "a.py", data: "x = 1\n"},
		file{path: "__pycache__/a.cpython-313.pyc", data: "stale"},   // compiled again
		file{path: "__pycache__/a.cpython-311.pyc", data: "other"},   // another Python's
		file{path: "__pycache__/gone.cpython-313.pyc", data: "sole"}, // no source: shipped as it is
	)
	items := mustItems(t, b, testEnv, Options{})
	cache := recordedPython.SitePackages + "/__pycache__/"
	if it := find(t, items, cache+"a.cpython-313.pyc"); it.Pyc == nil {
		t.Errorf("%+v, want it compiled", it)
	}
	for _, shipped := range []string{"a.cpython-311.pyc", "gone.cpython-313.pyc"} {
		if it := find(t, items, cache+shipped); it.Member == "" {
			t.Errorf("%+v, want it as shipped", it)
		}
	}
	record := string(find(t, items, recordedPython.SitePackages+"/a-1.0.dist-info/RECORD").Data)
	if n := strings.Count(record, "a.cpython-313.pyc"); n != 1 {
		t.Errorf("RECORD has a.cpython-313.pyc %d times:\n%s", n, record)
	}
}

func TestNoCacheTag(t *testing.T) {
	py := recordedPython
	py.CacheTag = ""
	for _, it := range mustItems(t, probe(), Env{Prefix: "p", Python: py}, Options{}) {
		if it.Pyc != nil {
			t.Errorf("bytecode %s for a Python without a cache tag", it.Path)
		}
	}
}

func TestFreeThreadedHeaders(t *testing.T) {
	items := mustItems(t, probe(), Env{Prefix: "p", Python: Python{Short: "3.13", SitePackages: "lib/python3.13t/site-packages", CacheTag: "cpython-313"}}, Options{})
	find(t, items, "include/python3.13t/corn-probe/probe.h")
}

func TestInstallerFiles(t *testing.T) {
	b := minimal("a", "1.0", file{path: "a-1.0.dist-info/INSTALLER", data: "other\n"}, file{path: "a-1.0.dist-info/direct_url.json", data: "{}"})
	info := recordedPython.SitePackages + "/a-1.0.dist-info/"
	items := mustItems(t, b, testEnv, Options{Installer: "corn", DirectURL: "https://me:secret@example.org/a.whl?x=1#sha256=00"})
	if got := string(find(t, items, info+"INSTALLER").Data); got != "corn\n" {
		t.Errorf("INSTALLER says %q", got)
	}
	text := string(find(t, items, info+"direct_url.json").Data)
	if strings.Contains(text, "secret") || !strings.HasSuffix(text, `"url": "https://example.org/a.whl?x=1"}`) {
		t.Errorf("direct_url.json is %s", text)
	}
	record := string(find(t, items, info+"RECORD").Data)
	if strings.Count(record, "INSTALLER") != 1 || strings.Count(record, "direct_url.json") != 1 {
		t.Errorf("RECORD:\n%s", record)
	}
	if find(t, mustItems(t, b, testEnv, Options{}), info+"INSTALLER"); len(mustItems(t, b, testEnv, Options{})) != 4 {
		t.Error("the wheel's own direct_url.json was installed")
	}
}

func TestSignaturesHaveNoHash(t *testing.T) {
	b := minimal("a", "1.0")
	record := b.recordFile(t)
	b.files = append(b.files, record, file{path: "a-1.0.dist-info/RECORD.jws", data: "{}"})
	b.noRecord = true
	items := mustItems(t, b, testEnv, Options{})
	got := string(find(t, items, recordedPython.SitePackages+"/a-1.0.dist-info/RECORD").Data)
	if !strings.Contains(got, "a-1.0.dist-info/RECORD.jws,,\r\n") {
		t.Errorf("RECORD:\n%s", got)
	}
}

// TestShebangLength: 127 bytes with "#!" and the newline are the most that distlib writes.
func TestShebangLength(t *testing.T) {
	fits := "/" + strings.Repeat("p", maxShebang-len("#!/\n"))
	if got := shebang(fits); got != "#!"+fits+"\n" {
		t.Errorf("shebang of %d bytes is %q", len(fits), got)
	}
	if got := shebang(fits + "p"); got != "#!/bin/sh\n'''exec' "+fits+"p \"$0\" \"$@\"\n' '''\n" {
		t.Errorf("shebang of %d bytes is %q", len(fits)+1, got)
	}
}

func TestEasyInstall(t *testing.T) {
	entry := func(name string) entryPoint { return entryPoint{name, "m", "f"} }
	got := consoleScripts([]entryPoint{entry("easy_install-3.6"), entry("easy_install"), entry("pip2"), entry("x")}, "3.13")
	want := []entryPoint{entry("easy_install"), entry("easy_install-3.13"), entry("pip2"), entry("x")}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(entryPoint{})); diff != "" {
		t.Errorf("consoleScripts (-want +got):\n%s", diff)
	}
}

func TestLaterEntryPointCounts(t *testing.T) {
	b := minimal("a", "1.0", file{path: "a-1.0.dist-info/entry_points.txt", data: "[console_scripts]\nx = a:one\n[gui_scripts]\nx = a:two\n"})
	if got := string(find(t, mustItems(t, b, testEnv, Options{}), "bin/x").Data); !strings.Contains(got, "import two") {
		t.Errorf("bin/x is %q", got)
	}
}

func TestSHA512InRecord(t *testing.T) {
	b := minimal("a", "1.0", file{path: "a.txt", data: ""})
	b.files = append(b.files, file{path: "a-1.0.dist-info/RECORD", data: "a.txt,sha512=z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg_SpIdNs6c5H0NE8XYXysP-DGNKHfuwvY7kxvUdBeoGlODJ6-SfaPg,0\n" +
		"a-1.0.dist-info/METADATA,,\na-1.0.dist-info/WHEEL,,\n"})
	b.noRecord = true
	got := string(find(t, mustItems(t, b, testEnv, Options{}), recordedPython.SitePackages+"/a-1.0.dist-info/RECORD").Data)
	if !strings.Contains(got, "a.txt,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\r\n") {
		t.Errorf("RECORD:\n%s", got)
	}
}
