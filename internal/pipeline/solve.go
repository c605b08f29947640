package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/conda/solve"
	"github.com/nasa-openscapes/corn/conda/virtual"
	"github.com/nasa-openscapes/corn/internal/project"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/internal/target"
	"github.com/nasa-openscapes/corn/lock"
	"github.com/nasa-openscapes/corn/pypi/wheel"
)

// A SolveRequest says what to choose packages for. It needs no project.
type SolveRequest struct {
	Specs        []string // MatchSpecs
	File         string   // an environment.yml, whose lines come before Specs
	Channels     []string // names or URLs, the first counts most; none: the file's, then conda-forge
	Priority     string   // "strict", "flexible", "disabled"; empty: strict
	Platform     string   // empty: linux of this machine
	Virtual      []string // "__glibc=2.36"
	ChannelAlias string
	Offline      bool
	Refresh      bool
	CacheDir     string
}

// A SolveResult is what `corn solve --json` prints. docs/formats/solve-json.md describes it.
type SolveResult struct {
	Format   int             `json:"format"` // 1
	Platform string          `json:"platform"`
	Channels []string        `json:"channels"`
	Virtual  []string        `json:"virtual"`
	Packages []SolvedPackage `json:"packages"` // each after what it depends on
	Size     int64           `json:"size_bytes"`
	Millis   int64           `json:"solve_ms"` // of the search alone
}

// SolvedPackage is one package that was chosen, or that a channel offers.
type SolvedPackage struct {
	Name      string   `json:"name"`
	Version   string   `json:"version"`
	Manager   string   `json:"manager,omitempty"` // "pip"; of conda's packages left out
	Build     string   `json:"build"`
	Channel   string   `json:"channel"`
	Subdir    string   `json:"subdir"`
	URL       string   `json:"url"`
	Size      int64    `json:"size_bytes,omitempty"`
	MD5       string   `json:"md5,omitempty"`
	SHA256    string   `json:"sha256,omitempty"`
	License   string   `json:"license,omitempty"`
	Depends   []string `json:"depends"`
	Requested bool     `json:"requested"` // by name
}

// Solve chooses packages and writes nothing.
func Solve(ctx context.Context, req SolveRequest, talk *report.Printer) (*SolveResult, error) {
	b, w, err := loose(req, talk)
	if err != nil {
		return nil, err
	}
	defer b.cache.Close()
	sh, err := b.channels.open(ctx, w.platform, []*wanted{w}, nil)
	if err != nil {
		return nil, report.In(report.Fetch, err)
	}
	defer sh.set.Close()
	defer roomy()()
	began := time.Now()
	sol, err := solve.Solve(ctx, sh.view(w), w.request())
	if e := sh.set.Err(); e != nil {
		return nil, report.In(report.Fetch, e)
	}
	if err != nil {
		if _, ok := errors.AsType[*solve.SpecError](err); ok {
			return nil, report.In(report.Project, err)
		}
		return nil, report.In(report.Lock, err)
	}
	res := &SolveResult{Format: 1, Platform: w.platform, Channels: w.urls, Virtual: virtualTexts(w.virtual), Packages: []SolvedPackage{}, Millis: time.Since(began).Milliseconds()}
	for _, p := range sol.Packages {
		sp := solvedPackage(p.Record)
		sp.Requested = len(p.Requested) > 0
		res.Packages = append(res.Packages, sp)
		res.Size += p.Record.SizeBytes
	}
	return res, b.solveWheels(ctx, w, sol, res)
}

// solveWheels adds what the request asks of PyPI.
func (b *builder) solveWheels(ctx context.Context, w *wanted, sol *solve.Solution, res *SolveResult) error {
	if !w.asksPip() {
		return nil
	}
	s := &solved{wanted: w, solution: sol}
	l := &envLocker{builder: b}
	if err := l.resolvePip(ctx, nil, s); err != nil {
		return err
	}
	for _, p := range s.wheels {
		sp := SolvedPackage{
			Name: p.Name, Version: p.Version, Manager: string(lock.Pip), Channel: "pypi", URL: record.Redact(p.URL), Size: p.SizeBytes, SHA256: p.SHA256.String(), Depends: []string{},
			Requested: slices.ContainsFunc(w.pip, func(a lock.Ask) bool { return wheel.NormalizeName(a.Name) == wheel.NormalizeName(p.Name) }),
		}
		for _, d := range p.Depends {
			sp.Depends = append(sp.Depends, strings.TrimSuffix(d.String(), " *"))
		}
		res.Packages = append(res.Packages, sp)
		res.Size += p.SizeBytes
	}
	return nil
}

func virtualTexts(records []*record.Record) []string {
	out := []string{}
	for _, r := range records {
		out = append(out, r.Name+"="+r.Version+"="+r.Build)
	}
	return out
}

func solvedPackage(r *record.Record) SolvedPackage {
	p := SolvedPackage{
		Name: r.Name, Version: r.Version, Build: r.Build, Channel: record.ChannelName("https://conda.anaconda.org", r.Channel), Subdir: string(r.Subdir),
		URL: record.Redact(cmp.Or(r.URL, r.Location().URL())), Size: r.SizeBytes, License: r.License, Depends: append([]string{}, r.Depends...),
	}
	if !r.MD5.IsZero() {
		p.MD5 = r.MD5.String()
	}
	if !r.SHA256.IsZero() {
		p.SHA256 = r.SHA256.String()
	}
	return p
}

// loose makes a wanted, and a builder without a project, of what a command line asks for. The
// builder's cache is open.
func loose(req SolveRequest, talk *report.Printer) (*builder, *wanted, error) {
	platform := target.Default().Subdir
	if req.Platform != "" {
		var err error
		if platform, err = anyPlatform(req.Platform); err != nil {
			return nil, nil, report.In(report.Usage, err)
		}
	}
	e := &project.Environment{Slug: looseID}
	if req.File != "" {
		data, err := os.ReadFile(req.File)
		if err != nil {
			return nil, nil, report.In(report.Project, fmt.Errorf("read environment: %w", err))
		}
		var notices []project.Notice
		if e, notices, err = project.ReadEnvironment(filepath.ToSlash(req.File), data, record.Subdir(platform)); err != nil {
			return nil, nil, report.In(report.Project, err)
		}
		e.Slug = looseID
		for _, n := range notices {
			talk.Say("%s: %s", n.File, n.Text)
		}
	}
	for _, s := range req.Specs {
		e.Dependencies = append(e.Dependencies, project.Requirement{Text: s})
	}
	if len(e.Dependencies) == 0 {
		return nil, nil, report.In(report.Usage, errors.New("nothing is asked for: give packages, or -f environment.yml"))
	}
	if len(req.Channels) > 0 {
		e.Channels = req.Channels
	}
	w, notes := wantedOf(e, e.Slug, platform, &project.SolveSettings{Priority: req.Priority})
	for _, n := range notes {
		talk.Say("%s", n)
	}
	c, err := openCacheAt(req.CacheDir)
	if err != nil {
		return nil, nil, err
	}
	b := &builder{
		req: BuildRequest{Offline: req.Offline}, settings: settings{channelAlias: req.ChannelAlias},
		talk: talk, jobs: runtime.GOMAXPROCS(0), cache: c, project: &project.Project{Dir: filepath.Dir(req.File)}, timings: map[string]time.Duration{},
	}
	if err := b.finishLoose(w, req); err != nil {
		return nil, nil, errors.Join(err, c.Close())
	}
	return b, w, nil
}

func (b *builder) finishLoose(w *wanted, req SolveRequest) error {
	if err := b.reach(); err != nil {
		return err
	}
	b.channels.refresh = req.Refresh
	w.dir = "."
	var err error
	if w.urls, err = b.channels.urls(w.channels, w.dir); err != nil {
		return report.In(report.Usage, err)
	}
	l := &envLocker{builder: b}
	if w.virtual, err = l.virtualOf(w.platform); err != nil {
		return report.In(report.Usage, err)
	}
	set := &virtual.Set{Records: w.virtual}
	for _, text := range req.Virtual {
		r, err := virtual.Parse(text)
		if err != nil {
			return report.In(report.Usage, err)
		}
		set = set.With(r)
	}
	w.virtual = set.Records
	return nil
}
