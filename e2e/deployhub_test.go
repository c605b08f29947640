package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nasa-openscapes/corn/internal/testkit/jupytertest"
	"github.com/nasa-openscapes/corn/internal/testkit/registrytest"
)

// corn deploy hub against Debian's JupyterHub, whose servers are containers: an image is tried beside
// the user's server, the values file gets it, and the server is restarted with it.
func TestDeployHub(t *testing.T) {
	s := need(t)
	reg := registrytest.StartDebian(t)
	repo := newRepository(t, s)
	name := reg.Host + "/openscapes/hackweek"
	const teamB = "ci/environments/team-b/"
	environment := "name: team-b\nchannels:\n  - corn-demo\n  - nodefaults\ndependencies:\n  - python=3.11\n  - ipykernel\n  - toolz="
	repo.write(teamB+"environment.yml", environment+"0.12\n")
	repo.copyExample(teamB + "name.txt")
	build := func(message string) string {
		ref := name + ":" + repo.commit(message)
		must[*built](t)(s.cornBuild(within(t, 5*time.Minute), repo.dir, "--compression", "gzip", "--push", name, "--test", "none"))
		t.Cleanup(func() { removeImages(t, ref) })
		return ref
	}
	first := build("Team B counts words")
	repo.write(teamB+"environment.yml", environment+"1\n")
	second := build("Newer toolz")

	h := startHub(t, first)
	h.addUser("ada")
	server := h.spawn("ada", map[string]string{"image": first})
	wantOutput(t, server, "team-b", "import toolz; print(toolz.__version__)", "0.12.0")
	values := filepath.Join(t.TempDir(), "values.yaml")
	before := "singleuser:\n  image:\n    name: " + name + "   # ours\n    tag: \"" + strings.TrimPrefix(first, name+":") + "\"\n"
	if err := os.WriteFile(values, []byte(before), 0o644); err != nil {
		t.Fatal(err)
	}
	deploy := func(flags ...string) ([]byte, string, int) {
		cmd := exec.CommandContext(within(t, 5*time.Minute), s.corn, append([]string{
			"deploy", "hub", h.URL, "--json", "--user", "ada", "--cache-dir", filepath.Join(s.dir, "corn-cache"), "--restart", "ada",
		}, flags...)...)
		cmd.Env = append(os.Environ(), "JUPYTERHUB_API_TOKEN="+h.Token)
		var out, said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &said
		code := jupytertest.ExitCode(cmd.Run())
		t.Logf("corn deploy hub %q said:\n%s", flags, &said)
		return out.Bytes(), said.String(), code
	}

	out, said, code := deploy("--image", second, "--values", values)
	if code != -1 { // no error at all
		t.Fatalf("exit code %d:\n%s", code, said)
	}
	var res struct {
		Trial struct {
			Kernels []struct{ Name, Result string }
		}
		Restarts []struct{ User, Result string }
	}
	if err := json.Unmarshal(out, &res); err != nil {
		t.Fatal(err)
	}
	if len(res.Trial.Kernels) != 1 || res.Trial.Kernels[0].Result != "passed" || len(res.Restarts) != 1 || res.Restarts[0].Result != "restarted" {
		t.Errorf("the result is %+v", res)
	}
	if now, want := string(must[[]byte](t)(os.ReadFile(values))), strings.ReplaceAll(before, strings.TrimPrefix(first, name+":"), strings.TrimPrefix(second, name+":")); now != want {
		t.Errorf("the values file is\n%swant\n%s", now, want)
	}
	wantOutput(t, server, "team-b", "import toolz; print(toolz.__version__)", "1.0.0")
	if c := h.containers(); len(c) != 1 {
		t.Errorf("containers %q, want ada's alone", c)
	}
	h.end("ada")
}
