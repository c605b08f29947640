package solve

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/nasa-openscapes/corn/conda/record"
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
		for _, sub := range []string{"linux-64", "noarch"} {
			m.addRepodata(t, readZst(t, indexDir+"conda-forge/"+sub+"/repodata.json.zst"), condaForge)
		}
	}
	return m
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

// cpuTime is what this process has used: the machine may be busy with other things.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestRealEnvironments(t *testing.T) {
	idx := loadRealIndex(t)
	only := os.Getenv("CORN_ENV")
	for _, e := range loadRealEnvs(t) {
		if only != "" && !strings.Contains(e.Env, only) {
			continue
		}
		solvable := e.Rattler != nil && e.Rattler.Solvable || e.Micromamba != nil && e.Micromamba.Solvable
		start := cpuTime()
		req := e.request()
		ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
		sol, err := Solve(ctx, idx, req)
		cancel()
		took := cpuTime() - start
		mm := 0.0
		if e.Micromamba != nil {
			mm = e.Micromamba.Seconds
		}
		head := fmt.Sprintf("%-50s %6.1fms mm %.2fs", path.Base(e.Env), float64(took.Microseconds())/1000, mm)
		if err != nil {
			t.Logf("%s %T solvable=%v", head, err, solvable)
			if u, ok := errors.AsType[*Unsolvable](err); ok {
				t.Logf("EXPL %s\nhint: %s", u, u.Hint())
			}
			if _, ok := errors.AsType[*Unsolvable](err); !ok || solvable {
				t.Errorf("%s: %v", e.Env, err)
			}
			continue
		}
		if !solvable {
			t.Errorf("%s: solved, peers did not", e.Env)
			continue
		}
		if err := Check(idx, &req, sol.Records()); err != nil {
			t.Errorf("%s: %v", e.Env, err)
		}
		mine := map[string]string{}
		for _, r := range sol.Records() {
			mine[r.Name] = r.Version
		}
		line := fmt.Sprintf("%s n=%d %+v", head, len(sol.Packages), sol.Stats)
		asked := map[string]bool{}
		for _, pkg := range sol.Packages {
			if len(pkg.Requested) > 0 {
				asked[pkg.Record.Name] = true
			}
		}
		olderThan := map[string]int{}
		for i, peer := range []*peerAnswer{e.Rattler, e.Micromamba} {
			if peer == nil || !peer.Solvable {
				continue
			}
			var older, newer []string
			for n, v := range peer.versions(t) {
				m, ok := mine[n]
				if !ok {
					continue
				}
				if asked[n] {
					n = "*" + n
				}
				switch c := version.Compare(version.MustParse(m), version.MustParse(v)); {
				case c < 0:
					older = append(older, n+" "+m+"<"+v)
					if asked[strings.TrimPrefix(n, "*")] {
						olderThan[n[1:]]++
					}
				case c > 0:
					newer = append(newer, n+" "+m+">"+v)
				}
			}
			slices.Sort(older)
			slices.Sort(newer)
			line += fmt.Sprintf("\n      %s (%d) older %d %v newer %d %v", []string{"rattler", "micromamba"}[i], len(peer.Packages), len(older), older, len(newer), newer)
			if len(older) > len(newer) {
				t.Errorf("%s: older in more: %d > %d", e.Env, len(older), len(newer))
			}
		}
		for n, k := range olderThan {
			if k == 2 || k == 1 && (e.Rattler == nil || e.Micromamba == nil) {
				t.Errorf("%s: %s %s is older than both", e.Env, n, mine[n])
			}
		}
		t.Log(line)
	}
}
