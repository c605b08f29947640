package pipeline

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/oci/layer"
)

// The registry is the cache: a layer whose key the previous image has is taken over by its
// descriptor. Its packages are not downloaded, opened, compressed or sent again.

// cacheTag is the prefix of the moving tags that corn keeps for itself, one a branch. Hubs never
// use them.
const cacheTag = "corn-cache-"

// readPrevious finds the image of before: the one that was asked for, else the branch's, or
// the default branch's, in the registry that is pushed to. Without one everything is made
// here, and that is said.
func (b *builder) readPrevious(ctx context.Context) error {
	if b.req.Offline {
		return nil
	}
	var refs []string
	if b.req.From != "" {
		refs = []string{b.req.From}
	} else if repo := b.pushedRepository(); repo != "" {
		for _, branch := range b.branches() {
			refs = append(refs, image.Output{Kind: image.Registry, Path: repo + ":" + cacheTag + tagWord(branch)}.String())
		}
	}
	for _, ref := range refs {
		p, err := image.ReadPrevious(ctx, ref, image.OpenOptions{Platform: b.platform.String(), TempDir: b.tempDir, Registries: b.registries})
		if err != nil {
			return err
		}
		if p.Problem == nil {
			b.previous = p
			b.talk.Say("previous   %s: %s that may be taken over", ref, report.Count(len(p.Layers), "layer"))
			for _, r := range p.Rejected {
				b.talk.Say("previous   layer %s is not taken over: %s", cmp.Or(r.ID, r.Key.String()), r.Reason)
			}
			return nil
		}
		if b.req.From != "" {
			b.warn("nothing is taken over from %s: %v", ref, p.Problem)
		} else {
			b.talk.Say("previous   none: %v", p.Problem)
		}
		p.Close()
	}
	return nil
}

func (b *builder) closePrevious() {
	if b.previous != nil {
		b.previous.Close()
	}
}

// pushedRepository is the repository of the first registry among the outputs.
func (b *builder) pushedRepository() string {
	for _, o := range b.outputs {
		if o.Kind == image.Registry {
			return repository(o)
		}
	}
	return ""
}

// repository is a registry's path without its tag.
func repository(o image.Output) string {
	repo, _ := splitTag(o.Path)
	return cmp.Or(repo, o.Path)
}

// branches names the git branch of the project, as CI or the checkout says, and the default
// branch.
func (b *builder) branches() []string {
	own := cmp.Or(os.Getenv("GITHUB_HEAD_REF"), os.Getenv("GITHUB_REF_NAME"), b.checkedOut())
	var out []string
	for _, s := range []string{own, "main", "master"} {
		if s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// checkedOut reads the branch from .git/HEAD of the project or of a folder above it.
func (b *builder) checkedOut() string {
	dir, err := filepath.Abs(b.project.Dir)
	if err != nil {
		return ""
	}
	for {
		head, err := os.ReadFile(filepath.Join(dir, ".git", "HEAD"))
		if err == nil {
			branch, _ := strings.CutPrefix(strings.TrimSpace(string(head)), "ref: refs/heads/")
			if strings.ContainsAny(branch, " ") || branch == strings.TrimSpace(string(head)) {
				return "" // a detached head
			}
			return branch
		}
		if filepath.Dir(dir) == dir {
			return ""
		}
		dir = filepath.Dir(dir)
	}
}

// tagWord turns a branch into letters that a tag may have.
func tagWord(branch string) string {
	word := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			return r
		}
		return '-'
	}, branch)
	return word[:min(len(word), 100)]
}

// previousFacts returns what the previous image knows of a package's archive; nil: nothing.
func (b *builder) previousFacts(p *pkg) *artifact.Facts {
	if b.previous == nil {
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

// moveCacheTag points the branch's moving tag to what was pushed.
func (b *builder) moveCacheTag(ctx context.Context, o image.Output, d digest.SHA256) error {
	o.Path, o.Tags = repository(o), []string{cacheTag + tagWord(b.branches()[0])}
	return image.Tag(ctx, o, d)
}
