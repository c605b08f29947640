package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/conda/matchspec"
	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/internal/report"
)

// A SearchRequest says what to look for in channels.
type SearchRequest struct {
	SolveRequest      // Specs has the one MatchSpec
	All          bool // every build; otherwise the newest of each version
}

// A SearchResult is what `corn search --json` prints. docs/formats/search-json.md describes it.
type SearchResult struct {
	Format   int             `json:"format"` // 1
	Platform string          `json:"platform"`
	Spec     string          `json:"spec"`
	Names    []string        `json:"names"`    // that match, where the spec is a pattern
	Packages []SolvedPackage `json:"packages"` // newest first
	Total    int             `json:"total"`    // of matching records, the ones that are left out counted
}

// Search lists what channels offer for a spec. A pattern ("*gdal*") gives names alone.
func Search(ctx context.Context, req SearchRequest, talk *report.Printer) (*SearchResult, error) {
	b, w, err := loose(req.SolveRequest, talk)
	if err != nil {
		return nil, err
	}
	defer b.cache.Close()
	return b.search(ctx, w, req)
}

func (b *builder) search(ctx context.Context, w *wanted, req SearchRequest) (*SearchResult, error) {
	text := req.Specs[0]
	res := &SearchResult{Format: 1, Platform: w.platform, Spec: text, Names: []string{}, Packages: []SolvedPackage{}}
	if isNamePattern(text) {
		w.specs = nil
		sh, err := b.channels.openAlone(ctx, w.platform, []*wanted{w}, nil)
		if err != nil {
			return nil, report.In(report.Fetch, err)
		}
		defer sh.set.Close()
		res.Names = append(res.Names, sh.set.Search(text)...)
		res.Total = len(res.Names)
		return res, nil
	}
	name, err := specName(w.specs[0])
	if err != nil {
		return nil, report.In(report.Usage, err)
	}
	sh, err := b.channels.openAlone(ctx, w.platform, []*wanted{w}, nil)
	if err != nil {
		return nil, report.In(report.Fetch, err)
	}
	defer sh.set.Close()
	if err := sh.set.Load(ctx, name); err != nil {
		return nil, report.In(report.Fetch, err)
	}
	found, err := matching(text, sh.view(w).Records(name))
	if e := sh.set.Err(); e != nil {
		return nil, report.In(report.Fetch, e)
	}
	if err != nil {
		return nil, report.In(report.Usage, err)
	}
	res.Total = len(found)
	if len(found) == 0 {
		return nil, notFound(text, name, sh)
	}
	for i, r := range found {
		if req.All || i == 0 || found[i-1].Version != r.Version || found[i-1].Channel != r.Channel {
			res.Packages = append(res.Packages, solvedPackage(r))
		}
	}
	return res, nil
}

// notFound says what there is instead.
func notFound(text, name string, sh *shelf) error {
	if len(sh.set.Records(name)) > 0 {
		return report.Hinted(report.Lock, fmt.Sprintf("run \"corn search %s\" for the versions that there are", name),
			fmt.Errorf("no %s matches %q", name, text))
	}
	hint := ""
	if near := sh.set.Nearest(name, 5); len(near) > 0 {
		hint = "did you mean " + joinOr(near) + "?"
	}
	return report.Hinted(report.Lock, hint, fmt.Errorf("no channel has a package %s for %s", name, sh.platform))
}

func joinOr(words []string) string {
	text := words[0]
	for i, w := range words[1:] {
		sep := ", "
		if i == len(words)-2 {
			sep = " or "
		}
		text += sep + w
	}
	return text
}

// newestFirst orders records of one name as a solver prefers them, the channel aside.
func newestFirst(a, b *record.Record) int {
	return cmp.Or(
		-compareVersions(a.Version, b.Version),
		cmp.Compare(len(a.TrackFeatures), len(b.TrackFeatures)),
		-cmp.Compare(a.BuildNumber, b.BuildNumber),
		-cmp.Compare(a.TimestampMillis, b.TimestampMillis),
		cmp.Compare(artifactKey(a), artifactKey(b)),
	)
}

func sortNewest(recs []*record.Record) []*record.Record {
	recs = slices.Clone(recs)
	slices.SortFunc(recs, newestFirst)
	return recs
}

// isNamePattern tells whether a search is for names: a star or question mark where the name
// stands, and nothing behind it.
func isNamePattern(text string) bool {
	return strings.ContainsAny(text, "*?") && !strings.ContainsAny(text, " =<>!~[:")
}

// matching are the records that a spec wants, the newest first.
func matching(text string, recs []*record.Record) ([]*record.Record, error) {
	spec, err := matchspec.Parse(text)
	if err != nil {
		return nil, err
	}
	var out []*record.Record
	for _, r := range recs {
		if spec.Match(r) {
			out = append(out, r)
		}
	}
	return sortNewest(out), nil
}
