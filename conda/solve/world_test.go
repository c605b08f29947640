package solve

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nasa-openscapes/corn/conda/record"
)

var update = flag.Bool("update", false, "rewrite the answers in testdata/worlds")

// A world is a small index and a request in a few lines of text (docs/design/solve.md):
//
//	name: a pin on python holds numpy back
//	numpy 2.1: python >=3.10
//	numpy 1.26: python >=3.9
//	python 3.12, 3.9
//	solve numpy, python 3.9.*
//	want numpy 1.26, python 3.9
//
// Records: "NAME VERSION[=BUILD[=NUMBER]], ... [key=value ...]: DEPENDENCY, ... ! CONSTRAINT, ...".
type world struct {
	name  string
	index mapIndex
	req   Request
	input []string // the lines that are no answer
	want  []string
}

func parseWorld(t testing.TB, block string) *world {
	w := &world{index: mapIndex{}}
	channel := "main"
	for _, line := range strings.Split(strings.TrimSpace(block), "\n") {
		verb, rest, _ := strings.Cut(line, " ")
		rest = strings.TrimSpace(rest)
		items := strings.Split(rest, ", ")
		answer := false
		switch verb {
		case "name:":
			w.name = rest
		case "channels":
			w.req.Channels = items
		case "channel":
			channel = rest
		case "priority":
			w.req.ChannelPriority = map[string]ChannelPriority{"strict": StrictPriority, "flexible": FlexiblePriority, "disabled": NoPriority}[rest]
		case "strategy":
			w.req.Strategy = map[string]Strategy{"lowest": Lowest, "lowest-direct": LowestDirect}[rest]
		case "newer":
			w.req.ExcludeNewer = parseDay(t, rest)
		case "virtual":
			for _, s := range items {
				w.req.Virtual = append(w.req.Virtual, parseRecord(t, s, ""))
			}
		case "locked":
			for _, s := range items {
				w.req.Locked = append(w.req.Locked, w.find(t, s))
			}
		case "favored":
			for _, s := range items {
				w.req.Favored = append(w.req.Favored, w.find(t, s))
			}
		case "favor":
			w.req.Favor = map[string]Favor{"builds": FavorBuilds, "versions": FavorVersions}[rest]
		case "constraint":
			for _, s := range items {
				w.req.Constraints = append(w.req.Constraints, Spec{Text: s, Origin: Origin{File: "corn.yaml", Line: 3}})
			}
		case "solve":
			for i, s := range items {
				w.req.Specs = append(w.req.Specs, Spec{Text: s, Origin: Origin{File: "env.yml", Line: i + 1}})
			}
		case "want", "fail", "|", "hint":
			answer = true
			w.want = append(w.want, line)
		default:
			w.addRecords(t, line, channel)
		}
		if !answer {
			w.input = append(w.input, line)
		}
	}
	return w
}

func parseDay(t testing.TB, s string) time.Time {
	d, err := time.Parse(time.DateOnly, s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// addRecords reads a line of records.
func (w *world) addRecords(t testing.TB, line, channel string) {
	line, constrains, _ := strings.Cut(line, " ! ")
	head, depends, _ := strings.Cut(line, ": ")
	head = strings.TrimSuffix(head, ":")
	head, keys, _ := strings.Cut(strings.TrimSuffix(head, "]"), " [")
	name, versions, _ := strings.Cut(head, " ")
	for _, v := range strings.Split(versions, ", ") {
		r := parseRecord(t, name+" "+v, channel)
		if depends != "" {
			r.Depends = strings.Split(depends, ", ")
		}
		if constrains != "" {
			r.Constrains = strings.Split(constrains, ", ")
		}
		for _, kv := range strings.Fields(keys) {
			k, val, _ := strings.Cut(kv, "=")
			switch k {
			case "features":
				r.TrackFeatures = strings.Split(val, "+")
			case "time":
				r.TimestampMillis = parseDay(t, val).UnixMilli()
			case "noarch":
				r.Noarch, r.Subdir = record.NoarchGeneric, record.Noarch
				if val == "python" {
					r.Noarch = record.NoarchPython
				}
			case "bz2":
				r.FileName = strings.TrimSuffix(r.FileName, ".conda") + ".tar.bz2"
			default:
				t.Fatalf("world %q: no key %q", w.name, k)
			}
		}
		w.index[name] = append(w.index[name], r)
	}
}

// parseRecord reads "NAME VERSION[=BUILD[=NUMBER]]".
func parseRecord(t testing.TB, s, channel string) *record.Record {
	name, v, _ := strings.Cut(s, " ")
	f := strings.Split(v, "=")
	r := &record.Record{Name: name, Version: f[0], Build: "0", Channel: channel, Subdir: "linux-64"}
	if len(f) > 1 {
		r.Build = f[1]
	}
	if len(f) > 2 {
		n, err := strconv.ParseInt(f[2], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		r.BuildNumber = n
	}
	r.FileName = r.Name + "-" + r.Version + "-" + r.Build + ".conda"
	return r
}

// find returns the first record that "NAME VERSION[=BUILD]" names, or a new one.
func (w *world) find(t testing.TB, s string) *record.Record {
	want := parseRecord(t, s, "main")
	for _, r := range w.index[want.Name] {
		if r.Version == want.Version && (r.Build == want.Build || !strings.Contains(s, "=")) {
			return r
		}
	}
	return want
}

// groupIndex gives the records of a mapIndex in groups too.
type groupIndex struct{ mapIndex }

func (g groupIndex) Groups(name string) ([]record.Group, bool) {
	var groups []record.Group
	for _, r := range g.mapIndex[name] {
		groups = append(groups, record.Group{Channel: r.Channel, Version: r.Version, Features: len(r.TrackFeatures), Len: 1, Records: func() []*record.Record { return []*record.Record{r} }})
	}
	return groups, true
}

// answer solves the world and puts the result into lines.
func (w *world) answer(t testing.TB) []string {
	sol, err := Solve(context.Background(), w.index, w.req)
	if u, ok := errors.AsType[*Unsolvable](err); ok {
		lines := []string{"fail " + strings.Split(u.Error(), "\n")[0]}
		for _, l := range strings.Split(u.Error(), "\n")[1:] {
			lines = append(lines, "| "+l)
		}
		if h := u.Hint(); h != "" {
			lines = append(lines, "hint "+strings.ReplaceAll(h, "\n", " "))
		}
		return lines
	}
	if err != nil {
		return []string{"fail " + err.Error()}
	}
	if err := Check(w.index, &w.req, sol.Records()); err != nil {
		t.Errorf("Check of the answer: %v", err)
	}
	var show []string
	for _, r := range sol.Records() {
		s := r.Name + " " + r.Version
		same := 0
		for _, o := range w.index[r.Name] {
			if o.Version == r.Version {
				same++
			}
		}
		if same > 1 {
			s += "=" + r.Build
		}
		if len(w.req.Channels) > 1 {
			s += " (" + r.Channel + ")"
		}
		show = append(show, s)
	}
	return []string{strings.TrimSpace("want " + strings.Join(show, ", "))}
}

func TestWorlds(t *testing.T) {
	files, err := filepath.Glob("testdata/worlds/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no worlds: %v", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, block := range strings.Split(strings.TrimSpace(string(b)), "\n\n") {
			w := parseWorld(t, block)
			t.Run(strings.ReplaceAll(w.name, " ", "_"), func(t *testing.T) {
				got := w.answer(t)
				if plain, grouped := outcome(w.index, w.req), outcome(groupIndex{w.index}, w.req); grouped != plain {
					t.Errorf("with records in groups: %s\nwant %s", grouped, plain)
				}
				out = append(out, strings.Join(append(w.input, got...), "\n"))
				if !*update && !slices.Equal(got, w.want) {
					t.Errorf("%s, %q:\n got %s\nwant %s", file, w.name, strings.Join(got, "\n     "), strings.Join(w.want, "\n     "))
				}
			})
		}
		if *update {
			if err := os.WriteFile(file, []byte(strings.Join(out, "\n\n")+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
