package pipeline

import (
	"cmp"
	"context"
	"crypto/sha256"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/store"
)

// Planning an env takes all the facts of all its packages, and is most of what a build costs
// that has nothing to make. So the cache keeps the summary of each planned env, under a key of
// all that decides it, and the plan itself is made when a frame is.

// kindPlan is the cache's kind for summaries.
const kindPlan = "plan"

// program identifies the code that plans: summaries are of one build of corn, so that a change
// of a rule needs nobody to remember them. It is the build ID of the Go linker, else the digest
// of the whole executable. ok is false where neither can be had; then nothing is kept.
func program() (id string, ok bool) {
	name, err := os.Executable()
	if err != nil {
		return "", false
	}
	if f, err := elf.Open(name); err == nil {
		defer f.Close()
		if s := f.Section(".note.go.buildid"); s != nil {
			if note, err := s.Data(); err == nil && len(note) > 60 { // a note of its own and an ID that is not empty
				return string(note), true
			}
		}
	}
	f, err := os.Open(name)
	if err != nil {
		return "", false
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", false
	}
	return string(h.Sum(nil)), true
}

// planKey names everything that decides the summary of an env. ok is false where an archive is
// known by its MD5 alone and was never seen.
func (b *builder) planKey(e *env, o linkOptions, program string) (key digest.SHA256, ok bool) {
	k := digest.NewKey("env plan").Str("program", program).Int("facts", artifact.FactsVersion).Int("format", o.params.FormatVersion).
		Str("platform", o.params.Platform).Strs("strip", o.params.Strip).Str("pyc shipped", fmt.Sprint(o.pycShipped)).
		Int("uid", int64(o.uid)).Int("gid", int64(o.gid)).Str("prefix", e.prefix).Str("root", e.root).
		Sum("compiler", e.compiler).Strs("copy", e.copyGlobs).Str("layout", e.layout.String()).Str("lock", fmt.Sprint(e.lockKind)).
		Strs("requested pip", e.requestedPip).Int("packages", int64(len(e.packages)))
	for _, p := range e.packages {
		sum, ok := b.archiveSum(p)
		if !ok {
			return digest.SHA256{}, false
		}
		l := &p.locked
		k.Str("kind", string(p.kind())).Str("fn", l.FileName).Sum("archive", sum).Sum("want", l.SHA256).Str("md5", l.MD5.String()).
			Int("size", l.SizeBytes).Str("url", l.URL).Str("channel", l.Channel).Str("subdir", l.Subdir).Str("direct", fmt.Sprint(l.DirectURL))
		for _, d := range l.Depends {
			k.Str("depends", d.Name).Str("constraint", d.Constraint)
		}
	}
	return k.Key(), true
}

// archiveSum is the SHA-256 of a package's archive, as far as it is known.
func (b *builder) archiveSum(p *pkg) (digest.SHA256, bool) {
	if !p.ask.SHA256.IsZero() {
		return p.ask.SHA256, true
	}
	sum, err := b.cache.ByMD5(p.ask.MD5) // known after the first download
	return sum, err == nil
}

// linkOptions are the settings and the base, as far as linking depends on them.
func (b *builder) linkOptions() linkOptions {
	return linkOptions{
		params: store.Params{FormatVersion: image.FormatVersion, Platform: b.platform.Subdir, Strip: b.settings.strip},
		uid:    b.uid, gid: b.gid, pycShipped: b.settings.pycShipped,
	}
}

// recall looks for the summaries of envs that were planned before.
func (b *builder) recall() {
	id, ok := program()
	if !ok {
		return
	}
	b.chooseCompilers() // they are in the keys
	o := b.linkOptions()
	var g errgroup.Group
	g.SetLimit(b.jobs)
	for _, e := range b.envs {
		if e.planned {
			continue
		}
		g.Go(func() error {
			e.sum = nil
			key, ok := b.planKey(e, o, id)
			if e.planKey = key; !ok { // key is zero
				return nil
			}
			data, err := b.cache.GetBytes(kindPlan, key)
			if err != nil {
				return nil //nolint:nilerr // what is not known is planned
			}
			if s, err := unpackSummary(data); err == nil && len(s.Packages) == len(e.packages) {
				e.take(s)
			}
			return nil
		})
	}
	_ = g.Wait()
}

// take has the env stand for what its summary says.
func (e *env) take(s *summary) {
	e.sum, e.python = s, s.Python
	for i, p := range e.packages {
		ps := &s.Packages[i]
		p.facts, p.content, p.place, p.files, p.compiles, p.scripts = ps.Facts, ps.Content, ps.Place, ps.Files, ps.Compiles, ps.Scripts
	}
}

// remember keeps the summaries of envs that were planned here.
func (b *builder) remember() error {
	id, ok := program()
	o := b.linkOptions()
	for _, e := range b.envs {
		if !ok || !e.planned || e.remembered {
			continue
		}
		// Keys are made anew: archives known by MD5 have been seen by now.
		key, ok := b.planKey(e, o, id)
		if !ok {
			continue
		}
		for i, p := range e.packages {
			e.sum.Packages[i].Files, e.sum.Packages[i].Compiles = p.files, p.compiles
		}
		data, err := e.sum.pack()
		if err != nil {
			return err
		}
		if err := b.cache.PutBytes(kindPlan, key, data); err != nil {
			return err
		}
		e.remembered = true
	}
	return nil
}

// unfold makes the plans of envs of which only the summary is known.
func (b *builder) unfold(ctx context.Context, envs []*env) error {
	seen := map[*env]bool{}
	envs = slices.DeleteFunc(envs, func(e *env) bool {
		again := e.planned || seen[e]
		seen[e] = true
		return again
	})
	var pkgs []*pkg
	for _, e := range envs {
		pkgs = append(pkgs, e.packages...)
	}
	if len(pkgs) == 0 {
		return nil
	}
	if err := b.learnOf(ctx, pkgs); err != nil {
		return err
	}
	for _, e := range envs {
		old := e.sum
		if err := b.planEnvs([]*env{e}); err != nil {
			return err
		}
		for i, p := range e.packages {
			if was := &old.Packages[i]; was.Content != p.content || was.Place != p.place {
				return errors.Join(fmt.Errorf("environment %q: %w: it says another key for %s", e.id, errSummary, p.facts.FileName),
					b.cache.Remove(kindPlan, e.planKey))
			}
		}
		e.remembered = true
	}
	return nil
}

// wholeFacts returns all that is known of a package's archive.
func (b *builder) wholeFacts(ctx context.Context, p *pkg) (*artifact.Facts, error) {
	if !p.isHead() {
		return p.facts, nil
	}
	own := *p // others may look at p meanwhile
	if err := b.learnOf(ctx, []*pkg{&own}); err != nil {
		return nil, err
	}
	return own.facts, nil
}

// allFacts returns all that is known of every archive of the image, by its SHA-256.
func (b *builder) allFacts(ctx context.Context) (map[digest.SHA256]*artifact.Facts, error) {
	whole := map[digest.SHA256]*artifact.Facts{}
	var heads []*pkg
	for _, p := range b.artifacts() {
		whole[p.facts.SHA256] = p.facts
		if p.isHead() {
			own := *p // others may look at p meanwhile
			heads = append(heads, &own)
		}
	}
	if len(heads) == 0 {
		return whole, nil
	}
	if err := b.learnOf(ctx, heads); err != nil {
		return nil, err
	}
	for _, p := range heads {
		whole[p.facts.SHA256] = p.facts
	}
	return whole, nil
}

// isHead tells whether the package's facts are those of a summary.
func (p *pkg) isHead() bool { return p.facts.Conda == nil && p.facts.Wheel == nil }

// artifacts lists a package of each archive of the image, by file name.
func (b *builder) artifacts() []*pkg {
	seen := map[digest.SHA256]bool{}
	var out []*pkg
	for _, e := range b.envs {
		for _, p := range e.packages {
			if !seen[p.facts.SHA256] {
				seen[p.facts.SHA256] = true
				out = append(out, p)
			}
		}
	}
	slices.SortFunc(out, func(x, y *pkg) int {
		return cmp.Or(strings.Compare(x.facts.FileName, y.facts.FileName), compareDigests(x.facts.SHA256, y.facts.SHA256))
	})
	return out
}

// factsLines returns the facts of every archive of the image as JSON, each once, by file name.
// Those that the cache has are not decoded.
func (b *builder) factsLines(ctx context.Context) ([][]byte, error) {
	var lines [][]byte
	for _, p := range b.artifacts() {
		line, err := b.factsLine(ctx, p)
		if err != nil {
			return nil, report.In(report.Package, err)
		}
		lines = append(lines, line)
	}
	return lines, nil
}

func (b *builder) factsLine(ctx context.Context, p *pkg) ([]byte, error) {
	if p.isHead() {
		data, err := b.cache.GetBytes(kindFacts, factsKey(p.kind(), p.facts.FileName, p.facts.SHA256))
		if err == nil {
			if line, err := artifact.UnpackText(data); err == nil {
				return line, nil
			}
		}
	}
	f, err := b.wholeFacts(ctx, p)
	if err != nil {
		return nil, err
	}
	return artifact.Encode(f)
}
