package pipeline

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/fetch"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/lock"
)

// learn finds out what has to be known of every locked archive. Archives of which the
// cache knows it already are not fetched here: if their frames are there too, they are not
// needed at all.
func (b *builder) learn(ctx context.Context) error {
	if err := b.askFor(); err != nil {
		return report.In(report.Lock, err)
	}
	b.recall()
	var all []*pkg
	for _, e := range b.envs {
		if e.sum == nil {
			all = append(all, e.packages...)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return b.learnOf(ctx, all)
}

// learnOf finds out what has to be known of the archives of some packages.
func (b *builder) learnOf(ctx context.Context, all []*pkg) error {
	first, at := distinct(all)
	known := make([]*artifact.Facts, len(first))
	var g errgroup.Group
	g.SetLimit(b.jobs)
	for i, p := range first {
		g.Go(func() error {
			if known[i] = b.knownFacts(p); known[i] == nil {
				known[i] = b.previousFacts(p)
			}
			return nil
		})
	}
	_ = g.Wait() // no error: what is not known is fetched
	var unknown []*pkg
	for i, p := range all {
		if p.facts = known[at[i]]; p.facts == nil {
			unknown = append(unknown, p)
		}
	}
	stage := b.talk.Stage("facts", 0, report.Things)
	if err := b.bring(ctx, unknown); err != nil {
		stage.Abort()
		return err
	}
	if err := b.readFacts(ctx, unknown); err != nil {
		stage.Abort()
		return report.In(report.Package, err)
	}
	b.timings["facts"] += stage.Done("of %s", report.Count(len(first), "archive"))
	return nil
}

// askFor makes the request for each package's archive.
func (b *builder) askFor() error {
	for _, e := range b.envs {
		for _, p := range e.packages {
			origin := e.lockPath
			if p.locked.Line > 0 { // else the lock was made just now
				origin = fmt.Sprintf("%s:%d", e.lockPath, p.locked.Line)
			}
			if err := p.request(origin); err != nil {
				return err
			}
			if err := b.beside(e, p); err != nil {
				return err
			}
			p.env = e.id
		}
	}
	return nil
}

// request makes the request for the package's archive; origin is the line that names it.
func (p *pkg) request(origin string) error {
	url, err := p.locked.Expand(os.LookupEnv)
	if err != nil {
		return err
	}
	p.ask = fetch.Request{
		Name: p.locked.FileName, URL: url, Origin: origin,
		Want: digest.Want{SHA256: p.locked.SHA256, MD5: p.locked.MD5, SizeBytes: p.locked.SizeBytes},
	}
	return nil
}

// beside turns the path of a wheel of the project into a URL. One that leads out of the project is
// refused: a lock is a file that others write, too.
func (b *builder) beside(e *env, p *pkg) error {
	rel, ok := p.locked.Beside()
	if !ok {
		return nil
	}
	name := path.Join(path.Dir(filepath.ToSlash(e.lockPath)), rel)
	if filepath.IsAbs(e.lockPath) {
		in, err := filepath.Rel(b.project.Dir, filepath.FromSlash(name))
		if err != nil {
			return err
		}
		name = filepath.ToSlash(in)
	}
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return fmt.Errorf("%s: the wheel %s lies outside of the project", p.ask.Origin, rel)
	}
	abs, err := filepath.Abs(filepath.Join(b.project.Dir, filepath.FromSlash(name)))
	p.ask.URL = (&url.URL{Scheme: "file", Path: filepath.ToSlash(abs)}).String()
	return err
}

// id is equal for packages that ask for the same archive.
func (p *pkg) id() string {
	return p.locked.FileName + "\x00" + p.ask.URL + "\x00" + p.ask.SHA256.String() + p.ask.MD5.String()
}

// distinct returns the first package of each archive, and for every package the place of
// its archive among them.
func distinct(pkgs []*pkg) (first []*pkg, at []int) {
	place := map[string]int{}
	at = make([]int, len(pkgs))
	for i, p := range pkgs {
		n, ok := place[p.id()]
		if !ok {
			n = len(first)
			place[p.id()] = n
			first = append(first, p)
		}
		at[i] = n
	}
	return first, at
}

func (p *pkg) kind() artifact.Kind {
	if p.locked.Manager == lock.Pip {
		return artifact.Wheel
	}
	return artifact.Conda
}

// knownFacts returns the facts that the cache has of a package; nil: none.
func (b *builder) knownFacts(p *pkg) *artifact.Facts {
	sum, ok := b.archiveSum(p)
	if !ok {
		return nil
	}
	f := b.loadFacts(factsKey(p.kind(), p.locked.FileName, sum))
	if f == nil || f.SHA256 != sum || !p.ask.MD5.IsZero() && f.MD5 != p.ask.MD5 ||
		p.ask.SizeBytes > 0 && f.SizeBytes != p.ask.SizeBytes {
		return nil // fetching says what is wrong with the lock
	}
	return f
}

// bring fetches the archives of packages into the cache, each once, and sets their blobs.
func (b *builder) bring(ctx context.Context, pkgs []*pkg) error {
	first, at := distinct(pkgs)
	reqs := make([]fetch.Request, len(first))
	var missing int
	var missingBytes int64
	for i, p := range first {
		reqs[i] = p.ask
		if _, err := b.cache.Find(p.ask.Want); err != nil {
			missing++
			missingBytes += p.ask.SizeBytes
		}
	}
	var stage *report.Stage
	var received atomic.Int64
	if missing > 0 {
		stage = b.talk.Stage("fetch", missingBytes, report.Bytes)
	}
	f, err := b.fetcher(func(n int64) {
		received.Add(n)
		if stage != nil {
			stage.Add(n)
		}
	})
	if err != nil {
		return report.In(report.Fetch, err)
	}
	blobs, err := f.All(ctx, reqs)
	if err != nil {
		if stage != nil {
			stage.Abort()
		}
		return report.In(report.Fetch, err)
	}
	if stage != nil {
		took := stage.Done("%s of %d, %s", report.Count(missing, "archive"), len(reqs), report.Size(received.Load()))
		b.timingsMu.Lock()
		b.timings["fetch"] += took
		b.timingsMu.Unlock()
	}
	for i, p := range pkgs {
		p.blob = blobs[at[i]]
	}
	return nil
}

// fetcher brings archives with the proxies, certificates and credentials that channels are
// reached with; received may be nil.
func (b *builder) fetcher(received func(int64)) (*fetch.Fetcher, error) {
	if err := b.reach(); err != nil {
		return nil, err
	}
	return fetch.New(b.cache, fetch.Options{
		Jobs: max(4, b.jobs), Offline: b.req.Offline, ChannelAlias: b.channels.alias, Warn: b.talk.Warn,
		Mirrored: b.channels.config.Mirrored, Transport: b.transport, Received: received,
	}), nil
}

// readFacts computes the facts of packages whose blobs are there, each archive once.
func (b *builder) readFacts(ctx context.Context, pkgs []*pkg) error {
	first, at := distinct(pkgs)
	facts := make([]*artifact.Facts, len(first))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(b.jobs)
	for i, p := range first {
		g.Go(func() error {
			f, err := b.cachedFacts(ctx, p.blob, p.kind(), p.locked.FileName)
			if b.suspects.note(p.blob, err) != nil {
				return &PackageError{Environment: p.env, Origin: p.ask.Origin, Err: err}
			}
			facts[i] = f
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, p := range pkgs {
		p.facts = facts[at[i]]
	}
	return nil
}
