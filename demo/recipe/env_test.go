package recipe

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nasa-openscapes/corn/demo/locks"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

// environments are what the packages are there for.
var environments = map[string][]string{
	"notebook":   {"python 3.13.*", "jupyterlab 4.*", "jupyterhub-singleuser 5.*", "pip"},
	"team-a":     {"python 3.13.*", "ipykernel", "numpy 2.2.*", "pandas 2.2.*", "xarray 2025.3.*", "jupyter_kernel_test", "pip"},
	"team-b":     {"python 3.11.*", "ipykernel", "numpy 1.24.*", "pandas 1.5.*", "xarray 2023.1.*", "dask 2022.12.*", "distributed", "pip"},
	"old":        {"python 3.11.*", "ipykernel 6.17.*", "ipython 8.5.*", "jupyter_client 7.*", "jupyter_server 1.*"},
	"plain-3.10": {"python 3.10.*", "pip"},
	"plain-3.14": {"python 3.14.*", "pip"},
	"r":          {"r-irkernel"},
	"xeus":       {"xeus-python", "numpy"},
	"tools":      {"openjdk", "gcc_impl_linux-64"},
}

// solve picks packages for specs as a solver would.
func solve(t *testing.T, pkgs []channeltest.Package, specs []string, glibc string) []channeltest.Package {
	t.Helper()
	var records []channeltest.Record
	byFile := map[string]channeltest.Package{}
	for _, p := range pkgs {
		file := p.Name + "-" + p.Version + "-" + p.Build + ".conda"
		byFile[file] = p
		records = append(records, channeltest.Record{Subdir: p.SubdirName(), FileName: file, Index: channeltest.Index{
			Name: p.Name, Version: p.Version, Build: p.Build, BuildNumber: p.BuildNumber, Depends: p.Depends,
			Constrains: p.Constrains, TimestampMillis: p.TimestampMillis, Noarch: p.Noarch,
		}})
	}
	ch, err := locks.NewChannel(records)
	if err != nil {
		t.Fatal(err)
	}
	virtual := maps.Clone(locks.DefaultVirtual)
	virtual["__glibc"] = glibc
	chosen, err := locks.Solve(ch, specs, virtual)
	if err != nil {
		t.Fatalf("solve %v: %v", specs, err)
	}
	var out []channeltest.Package
	for _, r := range chosen {
		out = append(out, byFile[r.FileName])
	}
	return out
}

func TestCheck(t *testing.T) {
	if err := Check(buildForTest(t, cacheForTest(t), append(Full(), Tools()...))); err != nil {
		t.Error(err)
	}
}

// What trixie compiled is not for a target with bookworm's glibc.
func TestGlibc(t *testing.T) {
	pkgs := buildForTest(t, cacheForTest(t), Full())
	for _, p := range solve(t, pkgs, []string{"python", "ipykernel", "numpy"}, "2.36") {
		if p.Name == "python" && !strings.HasPrefix(p.Version, "3.11.") || p.Name == "libgcc" && p.Version != "12.2.0" {
			t.Errorf("%s %s was chosen", p.Name, p.Version)
		}
	}
}

// bare is a root file system of Debian trixie with nothing added: where an environment
// lacks a library, no other gives it one.
type bare struct {
	t    *testing.T
	root string
}

func (b bare) cmd(args ...string) *exec.Cmd {
	cmd := exec.Command("chroot", append([]string{b.root}, args...)...)
	cmd.Env = []string{"HOME=/tmp", "PATH=/usr/bin:/bin", "JUPYTER_PATH=/opt/envs/kernels", "LC_ALL=C.UTF-8"}
	return cmd
}

func (b bare) run(args ...string) string {
	b.t.Helper()
	out, err := b.cmd(args...).CombinedOutput()
	if err != nil {
		b.t.Errorf("%q: %v\n%s", args, err, out)
	}
	return string(out)
}

func TestEnvironments(t *testing.T) {
	cache := cacheForTest(t)
	root := os.Getenv("CORN_DEMO_ROOT")
	if root == "" || os.Getuid() != 0 {
		t.Skip("needs root rights, and CORN_DEMO_ROOT: a folder made by mmdebstrap --variant=minbase trixie, with /proc and /dev mounted")
	}
	b := bare{t, root}
	pkgs := buildForTest(t, cache, append(Full(), Tools()...))
	if err := os.RemoveAll(filepath.Join(root, "opt/envs")); err != nil {
		t.Fatal(err)
	}
	for _, name := range sortedKeys(environments) {
		install(t, root, "/opt/envs/"+name, solve(t, pkgs, environments[name], "2.41"))
	}
	for _, name := range []string{"execute.py", "Process.java", "cosine.c"} {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "opt/envs", name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct{ command, want string }{
		{"team-a/bin/python -c import(numpy,pandas,xarray);print(numpy.__version__,pandas.__version__,xarray.__version__)", "2.2.4 2.2.3 2025.3.1"},
		{"team-b/bin/python -c import(numpy,pandas,xarray,dask,distributed);print(numpy.__version__,pandas.__version__,xarray.__version__,dask.__version__)", "1.24.2 1.5.3 2023.01.0 2022.12.1"},
		{"team-a/bin/python -c import(ssl,sqlite3,ctypes,lzma,bz2,readline,curses,uuid,zoneinfo);print(zoneinfo.ZoneInfo('Asia/Tokyo'))", "Asia/Tokyo"},
		{"team-a/bin/python -c import(sysconfig);print(sysconfig.get_config_var('prefix'),sysconfig.get_path('purelib'))", "/opt/envs/team-a /opt/envs/team-a/lib/python3.13/site-packages"},
		{"team-b/bin/python -c import(pytz,zoneinfo);print(pytz.timezone('Asia/Tokyo'),zoneinfo.ZoneInfo('Asia/Tokyo'))", "Asia/Tokyo Asia/Tokyo"},
		{"notebook/bin/python -c import(certifi);print(certifi.where())", "/opt/envs/notebook/ssl/cacert.pem"},
		{"team-a/bin/pip check", "No broken requirements found."},
		{"team-b/bin/pip check", "No broken requirements found."},
		{"team-a/bin/python -m venv /opt/envs/venv-a", ""},
		{"venv-a/bin/pip --version", "pip 24.3.1 from /opt/envs/venv-a"},
		{"plain-3.10/bin/python -m venv /opt/envs/venv-10", ""},
		{"plain-3.14/bin/python -m venv /opt/envs/venv-14", ""},
		{"venv-14/bin/pip --version", "pip 26.1.2 from /opt/envs/venv-14"},
		{"notebook/bin/jupyter lab --version", "4.0.11"},
		{"notebook/bin/jupyterhub-singleuser --version", "5.2.1"},
		{"xeus/bin/xpython --version", "xpython 0.17.2"},
		{"r/bin/R --version", "R version 4.2.2"},
		{"r/bin/Rscript -e library(IRkernel);cat(R.home(),capabilities('cairo'))", "/opt/envs/r/lib/R TRUE"},
		{"tools/bin/java /opt/envs/Process.java", "child\n/opt/envs/tools/lib/jvm"},
		{"tools/bin/gcc -o /opt/envs/cosine /opt/envs/cosine.c -lm", ""},
		{"cosine", "0.540"},
		{"old/bin/jupyter --version", "jupyter_server   : 1.23.3"},
		{"old/bin/python /opt/envs/execute.py python3 import(sys);print(sys.executable)", "ok /opt/envs/old/bin/python"},
	} {
		args := strings.Split("/opt/envs/"+row.command, " ")
		for i, a := range args {
			// import(a,b) stands for "import a,b": arguments are cut at spaces
			if rest, ok := strings.CutPrefix(a, "import("); ok {
				args[i] = "import " + strings.Replace(rest, ")", "", 1)
			}
		}
		if got := b.run(args...); !strings.Contains(got, row.want) {
			t.Errorf("%s says %q, want %q", row.command, got, row.want)
		}
	}
	t.Run("libraries", b.libraries)
	t.Run("kernels", b.kernels)
}

// libraries asks the loader about every ELF file: the host hides what is missing.
func (b bare) libraries(t *testing.T) {
	out := b.run("sh", "-c", `find /opt/envs -type f \( -perm /111 -o -name '*.so*' \) |
		while read -r f; do ldd "$f" 2>/dev/null | grep 'not found' | sed "s|^|$f |"; done; find /opt/envs -xtype l`)
	if out != "" {
		t.Error(out)
	}
}

// kernels starts a notebook server and executes code in the kernels of all environments.
func (b bare) kernels(t *testing.T) {
	for _, from := range []string{"team-a/share/jupyter/kernels/python3", "team-b/share/jupyter/kernels/python3",
		"xeus/share/jupyter/kernels/xpython", "xeus/share/jupyter/kernels/xpython-raw", "r/share/jupyter/kernels/ir"} {
		env, _, _ := strings.Cut(from, "/")
		name := env + "-" + filepath.Base(from)
		if err := os.CopyFS(filepath.Join(b.root, "opt/envs/kernels/kernels", name), os.DirFS(filepath.Join(b.root, "opt/envs", from))); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct{ kernel, code, want string }{
		{"team-a-python3", "import sys, xarray; print(sys.executable, xarray.__version__)", "ok /opt/envs/team-a/bin/python 2025.3.1"},
		{"team-b-python3", "import sys, dask.array as da; print(sys.executable, da.ones((4, 4)).sum().compute())", "ok /opt/envs/team-b/bin/python 16.0"},
		{"xeus-xpython", "import sys, numpy; print(sys.prefix, numpy.__version__)", "ok /opt/envs/xeus"},
		{"xeus-xpython-raw", "import sys; print(sys.prefix)", "ok /opt/envs/xeus"},
		{"r-ir", "cat(R.home(), sum(1:10))", "ok /opt/envs/r/lib/R 55"},
	} {
		if got := b.run("/opt/envs/notebook/bin/python", "/opt/envs/execute.py", row.kernel, row.code); !strings.Contains(got, row.want) {
			t.Errorf("kernel %s says %q, want %q", row.kernel, got, row.want)
		}
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	_, port, _ := strings.Cut(address, ":")
	lab := b.cmd("/opt/envs/notebook/bin/jupyter", "lab", "--allow-root", "--no-browser", "--ip=127.0.0.1", "--port="+port, "--IdentityProvider.token=t")
	if err := lab.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		lab.Process.Signal(os.Interrupt)
		lab.Process.Kill()
		lab.Wait()
	}()
	var specs string
	for range 120 {
		time.Sleep(500 * time.Millisecond)
		if specs, err = get(fmt.Sprintf("http://%s/api/kernelspecs?token=t", address)); err == nil {
			break
		}
	}
	if err != nil || !strings.Contains(specs, "xeus-xpython") || !strings.Contains(specs, "/opt/envs/r/bin/R") {
		t.Errorf("the server says %q (%v)", specs, err)
	}
	if page, err := get(fmt.Sprintf("http://%s/lab?token=t", address)); err != nil || !strings.Contains(page, "static/lab/main.") {
		t.Errorf("the lab's page is %q (%v)", page, err)
	}
}

func get(address string) (string, error) {
	resp, err := http.Get(address)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("get %s: %s", address, resp.Status)
	}
	return string(body), err
}
