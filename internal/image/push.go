package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/nasa-openscapes/corn/digest"
)

// defaultJobs is how many blobs are sent at once. More do not fill a line better, and
// registries answer with 429.
const defaultJobs = 4

// A pushing is one image on its way into a repository.
type pushing struct {
	w    *writing
	repo *repository
	jobs int
	sent map[v1.Hash]bool // what this push has sent
	mu   sync.Mutex       // guards sent and the result
}

// A pushBlob is a blob of the image, which may be in it several times.
type pushBlob struct {
	desc  v1.Descriptor
	what  string // "layer 3 of 12"
	layer v1.Layer
	open  func() (io.ReadCloser, error)
	first int // index of its layer; -1 for the config
}

// push writes to a registry: blobs, the manifest by digest, tags. What fails or is killed
// on the way leaves tags as they were. Blobs are named by their content, so two builders
// that push at once can only write the same bytes twice.
func (w *writing) push(ctx context.Context, out Output) error {
	ref, repo, err := out.writable(ctx, w.mountable)
	if err != nil {
		return err
	}
	p := &pushing{w: w, repo: repo, jobs: out.Jobs, sent: map[v1.Hash]bool{}}
	if p.jobs <= 0 {
		p.jobs = defaultJobs
	}
	if err := p.image(ctx, out.CheckBlobs); err != nil {
		return repo.readOnly(err)
	}
	tags := targetTags(ref, out)
	w.result.Tags = tags
	err = repo.tag(ctx, w.rawManifest, types.OCIManifestSchema1, tags)
	if blobUnknown(err) && !out.CheckBlobs {
		// The manifest was there and was no proof: the registry has lost blobs of it.
		if err := p.image(ctx, true); err != nil {
			return repo.readOnly(err)
		}
		err = repo.tag(ctx, w.rawManifest, types.OCIManifestSchema1, tags)
	}
	return repo.readOnly(err)
}

// readable opens the repository of an output that something is to be read from.
func (o Output) readable(ctx context.Context) (Ref, *repository, error) {
	ref, err := o.target()
	if err != nil {
		return ref, nil, err
	}
	n, err := ref.repositoryName()
	if err != nil {
		return ref, nil, err
	}
	repo, err := o.Registries.or().repository(ctx, n, readingScope)
	return ref, repo, err
}

// writable opens the output's repository for writing. mountable, if not nil, names the
// other repositories that layers are to be mounted from.
func (o Output) writable(ctx context.Context, mountable func(to name.Repository) []name.Repository) (Ref, *repository, error) {
	ref, err := o.target()
	if err != nil {
		return ref, nil, err
	}
	n, err := ref.repositoryName()
	if err != nil {
		return ref, nil, err
	}
	var from []name.Repository
	if mountable != nil {
		from = mountable(n)
	}
	repo, err := o.Registries.or().repository(ctx, n, writingScope, from...)
	if err != nil {
		err = (&repository{shown: showRepository(n)}).readOnly(err)
	}
	return ref, repo, err
}

// blobUnknown tells that a registry refuses a manifest for the lack of blobs, whatever it
// says besides: docker-registry that is just being given a blob by another builder says
// DIGEST_INVALID first.
func blobUnknown(err error) bool {
	e, ok := errors.AsType[*RegistryError](err)
	return ok && (slices.Contains(e.codes, "MANIFEST_BLOB_UNKNOWN") || slices.Contains(e.codes, "BLOB_UNKNOWN"))
}

// targetTags is the tag of the reference and those besides it, each once.
func targetTags(ref Ref, out Output) []string {
	var tags []string
	for _, t := range append([]string{ref.Tag}, out.Tags...) {
		if t != "" && !slices.Contains(tags, t) {
			tags = append(tags, t)
		}
	}
	return tags
}

// mountable lists the other repositories of the registry that layers come from.
func (w *writing) mountable(to name.Repository) []name.Repository {
	var from []name.Repository
	for _, l := range w.layers {
		if r, ok := mountSource(l, to); ok && !slices.Contains(from, r) {
			from = append(from, r)
		}
	}
	return from
}

func mountSource(l v1.Layer, to name.Repository) (name.Repository, bool) {
	r, ok := bare(l).(*remoteLayer)
	if !ok || r.repo.name.Registry != to.Registry || r.repo.name == to {
		return name.Repository{}, false
	}
	return r.repo.name, true
}

// image brings blobs and manifest into the repository.
func (p *pushing) image(ctx context.Context, checkBlobs bool) error {
	have, err := p.repo.hasManifest(ctx, p.w.result.Digest)
	if err != nil {
		return err
	}
	if have && !checkBlobs {
		return nil
	}
	blobs := p.blobs()
	if err := p.each(ctx, blobs, false); err != nil {
		return err
	}
	err = p.repo.putManifest(ctx, p.w.result.Digest.OCI(), p.w.rawManifest, types.OCIManifestSchema1)
	lacking := p.lacking(err, blobs)
	if len(lacking) == 0 {
		return err
	}
	// The registry said that it has these blobs, and now that it has not: another one
	// behind the same name, or a clean-up in between.
	if err := p.each(ctx, lacking, true); err != nil {
		return err
	}
	err = p.repo.putManifest(ctx, p.w.result.Digest.OCI(), p.w.rawManifest, types.OCIManifestSchema1)
	if again := p.lacking(err, blobs); len(again) > 0 {
		return p.repo.lost(again[0].desc.Digest, "is there, says the registry, and cannot be named by a manifest", err)
	}
	return err
}

// lacking picks the blobs that a refused manifest lacks: those that the registry names,
// else all that were not sent.
func (p *pushing) lacking(err error, blobs []pushBlob) []pushBlob {
	e, ok := errors.AsType[*RegistryError](err)
	if !ok || !blobUnknown(err) {
		return nil
	}
	var named, unsent []pushBlob
	for _, b := range blobs {
		if slices.Contains(e.named, digestOf(b.desc.Digest)) {
			named = append(named, b)
		}
		if !p.sent[b.desc.Digest] {
			unsent = append(unsent, b)
		}
	}
	if len(named) > 0 {
		return named
	}
	return unsent
}

// blobs lists what a registry has to have, each once, the config last.
func (p *pushing) blobs() []pushBlob {
	var out []pushBlob
	for i, d := range p.w.manifest.Layers {
		if mayNotPush(d) || slices.ContainsFunc(out, func(b pushBlob) bool { return b.desc.Digest == d.Digest }) {
			continue
		}
		out = append(out, pushBlob{desc: d, what: fmt.Sprintf("layer %d of %d", i+1, len(p.w.layers)), layer: p.w.layers[i], first: i})
	}
	raw := p.w.rawConfig
	return append(out, pushBlob{desc: p.w.manifest.Config, what: "config", first: -1, open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(raw)), nil
	}})
}

// each brings blobs into the repository, side by side. unasked sends them without looking
// whether they are there.
func (p *pushing) each(ctx context.Context, blobs []pushBlob, unasked bool) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(p.jobs)
	for _, b := range blobs {
		g.Go(func() error {
			mounted, sent, err := p.one(ctx, b, unasked)
			if err != nil {
				return fmt.Errorf("%s: %w", b.what, err)
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			if sent {
				p.sent[b.desc.Digest] = true
				p.w.result.WrittenBytes += b.desc.Size
			}
			if b.first >= 0 {
				l := &p.w.result.Layers[b.first]
				l.Written, l.Mounted = l.Written || sent, mounted
			}
			return nil
		})
	}
	return g.Wait()
}

func (p *pushing) one(ctx context.Context, b pushBlob, unasked bool) (mounted, sent bool, err error) {
	open := b.open
	if open == nil {
		open = compressed(ctx, b.layer)
	}
	m := p.w.meter(b.desc.Size)
	defer func() {
		if err == nil {
			m.all()
		}
	}()
	u := &upload{repo: p.repo, hash: b.desc.Digest, sizeBytes: b.desc.Size}
	u.open = m.around(func() (io.ReadCloser, error) { return openVerified(open, b.desc.Digest, b.desc.Size) })
	if !unasked {
		if have, err := p.repo.has(ctx, b.desc.Digest, b.desc.Size); have || err != nil {
			return false, false, err
		}
		if b.layer != nil {
			if from, ok := mountSource(b.layer, p.repo.name); ok {
				if mounted, err := p.mount(ctx, u, from); mounted || err != nil {
					return mounted, false, err
				}
			}
		}
	}
	return false, true, u.run(ctx)
}

// mount asks for a blob of another repository. A registry that cannot, or will not, begins
// an upload or answers with an error; either way the bytes are sent then. The only error
// is a blob that is another one than it was said to be.
func (p *pushing) mount(ctx context.Context, u *upload, from name.Repository) (bool, error) {
	err := u.begin(ctx, url.Values{"mount": {u.hash.String()}, "from": {from.RepositoryStr()}})
	if err != nil || u.location != nil {
		return false, nil
	}
	have, err := p.repo.has(ctx, u.hash, u.sizeBytes)
	if _, lost := errors.AsType[*LostBlobError](err); !lost {
		err = nil
	}
	return have, err
}

// putManifest stores a manifest under a digest or a tag.
func (r *repository) putManifest(ctx context.Context, reference string, raw []byte, mediaType types.MediaType) error {
	_, err := r.writeManifest(ctx, reference, raw, mediaType)
	return err
}

// writeManifest is putManifest, and returns the headers of the answer.
func (r *repository) writeManifest(ctx context.Context, reference string, raw []byte, mediaType types.MediaType) (http.Header, error) {
	act := "write manifest " + reference
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, r.url("manifests/"+reference).String(), bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", string(mediaType))
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, r.fail(ctx, act, err)
	}
	if err := r.answered(act, resp, http.StatusCreated, http.StatusOK, http.StatusAccepted); err != nil {
		return nil, err
	}
	got, want := resp.Header.Get("Docker-Content-Digest"), digest.Sum(raw).OCI()
	if strings.HasPrefix(got, "sha256:") && got != want {
		err = &RegistryError{Ref: r.shown, Act: act, Err: &digest.MismatchError{
			What: "sha256", Want: strings.TrimPrefix(want, "sha256:"), Got: strings.TrimPrefix(got, "sha256:"), ReadBytes: int64(len(raw)),
		}}
	}
	return resp.Header, errors.Join(err, resp.Body.Close())
}

func (r *repository) tag(ctx context.Context, raw []byte, mediaType types.MediaType, tags []string) error {
	for _, t := range tags {
		if err := r.putManifest(ctx, t, raw, mediaType); err != nil {
			return err
		}
	}
	return nil
}

// Tag gives the image or index d, which is in the output's repository already, the
// output's tags: for those who push, test, and only then let the image be seen.
func Tag(ctx context.Context, out Output, d digest.SHA256) error {
	if err := out.Check(); err != nil {
		return err
	}
	if out.Kind != Registry {
		return &RefError{out.String(), "is no registry, whose images get their tags when they are written"}
	}
	ref, repo, err := out.writable(ctx, nil)
	if err != nil {
		return err
	}
	raw, mediaType, err := repo.manifest(ctx, d.OCI())
	if err != nil {
		return err
	}
	return repo.readOnly(repo.tag(ctx, raw, mediaType, targetTags(ref, out)))
}
