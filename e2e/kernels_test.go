package e2e

import (
	"context"
	"encoding/json"
	"maps"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/internal/jupyter"
	"github.com/nasa-openscapes/corn/internal/testkit/jupytertest"
)

// An image's own Jupyter, run as a hub runs it (another user id, empty home, nothing
// writable), lists each kernel, starts it in its environment, and ends it.
func TestKernelsOfTheExample(t *testing.T) {
	s := need(t)
	testKernels(t, must[*image](t)(s.hackweek()), nil)
}

func TestKernelsOfDifficultEnvironments(t *testing.T) {
	s := need(t)
	testKernels(t, must[*image](t)(s.links()), map[string]map[string]string{
		"one": {
			"ACTIVATE_SH_HOME":    "/srv/conda/envs/one/share/activate-sh",
			"ACTIVATE_BASH_COUNT": "2", // set by a script that only bash understands
			"ACTIVATE_BASH_PATH":  "/srv/conda/envs/one/share/activate-bash/one:/srv/conda/envs/one/share/activate-bash/two words",
			"ENVVARS_PLAIN":       "value",
			"ENVVARS_QUOTES":      `it's "quoted" $HOME`,
		},
		"python311": {"ACTIVATE_BASH_COUNT": "2"},
		"copies":    {"CONDA_DEFAULT_ENV": "copies"},
	})
}

func testKernels(t *testing.T, img *image, variables map[string]map[string]string) {
	server := serve(t, img)
	specs, fallback, err := server.Kernelspecs(within(t, time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"python3": "Python 3 (ipykernel)"} // the notebook environment's own
	for _, k := range img.Kernels {
		want[k.Name] = k.DisplayName
	}
	got := map[string]string{}
	for name, spec := range specs {
		got[name] = spec.Spec.DisplayName
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kernels in Jupyter, name to display name (-want +got):\n%s", diff)
	}
	if specs[fallback].Name == "" {
		t.Errorf("the default kernel is %q, which is not in the list", fallback)
	}
	for _, k := range img.Kernels {
		t.Run(k.Name, func(t *testing.T) {
			testKernel(t, server, k, img.versions(t, k.Environment), variables[k.Name])
		})
	}
	t.Run("python3", func(t *testing.T) {
		k := startKernel(t, server, "python3")
		var p probe
		p.run(t, k)
		if p.Prefix != notebook {
			t.Errorf("the notebook environment's kernel runs in %s", p.Prefix)
		}
	})
}

// serve starts the image's Jupyter as a hub would.
func serve(t *testing.T, img *image) *jupytertest.Server {
	t.Helper()
	s := must[*jupytertest.Server](t)(jupytertest.Start(within(t, 90*time.Second), img.Tag, jupytertest.Options{}))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("Jupyter printed:\n%s", s.Container.Logs(context.Background()))
		}
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func startKernel(t *testing.T, s *jupytertest.Server, name string) *jupyter.Kernel {
	t.Helper()
	k := must[*jupyter.Kernel](t)(s.StartKernel(within(t, time.Minute), name))
	t.Cleanup(func() { stopKernel(t, s, k) })
	return k
}

// stopKernel ends a kernel and sees that its process is gone.
func stopKernel(t *testing.T, s *jupytertest.Server, k *jupyter.Kernel) {
	t.Helper()
	ctx, cancel := withoutTest(30 * time.Second)
	defer cancel()
	if err := k.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
	out, err := s.Container.Exec(ctx, "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' '\\n'")
	if strings.Contains(out, "kernel-"+k.ID+".json") {
		t.Errorf("the kernel's process runs after its end: %v", err)
	}
}

// A probe is what a kernel tells of its process.
type probe struct {
	Version, Prefix string
	Modules         map[string]string
	Env             map[string]string
	Which           string   // the first python (or R) on PATH
	SSLModules      []string // files in OPENSSL_MODULES
	SSLPackaged     []string // those that the openssl package says it brought
}

const pythonProbe = `
import glob, importlib.util, json, os, shutil, sys
modules = {}
for name in ("numpy", "pandas", "xarray"):
    if importlib.util.find_spec(name):
        modules[name] = importlib.import_module(name).__version__
folder = os.environ.get("OPENSSL_MODULES", "")
packaged = [os.path.basename(f) for record in glob.glob(sys.prefix + "/conda-meta/openssl-*.json")
            for f in json.load(open(record))["files"] if f.startswith("lib/ossl-modules/")]
print(json.dumps({"Version": sys.version.split()[0], "Prefix": os.path.realpath(sys.prefix), "Modules": modules, "Env": dict(os.environ),
                  "Which": shutil.which("python"), "SSLModules": sorted(os.listdir(folder)) if os.path.isdir(folder) else [],
                  "SSLPackaged": sorted(packaged)}))
`

func (p *probe) run(t *testing.T, k *jupyter.Kernel) {
	t.Helper()
	r := execute(t, k, pythonProbe)
	if err := json.Unmarshal([]byte(r.Stdout), p); err != nil {
		t.Fatalf("the probe printed no JSON: %v\n%s", err, r)
	}
}

func execute(t *testing.T, k *jupyter.Kernel, code string) *jupyter.Result {
	t.Helper()
	r := must[*jupyter.Result](t)(k.Execute(within(t, time.Minute), code, nil))
	if r.Status != "ok" {
		t.Fatalf("executing in %s:\n%s\ngave %s", k.Name, code, r)
	}
	return r
}

func testKernel(t *testing.T, s *jupytertest.Server, want kernel, versions, variables map[string]string) {
	k := startKernel(t, s, want.Name)
	info := must[jupyter.Info](t)(k.Info(within(t, time.Minute)))
	if !strings.EqualFold(info.Language.Name, want.Language) && !strings.EqualFold(info.Language.Name, "ipython") {
		t.Errorf("language %q, corn said %q", info.Language.Name, want.Language)
	}
	if want.Language == "R" {
		testR(t, k, want, versions)
		interrupt(t, k, `cat("sleeping\n"); flush.console(); Sys.sleep(60)`)
		return
	}
	var p probe
	p.run(t, k)
	if p.Version != versions["python"] {
		t.Errorf("Python %s, the lock says %s", p.Version, versions["python"])
	}
	if p.Prefix != want.Prefix {
		t.Errorf("sys.prefix = %s, want %s", p.Prefix, want.Prefix)
	}
	if want := path.Join(want.Prefix, "bin/python"); p.Which != want {
		t.Errorf("python on PATH is %s, want %s", p.Which, want)
	}
	for name, got := range p.Modules {
		if !sameVersion(got, versions[name]) {
			t.Errorf("%s %s, the lock says %s", name, got, versions[name])
		}
	}
	for _, name := range []string{"numpy", "pandas", "xarray"} {
		if versions[name] != "" && p.Modules[name] == "" {
			t.Errorf("%s %s is in the lock and was not imported", name, versions[name])
		}
	}
	wantEnv := map[string]string{"CONDA_PREFIX": want.Prefix, "CONDA_DEFAULT_ENV": want.Environment}
	maps.Copy(wantEnv, variables)
	for name, value := range wantEnv {
		if p.Env[name] != value {
			t.Errorf("%s=%q in the kernel, want %q", name, p.Env[name], value)
		}
	}
	first, _, _ := strings.Cut(p.Env["PATH"], ":")
	if first != path.Join(want.Prefix, "bin") {
		t.Errorf("PATH of the kernel starts with %s: %s", first, p.Env["PATH"])
	}
	// Debian's libcrypto needs this variable, from an activate.d script, to find its modules.
	if versions["openssl"] != "" {
		if got, want := p.Env["OPENSSL_MODULES"], want.Prefix+"/lib/ossl-modules"; got != want {
			t.Errorf("OPENSSL_MODULES=%q in the kernel, want %q: an activation script was not sourced", got, want)
		}
		if diff := cmp.Diff(p.SSLPackaged, p.SSLModules); diff != "" {
			t.Errorf("modules of libcrypto (-in the package +in the folder):\n%s", diff)
		}
	}
	if versions["xeus-python"] != "" {
		return // Debian's xpython 0.17 dies of an interrupt, wherever it runs (pybind11's GIL check)
	}
	interrupt(t, k, "import time\nprint('sleeping', flush=True)\ntime.sleep(60)")
}

// sameVersion compares versions as packages write them: 2023.01.0 is 2023.1.0.
func sameVersion(x, y string) bool {
	norm := func(v string) string {
		parts := strings.Split(v, ".")
		for i, p := range parts {
			if trimmed := strings.TrimLeft(p, "0"); trimmed != "" {
				parts[i] = trimmed
			}
		}
		return strings.Join(parts, ".")
	}
	return norm(x) == norm(y)
}

func testR(t *testing.T, k *jupyter.Kernel, want kernel, versions map[string]string) {
	r := execute(t, k, `cat(R.version.string, "\n", R.home(), "\n", Sys.getenv("CONDA_PREFIX"), "\n", Sys.getenv("PATH"), "\n", coef(lm(mpg ~ wt, data = mtcars)), "\n", sep = "")`)
	lines := strings.Split(r.Stdout, "\n")
	if len(lines) < 5 {
		t.Fatalf("R printed\n%s", r)
	}
	if !strings.HasPrefix(lines[0], "R version "+versions["r-base"]+" ") {
		t.Errorf("%s, the lock says %s", lines[0], versions["r-base"])
	}
	if lines[1] != want.Prefix+"/lib/R" || lines[2] != want.Prefix || !strings.HasPrefix(lines[3], want.Prefix+"/bin:") {
		t.Errorf("R.home, CONDA_PREFIX, PATH = %q, want those of %s", lines[1:4], want.Prefix)
	}
	if !strings.HasPrefix(lines[4], "37.285") {
		t.Errorf("lm(mpg ~ wt) gave %q, want 37.285...", lines[4])
	}
}

// interrupt runs code that prints "sleeping" and sleeps, interrupts it, and sees that the
// kernel goes on.
func interrupt(t *testing.T, k *jupyter.Kernel, code string) {
	t.Helper()
	ctx, interrupted, began := within(t, 30*time.Second), false, time.Now()
	r, err := k.Execute(ctx, code, func(r *jupyter.Result) error {
		if interrupted || !strings.Contains(r.Stdout, "sleeping") {
			return nil
		}
		interrupted = true
		time.Sleep(300 * time.Millisecond) // from the print into the sleep
		return k.Interrupt(ctx)
	})
	if err != nil {
		t.Errorf("interrupt: %v\n%s", err, r)
		return
	}
	if !interrupted || time.Since(began) > 25*time.Second {
		t.Errorf("interrupted %v, ended after %v: want an end by the interrupt\n%s", interrupted, time.Since(began), r)
	}
	if k.Name != "r" && (r.Status != "error" || r.ErrorName != "KeyboardInterrupt") {
		t.Errorf("interrupted code gave %s, want KeyboardInterrupt", r)
	}
	sum := execute(t, k, "print(40 + 2)")
	if !strings.Contains(sum.String(), "42") {
		t.Errorf("after the interrupt print(40 + 2) gave %s", sum)
	}
}
