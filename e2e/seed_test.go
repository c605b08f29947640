package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nasa-openscapes/corn/internal/testkit/jupytertest"
)

// The shape of the repository that corn was made for builds end to end: its triggers' files, its
// Dockerfile by way of corn.yaml, three kernels. Everything works as the hub starts it.
func TestSeedRepository(t *testing.T) {
	s := need(t)
	base := filepath.Join(s.dir, "onbuild-base")
	must[[]byte](t)(s.run(within(t, 5*time.Minute), s.demo, "base", "--onbuild", "-o", base))
	project := filepath.Join(s.root, "examples", "seed")
	img := must[*image](t)(s.buildOn(base, project, "seed"))

	in := func(script string) string {
		t.Helper()
		out := must[string](t)(jupytertest.Docker(within(t, time.Minute), "run", "--rm", "--network", "none", "--tmpfs", "/home/jovyan:uid=1000,gid=1000,mode=0755",
			img.Tag, "sh", "-c", script))
		return strings.TrimSpace(out)
	}
	for script, want := range map[string]string{
		"id -un":                        "jovyan",
		"echo $SEED_TEAM":               "openscapes", // of start
		"echo '{\"a\": 1}' | jq .a":     "1",          // of apt.txt
		"viewer map":                    "viewer: looks at map",
		"stat -c %U $(command -v less)": "root",
		"echo $DATA_CATALOG":            "https://data.example.org/catalog.json",
		"tail -n1 $NB_PYTHON_PREFIX/share/seed/welcome.txt":                    "JupyterLab 4.0.11",
		"stat -c %U $NB_PYTHON_PREFIX/share/seed/welcome.txt":                  "jovyan",
		"ls /repo /home/jovyan/.kernels /var/lib/apt/lists/*Packages 2>&1 >&-": "",
	} {
		got := in(script + " || true")
		if want == "" {
			if strings.Count(got, "No such file") != 3 {
				t.Errorf("%s gave %q: want none of them to be there", script, got)
			}
			continue
		}
		if got != want {
			t.Errorf("%s gave %q, want %q", script, got, want)
		}
	}
	res, code := cornTest(t, s, "docker-archive:"+filepath.Join(s.dir, "seed.tar"), "--project", project)
	if code != 0 || res.Result != "passed" || len(res.Kernels) != 4 {
		t.Errorf("corn test: exit code %d, %+v", code, res)
	}

	// A kernel less: no step runs again.
	less := filepath.Join(t.TempDir(), "less")
	if err := os.CopyFS(less, os.DirFS(project)); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(less, "ci", "environments", "land")); err != nil {
		t.Fatal(err)
	}
	_, talk, err := s.runBoth(within(t, 3*time.Minute), s.corn, "build", less, "--base", "oci:"+base, "-o", "oci:"+filepath.Join(t.TempDir(), "image"),
		"--channel-alias", s.channelURL, "--cache-dir", filepath.Join(s.dir, "corn-cache"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains("\n"+talk, "\nstep ") {
		t.Errorf("a kernel less ran steps again:\n%s", talk)
	}
}
