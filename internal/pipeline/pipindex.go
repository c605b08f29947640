package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"sync"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/pypi/pep440"
	"github.com/nasa-openscapes/corn/pypi/requirements"
	"github.com/nasa-openscapes/corn/pypi/resolve"
	"github.com/nasa-openscapes/corn/pypi/simple"
	"github.com/nasa-openscapes/corn/transport"
)

// indexFor is the client of the indexes that an environment names, or else the project, or else
// PyPI.
func (l *envLocker) indexFor(o *requirements.Options) (*simple.Client, error) {
	so := simple.Options{
		TrustedHosts: o.TrustedHosts, Offline: l.req.Offline, Refresh: l.channels.refresh, Warn: l.talk.Warn, Indexes: []string{},
		Transport: transport.Options{Settings: l.channels.config.Settings, Credentials: l.channels.credentials},
	}
	links, err := l.placesOf(o.FindLinks, so)
	if err != nil {
		return nil, err
	}
	so.FindLinks = links
	if o.NoIndex {
		return simple.New(l.cache, so)
	}
	// Extra indexes come first: who has one beside PyPI has it for what is not to come from there.
	if so.Indexes, err = l.placesOf(o.ExtraIndexes, so); err != nil {
		return nil, err
	}
	main := simple.PyPI
	if l.project.Settings.Solve.IndexURL != "" {
		main = l.project.Settings.Solve.IndexURL
	}
	if o.Index != nil {
		own, err := l.placesOf([]requirements.Source{*o.Index}, so)
		if err != nil {
			return nil, err
		}
		main = own[0]
	}
	so.Indexes = append(so.Indexes, main)
	return simple.New(l.cache, so)
}

// placesOf makes URLs of what files name. One that cannot be asked is an error with its line; o says
// what may be.
func (l *envLocker) placesOf(sources []requirements.Source, o simple.Options) ([]string, error) {
	var out []string
	for _, s := range sources {
		if len(s.Unset) > 0 {
			return nil, fmt.Errorf("%s:%d: the variable %s is not set", s.File, s.Line, s.Unset[0])
		}
		at := s.URL
		if s.Path != "" {
			var err error
			if at, err = l.fileURL(s.Path); err != nil {
				return nil, err
			}
		}
		if _, err := simple.New(l.cache, simple.Options{Indexes: []string{at}, TrustedHosts: o.TrustedHosts}); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", s.File, s.Line, err)
		}
		out = append(out, at)
	}
	return out, nil
}

// fileURL is the URL of a path of the project.
func (l *envLocker) fileURL(rel string) (string, error) {
	abs, err := filepath.Abs(filepath.Join(l.project.Dir, filepath.FromSlash(rel)))
	if err != nil {
		return "", err
	}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(abs)}).String(), nil
}

// ownCredentials are those that stand in the URLs of an environment's indexes.
func ownCredentials(set *requirements.Set) []transport.Credential {
	if set == nil {
		return nil
	}
	var out []transport.Credential
	sources := append(slices.Clone(set.Options.ExtraIndexes), set.Options.FindLinks...)
	if set.Options.Index != nil {
		sources = append(sources, *set.Options.Index)
	}
	for _, s := range sources {
		if _, c, ok := transport.Split(s.URL); ok && len(s.Unset) == 0 {
			c.Path = "" // files lie beside the index as often as below it
			out = append(out, c)
		}
	}
	return out
}

// A pipIndex answers the resolver's questions. What is expected to be asked for is fetched ahead,
// many at a time: the resolver asks for one after another.
type pipIndex struct {
	client *simple.Client
	target *pipTarget
	warn   func(format string, args ...any) // nil: nobody listens

	ctx    context.Context // of the work ahead; close ends it
	cancel context.CancelFunc
	wg     sync.WaitGroup
	slots  chan struct{}

	mu       sync.Mutex
	files    map[string]*simple.File // by URL
	expected map[string]bool
}

var _ resolve.Expecter = (*pipIndex)(nil)

// aheadAtATime is how many requests are made at a time; servers of indexes take as many.
const aheadAtATime = 16

func newPipIndex(ctx context.Context, c *simple.Client, t *pipTarget) *pipIndex {
	x := &pipIndex{client: c, target: t, slots: make(chan struct{}, aheadAtATime), files: map[string]*simple.File{}, expected: map[string]bool{}}
	x.ctx, x.cancel = context.WithCancel(ctx)
	return x
}

// close ends what is fetched ahead, and waits for it.
func (x *pipIndex) close() {
	x.cancel()
	x.wg.Wait()
}

// Expect implements [resolve.Expecter].
func (x *pipIndex) Expect(projects []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, name := range projects {
		if x.expected[name] {
			continue
		}
		x.expected[name] = true
		x.wg.Go(func() {
			select {
			case x.slots <- struct{}{}:
			case <-x.ctx.Done():
				return
			}
			defer func() { <-x.slots }()
			// What goes wrong here goes wrong again, and is told, when it is asked for.
			p, err := x.client.Project(x.ctx, name)
			if err != nil {
				return
			}
			if f := x.likely(p); f != nil {
				_, _ = x.client.Metadata(x.ctx, f)
			}
		})
	}
}

// likely is the file that the resolver will probably ask for: the newest wheel for the target.
func (x *pipIndex) likely(p *simple.Project) *simple.File {
	var best *simple.File
	var bestVersion pep440.Version
	bestRank := 0
	for i := range p.Files {
		f := &p.Files[i]
		if f.Kind != simple.Wheel || f.Yanked {
			continue
		}
		v, err := pep440.Parse(f.Version)
		if err != nil || v.IsPrerelease() {
			continue
		}
		c := 1
		if best != nil {
			if c = pep440.Compare(v, bestVersion); c < 0 {
				continue
			}
		}
		rank, ok := x.target.tags.Rank(f.WheelName().Tags)
		if !ok || c == 0 && rank >= bestRank {
			continue
		}
		best, bestVersion, bestRank = f, v, rank
	}
	return best
}

// Files implements [resolve.Index].
func (x *pipIndex) Files(ctx context.Context, project string) ([]resolve.File, error) {
	p, err := x.client.Project(ctx, project)
	if isA[*simple.NotFoundError](err) {
		return nil, fmt.Errorf("%w: %w", resolve.ErrNoProject, err)
	}
	if err != nil {
		return nil, report.In(report.Fetch, err)
	}
	if len(p.Files) == 0 && x.warn != nil { // else the resolver says that there is nothing, and not why
		for _, f := range p.LeftOut[:min(len(p.LeftOut), 3)] {
			x.warn("%s at %s: %s is left out: %s", project, record.Redact(p.Place), f.Name, f.Reason)
		}
	}
	out := make([]resolve.File, len(p.Files))
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := range p.Files {
		f := &p.Files[i]
		x.files[f.URL] = f
		out[i] = resolve.File{
			Name: f.Name, URL: f.URL, Hashes: f.Hashes, RequiresPython: f.RequiresPython, Yanked: f.Yanked, YankedReason: f.YankedReason,
			Uploaded: f.Uploaded, SizeBytes: f.SizeBytes, Index: f.Place,
		}
		if !f.SHA256.IsZero() {
			out[i].Hashes = maps.Clone(f.Hashes)
			if out[i].Hashes == nil {
				out[i].Hashes = map[string]string{}
			}
			out[i].Hashes["sha256"] = f.SHA256.String()
		}
	}
	return out, nil
}

// Metadata implements [resolve.Index].
func (x *pipIndex) Metadata(ctx context.Context, project string, file *resolve.File) (*resolve.Metadata, error) {
	f, err := x.file(project, file)
	if err != nil {
		return nil, &resolve.UnusableError{Err: err}
	}
	m, err := x.client.Metadata(ctx, f)
	switch {
	case isA[*simple.MetadataError](err), isA[*simple.NoMetadataError](err), isA[*simple.LimitError](err):
		return nil, &resolve.UnusableError{Err: err}
	case err != nil:
		return nil, report.In(report.Fetch, err)
	}
	return &resolve.Metadata{Name: m.Name, Version: m.Version, RequiresDist: m.Requires, RequiresPython: m.RequiresPython, ProvidesExtra: m.Extras}, nil
}

// file is the client's own value of a resolver's file.
func (x *pipIndex) file(project string, file *resolve.File) (*simple.File, error) {
	x.mu.Lock()
	f := x.files[file.URL]
	x.mu.Unlock()
	if f != nil {
		return f, nil
	}
	u, err := url.Parse(file.URL)
	if err != nil {
		return nil, errors.New("the URL cannot be read")
	}
	direct, err := simple.FileAt(file.URL, path.Base(u.Path))
	if err != nil {
		return nil, err
	}
	if sum := file.Hashes["sha256"]; sum != "" {
		if direct.SHA256, err = digest.Parse(sum); err != nil {
			return nil, err
		}
	}
	if project != "" && direct.Project != "" && direct.Project != project {
		return nil, fmt.Errorf("the file is of %s", direct.Project)
	}
	x.mu.Lock()
	x.files[file.URL] = direct
	x.mu.Unlock()
	return direct, nil
}
