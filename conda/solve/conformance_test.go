package solve

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nasa-openscapes/corn/conda/record"
)

const conformanceDir = "../../../shared/data/conformance/"

// expectation is a line of solve.jsonl; its README says what the fields mean.
type expectation struct {
	Channels        []string          `json:"channels"`
	Specs           []string          `json:"specs"`
	Virtual         []string          `json:"virtual"`
	Installed       []string          `json:"installed"`
	Pinned          []string          `json:"pinned"`
	Constraints     []string          `json:"constraints"`
	Strategy        string            `json:"strategy"`
	ExcludeNewer    time.Time         `json:"exclude_newer"`
	ChannelPriority string            `json:"channel_priority"`
	Quirk           any               `json:"quirk"`
	Exact           *[]string         `json:"installed_expected"`
	InstallOrder    []string          `json:"install_order"`
	Unsat           bool              `json:"unsat"`
	Present         []string          `json:"present"`
	Absent          []string          `json:"absent"`
	Count           int               `json:"count"`
	PresentSubdir   map[string]string `json:"present_subdir"`
	SameAs          []string          `json:"same_as"`
	Source          string            `json:"source"`
}

func (e *expectation) request(t *testing.T, idx mapIndex) Request {
	req := Request{Virtual: virtualRecords(e.Virtual), ExcludeNewer: e.ExcludeNewer}
	for _, c := range e.Channels {
		req.Channels = append(req.Channels, channelURL(c))
	}
	for i, s := range e.Specs {
		for k, c := range e.Channels {
			s = strings.ReplaceAll(s, "{"+string(rune('0'+k))+"}", channelURL(c))
		}
		req.Specs = append(req.Specs, Spec{Text: s, Origin: Origin{File: "specs", Line: i + 1}})
	}
	for _, s := range e.Constraints {
		req.Constraints = append(req.Constraints, Spec{Text: s})
	}
	for _, s := range e.Pinned { // a pin is a constraint on one archive
		d, err := record.ParseFileName(s + ".conda")
		if err != nil {
			t.Fatal(err)
		}
		req.Constraints = append(req.Constraints, Spec{Text: d.Name + "==" + d.Version + "=" + d.Build})
	}
	for _, s := range e.Installed {
		for _, r := range idx[s[:strings.LastIndexByte(s[:strings.LastIndexByte(s, '-')], '-')]] {
			if r.Dist().String() == s {
				req.Locked = append(req.Locked, r)
			}
		}
	}
	switch e.Strategy {
	case "lowest":
		req.Strategy = Lowest
	case "lowest-direct":
		req.Strategy = LowestDirect
	}
	switch e.ChannelPriority {
	case "flexible":
		req.ChannelPriority = FlexiblePriority
	case "disabled":
		req.ChannelPriority = NoPriority
	}
	return req
}

func channelURL(folder string) string { return "https://conda.example/" + path.Base(folder) }

func loadChannels(t *testing.T, folders []string) mapIndex {
	idx := mapIndex{}
	for _, c := range folders {
		for _, sub := range []string{"linux-64", "noarch"} {
			b, err := os.ReadFile(conformanceDir + c + "/" + sub + "/repodata.json")
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			idx.addRepodata(t, b, channelURL(c))
		}
	}
	return idx
}

// dist writes a record as the expectations do: as its file name, even where the record says otherwise.
func dist(r *record.Record) string {
	return strings.TrimSuffix(strings.TrimSuffix(r.FileName, ".conda"), ".tar.bz2")
}

// holds tells whether prefix, a name, name-version or name-version-build, is among dists.
func holds(dists []string, prefix string) bool {
	return slices.ContainsFunc(dists, func(d string) bool {
		return d == prefix || strings.HasPrefix(d, prefix+"-")
	})
}

// Quirks that corn does not share are logged; docs/design/solve.md says why it does not.
func TestConformance(t *testing.T) {
	f, err := os.Open(conformanceDir + "solve.jsonl")
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("no %s: the shared data is not there", conformanceDir)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	quirks, agreed := 0, 0
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for n := 1; sc.Scan(); n++ {
		var e expectation
		if err := json.Unmarshal(sc.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		quirk := e.Quirk != nil && e.Quirk != false
		faults := e.check(t)
		for _, p := range []string{"flexible", "disabled"} {
			if e.ChannelPriority == "" && len(faults) > 0 && len(e.Channels) > 1 {
				any := e // no priority given: any may give the answer
				any.ChannelPriority = p
				faults = any.check(t)
			}
		}
		switch {
		case quirk:
			quirks++
			if len(faults) == 0 {
				agreed++
			} else {
				t.Logf("quirk, line %d, %s: %s", n, e.Source, strings.Join(faults, "; "))
			}
		case len(faults) > 0:
			t.Errorf("line %d, %s: solve %q: %s", n, e.Source, e.Specs, strings.Join(faults, "; "))
		}
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d quirks, of which corn shares %d", quirks, agreed)
}

// check solves e and returns what is not as expected.
func (e *expectation) check(t *testing.T) (faults []string) {
	idx := loadChannels(t, e.Channels)
	req := e.request(t, idx)
	sol, err := Solve(context.Background(), idx, req)
	_, unsat := errors.AsType[*Unsolvable](err)
	switch {
	case err != nil && !unsat:
		return []string{err.Error()}
	case unsat != e.Unsat && unsat:
		return []string{"no answer: " + err.Error()}
	case unsat != e.Unsat:
		return []string{"an answer, want none: " + strings.Join(dists(sol), " ")}
	case unsat:
		return nil
	}
	if err := Check(idx, &req, sol.Records()); err != nil {
		faults = append(faults, err.Error())
	}
	got := dists(sol)
	if e.Exact != nil {
		want := slices.Sorted(slices.Values(*e.Exact))
		if have := slices.Sorted(slices.Values(got)); !slices.Equal(have, want) {
			faults = append(faults, "got "+strings.Join(have, " ")+", want "+strings.Join(want, " "))
		}
	}
	for _, p := range e.Present {
		if !holds(got, p) {
			faults = append(faults, "no "+p+" in "+strings.Join(got, " "))
		}
	}
	for _, p := range e.Absent {
		if holds(got, p) {
			faults = append(faults, p+" in "+strings.Join(got, " "))
		}
	}
	if e.Count > 0 && len(got) != e.Count {
		faults = append(faults, "not the right number in "+strings.Join(got, " "))
	}
	for _, r := range sol.Records() {
		if want := e.PresentSubdir[r.Name]; want != "" && string(r.Subdir) != want {
			faults = append(faults, r.Name+" of "+string(r.Subdir)+", want "+want)
		}
	}
	if e.SameAs != nil {
		same := *e
		same.Specs, same.SameAs = e.SameAs, nil
		req := same.request(t, idx)
		if other, err := Solve(context.Background(), idx, req); err != nil {
			faults = append(faults, "the same as an error: "+err.Error())
		} else if o := dists(other); !slices.Equal(o, got) {
			faults = append(faults, strings.Join(got, " ")+" is not "+strings.Join(o, " "))
		}
	}
	return faults
}

func dists(s *Solution) []string {
	var out []string
	for _, r := range s.Records() {
		out = append(out, dist(r))
	}
	return out
}
