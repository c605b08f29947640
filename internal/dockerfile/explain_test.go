package dockerfile

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/nasa-openscapes/corn/internal/project"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestExplain: testdata/explain has a project each, with its Dockerfile and what is said of it.
func TestExplain(t *testing.T) {
	files, err := filepath.Glob("testdata/explain/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			ar, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			fsys := fstest.MapFS{}
			p := Project{FS: fsys, Config: ".", Context: "."}
			want, data := -1, []byte(nil)
			for i, f := range ar.Files {
				switch {
				case f.Name == "want":
					want = i
				case strings.HasSuffix(f.Name, "Dockerfile"):
					data, p.Context, p.Config = f.Data, filepath.Dir(f.Name), filepath.Dir(f.Name)
				default:
					fsys[f.Name] = &fstest.MapFile{Data: f.Data}
				}
			}
			f, err := Parse("Dockerfile", data)
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			advice := Explain(f, p)
			for _, a := range advice {
				fmt.Fprintf(&got, "%d-%d %s\n", a.Line, a.EndLine, a.Text)
				for _, part := range a.Parts {
					fmt.Fprintf(&got, "  %d %s: %s\n", part.Line, part.Result, part.Text)
					if part.File != "" {
						fmt.Fprintf(&got, "      %s\n", part.File)
					}
					if part.File == "corn.yaml" {
						if _, err := project.ParseSettings("corn.yaml", []byte(part.Write)); err != nil {
							t.Errorf("line %d: what is to be written is no corn.yaml: %v", a.Line, err)
						}
					}
					for line := range strings.Lines(part.Write) {
						fmt.Fprintf(&got, "      | %s\n", strings.TrimRight(line, "\n"))
					}
				}
			}
			all := CornYAML(advice)
			if _, err := project.ParseSettings("corn.yaml", []byte(all)); err != nil {
				t.Errorf("all that is to be written is no corn.yaml: %v", err)
			}
			fmt.Fprintf(&got, "\n%s\n", all)
			if *update {
				ar.Files[want].Data = []byte(got.String())
				if err := os.WriteFile(name, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(strings.Split(string(ar.Files[want].Data), "\n"), strings.Split(got.String(), "\n")); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

// TestDeepShell: brackets in brackets end with an answer.
func TestDeepShell(t *testing.T) {
	for _, text := range []string{strings.Repeat("(", maxScriptBytes-1), strings.Repeat("$(", maxScriptBytes/2-1), strings.Repeat("{ ", maxScriptBytes), strings.Repeat("if a;then ", 6000)} {
		f, err := Parse("Dockerfile", []byte("FROM a\nRUN "+text))
		if err != nil {
			t.Fatal(err)
		}
		if got := Explain(f, Project{})[1].Parts; len(got) != 1 || got[0].Result != Write {
			t.Errorf("RUN %.10s...: %v", text, got)
		}
	}
}
