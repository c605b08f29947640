package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"
)

// runWithoutDocker starts corn run and returns the URL that it prints. At the end of the test it
// has to end well.
func runWithoutDocker(t *testing.T, s *stage, image string) string {
	t.Helper()
	ctx, cancel := withoutTest(5 * time.Minute) // it is to end by itself, after the test
	cmd := exec.CommandContext(ctx, s.corn, "run", image, "--quiet")
	out, err := cmd.StdoutPipe()
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		cancel()
		t.Fatalf("corn run printed %q: %v, %v", line, err, cmd.Wait())
	}
	t.Cleanup(func() {
		defer cancel()
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("corn run ended with %v, want exit code 0", err)
		}
	})
	return strings.TrimSpace(line)
}

// corn run opens the example's image without Docker: its Jupyter answers and has every kernel.
func TestRunWithoutDocker(t *testing.T) {
	s := need(t)
	img := must[*image](t)(s.hackweek())
	url := strings.Replace(runWithoutDocker(t, s, "docker-archive:"+s.dir+"/hackweek.tar"), "/lab?", "/api/kernelspecs?", 1)
	resp := must[*http.Response](t)(http.Get(url))
	defer resp.Body.Close()
	var got struct{ Kernelspecs map[string]any }
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	for _, k := range img.Kernels {
		if got.Kernelspecs[k.Name] == nil {
			t.Errorf("kernel %s is missing: %v", k.Name, slices.Sorted(maps.Keys(got.Kernelspecs)))
		}
	}
}

// What corn run opens looks and works in Chromium as under a hub: every kernel is in the launcher,
// and a cell runs in each. The image is a layout, as corn build writes it.
func TestRunInChromium(t *testing.T) {
	s := need(t)
	layout := "oci:" + filepath.Join(s.dir, "hackweek")
	out := must[[]byte](t)(s.run(within(t, 10*time.Minute), s.corn, "build", filepath.Join(s.root, "examples", "hackweek"), "--base", "oci:"+filepath.Join(s.dir, "base"),
		"-o", layout, "--channel-alias", s.channelURL, "--cache-dir", filepath.Join(s.dir, "corn-cache"), "--json"))
	img := &image{}
	if err := json.Unmarshal(out, img); err != nil {
		t.Fatal(err)
	}
	url := runWithoutDocker(t, s, layout)
	b := open(t)
	b.do(time.Minute, "open the URL that corn run printed", chromedp.Navigate(url), chromedp.WaitVisible(chromedp.CSS(`.jp-Launcher`)))
	want := []string{"Python 3 (ipykernel)"}
	for _, k := range img.Kernels {
		want = append(want, k.DisplayName)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, b.cards("Notebook")); diff != "" {
		t.Errorf("cards in the launcher (-want +got):\n%s", diff)
	}
	b.tidy()
	for i, k := range img.Kernels {
		code := `import os, sys; print(f"cell ran in {sys.prefix} as {os.environ['HOME']}")`
		if k.Language == "R" {
			code = `cat(paste("cell ran in", Sys.getenv("CONDA_PREFIX"), "as", Sys.getenv("HOME")))`
		}
		b.runCell(k.DisplayName, code, "cell ran in "+k.Prefix+" as /home/jovyan")
		if i == len(img.Kernels)-1 {
			tab := fmt.Sprintf(`#jp-main-dock-panel .lm-TabBar-tab[title*="Untitled%d.ipynb"]`, i) // the first has no number
			b.do(20*time.Second, "show the last notebook", chromedp.Click(chromedp.CSS(tab)),
				chromedp.WaitVisible(front+` .jp-OutputArea-output`), chromedp.Sleep(time.Second))
			b.screenshot("run.png")
		}
	}
	if len(b.errors()) > 0 {
		t.Errorf("console errors that are not JupyterLab's own:\n%s", strings.Join(b.errors(), "\n"))
	}
}
