package hub

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

func TestProfile(t *testing.T) {
	p := Profile{
		DisplayName: "Python 0123456", Image: mustRef(t, "a/b:0123456@"+aDigest), Packages: 2,
		Kernels: []Kernel{
			{DisplayName: "Team <A>", Language: "python", Python: "3.13", Packages: []Package{{"ipykernel", "6"}, {"dask", "1"}, {"numpy", "2.2"}, {"xarray", "1"}}},
			{DisplayName: "R", Language: "R", Packages: []Package{{"r-irkernel", "1"}}},
		},
	}
	want := `- display_name: "Python 0123456"
  slug: python-0123456
  description: >-
    Team &lt;A&gt; (Python 3.13): dask 1, numpy 2.2, 1 more<br>
    R (R)
  kubespawner_override:
    image: a/b:0123456@` + aDigest + "\n"
	if diff := cmp.Diff(want, p.Entry()); diff != "" {
		t.Errorf("Entry (-want +got)\n%s", diff)
	}
	p.Slug, p.Kernels = "123", nil
	want = "\"123\":\n  display_name: \"Python 0123456\"\n  kubespawner_override:\n    image: a/b:0123456@" + aDigest + "\n"
	if diff := cmp.Diff(want, p.Choice()); diff != "" {
		t.Errorf("Choice (-want +got)\n%s", diff)
	}
}

// TestProfilesAreYAML: whatever kernels and profiles are called, the entry reads as it was meant.
func TestProfilesAreYAML(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Profile{DisplayName: rapid.String().Draw(t, "name"), Image: Ref{Repository: "a/b", Tag: "v1"}}
		for range rapid.IntRange(1, 3).Draw(t, "kernels") {
			p.Kernels = append(p.Kernels, Kernel{DisplayName: "k" + rapid.String().Draw(t, "kernel"), Language: rapid.String().Draw(t, "language")})
		}
		var entries []struct {
			DisplayName string `yaml:"display_name"`
			Slug        string
			Description string
			Override    struct{ Image string } `yaml:"kubespawner_override"`
		}
		if err := yaml.Unmarshal([]byte(p.Entry()), &entries); err != nil {
			t.Fatalf("%v:\n%s", err, p.Entry())
		}
		e := entries[0]
		if len(entries) != 1 || e.DisplayName != oneLine(p.DisplayName) || e.Override.Image != "a/b:v1" || e.Slug == "" ||
			e.Description != html.Replace(strings.Join(p.Description(), "\x00")) && strings.Count(e.Description, "<br> ") != len(p.Kernels)-1 {
			t.Fatalf("%+v of\n%s", e, p.Entry())
		}
	})
}

func TestWorkerWarnings(t *testing.T) {
	notebook := &Env{"notebook", map[string]string{"python": "3.13.5", "dask": "2025.1", "distributed": "2025.1"}}
	envs := []Env{
		{"same", map[string]string{"python": "3.13.1", "dask": "2025.1", "distributed": "2025.1"}},
		{"plain", map[string]string{"python": "3.9.1", "dask": "2022"}}, // without workers
		{"other", map[string]string{"python": "3.11.2", "dask": "2025.1", "distributed": "2022.12", "dask-gateway": "1"}},
	}
	want := []string{
		"kernel environment other has python 3.11, and dask's workers have the notebook environment's 3.13",
		"kernel environment other has distributed 2022.12, and dask's workers have the notebook environment's 2025.1",
		"kernel environment other has dask-gateway 1, and the notebook environment, where dask's workers run, has none",
	}
	if diff := cmp.Diff(want, WorkerWarnings(notebook, envs)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := WorkerWarnings(nil, envs); len(got) != 2 || !strings.Contains(got[0], "environment same") {
		t.Errorf("without a notebook environment: %q, want one for each with workers", got)
	}
}

// TestLinks: the first three are of the shape of the worked examples in nbgitpuller's and BinderHub's
// documentation.
func TestLinks(t *testing.T) {
	n := Notebook{"https://github.com/o/r.git", "main", "a b/tour.ipynb"}
	for _, c := range []struct{ why, got, want string }{
		{"hub", must(n.HubLink("https://hub.example.org/hub/home")), "https://hub.example.org/hub/user-redirect/git-pull?repo=https%3A%2F%2Fgithub.com%2Fo%2Fr.git&urlpath=lab%2Ftree%2Fr%2Fa%2520b%2Ftour.ipynb&branch=main"},
		{"hub below a path", must(n.HubLink("https://example.org/x/")), "https://example.org/x/hub/user-redirect/git-pull?repo=https%3A%2F%2Fgithub.com%2Fo%2Fr.git&urlpath=lab%2Ftree%2Fr%2Fa%2520b%2Ftour.ipynb&branch=main"},
		{"Binder builds another repository", must(n.BinderLink("https://mybinder.org", "https://github.com/e/v", "v 1")), "https://mybinder.org/v2/gh/e/v/v%201?urlpath=git-pull%3Frepo%3Dhttps%253A%252F%252Fgithub.com%252Fo%252Fr.git%26urlpath%3Dlab%252Ftree%252Fr%252Fa%252520b%252Ftour.ipynb%26branch%3Dmain"},
		{"Binder builds this one", must(n.BinderLink("https://mybinder.org", "https://github.com/o/r", "main")), "https://mybinder.org/v2/gh/o/r/main?urlpath=lab%2Ftree%2Fa%2520b%2Ftour.ipynb"},
		{"GitLab", must(n.BinderLink("https://mybinder.org", "https://gitlab.com/g/s/p", "main")), "https://mybinder.org/v2/gl/g%2Fs%2Fp/main?urlpath=git-pull%3Frepo%3Dhttps%253A%252F%252Fgithub.com%252Fo%252Fr.git%26urlpath%3Dlab%252Ftree%252Fr%252Fa%252520b%252Ftour.ipynb%26branch%3Dmain"},
		{"elsewhere", must(Notebook{"https://example.org/r", "b", ""}.BinderLink("https://mybinder.org", "https://example.org/r", "b")), "https://mybinder.org/v2/git/https%3A%2F%2Fexample.org%2Fr/b?urlpath=lab%2Ftree"},
		{"scp", must(GitAddress("git@github.com:o/r.git")), "https://github.com/o/r.git"},
		{"ssh", must(GitAddress("ssh://git@example.org:22/o/r")), "https://example.org/o/r"},
		{"a token in the remote", must(GitAddress("https://x:ghp_secret@github.com/o/r/")), "https://github.com/o/r"},
	} {
		if c.got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.why, c.got, c.want)
		}
	}
	for _, bad := range []string{"", "/local/path", "file:///x", "C:\\x"} {
		if got, err := GitAddress(bad); err == nil {
			t.Errorf("GitAddress(%q) = %q, want an error", bad, got)
		}
	}
	if _, err := n.HubLink("https://user:secret@hub.example.org"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a password in the hub's address: %v, want an error without it", err)
	}
}

func must(s string, err error) string {
	if err != nil {
		return err.Error()
	}
	return s
}
