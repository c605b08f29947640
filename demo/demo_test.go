package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// demo runs the program and returns its stdout.
func demo(t *testing.T, ctx context.Context, args ...string) (string, error) {
	t.Helper()
	cmd := command()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(io.Discard)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(ctx)
	return out.String(), err
}

func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		files[rel] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// The channel of the synthetic packages is made twice alike, kept when unchanged,
// tidied, locked against and served.
func TestChannelLockServe(t *testing.T) {
	ctx := t.Context()
	one, two := t.TempDir(), t.TempDir()
	for _, dir := range []string{one, two} {
		if _, err := demo(t, ctx, "channel", "--synthetic", "-o", dir); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(tree(t, filepath.Join(one, "corn-demo")), tree(t, filepath.Join(two, "corn-demo"))); diff != "" {
		t.Errorf("two channels differ:\n%.2000s", diff)
	}
	before := tree(t, one)
	kept := filepath.Join(one, "corn-demo/linux-64/binprefix-1.0-h1_0.conda")
	lost := filepath.Join(one, "corn-demo/linux-64/envvars-1.0-h1_0.conda")
	stray := filepath.Join(one, "corn-demo/noarch/old-1-0.conda")
	st, err := os.Stat(kept)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(lost); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stray, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := demo(t, ctx, "channel", "--synthetic", "-o", one); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, tree(t, one)); diff != "" {
		t.Errorf("made again, the channel differs:\n%.2000s", diff)
	}
	if again, err := os.Stat(kept); err != nil || !again.ModTime().Equal(st.ModTime()) {
		t.Errorf("an archive that was there was written again (%v)", err)
	}

	project := t.TempDir()
	env := "channels: [corn-demo]\ndependencies: [metapackage, variant, activate-bash]\n"
	if err := os.WriteFile(filepath.Join(project, "environment.yml"), []byte(env), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := demo(t, ctx, "lock", project, "--channel", one)
	if err != nil || !strings.Contains(out, "conda-lock.yml: 6 packages, written") {
		t.Fatalf("lock: %v\n%s", err, out)
	}
	if out, err = demo(t, ctx, "lock", project, "--channel", one, "--check"); err != nil || !strings.Contains(out, "unchanged") {
		t.Errorf("lock --check: %v\n%s", err, out)
	}
	data, err := os.ReadFile(filepath.Join(project, "conda-lock.yml"))
	if err != nil || !strings.Contains(string(data), "https://conda.anaconda.org/corn-demo/linux-64/variant-1.0-fast_0.conda\n") {
		t.Errorf("lock (%v):\n%s", err, data)
	}

	serving, stop := context.WithCancel(ctx)
	url, wait, err := serve(serving, one, "127.0.0.1:0", true)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(url + "/corn-demo/linux-64/variant-1.0-fast_0.conda")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || string(body) != before["corn-demo/linux-64/variant-1.0-fast_0.conda"] || resp.Request.URL.Path[:5] != "/cdn/" {
		t.Errorf("served %d bytes from %s (%v)", len(body), resp.Request.URL, err)
	}
	stop()
	if err := wait(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestBaseTiny(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "base")
	archive := filepath.Join(t.TempDir(), "base.tar")
	out, err := demo(t, t.Context(), "base", "--tiny", "-o", dir, "--docker-archive", archive)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := layoutDigest(dir)
	if err != nil || digest != strings.TrimSpace(out) {
		t.Errorf("layout has %s (%v), the command said %s", digest, err, out)
	}
	if st, err := os.Stat(archive); err != nil || st.Size() == 0 {
		t.Errorf("archive: %v", err)
	}
	if _, err := demo(t, t.Context(), "base", "--tiny"); err == nil {
		t.Error("base without an output did not fail")
	}
}

// The committed locks of the examples name what their environments ask for.
func TestExamplesAreLocked(t *testing.T) {
	for file, wants := range map[string][]string{
		"hackweek/ci/conda-lock.yml":                          {"- name: jupyterlab\n", "- name: jupyterhub-singleuser\n", "/python-3.13."},
		"hackweek/ci/environments/team-a/conda-lock.yml":      {"/python-3.13.", "/xarray-2025.", "/numpy-2.2.", "/ipykernel-6."},
		"hackweek/ci/environments/team-b/conda-linux-64.lock": {"@EXPLICIT\n", "/python-3.11.", "/xarray-2023.", "/numpy-1.24.", "/dask-2022."},
		"hackweek/ci/environments/r/conda-lock.yml":           {"- name: r-base\n", "- name: r-irkernel\n"},
		"seed/ci/conda-lock.yml":                              {"- name: jupyterlab\n", "- name: jupyterhub-singleuser\n", "/python-3.13."},
		"seed/ci/environments/ice/conda-lock.yml":             {"/python-3.13.", "/xarray-2025.", "/python-dateutil-", "/packaging-"},
		"seed/ci/environments/ocean/conda-lock.yml":           {"/python-3.11.", "/xarray-2023.", "/dask-2022."},
		"seed/ci/environments/land/conda-lock.yml":            {"/python-3.11.", "/pandas-1.5.", "/beautifulsoup4-"},
	} {
		data, err := os.ReadFile(filepath.Join("..", "examples", filepath.FromSlash(file)))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, want := range wants {
			if !strings.Contains(string(data), want) {
				t.Errorf("%s does not hold %q", file, want)
			}
		}
	}
}
