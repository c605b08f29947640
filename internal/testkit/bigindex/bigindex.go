// Package bigindex makes repodata as large as conda-forge's, or larger, out of a small real one.
//
// A channel grows in two ways, and so does this: more builds of the names there are, and
// more names. Nothing about the copies changes an answer: builds of known names are older ones, with
// the same dependencies, and nothing depends on a new name.
//
// With 24 copies of the shared index the result is like conda-forge (linux-64 and noarch, 2026), which has about
// a million records of 28,000 names: python 906 builds there (800 in truth), numpy 1,218 (1,500), gdal 2,370 (1,200),
// botocore 3,324 (2,500). Names are those that people ask for, so their share is denser than the average.
package bigindex

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Write writes a repodata.json with times as many records as small has: of every ten copies of a
// record the first two are builds of its own name with the lower build numbers below 0, the other eight belong to
// two new names, four to each. It returns how many records it wrote.
func Write(w io.Writer, small []byte, times int) (int, error) {
	var doc struct {
		Info     json.RawMessage                       `json:"info"`
		Packages map[string]map[string]json.RawMessage `json:"packages"`
		Conda    map[string]map[string]json.RawMessage `json:"packages.conda"`
	}
	if err := json.Unmarshal(small, &doc); err != nil {
		return 0, err
	}
	out := bufio.NewWriterSize(w, 1<<20)
	fmt.Fprintf(out, `{"info":%s`, doc.Info)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false) // as conda's tools write: ">=1" and not "\u003e=1"
	n := 0
	for _, section := range []struct {
		key  string
		recs map[string]map[string]json.RawMessage
	}{{"packages", doc.Packages}, {"packages.conda", doc.Conda}} {
		fmt.Fprintf(out, `,%q:{`, section.key)
		sep := ""
		for _, fn := range slices.Sorted(maps.Keys(section.recs)) {
			rec := section.recs[fn]
			for i := range times {
				file, r := copyOf(fn, rec, i)
				fmt.Fprintf(out, "%s%q:", sep, file)
				if err := enc.Encode(r); err != nil {
					return n, err
				}
				sep = ","
				n++
			}
		}
		fmt.Fprint(out, "}")
	}
	fmt.Fprint(out, `,"removed":[],"repodata_version":1}`)
	return n, out.Flush()
}

// copyOf returns the i-th copy of a record; the 0th is itself.
func copyOf(fn string, rec map[string]json.RawMessage, i int) (string, map[string]json.RawMessage) {
	if i == 0 {
		return fn, rec
	}
	r := maps.Clone(rec)
	var name, version, build string
	for key, dst := range map[string]*string{"name": &name, "version": &version, "build": &build} {
		_ = json.Unmarshal(rec[key], dst) // the small index is ours
	}
	ext := ".conda"
	if strings.HasSuffix(fn, ".tar.bz2") {
		ext = ".tar.bz2"
	}
	quote := func(s string) json.RawMessage { return json.RawMessage(fmt.Sprintf("%q", s)) }
	build = fmt.Sprintf("%s_old%d", build, i)
	r["build"], r["build_number"] = quote(build), json.RawMessage(fmt.Sprint(-i))
	if i%10 >= 2 {
		name = fmt.Sprintf("%s-copy%d", name, (i-i/10*2-2)/4)
		r["name"] = quote(name)
	}
	sum := fmt.Sprintf("%064x", i)
	if old := strings.Trim(string(rec["sha256"]), `"`); len(old) == 64 {
		sum = old[:56] + sum[56:]
	}
	r["sha256"] = quote(sum)
	return name + "-" + version + "-" + build + ext, r
}
