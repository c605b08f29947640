package solve

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/conda/repodata"
	"github.com/nasa-openscapes/corn/conda/version"
)

const indexDir = "../../../shared/data/index/"

func readZst(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("no %s: the shared data is not there", file)
	}
	if err != nil {
		t.Fatal(err)
	}
	dec, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	out, err := dec.DecodeAll(b, nil)
	if err != nil {
		t.Fatalf("unpack %s: %v", file, err)
	}
	return out
}

// mapIndex is an Index of a map.
type mapIndex map[string][]*record.Record

func (m mapIndex) Records(name string) []*record.Record { return m[name] }

func (m mapIndex) Names() []string {
	var names []string
	for n := range m {
		names = append(names, n)
	}
	return names
}

const condaForge = "https://conda.example/conda-forge"

// addRepodata reads the records of a repodata.json.
func (m mapIndex) addRepodata(t testing.TB, b []byte, channel string) {
	t.Helper()
	var doc struct {
		Packages      map[string]*record.Record `json:"packages"`
		PackagesConda map[string]*record.Record `json:"packages.conda"`
		Info          struct{ Subdir record.Subdir }
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatalf("read repodata of %s: %v", channel, err)
	}
	for _, part := range []map[string]*record.Record{doc.Packages, doc.PackagesConda} {
		for fn, r := range part {
			r.FileName, r.Channel = fn, channel
			if r.Subdir == "" {
				r.Subdir = doc.Info.Subdir
			}
			r.URL = path.Join(channel, string(r.Subdir), fn)
			m[r.Name] = append(m[r.Name], r)
		}
	}
}

var realIndex = sync.OnceValue(func() mapIndex { return mapIndex{} })

func loadRealIndex(t testing.TB) mapIndex {
	m := realIndex()
	if len(m) == 0 {
		debug.SetGCPercent(400) // the index stays: looking through it again and again was a fifth of the tests' time
		for _, sub := range []record.Subdir{"linux-64", "noarch"} {
			m.addIndex(t, readZst(t, indexDir+"conda-forge/"+string(sub)+"/repodata.json.zst"), sub)
		}
	}
	return m
}

// addIndex reads the records of a large repodata.json of conda-forge, as corn does: it is faster than encoding/json, and
// equal lists of dependencies are the same slice.
func (m mapIndex) addIndex(t testing.TB, b []byte, sub record.Subdir) {
	t.Helper()
	var out bytes.Buffer
	conv, err := repodata.Convert(context.Background(), bytes.NewReader(b), func() (repodata.Spool, error) { return nil, errors.New("too large") })
	if err == nil {
		_, err = conv.WriteTo(&out)
	}
	if err != nil {
		t.Fatalf("convert the index: %v", err)
	}
	index, err := repodata.OpenIndex(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for name := range index.Names() {
		shard, err := index.Shard(name)
		if err != nil {
			t.Fatal(err)
		}
		recs, err := shard.Records(repodata.Origin{Channel: condaForge, Subdir: sub, BaseURL: condaForge + "/" + string(sub)})
		if err != nil {
			t.Fatal(err)
		}
		m[name] = append(m[name], recs...)
	}
}

type peerAnswer struct {
	Solvable bool     `json:"solvable"`
	Seconds  float64  `json:"seconds"`
	Packages []string `json:"packages"`
}

type realEnv struct {
	Env        string      `json:"env"`
	Specs      []string    `json:"specs"`
	Virtual    []string    `json:"virtual"`
	Rattler    *peerAnswer `json:"rattler"`
	Micromamba *peerAnswer `json:"micromamba"`
}

func (e realEnv) request() Request {
	req := Request{Channels: []string{condaForge}, Virtual: virtualRecords(e.Virtual)}
	for i, s := range e.Specs {
		req.Specs = append(req.Specs, Spec{Text: s, Origin: Origin{File: "environment.yml", Line: i + 1}})
	}
	return req
}

func virtualRecords(list []string) []*record.Record {
	var recs []*record.Record
	for _, v := range list {
		f := strings.SplitN(v+"==", "=", 4)
		recs = append(recs, &record.Record{Name: f[0], Version: f[1], Build: f[2]})
	}
	return recs
}

func loadRealEnvs(t testing.TB) []realEnv {
	var envs []realEnv
	sc := bufio.NewScanner(bytes.NewReader(readZst(t, indexDir+"answers.jsonl.zst")))
	sc.Buffer(nil, 1<<20)
	for {
		if !sc.Scan() {
			if sc.Err() != nil {
				t.Fatal(sc.Err())
			}
			return envs
		}
		var e realEnv
		if err := json.Unmarshal(sc.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		envs = append(envs, e)
	}
}

// versions reads a peer's answer: name to version.
func (a *peerAnswer) versions(t testing.TB) map[string]string {
	out := map[string]string{}
	for _, p := range a.Packages {
		d, err := record.ParseFileName(path.Base(p))
		if err != nil {
			t.Fatal(err)
		}
		out[d.Name] = d.Version
	}
	return out
}

// known are the environments in which corn differs from what the comparison asks, and why; each is
// described in docs/design/solve.md.
var known = map[string]string{
	"pangeo-notebook-20240911-d1ba28.yml": "argopy 1.4.0 would hold xarray and rioxarray back",
}

// TestRealEnvironments solves every recorded environment: one that a peer solved has an answer that
// the checker accepts and that is as good as the peers' (docs/design/solve.md says what that means), one that
// none solved has an explanation.
func TestRealEnvironments(t *testing.T) {
	idx := loadRealIndex(t)
	envs := loadRealEnvs(t)
	if os.Getenv("CORN_ALL_ENVIRONMENTS") == "" {
		envs = unlike(envs)
	}
	for i, e := range envs {
		if raceEnabled && i%16 != 0 {
			continue // ten times slower, and there is only one goroutine
		}
		t.Run(strings.TrimSuffix(path.Base(e.Env), ".yml"), func(t *testing.T) {
			t.Parallel()
			req := e.request()
			start := time.Now()
			sol, err := Solve(context.Background(), idx, req)
			took := time.Since(start)
			u, unsat := errors.AsType[*Unsolvable](err)
			switch {
			case err != nil && !unsat:
				t.Fatalf("Solve: %v", err)
			case unsat && e.solvable():
				t.Fatalf("Solve finds no answer, and a peer did: %v", err)
			case unsat:
				t.Logf("%v: %s\nhint: %s", took, u, u.Hint())
				if u.Error() == "" || len(u.Problems) == 0 {
					t.Errorf("Solve fails without an explanation")
				}
				return
			}
			if err := Check(idx, &req, sol.Records()); err != nil {
				t.Errorf("Check of the answer: %v", err)
			}
			t.Logf("%v, %d packages, %+v", took, len(sol.Packages), sol.Stats)
			for _, fault := range e.compare(t, sol) {
				if why := known[path.Base(e.Env)]; why != "" {
					t.Logf("%s: known, %s", fault, why)
				} else {
					t.Error(fault)
				}
			}
		})
	}
}

// unlike leaves out environments that differ from another one in a few lines: many are of one file's history.
// CORN_ALL_ENVIRONMENTS=1 tries them too.
func unlike(envs []realEnv) []realEnv {
	const lines = 8
	var kept []realEnv
	for _, e := range envs {
		if !slices.ContainsFunc(kept, func(k realEnv) bool {
			return k.solvable() == e.solvable() && len(without(e.Specs, k.Specs))+len(without(k.Specs, e.Specs)) <= lines
		}) || known[path.Base(e.Env)] != "" {
			kept = append(kept, e)
		}
	}
	return kept
}

// without returns the texts of a that are not in b.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

func (e *realEnv) solvable() bool {
	return e.Rattler != nil && e.Rattler.Solvable || e.Micromamba != nil && e.Micromamba.Solvable
}

// compare says in what sol is not as good as the peers' answers: a package asked for by name that is older
// than in both, or more packages older than newer than in one.
func (e *realEnv) compare(t *testing.T, sol *Solution) (faults []string) {
	mine := map[string]Package{}
	for _, p := range sol.Packages {
		mine[p.Record.Name] = p
	}
	peers, behind := 0, map[string]int{}
	for _, peer := range []struct {
		name string
		*peerAnswer
	}{{"rattler", e.Rattler}, {"micromamba", e.Micromamba}} {
		if peer.peerAnswer == nil || !peer.Solvable {
			continue
		}
		peers++
		var older, newer []string
		for n, v := range peer.versions(t) {
			p, ok := mine[n]
			if !ok {
				continue
			}
			switch c := version.Compare(version.MustParse(p.Record.Version), version.MustParse(v)); {
			case c < 0:
				older = append(older, fmt.Sprintf("%s %s (%s)", n, p.Record.Version, v))
				if len(p.Requested) > 0 {
					behind[n]++
				}
			case c > 0:
				newer = append(newer, fmt.Sprintf("%s %s (%s)", n, p.Record.Version, v))
			}
		}
		slices.Sort(older)
		slices.Sort(newer)
		t.Logf("against %s: older %q, newer %q", peer.name, older, newer)
		if len(older) > len(newer) {
			faults = append(faults, fmt.Sprintf("%d packages are older than %s's, %d newer", len(older), peer.name, len(newer)))
		}
	}
	for _, n := range slices.Sorted(maps.Keys(behind)) {
		if behind[n] == peers {
			faults = append(faults, fmt.Sprintf("%s %s was asked for and is older than every peer's", n, mine[n].Record.Version))
		}
	}
	return faults
}

// BenchmarkReal solves one environment of each size; ns/op is one solve with the index in memory.
func BenchmarkReal(b *testing.B) {
	idx := loadRealIndex(b)
	for _, e := range loadRealEnvs(b) {
		switch name := strings.TrimSuffix(path.Base(e.Env), ".yml"); name {
		case "corn-lpdaac-20211028-3210c4", "pangeo-ml-20240216-6b6e79", "corn-ci-20220411-994734", "corn-ci-20240207-69cda9", "cryo-20251213-b27daf":
			b.Run(name, func(b *testing.B) {
				for b.Loop() {
					sol, err := Solve(context.Background(), idx, e.request())
					if err != nil {
						b.Fatal(err)
					}
					b.ReportMetric(float64(len(sol.Packages)), "packages")
				}
			})
		}
	}
}

// TestLockedRecordsStay solves an environment, and again with what came out as locked records.
func TestLockedRecordsStay(t *testing.T) {
	if raceEnabled {
		t.Skip("with the race detector it takes ten times as long, and there is only one goroutine")
	}
	idx := loadRealIndex(t)
	for _, e := range loadRealEnvs(t) {
		if !strings.Contains(e.Env, "corn-podaac-20211027") {
			continue
		}
		req := e.request()
		req.ExcludeNewer = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
		before, err := Solve(context.Background(), idx, req)
		if err != nil {
			t.Fatalf("Solve as of 2024: %v", err)
		}
		req = e.request()
		req.Locked = before.Records()
		again, err := Solve(context.Background(), idx, req)
		if err != nil {
			t.Fatalf("Solve with a lock: %v", err)
		}
		if moved := changed(before, again); len(moved) > 0 {
			t.Errorf("with a lock, and nothing else changed, these move: %v", moved)
		}
		req.Specs = append(req.Specs, Spec{Text: "black"})
		more, err := Solve(context.Background(), idx, req)
		if err != nil {
			t.Fatalf("Solve with a lock and one more request: %v", err)
		}
		if moved := changed(before, more); len(moved) > 0 {
			t.Errorf("with a lock and one more request, these move: %v", moved)
		}
		fresh, err := Solve(context.Background(), idx, e.request())
		if err != nil {
			t.Fatalf("Solve: %v", err)
		}
		if moved := changed(before, fresh); len(moved) < 20 {
			t.Errorf("without a lock %d packages move: the test shows nothing", len(moved))
		}
		return
	}
}

// changed lists the packages of a that b has in another version or build, or not at all.
func changed(a, b *Solution) (moved []string) {
	has := map[string]string{}
	for _, r := range b.Records() {
		has[r.Name] = r.Dist().String()
	}
	for _, r := range a.Records() {
		if d := r.Dist().String(); has[r.Name] != d {
			moved = append(moved, d+" to "+has[r.Name])
		}
	}
	return moved
}

// TestRealAnswersDoNotDependOnOrder turns everything around.
func TestRealAnswersDoNotDependOnOrder(t *testing.T) {
	if raceEnabled {
		t.Skip("with the race detector it takes ten times as long, and there is only one goroutine")
	}
	idx := loadRealIndex(t)
	around := mapIndex{}
	for n, recs := range idx {
		recs = slices.Clone(recs)
		slices.Reverse(recs)
		around[n] = recs
	}
	for _, e := range loadRealEnvs(t) {
		if !strings.Contains(e.Env, "clay-20240424") && !strings.Contains(e.Env, "corn-ci-20220504-5ac6e4") {
			continue
		}
		req := e.request()
		want := outcome(idx, req)
		slices.Reverse(req.Specs)
		slices.Reverse(req.Virtual)
		if got := outcome(around, req); got != want {
			t.Errorf("%s turned around: %s\nwant %s", e.Env, got, want)
		}
	}
}
