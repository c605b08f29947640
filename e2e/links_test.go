package e2e

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/internal/testkit/jupytertest"
)

// What users do to an environment of links, in a container's writable layer and as uid
// 1000, changes that environment alone. Environments "one" and "two" have the same
// packages, so all their links lead to the same files.

const (
	notebook = "/srv/conda/envs/notebook"
	one      = "/srv/conda/envs/one"
	two      = "/srv/conda/envs/two"
	tools    = "/srv/conda/envs/tools"
	siteP313 = "/lib/python3.13/site-packages"
)

func linksContainer(t *testing.T, flags ...string) *jupytertest.Container {
	t.Helper()
	s := need(t)
	return start(t, must[*image](t)(s.links()), flags...)
}

// onlyChanged fails the test where the store or an environment other than prefix changed.
// It takes seconds: Docker compares the whole file system.
func onlyChanged(t *testing.T, c *jupytertest.Container, prefix string) {
	t.Helper()
	inside := false
	for _, p := range changedPaths(t, c, "/opt/corn", "/srv") {
		path := p[2:]
		switch {
		case strings.HasPrefix(path, prefix+"/"):
			inside = true
		case !strings.HasPrefix(prefix, path):
			t.Errorf("changed outside %s: %s", prefix, p)
		}
	}
	if !inside {
		t.Errorf("nothing changed in %s", prefix)
	}
}

func TestPipChangesOneEnvironment(t *testing.T) {
	wheels := filepath.Join(t.TempDir(), "wheels")
	writeWheel(t, wheels, "six", "99.0", map[string]string{"six.py": "__version__ = \"99.0\"\n"})
	c := linksContainer(t, "--volume", wheels+":/wheels:ro")
	six := `"$P/bin/python" -c "import six; print(six.__version__, six.__file__)"`
	before := sh(t, c, two, six)

	sh(t, c, one, `"$P/bin/pip" install --quiet --no-index --find-links /wheels --upgrade six`)
	if got, want := sh(t, c, one, six), "99.0 "+one+siteP313+"/six.py"; got != want {
		t.Errorf("after pip install -U: six is %s, want %s", got, want)
	}
	if got := sh(t, c, one, `ls -d "$P"`+siteP313+`/six*`); strings.Contains(got, "1.17") {
		t.Errorf("pip left the old version's files:\n%s", got)
	}
	if got := sh(t, c, two, six); got != before {
		t.Errorf("the sibling's six is %s after pip install -U in the other, before it was %s", got, before)
	}

	sh(t, c, one, `"$P/bin/pip" uninstall --quiet --yes six idna`) // pip's own, and one that the image brought
	for _, name := range []string{"six", "idna"} {
		if out, err := trySh(t, c, one, `"$P/bin/python" -c "import `+name+`; print(`+name+`.__file__)"`); err == nil {
			t.Errorf("after pip uninstall: %s imports from %s", name, out)
		}
		sh(t, c, two, `"$P/bin/python" -c "import `+name+`"`)
	}
	onlyChanged(t, c, one)
}

// writeWheel writes a wheel of pure Python (the binary distribution format of packaging.python.org).
func writeWheel(t *testing.T, dir, name, version string, files map[string]string) {
	t.Helper()
	info := name + "-" + version + ".dist-info/"
	files[info+"METADATA"] = "Metadata-Version: 2.1\nName: " + name + "\nVersion: " + version + "\n"
	files[info+"WHEEL"] = "Wheel-Version: 1.0\nGenerator: corn\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
	var names []string
	for p := range files {
		names = append(names, p)
	}
	slices.Sort(names)
	var record string
	for _, p := range names {
		sum := sha256.Sum256([]byte(files[p]))
		record += fmt.Sprintf("%s,sha256=%s,%d\n", p, base64.RawURLEncoding.EncodeToString(sum[:]), len(files[p]))
	}
	files[info+"RECORD"] = record + info + "RECORD,,\n"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	f := must[*os.File](t)(os.Create(filepath.Join(dir, name+"-"+version+"-py3-none-any.whl")))
	defer f.Close()
	z := zip.NewWriter(f)
	for _, p := range append(names, info+"RECORD") {
		w, err := z.Create(p)
		if err == nil {
			_, err = w.Write([]byte(files[p]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	readable(t, dir)
}

// readable lets any user read dir, which is below the test's temporary folder.
func readable(t *testing.T, dir string) {
	t.Helper()
	for p := dir; strings.HasPrefix(p, os.TempDir()+"/"); p = filepath.Dir(p) {
		if err := os.Chmod(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// An edited module is noticed by the next interpreter, by whatever an editor does: the
// bytecode of the image must not outlive its source.
func TestEditedModuleIsNoticed(t *testing.T) {
	c := linksContainer(t)
	module := siteP313 + "/noarch_tool/__init__.py"
	version := `"$P/bin/python" -c "import noarch_tool; print(noarch_tool.__version__)"`
	if got := sh(t, c, one, version); got != "1.0" {
		t.Fatalf("noarch_tool is %s, want 1.0", got)
	}
	for _, edit := range []struct{ how, script, want string }{
		// The same length: the time alone tells. The others differ, for they may be made in one second.
		{"sed -i", `sed -i s/1.0/2.0/ "$P"` + module, "2.0"},
		{"an editor that writes a new file and renames it", `f="$P"` + module + `; sed s/2.0/3.0.0/ "$f" > "$f~"; mv "$f~" "$f"`, "3.0.0"},
		{"an editor that writes in place, now that it is a file", `printf '__version__ = "4.0.0.0"\n' > "$P"` + module, "4.0.0.0"},
	} {
		sh(t, c, one, edit.script)
		for _, try := range []string{"first", "second"} { // the first writes new bytecode
			if got := sh(t, c, one, version); got != edit.want {
				t.Errorf("after %s: the %s interpreter sees %s, want %s", edit.how, try, got, edit.want)
			}
		}
		if got := sh(t, c, two, version); got != "1.0" {
			t.Errorf("after %s: the sibling has %s, want 1.0", edit.how, got)
		}
	}

	if out, err := trySh(t, c, two, `printf 'broken' > "$P"`+module); err == nil || !strings.Contains(err.Error(), "Permission denied") {
		t.Errorf("writing through a link into the store: %v %s, want Permission denied", err, out)
	}
	onlyChanged(t, c, one)
}

func TestVirtualEnvironments(t *testing.T) {
	c := linksContainer(t)
	// Debian's Python 3.13 comes without ensurepip, that of python-build-standalone with it.
	got := sh(t, c, one, `
"$P/bin/python" -m venv --without-pip --system-site-packages /tmp/v313
/tmp/v313/bin/python -c "import sys, ssl, six; print(sys.prefix, sys.base_prefix, six.__file__)"`)
	if want := "/tmp/v313 " + one + " " + one + siteP313 + "/six.py"; got != want {
		t.Errorf("venv of Python 3.13: %s, want %s", got, want)
	}
	got = sh(t, c, "/srv/conda/envs/python311", `
"$P/bin/python" -m venv /tmp/v311
/tmp/v311/bin/python -c "import sys, ssl; print(sys.prefix, sys.base_prefix)"
/tmp/v311/bin/python -m pip --version >&2
! /tmp/v311/bin/python -c "import noarch_tool" 2>/dev/null`)
	if want := "/tmp/v311 /srv/conda/envs/python311"; got != want {
		t.Errorf("venv of Python 3.11: %s, want %s", got, want)
	}
	if changed := changedPaths(t, c, "/opt/corn"); len(changed) > 0 {
		t.Errorf("the store changed: %v", changed)
	}
}

// Programs that look at where they are, or at how they were started, work.
func TestProgramsOfDifficultPackages(t *testing.T) {
	c := linksContainer(t)
	for _, p := range []struct{ why, command, want string }{
		{"finds its files through readlink -f", `realpath-tool`, "beside the script\nbelow share"},
		{"reads a file that is 0600 in its archive", `secretfile`, "token"},
		{"a 0600 file of an archive", `cat "$P/share/secretfile/token"`, "token"},
		{"an executable below libexec finds its library through $ORIGIN", `origin-tool`, "found through $ORIGIN"},
		{"a binary with the prefix inside", `binprefix`, "lib=" + one + "/lib:share=" + one + "/share/binprefix"},
		{"a shebang of over 127 bytes", `longshebang`, "longshebang started"},
		{"a shebang that fits, with arguments", `longshebang-spaces`, "longshebang-spaces started"},
		{"an entry point", `noarch-tool`, "noarch-tool on " + one},
		{"an entry point of a class", `noarch-tool-deep`, "noarch-tool-deep"},
		{"a script of python-scripts", `noarch-script`, "noarch-script 1.0"},
		{"a hard link of the archive", `hardlinks-2`, "hardlinks in " + one},
		{"a link into another package", `cat "$P/share/softlinks/into-other-package" "$P/share/softlinks/to-folder/inner.txt"`, "from another package\ninner"},
		{"no setuid program comes into the image", `stat -L -c %a "$P/bin/secretfile-setuid"`, "755"},
		{"started through a link from elsewhere", `ln -s "$P/bin/realpath-tool" /tmp/rt; /tmp/rt`, "beside the script\nbelow share"},
	} {
		out, err := trySh(t, c, one, `PATH="$P/bin:$PATH"`+"\n"+p.command)
		if err != nil {
			t.Errorf("%s: %v", p.why, err)
		} else if diff := cmp.Diff(p.want, out); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", p.why, p.command, diff)
		}
	}
	if out := sh(t, c, one, `find /opt/corn /srv/conda -perm /6000 2>/dev/null | head`); out != "" {
		t.Errorf("setuid or setgid files in the image:\n%s", out)
	}
}

const processJava = `
import java.nio.file.Path;

public class Process {
    public static void main(String[] args) throws Exception {
        String home = System.getProperty("java.home");
        if (args.length > 0) {
            System.out.println("second " + ProcessHandle.current().parent().isPresent() + " " + home);
            return;
        }
        System.out.println("first " + home);
        int code = new ProcessBuilder("/bin/sh", "-c", "exit 7").inheritIO().start().waitFor();
        System.out.println("sh ended with " + code);
        code = new ProcessBuilder(Path.of(home, "bin", "java").toString(), System.getProperty("source"), "again")
            .inheritIO().start().waitFor();
        System.out.println("java ended with " + code);
    }
}
`

// A Java virtual machine finds its home and its modules from libjvm.so's real path, and starts
// other processes through jspawnhelper below that home: an environment of links has both as files.
func TestJavaStartsProcesses(t *testing.T) {
	c := toolsContainer(t, "java")
	got := sh(t, c, tools, `mkdir /tmp/java && cd /tmp/java && cat > Process.java <<'END'`+processJava+`END
"$P/bin/java" -Dsource=/tmp/java/Process.java Process.java`)
	const home = tools + "/lib/jvm"
	want := "first " + home + "\nsh ended with 7\nsecond true " + home + "\njava ended with 0"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Process.java (-want +got):\n%s", diff)
	}
	if changed := changedPaths(t, c, "/opt/corn", "/srv"); len(changed) > 0 {
		t.Errorf("java changed %v", changed)
	}
}

// A compiler finds its parts beside its own real path and the C library in the sysroot,
// where libc.so and libm.so are linker scripts: texts with absolute paths.
func TestGCCLinksThroughItsSysroot(t *testing.T) {
	c := toolsContainer(t, "gcc", "cc", "ld", "as")
	sh(t, c, tools, `
sysroot="$P/x86_64-conda-linux-gnu/sysroot"
for name in libc.so libm.so libm.a; do
	f="$(find -L "$sysroot/usr/lib" -name "$name" | head -n 1)"
	head -c 300 "$f" | grep -q "GNU ld script" || { echo "$name is no linker script: $f"; exit 1; }
done
[ ! -e /usr/include/math.h ] || { echo "the base has math.h"; exit 1; }`)
	got := sh(t, c, tools, `
mkdir /tmp/c && cd /tmp/c && cat > cosine.c <<'END'
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
	for (int i = 1; i < argc; i++)
		printf("%.3f\n", cos(atof(argv[i])));
	return 0;
}
END
"$P/bin/gcc" -O2 -Wall -Werror -o cosine cosine.c -lm
./cosine 0 1
"$P/bin/gcc" -static -o cosine-static cosine.c -lm
./cosine-static 0 1
PATH="$P/bin:$PATH" cc -shared -fPIC -o libcosine.so cosine.c -lm
"$P/bin/python" -c "import ctypes; print(ctypes.CDLL('./libcosine.so').main(0, None))"
traced="$("$P/bin/gcc" -Wl,--trace -o cosine cosine.c -lm)"
grep -q "sysroot.*/libm\.so\.6" <<< "$traced" || { echo "linked to another libm: $traced"; exit 1; }`)
	if diff := cmp.Diff("1.000\n0.540\n1.000\n0.540\n0", got); diff != "" {
		t.Errorf("compiled programs (-want +got):\n%s", diff)
	}
	if changed := changedPaths(t, c, "/opt/corn", "/srv"); len(changed) > 0 {
		t.Errorf("gcc changed %v", changed)
	}
}

// toolsContainer fails the test where the environment is not one of links, or where programs
// that are to come from it are in the base, too.
func toolsContainer(t *testing.T, names ...string) *jupytertest.Container {
	t.Helper()
	c := linksContainer(t)
	if out := sh(t, c, tools, `find "$P" -lname '*/opt/corn/store/*' -print -quit`); out == "" {
		t.Errorf("%s has no link into the store", tools)
	}
	out := sh(t, c, tools, `for name in `+strings.Join(names, " ")+`; do
	PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin command -v "$name" || true
done`)
	if out != "" {
		t.Errorf("the base has %s", out)
	}
	return c
}

// webExtensions are of files that servers refuse when their real path leaves their folder.
const webExtensions = ".html .js .mjs .css .map .json .svg .png .ico .woff .woff2 .wasm .ttf"

const assetProgram = `
import os, sys, sysconfig
site, extensions = sysconfig.get_path("purelib"), set(sys.argv[1].split())
assets = links = 0
for folder, _, files in os.walk(site):
    for name in files:
        path = os.path.join(folder, name)
        if os.path.splitext(name)[1] in extensions:
            assets += 1
            # What starlette does: the file's real path must be below the folder's.
            if os.path.commonpath([os.path.realpath(path), os.path.realpath(folder)]) != os.path.realpath(folder):
                print("leaves its folder:", path, "->", os.path.realpath(path))
        elif os.path.islink(path):
            links += 1
print(assets > 0, links > 0)
`

func TestWebAssetsStayInTheirFolder(t *testing.T) {
	s := need(t)
	for _, where := range []struct {
		img      func() (*image, error)
		prefixes []string
	}{
		{s.hackweek, []string{notebook, "/srv/conda/envs/team-a", "/srv/conda/envs/team-b"}},
		{s.links, []string{one}},
	} {
		c := start(t, must[*image](t)(where.img()))
		for _, prefix := range where.prefixes {
			if got := python(t, c, prefix, assetProgram, webExtensions); got != "True True" {
				t.Errorf("%s: web assets of site-packages, want some, and links besides:\n%s", prefix, got)
			}
		}
	}
}

func TestWebServersServeStaticFiles(t *testing.T) {
	c := linksContainer(t)
	for _, server := range []struct{ name, program string }{
		{"starlette", `
import asyncio, webassets
from starlette.staticfiles import StaticFiles
app = StaticFiles(directory=webassets.STATIC)
async def get(path):
    sent = []
    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}
    async def send(message):
        sent.append(message)
    await app({"type": "http", "method": "GET", "path": path, "root_path": "", "headers": []}, receive, send)
    print(path, sent[0]["status"], b"".join(m.get("body", b"") for m in sent[1:]).decode().strip())
asyncio.run(get("/app.js"))
asyncio.run(get("/style.css"))
`},
		{"aiohttp", `
import asyncio, aiohttp, webassets
from aiohttp import web
async def main():
    app = web.Application()
    app.router.add_static("/", webassets.STATIC)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 8099)
    await site.start()
    async with aiohttp.ClientSession() as session:
        for path in "/app.js", "/style.css":
            async with session.get("http://127.0.0.1:8099" + path) as answer:
                print(path, answer.status, (await answer.text()).strip())
    await runner.cleanup()
asyncio.run(main())
`},
	} {
		got := python(t, c, "/srv/conda/envs/web", server.program)
		if diff := cmp.Diff("/app.js 200 console.log(\"webassets\");\n/style.css 200 body { margin: 0 }", got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", server.name, diff)
		}
	}
}
