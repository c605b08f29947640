package peertree

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/nasa-openscapes/corn/demo/base"
	"github.com/nasa-openscapes/corn/internal/pipeline"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/internal/sandbox"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
	"github.com/nasa-openscapes/corn/internal/testkit/layertest"
	"github.com/nasa-openscapes/corn/internal/testkit/projecttest"
	"github.com/nasa-openscapes/corn/internal/testkit/toolroot"
)

var update = flag.Bool("update", false, "write the lists of allowed differences anew")

const howToRecord = "record it: CORN_MICROMAMBA=/path/to/micromamba go run ./internal/peertree/record"

// Each world's environment in the image is what micromamba makes of the same lock, but for
// the differences listed in testdata/<world>.differences.
func TestWorlds(t *testing.T) {
	if _, err := sandbox.Check(""); err != nil {
		t.Skipf("the worlds have link scripts, and this machine refuses a sandbox: %v", err)
	}
	worlds := must[[]World](t)(Worlds())
	dir := t.TempDir()
	channel, project, image := filepath.Join(dir, "channel"), filepath.Join(dir, "project"), filepath.Join(dir, "image")
	locks, archives, err := Publish(channel, worlds)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(project, "corn.yaml"), "pyc: shipped\n")
	for _, w := range worlds {
		folder := filepath.Join(project, "environments", w.Name)
		write(t, filepath.Join(folder, "environment.yml"), "channels: [demo]\ndependencies: [ipykernel]\n")
		write(t, filepath.Join(folder, projecttest.FileName(w.Format, channeltest.Platform)), locks[w.Name])
	}
	tiny, err := base.Tiny(base.TinyOptions{Config: base.Config{Start: true}})
	if err != nil {
		t.Fatal(err)
	}
	// Link scripts want a shell that runs.
	shell := layertest.H{Name: "usr/bin/bash", Mode: 0o755, Data: string(toolroot.Tool(t))}
	if tiny, err = mutate.AppendLayers(tiny, layertest.Layer(shell)); err != nil {
		t.Fatal(err)
	}
	if err := base.WriteLayout(filepath.Join(dir, "base"), tiny); err != nil {
		t.Fatal(err)
	}
	server := channeltest.ServeDir(t, channeltest.Options{}, channel)
	built := build(t, pipeline.BuildRequest{
		StaleLocks: true, // worlds lock what a test is about, and no more

		Project: project, Base: "oci:" + filepath.Join(dir, "base"), Outputs: []string{"oci:" + image},
		Platform: "linux-64", ChannelAlias: server.URL, CacheDir: filepath.Join(dir, "cache"),
	}, image)
	for _, w := range worlds {
		t.Run(w.Name, func(t *testing.T) {
			peer := must[*Recording](t)(Load(filepath.Join("testdata", RecordingName(w.Name))))
			if inputs := must[string](t)(w.Inputs()); inputs != peer.Inputs {
				t.Fatalf("the recording is of other packages (%s, these are %s): %s", peer.Inputs, inputs, howToRecord)
			}
			tree := must[*Tree](t)(built.Env(peer.Prefix))
			diffs := must[[]Difference](t)(Compare(peer, tree, Options{Archives: archives, ShippedPyc: true}))
			judge(t, diffs)
			golden(t, filepath.Join("testdata", w.Name+".differences"), list(diffs))
		})
	}
}

// build builds an image and reads it.
func build(t *testing.T, req pipeline.BuildRequest, image string) *Image {
	t.Helper()
	talk := &strings.Builder{}
	p := report.New(io.Discard, talk, report.Options{})
	if _, err := pipeline.Build(t.Context(), req, p); err != nil {
		t.Fatalf("build: %v\n%s", err, talk)
	}
	img, err := projecttest.OpenImage("oci:" + image)
	if err != nil {
		t.Fatal(err)
	}
	return must[*Image](t)(ReadImage(img))
}

// judge reports what no rule allows, and counts the rest.
func judge(t *testing.T, diffs []Difference) {
	t.Helper()
	counts, wrong := map[string]int{}, 0
	for i := range diffs {
		if r := diffs[i].Rule; r != nil {
			counts[r.Name]++
			continue
		}
		if wrong++; wrong <= 50 {
			t.Errorf("%s", &diffs[i])
		}
	}
	if wrong > 50 {
		t.Errorf("and %d more", wrong-50)
	}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("allowed by %s: %d", name, counts[name])
	}
}

// list writes allowed differences for a golden file: the rule, and what differs.
func list(diffs []Difference) string {
	var b strings.Builder
	for i := range diffs {
		d := &diffs[i]
		name := "NOT ALLOWED"
		if d.Rule != nil {
			name = d.Rule.Name
		}
		switch name {
		case "machine", "history-head": // in every record alike
			continue
		}
		fmt.Fprintf(&b, "%s: %s: %s: %q -> %q\n", name, d.Path, d.What, d.Peer, d.Corn)
	}
	return b.String()
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		write(t, file, got)
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("allowed differences are not those of %s (-update writes them anew):\ngot\n%s\nwant\n%s", file, got, want)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// must ends the test when what it needs cannot be had.
func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
