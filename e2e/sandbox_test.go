package e2e

import (
	"bufio"
	"encoding/json"
	"maps"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// corn run opens the example's image without Docker: its Jupyter answers and has every kernel.
func TestRunWithoutDocker(t *testing.T) {
	s := need(t)
	img := must[*image](t)(s.hackweek())
	cmd := exec.CommandContext(within(t, 3*time.Minute), s.corn, "run", "docker-archive:"+s.dir+"/hackweek.tar", "--quiet")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("corn run printed %q: %v, %v", line, err, cmd.Wait())
	}
	url := strings.Replace(strings.TrimSpace(line), "/lab?", "/api/kernelspecs?", 1)
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
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("corn run ended with %v, want exit code 0", err)
	}
}
