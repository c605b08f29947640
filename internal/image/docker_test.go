package image

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/internal/testkit/layertest"
	"github.com/nasa-openscapes/corn/internal/testkit/registrytest"
)

// docker runs a docker command and returns what it printed.
func docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("docker", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestDockerPullsAndPushesAgain pulls what was pushed, and pushes it again with Docker:
// nothing of that may be taken over.
func TestDockerPullsAndPushesAgain(t *testing.T) {
	if os.Getenv("CORN_E2E") != "1" {
		t.Skip("needs a running Docker: set CORN_E2E=1")
	}
	if out, err := exec.Command("docker", "version").CombinedOutput(); err != nil {
		t.Skipf("no Docker that answers: %v\n%s", err, out)
	}
	reg := registrytest.StartDebian(t)
	img, _ := cornImage(t, baseOf(t, pangeoConfig, debianish()...), nil)
	ref := reg.Host + "/team/hackweek:abc1234"
	r := pushTo(t, img, ref)
	docker(t, "pull", "-q", ref)
	t.Cleanup(func() { docker(t, "rmi", "-f", ref) })
	if id := docker(t, "image", "inspect", "-f", "{{.Id}}", ref); id != r.ConfigDigest.OCI() {
		t.Errorf("Docker has image %s, want %s", id, r.ConfigDigest.OCI())
	}
	if got := docker(t, "image", "inspect", "-f", "{{index .RepoDigests 0}}", ref); !strings.HasSuffix(got, "@"+r.Digest.OCI()) {
		t.Errorf("Docker pulled %s, want %s", got, r.Digest.OCI())
	}
	// The tree that Docker made of it.
	container := docker(t, "create", ref, "true")
	defer docker(t, "rm", container)
	tree, err := layertest.Flatten(img)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{MetadataPath, "opt/corn/store/numpy", "opt/corn/store/shared-07"} {
		if tree.Entries[p] == nil {
			t.Errorf("%s is not in the image", p)
		}
		cp := t.TempDir() + "/file"
		docker(t, "cp", container+":/"+p, cp)
		data, err := os.ReadFile(cp)
		if err != nil || string(data) != string(tree.Entries[p].Data) {
			t.Errorf("%s has other bytes in Docker: %v", p, err)
		}
	}

	// Pushed again to a registry that has none of it, from layers that Docker has unpacked:
	// the same content under other digests.
	other := registrytest.StartDebian(t)
	again := other.Host + "/team/again:1"
	docker(t, "tag", ref, again)
	docker(t, "push", "-q", again)
	t.Cleanup(func() { docker(t, "rmi", "-f", again) })
	p := readPrevious(t, "docker://"+again, quick())
	if p.ConfigDigest != r.ConfigDigest {
		t.Errorf("pushed again as image %s, want %s", p.ConfigDigest.OCI(), r.ConfigDigest.OCI())
	}
	if p.Problem == nil || p.Problem.Reason != PreviousChanged || len(p.Layers) > 0 || len(p.Rejected) != 2 {
		t.Fatalf("%d layers to take over, %+v rejected, problem %v; want all rejected", len(p.Layers), p.Rejected, p.Problem)
	}
	for _, r := range p.Rejected {
		if !strings.Contains(r.Reason, "compressed anew") {
			t.Errorf("layer %s is rejected because %s", r.ID, r.Reason)
		}
	}
}
