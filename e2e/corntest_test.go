package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/nasa-openscapes/corn/internal/testkit/jupytertest"
)

// A testResult is what corn test --json prints.
type testResult struct {
	Exec, Result string
	Kernels      []struct {
		Name, Result, Log string
		Steps             []struct{ Name, Result, Detail string }
		Packages          []struct{ Name, Result string }
	}
	Millis int64 `json:"total_ms"`
}

// cornTest runs corn test and holds its output to the schema.
func cornTest(t *testing.T, s *stage, args ...string) (testResult, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.corn, append([]string{"test", "--json", "--cache-dir", filepath.Join(s.dir, "corn-cache")}, args...)...)
	var out, talk bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &talk
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	t.Logf("corn test %s\n%s", strings.Join(args, " "), &talk)
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join(s.root, "docs", "formats", "test-json.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(out.Bytes()))
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	if err := schema.Validate(doc); err != nil {
		t.Errorf("--json: %v", err)
	}
	var res testResult
	if err := json.Unmarshal(out.Bytes(), &res); err != nil {
		t.Fatal(err)
	}
	return res, cmd.ProcessState.ExitCode()
}

// Every kernel of the example passes, in the sandbox and in Docker, and its packages are imported.
func TestCornTest(t *testing.T) {
	s := need(t)
	must[*image](t)(s.hackweek())
	for _, c := range [][]string{
		{"sandbox", "docker-archive:" + filepath.Join(s.dir, "hackweek.tar")},
		{"docker", "corn-e2e/hackweek:test"},
	} {
		res, code := cornTest(t, s, "--exec", c[0], c[1])
		if code != 0 || res.Result != "passed" || res.Exec != c[0] || len(res.Kernels) != 4 {
			t.Errorf("%s: exit code %d, %+v, want 4 kernels that pass", c[0], code, res)
		}
		for _, k := range res.Kernels {
			if len(k.Packages) < 2 {
				t.Errorf("%s: kernel %s imported %v, want what environment.yml asks for", c[0], k.Name, k.Packages)
			}
			for _, p := range k.Packages {
				if p.Result != "passed" {
					t.Errorf("%s: kernel %s: package %s %s", c[0], k.Name, p.Name, p.Result)
				}
			}
		}
		if res.Millis > 20_000 {
			t.Logf("%s: %d ms; the aim is 20 s on two cores that are free", c[0], res.Millis)
		}
	}
}

// A missing module, a wrong version, a script that is not sourced, a kernel that dies and one
// that hangs are each found, and the log is the kernel's own.
func TestCornTestOfBrokenKernels(t *testing.T) {
	s := need(t)
	img := must[*image](t)(s.hackweek())
	c := must[*jupytertest.Container](t)(jupytertest.Run(within(t, time.Minute), img.Tag, []string{"--user", "0", "--network", "none"}, "sleep", "infinity"))
	t.Cleanup(func() { _ = c.Remove() })
	sh(t, c, "/srv/conda/envs", `
site=$(echo $P/team-a/lib/python3.13/site-packages)
rm $site/xarray/__init__.py; echo 'raise ImportError("no xarray today")' >$site/xarray/__init__.py
meta=$(echo $site/numpy-2*.dist-info/METADATA); sed 's/^Version: .*/Version: 9.9/' $meta >/tmp/meta; rm $meta; cp /tmp/meta $meta
sed 's/^eval .exec /unset OPENSSL_MODULES; &/' $P/team-a/libexec/corn/activate >/tmp/launch; cp /tmp/launch $P/team-a/libexec/corn/activate
printf '#!/bin/sh\necho boom of r >&2\nexit 3\n' >$P/r/libexec/corn/activate
printf '#!/bin/sh\necho team-b sleeps >&2\nexec sleep 1000\n' >$P/team-b/libexec/corn/activate`)
	const broken = "corn-e2e/broken:test"
	if _, err := jupytertest.Docker(within(t, time.Minute), "commit", "--change", `ENTRYPOINT ["/srv/start"]`, "--change", "USER jovyan", c.ID, broken); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := withoutTest(time.Minute)
		defer cancel()
		_, _ = jupytertest.Docker(ctx, "rmi", "--force", broken)
	})
	junit := filepath.Join(t.TempDir(), "results.xml")
	res, code := cornTest(t, s, "--start-timeout", "10s", "--junit", junit, broken)
	if code != 10 || res.Result != "failed" {
		t.Errorf("exit code %d, result %s, want 10, failed", code, res.Result)
	}
	want := map[string]map[string]string{
		"r":      {"start": "the process of kernel r ended", "log": "boom of r"},
		"team-b": {"start": "no answer within 10s", "log": "team-b sleeps"},
		"team-a": {"activation": "OPENSSL_MODULES is not set", "imports": "xarray: ImportError: no xarray today", "versions": "numpy is 9.9, and the locked numpy-2"},
	}
	for _, k := range res.Kernels {
		got := map[string]string{"log": k.Log}
		for _, step := range k.Steps {
			got[step.Name] = step.Detail
		}
		for name, text := range want[k.Name] {
			if !strings.Contains(got[name], text) {
				t.Errorf("kernel %s: %s is %q, want %q in it", k.Name, name, got[name], text)
			}
		}
		if (k.Result == "failed") != (want[k.Name] != nil) {
			t.Errorf("kernel %s %s", k.Name, k.Result)
		}
	}
	if data, err := os.ReadFile(junit); err != nil || !bytes.Contains(data, []byte("boom of r")) {
		t.Errorf("JUnit XML lacks the kernel's log: %v", err)
	}
}
