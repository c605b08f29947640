package e2e

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// micromamba reads an environment that corn made, and installs into it and removes from it.
func TestMicromamba(t *testing.T) {
	s := need(t)
	program := os.Getenv("CORN_MICROMAMBA")
	if program == "" {
		t.Skip("set CORN_MICROMAMBA to the file of a micromamba 2")
	}
	dir := filepath.Join(t.TempDir(), "mamba")
	gather(t, program, dir)
	img := must[*image](t)(s.links())
	c := start(t, img, "--network", "host", "--volume", dir+":/mamba:ro", "--env", "MAMBA_ROOT_PREFIX=/tmp/mamba", "--env", "MAMBA_NO_RC=true")
	mamba := "export LD_LIBRARY_PATH=/mamba/lib\n/mamba/micromamba "
	channel := " --yes --override-channels --channel " + s.channelURL + "/corn-demo "

	var listed []struct{ Name, Version string }
	if err := json.Unmarshal([]byte(sh(t, c, two, mamba+`list --json --prefix "$P"`)), &listed); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, p := range listed {
		got[p.Name] = p.Version
	}
	if diff := cmp.Diff(img.versions(t, "two"), got); diff != "" {
		t.Errorf("micromamba list (-lock +listed):\n%s", diff)
	}

	imports := func(prefix, module string) bool {
		_, err := trySh(t, c, prefix, `"$P/bin/python" -c "import `+module+`"`)
		return err == nil
	}
	if imports(two, "toolz") {
		t.Fatal("toolz is there already: the test needs a package that is not")
	}
	sh(t, c, two, mamba+`install --prefix "$P"`+channel+"toolz generic-data constrained")
	if !imports(two, "toolz") || imports(one, "toolz") {
		t.Errorf("after installing toolz into two: it imports in two %v, in one %v", imports(two, "toolz"), imports(one, "toolz"))
	}
	if got := sh(t, c, two, `"$P/bin/python" -c "import six; print(six.__version__)"`); got != img.versions(t, "two")["six"] {
		t.Errorf("installing toolz changed six to %s", got)
	}

	sh(t, c, two, mamba+`remove --prefix "$P" --yes toolz idna`) // its own, and one of the image
	if imports(two, "toolz") || imports(two, "idna") || !imports(one, "idna") {
		t.Errorf("after removing toolz and idna from two: in two they import %v, %v; idna in one %v",
			imports(two, "toolz"), imports(two, "idna"), imports(one, "idna"))
	}
	if out := sh(t, c, two, `find "$P"`+siteP313+` -maxdepth 1 -name 'idna*'`); out != "" {
		t.Errorf("micromamba left files of idna:\n%s", out)
	}
	if !imports(two, "ipykernel") {
		t.Error("ipykernel does not import any more")
	}
	onlyChanged(t, c, two)
}

// gather copies a program and the libraries that it was linked to, less the C library.
func gather(t *testing.T, program, dir string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "lib"), 0o755); err != nil {
		t.Fatal(err)
	}
	copyFile(t, program, filepath.Join(dir, "micromamba"))
	out, err := exec.CommandContext(t.Context(), "ldd", program).Output()
	if err != nil { // a static program
		out = nil
	}
	for line := range strings.Lines(string(out)) {
		name, rest, ok := strings.Cut(strings.TrimSpace(line), " => ")
		if !ok || strings.HasPrefix(name, "libc.so") || strings.HasPrefix(name, "libm.so") || strings.HasPrefix(name, "libresolv.so") {
			continue
		}
		from, _, _ := strings.Cut(rest, " ")
		copyFile(t, from, filepath.Join(dir, "lib", name))
	}
	readable(t, filepath.Join(dir, "lib"))
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in := must[*os.File](t)(os.Open(from))
	defer in.Close()
	out := must[*os.File](t)(os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755))
	_, err := io.Copy(out, in)
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		t.Fatal(err)
	}
}
