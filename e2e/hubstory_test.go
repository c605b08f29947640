package e2e

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/internal/jupyter"
	"github.com/nasa-openscapes/corn/internal/testkit/jupytertest"
	"github.com/nasa-openscapes/corn/internal/testkit/registrytest"
)

// The whole way of a change: a team commits, corn builds and pushes under the commit's tag,
// an admin tries that image for one user, then gives it to all. With Debian's JupyterHub,
// its proxy, Debian's registry, Docker, and a browser at the end.
func TestHubTakesImagesOfCommits(t *testing.T) {
	s := need(t)
	reg := registrytest.StartDebian(t)
	repo := newRepository(t, s)
	name := reg.Host + "/openscapes/hackweek"
	const teamB, r = "ci/environments/team-b/", "ci/environments/r/"
	environment := "name: team-b\nchannels:\n  - corn-demo\n  - nodefaults\ndependencies:\n  - python=3.11\n  - ipykernel\n  - toolz="

	// One kernel.
	repo.write(teamB+"environment.yml", environment+"0.12\n")
	repo.copyExample(teamB + "name.txt")
	first := name + ":" + repo.commit("Team B counts words")
	before := must[*built](t)(s.cornBuild(within(t, 5*time.Minute), repo.dir, "--compression", "gzip", "--push", name))
	t.Cleanup(func() { removeImages(t, first) })

	h := startHub(t, first)
	h.addUser("ada")
	reg.Forget()
	server := h.spawn("ada", nil)
	if n := len(pulledBlobs(reg)); n < len(before.Layers) {
		t.Errorf("Docker pulled %d blobs for the first image, which has %d layers", n, len(before.Layers))
	}
	wantKernels(t, server, "Python 3 (ipykernel)", "Team B")
	wantOutput(t, server, "team-b", "import sys, toolz; print(toolz.__version__, sys.prefix)", "0.12.0 /srv/conda/envs/team-b")
	h.end("ada")

	// One package bumped, one kernel more, on a runner that has nothing but the registry.
	repo.write(teamB+"environment.yml", environment+"1\n")
	repo.copyExample(r+"environment.yml", r+"name.txt")
	second := name + ":" + repo.commit("Newer toolz, and R")
	reg.Forget()
	after := must[*built](t)(s.cornBuild(within(t, 5*time.Minute), repo.dir, "--compression", "gzip", "--push", name,
		"--cache-dir", filepath.Join(t.TempDir(), "cache")))
	t.Cleanup(func() { removeImages(t, second) })
	made, kept := changedLayers(before, after)
	for _, l := range kept {
		if !l.TakenOver {
			t.Errorf("layer %s is as it was, and was made again", l.ID)
		}
	}
	if n := reg.Count("PUT", "/blobs/uploads/"); n > len(made)+5 { // and the config, two bills of materials, the provenance, and how the tests of the kernels ended
		t.Errorf("%d blobs were sent for %d new layers", n, len(made))
	}
	if diff := cmp.Diff([]string{"meta", "place:r", "place:team-b"}, idsOfKind(made, "placement", "meta")); diff != "" {
		t.Errorf("placements and metadata made anew for a bumped package and a new kernel (-want +got):\n%s", diff)
	}

	// Tried for one user, while the hub's image is the old one.
	reg.Forget()
	server = h.spawn("ada", map[string]string{"image": second})
	t.Logf("second image: %d of %d layers are new, %d bytes sent; Docker pulled %d blobs; new:",
		len(made), len(after.Layers), after.Outputs[0].BytesWritten, len(pulledBlobs(reg)))
	for _, l := range made {
		t.Logf("  %s, %d bytes", l.ID, l.SizeBytes)
	}
	wantKernels(t, server, "Python 3 (ipykernel)", "R", "Team B")
	wantOutput(t, server, "team-b", "import sys, toolz; print(toolz.__version__, sys.prefix)", "1.0.0 /srv/conda/envs/team-b")
	wantOutput(t, server, "r", `cat(R.version$major, Sys.getenv("CONDA_PREFIX"))`, "4 /srv/conda/envs/r")
	h.end("ada")
	server = h.spawn("ada", nil)
	wantKernels(t, server, "Python 3 (ipykernel)", "Team B") // the old one, without a trace of the trial
	h.end("ada")

	// The tag in the hub's configuration is changed: everybody gets it.
	h.restart(second)
	b := open(t)
	b.signIn(h, "grace")
	cards := b.cards("Notebook")
	if diff := cmp.Diff([]string{"Python 3 (ipykernel)", "R", "Team B"}, cards); diff != "" {
		t.Errorf("cards in the launcher behind the hub (-want +got):\n%s", diff)
	}
	b.tidy()
	b.screenshot("hub.png")
	b.runCell("R", `cat("cell ran in", Sys.getenv("CONDA_PREFIX"))`, "cell ran in /srv/conda/envs/r")
	h.end("grace")
}

// pulledBlobs are the digests of the layers and configs that somebody fetched.
func pulledBlobs(reg *registrytest.Registry) []string {
	found := map[string]bool{}
	for _, q := range reg.Requests() {
		if _, blob, ok := strings.Cut(q.Path, "/blobs/sha256:"); ok && q.Method == "GET" {
			found[blob] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// changedLayers sorts the layers of an image into those that one before did not have, and
// those that it had.
func changedLayers(before, after *built) (made, kept []builtLayer) {
	had := map[string]bool{}
	for _, l := range before.Layers {
		had[l.Digest] = true
	}
	for _, l := range after.Layers {
		if had[l.Digest] {
			kept = append(kept, l)
		} else {
			made = append(made, l)
		}
	}
	return made, kept
}

func idsOfKind(layers []builtLayer, kinds ...string) []string {
	var ids []string
	for _, l := range layers {
		if slices.Contains(kinds, l.Kind) {
			ids = append(ids, l.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

func removeImages(t *testing.T, names ...string) {
	t.Helper()
	ctx, cancel := withoutTest(time.Minute)
	defer cancel()
	for _, name := range names {
		// What was pulled by digest has no tag, and keeps its layers: later tests count what is pulled.
		repo := name[:strings.LastIndex(name, ":")]
		list, err := jupytertest.Docker(ctx, "images", "--digests", "--format", "{{.Tag}} {{.Repository}}@{{.Digest}}", repo)
		if err != nil {
			t.Error(err)
			continue
		}
		refs := []string{name}
		for line := range strings.Lines(list) {
			if ref, ok := strings.CutPrefix(strings.TrimSpace(line), "<none> "); ok && !strings.HasSuffix(ref, "@<none>") {
				refs = append(refs, ref)
			}
		}
		for _, ref := range refs {
			if _, err := jupytertest.Docker(ctx, "rmi", "--force", ref); err != nil && !strings.Contains(err.Error(), "No such image") {
				t.Error(err)
			}
		}
	}
}

// wantKernels compares the display names of a server's kernels.
func wantKernels(t *testing.T, server *jupytertest.Server, want ...string) {
	t.Helper()
	specs, _, err := server.Kernelspecs(within(t, time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, spec := range specs {
		got = append(got, spec.Spec.DisplayName)
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kernels of %s (-want +got):\n%s", server.URL, diff)
	}
}

// wantOutput runs code in a kernel of its own, and ends that.
func wantOutput(t *testing.T, server *jupytertest.Server, kernel, code, want string) {
	t.Helper()
	k := must[*jupyter.Kernel](t)(server.StartKernel(within(t, time.Minute), kernel))
	if r := execute(t, k, code); strings.TrimSpace(r.Stdout) != want {
		t.Errorf("in kernel %s\n%s\ngave %s, want %s", kernel, code, r, want)
	}
	stopKernel(t, server, k)
}
