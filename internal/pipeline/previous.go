package pipeline

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/checkout"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/oci/layer"
)

// The registry is the cache: a layer whose key the previous image has is taken over by its
// descriptor. Its packages are not downloaded, opened, compressed or sent again.

// cacheTag is the prefix of the moving tags that corn keeps for itself, one a branch. Hubs never
// use them.
const cacheTag = "corn-cache-"

// maxAncestors bounds how many commits are looked for in a registry, one request each.
const maxAncestors = 10

// readPrevious finds the image of before: the one that was asked for; else, where it is pushed
// to, the branch's last one, those of the branches it comes from, and that of the nearest
// commit. Without one everything is made here, and that is said.
func (b *builder) readPrevious(ctx context.Context) error {
	if b.req.Offline {
		return nil
	}
	if b.req.From != "" {
		problem, err := b.tryPrevious(ctx, b.req.From)
		if problem != nil {
			b.warn("nothing is taken over from %s: %s", image.ShowRef(b.req.From), problem.Detail)
		}
		return err
	}
	for _, repo := range b.pushedRepositories() {
		if err := b.lookInto(ctx, repo); err != nil || b.previous != nil {
			return err
		}
	}
	return nil
}

// lookInto looks for the image of before in one repository. A registry that does not answer is
// not asked again.
func (b *builder) lookInto(ctx context.Context, repo string) error {
	var tags []string
	for _, branch := range append([]string{b.branches.Own}, b.branches.Before...) {
		if tag := cacheTag + checkout.TagWord(branch); branch != "" && !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	for _, tag := range tags {
		if done, err := b.tryTag(ctx, repo, tag, true); done || err != nil {
			return err
		}
	}
	if !b.checkout.Git {
		return nil
	}
	commits, err := checkout.Ancestors(ctx, b.project.Dir, maxAncestors)
	if err != nil {
		b.talk.Say("previous   commits before this one are not known: %v", err)
		commits = []string{b.checkout.Commit}
	}
	for _, c := range commits {
		if c == "" {
			continue
		}
		if done, err := b.tryTag(ctx, repo, checkout.Short(c), false); done || err != nil {
			return err
		}
	}
	b.talk.Say("previous   none: no image of this commit, or of %s before it, in %s", report.Count(len(commits)-1, "commit"), repo)
	return nil
}

// tryTag reads the image of a tag and says what came of it. done: look no further.
func (b *builder) tryTag(ctx context.Context, repo, tag string, sayMissing bool) (done bool, err error) {
	ref := image.Output{Kind: image.Registry, Path: repo + ":" + tag}.String()
	problem, err := b.tryPrevious(ctx, ref)
	switch {
	case err != nil || problem == nil:
		return true, err
	case problem.Reason == image.PreviousMissing:
		if sayMissing {
			b.talk.Say("previous   %s is not there", ref)
		}
		return false, nil
	}
	b.talk.Say("previous   not %s: %s", ref, problem.Detail)
	return problem.Reason == image.PreviousUnreachable, nil
}

// tryPrevious takes an image for the one of before unless there is a problem with it.
func (b *builder) tryPrevious(ctx context.Context, ref string) (*image.PreviousError, error) {
	p, err := image.ReadPrevious(ctx, ref, image.OpenOptions{Platform: b.platform.String(), TempDir: b.tempDir, Registries: b.registries})
	if err != nil {
		return nil, err
	}
	if p.Problem != nil {
		return p.Problem, p.Close()
	}
	b.previous = p
	b.talk.Say("previous   %s: %s that may be taken over", ref, report.Count(len(p.Layers), "layer"))
	for _, r := range p.Rejected {
		b.talk.Say("previous   layer %s is not taken over: %s", cmp.Or(r.ID, r.Key.String()), r.Reason)
	}
	return nil, nil
}

func (b *builder) closePrevious() {
	if b.previous != nil {
		b.previous.Close()
	}
}

// pushedRepositories lists the repositories of the registries among the outputs.
func (b *builder) pushedRepositories() []string {
	var out []string
	for _, o := range b.outputs {
		if repo := repository(o); o.Kind == image.Registry && !slices.Contains(out, repo) {
			out = append(out, repo)
		}
	}
	return out
}

// repository is a registry's path without its tag.
func repository(o image.Output) string {
	if i := strings.LastIndexByte(o.Path, ':'); i > strings.LastIndexByte(o.Path, '/') {
		return o.Path[:i]
	}
	return o.Path
}

// previousFacts returns what the previous image knows of a package's archive; nil: nothing.
func (b *builder) previousFacts(p *pkg) *artifact.Facts {
	if b.previous == nil || b.req.Verify {
		return nil
	}
	f := b.previous.Facts[p.ask.SHA256]
	if p.ask.SHA256.IsZero() {
		for _, g := range b.previous.Facts {
			if g.MD5 == p.ask.MD5 {
				f = g
			}
		}
	}
	if f == nil || f.FileName != p.locked.FileName || f.Kind != p.kind() || f.FactsVersion != artifact.FactsVersion ||
		!p.ask.MD5.IsZero() && f.MD5 != p.ask.MD5 || p.ask.SizeBytes > 0 && f.SizeBytes != p.ask.SizeBytes || f.Validate() != nil {
		return nil
	}
	return f
}

// takeOver returns the layer of the previous image that has the spec's key; nil: none.
func (b *builder) takeOver(spec *layer.Spec) (*image.PreviousLayer, error) {
	if b.previous == nil {
		return nil, nil
	}
	key, err := spec.Key()
	if err != nil {
		return nil, err
	}
	return b.previous.Layers[key], nil
}

// forget drops a layer of the previous image whose blob the registry lost, and tells whether there was one.
func (b *builder) forget(blob digest.SHA256) bool {
	if b.previous == nil {
		return false
	}
	for key, l := range b.previous.Layers {
		if l.Recorded.Digest == blob {
			b.warn("%s no longer has layer %s of the previous image: it is made anew", b.previous.Ref, l.Recorded.ID)
			delete(b.previous.Layers, key)
			return true
		}
	}
	return false
}

// allFacts lists the facts of every archive of the image, each once, by file name.
func (b *builder) allFacts() []*artifact.Facts {
	seen := map[digest.SHA256]bool{}
	var out []*artifact.Facts
	for _, e := range b.envs {
		for _, p := range e.packages {
			if !seen[p.facts.SHA256] {
				seen[p.facts.SHA256] = true
				out = append(out, p.facts)
			}
		}
	}
	slices.SortFunc(out, func(x, y *artifact.Facts) int {
		return cmp.Or(strings.Compare(x.FileName, y.FileName), compareDigests(x.SHA256, y.SHA256))
	})
	return out
}
