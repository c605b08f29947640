package peertree

import (
	"context"
	"errors"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nasa-openscapes/corn/internal/pipeline"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

// Every environment of the demo is in the image what micromamba makes of the same lock, but
// for what Rules allow; bytecode included, which Python takes as it is.
func TestDemo(t *testing.T) {
	if os.Getenv("CORN_E2E") != "1" {
		t.Skip("builds the demo's image: set CORN_E2E=1")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	stage, err := OpenStage(ctx, filepath.Join("..", ".."), t.TempDir())
	if err != nil {
		t.Fatalf("set up: %v", err)
	}
	server := httptest.NewServer(channeltest.NewHandler(stage.Channel, channeltest.Options{}))
	t.Cleanup(server.Close)
	cache := os.Getenv("CORN_CACHE_DIR")
	if cache == "" {
		cache = filepath.Join(t.TempDir(), "cache")
	}
	for _, project := range stage.Projects {
		t.Run(filepath.Base(project), func(t *testing.T) {
			image := filepath.Join(t.TempDir(), "image")
			var built *Image
			for _, e := range stage.Environments {
				if e.Project != project {
					continue
				}
				t.Run(e.Name, func(t *testing.T) {
					peer := recorded(t, e)
					if built == nil { // not before there is something to compare
						built = build(t, pipeline.BuildRequest{
							Project: project, Base: "oci:" + stage.Base, Outputs: []string{"oci:" + image},
							Platform: "linux-64", ChannelAlias: server.URL, CacheDir: cache,
						}, image)
					}
					compareDemo(t, peer, built)
				})
			}
		})
	}
}

// recorded is the recording of an environment's lock.
func recorded(t *testing.T, e Environment) *Recording {
	t.Helper()
	name := filepath.Join("testdata", RecordingName(e.Name))
	peer, err := Load(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		t.Skipf("nothing is recorded of environment %s: %s -demo", e.Name, howToRecord)
	case err != nil:
		t.Fatal(err)
	case peer.Inputs != e.Inputs:
		t.Skipf("the recording of environment %s is of another lock (%s, this is %s): %s -demo", e.Name, peer.Inputs, e.Inputs, howToRecord)
	}
	return peer
}

var pythonRecord = regexp.MustCompile(`^conda-meta/python-(\d+)\.(\d+)\.[^-]*-[^-]*\.json$`)

// leastBytecode is how much there is in any environment with a Python: its library's.
const leastBytecode = 500

func compareDemo(t *testing.T, peer *Recording, built *Image) {
	tree := must[*Tree](t)(built.Env(peer.Prefix))
	var o Options
	for p := range peer.Records {
		if m := pythonRecord.FindStringSubmatch(p); m != nil {
			o.CacheTag = "cpython-" + m[1] + m[2]
		}
	}
	if n := countBytecode(tree, o.CacheTag); o.CacheTag != "" && n < leastBytecode {
		t.Errorf("%d files of bytecode for %s: too few for a Python with its library", n, o.CacheTag)
	}
	diffs := must[[]Difference](t)(Compare(peer, tree, o))
	judge(t, diffs)
	for i := range diffs {
		if r := diffs[i].Rule; r != nil && r.Rare {
			t.Errorf("allowed by %s, for which these packages should give no occasion: %s", r.Name, &diffs[i])
		}
	}
	if len(peer.Records) < 10 || len(peer.Nodes) < 1000 {
		t.Errorf("the recording has %d packages and %d paths: too few to be true", len(peer.Records), len(peer.Nodes))
	}
	checkHistory(t, peer)
}

func countBytecode(t *Tree, tag string) (n int) {
	for p := range t.Nodes {
		if strings.HasSuffix(p, "."+tag+".pyc") {
			n++
		}
	}
	return n
}

// checkHistory sees that every record is in history.
func checkHistory(t *testing.T, peer *Recording) {
	t.Helper()
	linked := regexp.MustCompile(`(?m)^\+\S+::(\S+)$`).FindAllStringSubmatch(peer.History, -1)
	var names []string
	for _, m := range linked {
		names = append(names, "conda-meta/"+m[1]+".json")
	}
	slices.Sort(names)
	if records := union(peer.Records, map[string]*Record{}); !slices.Equal(names, records) {
		t.Errorf("history names %d packages, there are %d records", len(names), len(records))
	}
}
