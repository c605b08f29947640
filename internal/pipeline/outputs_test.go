package pipeline

import (
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/internal/project"
)

func TestOutputsTakeTheirNamesFromTags(t *testing.T) {
	for _, c := range []struct {
		why       string
		image     string // of corn.yaml
		tags      []string
		name      string
		bare      string
		wantError string
	}{
		{"nothing is said", "", nil, "", "", ""},
		{"corn.yaml names the repository", "quay.io/team/a", []string{"v1", "v2"}, "quay.io/team/a", "v1 v2", ""},
		{"a tag's repository goes before that of corn.yaml", "quay.io/team/a", []string{"quay.io/team/b:v1"}, "quay.io/team/b", "v1", ""},
		{"a port is no tag", "", []string{"localhost:5000/a"}, "localhost:5000/a", "latest", ""},
		{"two repositories", "", []string{"a/x:1", "a/y:1"}, "", "", `"a/x" and "a/y"`},
		{"two repositories, the first that of corn.yaml", "a/x", []string{"a/x:1", "a/y:1"}, "", "", `"a/x" and "a/y"`},
		{"a tag that no image can have", "", []string{"a:b c"}, "", "", "b c"},
	} {
		b := &builder{req: BuildRequest{Outputs: []string{"oci:out"}, Tags: c.tags}, project: &project.Project{Dir: "hackweek"}, settings: settings{name: c.image}}
		err := b.readOutputs()
		if c.wantError != "" {
			if err == nil || !strings.Contains(err.Error(), c.wantError) {
				t.Errorf("%s: error %v, want one of %s", c.why, err, c.wantError)
			}
			continue
		}
		if err != nil || len(b.outputs) != 1 {
			t.Errorf("%s: %v, %d outputs", c.why, err, len(b.outputs))
			continue
		}
		if o := b.outputs[0]; o.Name != c.name || strings.Join(o.Tags, " ") != c.bare {
			t.Errorf("%s: named %q with tags %q, want %q with %q", c.why, o.Name, o.Tags, c.name, c.bare)
		}
	}
}
