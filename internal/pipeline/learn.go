package pipeline

import (
	"context"
	"fmt"
	"os"

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
	var first []*pkg // of each archive
	number := map[string]int{}
	for _, e := range b.envs {
		for _, p := range e.packages {
			if _, ok := number[p.id()]; !ok {
				number[p.id()] = len(first)
				first = append(first, p)
			}
		}
	}
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
	for _, e := range b.envs {
		for _, p := range e.packages {
			if p.facts = known[number[p.id()]]; p.facts == nil {
				unknown = append(unknown, p)
			}
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
			url, err := p.locked.Expand(os.LookupEnv)
			if err != nil {
				return err
			}
			p.ask = fetch.Request{
				Name: p.locked.FileName, URL: url, Origin: fmt.Sprintf("%s:%d", e.lockPath, p.locked.Line),
				Want: digest.Want{SHA256: p.locked.SHA256, MD5: p.locked.MD5, SizeBytes: p.locked.SizeBytes},
			}
			p.env = e.id
		}
	}
	return nil
}

// id is equal for packages that ask for the same archive.
func (p *pkg) id() string {
	return p.locked.FileName + "\x00" + p.ask.URL + "\x00" + p.ask.SHA256.String() + p.ask.MD5.String()
}

func (p *pkg) kind() artifact.Kind {
	if p.locked.Manager == lock.Pip {
		return artifact.Wheel
	}
	return artifact.Conda
}

// knownFacts returns the facts that the cache has of a package; nil: none.
func (b *builder) knownFacts(p *pkg) *artifact.Facts {
	sum := p.ask.SHA256
	if sum.IsZero() { // a lock with md5 only: the SHA-256 is known after the first download
		var err error
		if sum, err = b.cache.ByMD5(p.ask.MD5); err != nil {
			return nil
		}
	}
	data, err := b.cache.GetBytes(kindFacts, factsKey(p.kind(), p.locked.FileName, sum))
	if err != nil {
		return nil
	}
	f, err := artifact.Unpack(data)
	if err != nil || f.SHA256 != sum || !p.ask.MD5.IsZero() && f.MD5 != p.ask.MD5 ||
		p.ask.SizeBytes > 0 && f.SizeBytes != p.ask.SizeBytes {
		return nil // fetching says what is wrong with the lock
	}
	return f
}

// bring fetches the archives of packages into the cache, each once, and sets their blobs.
func (b *builder) bring(ctx context.Context, pkgs []*pkg) error {
	var reqs []fetch.Request
	at := make([]int, len(pkgs))
	index := map[string]int{}
	for i, p := range pkgs {
		n, ok := index[p.id()]
		if !ok {
			n = len(reqs)
			index[p.id()] = n
			reqs = append(reqs, p.ask)
		}
		at[i] = n
	}
	var missing int
	var missingBytes int64
	for _, r := range reqs {
		if _, err := b.cache.Find(r.Want); err != nil {
			missing++
			missingBytes += r.SizeBytes
		}
	}
	var stage *report.Stage
	var received counter64
	if missing > 0 {
		stage = b.talk.Stage("fetch", missingBytes, report.Bytes)
	}
	f := fetch.New(b.cache, fetch.Options{
		Jobs: max(4, b.jobs), Offline: b.req.Offline, ChannelAlias: b.settings.channelAlias, Warn: b.talk.Warn,
		Received: func(n int64) {
			received.add(n)
			if stage != nil {
				stage.Add(n)
			}
		},
	})
	blobs, err := f.All(ctx, reqs)
	if err != nil {
		if stage != nil {
			stage.Abort()
		}
		return report.In(report.Fetch, err)
	}
	if stage != nil {
		took := stage.Done("%s of %d, %s", report.Count(missing, "archive"), len(reqs), report.Size(received.get()))
		b.timingsMu.Lock()
		b.timings["fetch"] += took
		b.timingsMu.Unlock()
	}
	for i, p := range pkgs {
		p.blob = blobs[at[i]]
	}
	return nil
}

// readFacts computes the facts of packages whose blobs are there, each archive once.
func (b *builder) readFacts(ctx context.Context, pkgs []*pkg) error {
	type result struct {
		first *pkg
		facts *artifact.Facts
	}
	byID := map[string]*result{}
	var order []*result
	for _, p := range pkgs {
		if byID[p.id()] == nil {
			byID[p.id()] = &result{first: p}
			order = append(order, byID[p.id()])
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(b.jobs)
	for _, r := range order {
		g.Go(func() error {
			p := r.first
			f, err := b.cachedFacts(ctx, p.blob, p.kind(), p.locked.FileName)
			if b.suspects.note(p.blob, err) != nil {
				return &PackageError{Environment: p.env, Origin: p.ask.Origin, Err: err}
			}
			r.facts = f
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, p := range pkgs {
		p.facts = byID[p.id()].facts
	}
	return nil
}
