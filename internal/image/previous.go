package image

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
)

// A PreviousReason says why nothing can be taken over from an image.
type PreviousReason string

// The reasons.
const (
	PreviousMissing     PreviousReason = "missing"     // there is no such image
	PreviousUnreachable PreviousReason = "unreachable" // it could not be read
	PreviousNoPlatform  PreviousReason = "platform"    // it does not exist for the platform
	PreviousNotCorn     PreviousReason = "not-corn"    // it does not say what is in it: corn did not make it
	PreviousFormat      PreviousReason = "format"      // made by other rules than this corn's
	PreviousDamaged     PreviousReason = "damaged"     // what it says of itself cannot be read
	PreviousChanged     PreviousReason = "changed"     // pushed again by a tool that compresses anew
)

// A PreviousError reports an image that nothing can be taken over from.
type PreviousError struct {
	Ref    string
	Reason PreviousReason
	Detail string
	Err    error // may be nil
}

func (e *PreviousError) Error() string {
	return fmt.Sprintf("previous image %s: nothing can be taken over: %s", ShowRef(e.Ref), e.Detail)
}

func (e *PreviousError) Unwrap() error { return e.Err }

// A PreviousLayer is a layer that a build may take over as it is. Its bytes are fetched
// only when they are read; an image that is written to where the layer lies needs none.
type PreviousLayer struct {
	v1.Layer
	Recorded    LayerMetadata     // as the image's own metadata say
	Annotations map[string]string // as its manifest says; may be empty
}

// Open reads the layer's compressed bytes, and fails at their end if they are others than
// were recorded.
func (l *PreviousLayer) Open(ctx context.Context) (io.ReadCloser, error) {
	return openVerified(compressed(ctx, l.Layer), toHash(l.Recorded.Digest), l.Recorded.SizeBytes)
}

// A RejectedLayer is a layer that an image says it has, and that must not be taken over.
type RejectedLayer struct {
	Key    digest.SHA256
	ID     string
	Kind   string
	Reason string
}

// Previous is an earlier image, and what a build may take over from it.
type Previous struct {
	Ref          string
	Digest       digest.SHA256 // of the manifest for the platform; zero where there is none
	ConfigDigest digest.SHA256 // the image id; zero as Digest
	// Metadata is what the image says of itself; nil where there is a Problem.
	Metadata *Metadata
	// Facts are those of its archives, by the archive's SHA-256. Those of other versions
	// of the facts are left out.
	Facts map[digest.SHA256]*artifact.Facts
	// Layers are those whose key, digest, diff id and size the metadata, the manifest and
	// the config agree on, by key.
	Layers   map[digest.SHA256]*PreviousLayer
	Rejected []RejectedLayer // in the order of the image
	// Problem is why there is nothing in Layers; nil otherwise.
	Problem *PreviousError

	base *Base
}

// ReadPrevious reads what an earlier image, of corn's making or not, offers to a build for
// the platform: manifest, config, and the small metadata layer. Everything that is wrong
// with the image is told by Problem and Rejected, because a build can do without it; the
// only error is the end of the context. The reference is as for OpenBase.
func ReadPrevious(ctx context.Context, ref string, o OpenOptions) (*Previous, error) {
	p := &Previous{Ref: ref, Layers: map[digest.SHA256]*PreviousLayer{}, Facts: map[digest.SHA256]*artifact.Facts{}}
	base, err := OpenBase(ctx, ref, o)
	if ctx.Err() != nil {
		if base != nil {
			err = base.Close()
		}
		return nil, errors.Join(context.Cause(ctx), err)
	}
	if err != nil {
		p.open(err)
		return p, nil
	}
	p.base, p.Digest, p.ConfigDigest = base, base.Digest(), base.ConfigDigest()
	if err := p.read(ctx, o.Platform); ctx.Err() != nil {
		return nil, errors.Join(context.Cause(ctx), base.Close())
	} else if err != nil {
		p.Problem = err
		p.Metadata = nil
	}
	return p, nil
}

// Close ends the use of the layers.
func (p *Previous) Close() error {
	if p.base == nil {
		return nil
	}
	return p.base.Close()
}

// open sorts the errors of OpenBase.
func (p *Previous) open(err error) {
	reason := PreviousUnreachable
	_, noPlatform := errors.AsType[*PlatformError](err)
	_, bad := errors.AsType[*FormatError](err)
	_, noRef := errors.AsType[*RefError](err)
	switch {
	case noPlatform:
		reason = PreviousNoPlatform
	case bad:
		reason = PreviousDamaged
	case errors.Is(err, ErrNotFound), noRef:
		reason = PreviousMissing
	}
	p.Problem = &PreviousError{p.Ref, reason, err.Error(), err}
}

func (p *Previous) problem(reason PreviousReason, err error, format string, args ...any) *PreviousError {
	return &PreviousError{p.Ref, reason, fmt.Sprintf(format, args...), err}
}

// read fills p from an opened image. The result is nil or why it cannot.
func (p *Previous) read(ctx context.Context, platform string) *PreviousError {
	img := p.base.image
	annotations := make([]map[string]string, len(img.layers))
	if img.read != nil {
		if f, ok := img.read.Annotations[AnnotationFormat]; ok && f != fmt.Sprint(FormatVersion) {
			return p.problem(PreviousFormat, nil, "it is of format %q, this corn makes format %d", clip(f), FormatVersion)
		}
		for i, d := range img.read.Layers {
			annotations[i] = d.Annotations
		}
	}
	if len(img.layers) == 0 {
		return p.problem(PreviousNotCorn, nil, "it has no layers")
	}
	files, err := p.base.Described(ctx)
	if err != nil {
		return p.problem(PreviousDamaged, err, "its metadata layer cannot be read: %s", err)
	}
	text, ok := files[MetadataPath]
	if !ok {
		return p.problem(PreviousNotCorn, nil, "corn did not make it, or it was built upon: its last layer has no /%s", MetadataPath)
	}
	var version *MetadataError
	if p.Metadata, err = ParseMetadata(text); err != nil {
		reason := PreviousDamaged
		if errors.As(err, &version) && version.Newer {
			reason = PreviousFormat
		}
		return p.problem(reason, err, "%s", err)
	}
	if p.Metadata.Format != FormatVersion {
		return p.problem(PreviousFormat, nil, "it is of format %d, this corn makes format %d", p.Metadata.Format, FormatVersion)
	}
	want, err := parsePlatform(platform)
	if err != nil {
		return p.problem(PreviousNoPlatform, err, "%s", err)
	}
	have, err := parsePlatform(p.Metadata.Platform)
	if err != nil || !fits(*have, *want) {
		return p.problem(PreviousNoPlatform, err, "it says that it is for %q, want %s", clip(p.Metadata.Platform), platformText(*want))
	}
	p.readFacts(files[FactsPath])
	for _, l := range p.Metadata.Layers {
		p.offer(l, annotations)
	}
	if len(p.Layers) == 0 && len(p.Metadata.Layers) > 0 {
		return p.problem(PreviousChanged, nil, "none of its %d layers is the one that was recorded; the first: %s",
			len(p.Metadata.Layers), p.Rejected[0].Reason)
	}
	return nil
}

// offer puts a recorded layer among those that may be taken over, if manifest and config
// have it too.
func (p *Previous) offer(l LayerMetadata, annotations []map[string]string) {
	img := p.base.image
	reject := func(format string, args ...any) {
		p.Rejected = append(p.Rejected, RejectedLayer{l.Key, l.ID, l.Kind, fmt.Sprintf(format, args...)})
	}
	i := slices.IndexFunc(img.manifest.Layers, func(d v1.Descriptor) bool { return d.Digest == toHash(l.Digest) })
	if i < 0 {
		byDiff := slices.Index(img.config.RootFS.DiffIDs, toHash(l.DiffID))
		if byDiff >= 0 {
			reject("it was compressed anew: recorded as %s, in the manifest it is %s", l.Digest.OCI(), img.manifest.Layers[byDiff].Digest)
			return
		}
		reject("%s is not in the manifest", l.Digest.OCI())
		return
	}
	d := img.manifest.Layers[i]
	switch {
	case l.Key.IsZero():
		reject("it has no key")
	case d.Size != l.SizeBytes:
		reject("recorded with %d bytes, in the manifest it has %d", l.SizeBytes, d.Size)
	case img.config.RootFS.DiffIDs[i] != toHash(l.DiffID):
		reject("recorded with diff id %s, in the config it is %s", l.DiffID.OCI(), img.config.RootFS.DiffIDs[i])
	case string(d.MediaType) != l.MediaType:
		reject("recorded as %s, in the manifest it is %s", clip(l.MediaType), d.MediaType)
	case annotations[i][AnnotationLayerKey] != "" && annotations[i][AnnotationLayerKey] != l.Key.String():
		reject("recorded with key %s, annotated with %s", l.Key, clip(annotations[i][AnnotationLayerKey]))
	default:
		p.Layers[l.Key] = &PreviousLayer{Layer: img.layers[i], Recorded: l, Annotations: annotations[i]}
	}
}

// readFacts reads a facts.jsonl that is the one that image.json names. A line that is of
// no use, of another version above all, is left out.
func (p *Previous) readFacts(data []byte) {
	if len(data) == 0 || digest.Sum(data) != p.Metadata.Facts {
		return
	}
	for line := range bytes.Lines(data) {
		if f, err := artifact.Decode(line); err == nil {
			p.Facts[f.SHA256] = f
		}
	}
}

// maxMetadataBytes bounds each file that is read of a metadata layer.
const maxMetadataBytes = 256 << 20

// readFiles reads plain files of a layer, which is verified to its end. What is not there
// is absent.
func readFiles(ctx context.Context, l v1.Layer, names ...string) (map[string][]byte, error) {
	files := map[string][]byte{}
	err := eachEntry(ctx, l, func(h *tar.Header, r io.Reader) error {
		p := cleanPath(h.Name)
		if h.Typeflag != tar.TypeReg || !slices.Contains(names, p) {
			return nil
		}
		if h.Size > maxMetadataBytes {
			return fmt.Errorf("%s has %d bytes, at most %d are read", p, h.Size, maxMetadataBytes)
		}
		data, err := io.ReadAll(r)
		files[p] = data
		return err
	})
	return files, err
}

// probeJobs is how many layers are asked for at once.
const probeJobs = 8

// Lost asks the registry for the first byte of every layer in p.Layers, or of those with
// the given keys, and moves those that it does not serve to p.Rejected. It returns their
// keys, sorted. As with ReadPrevious, the only error is the end of the context.
func (p *Previous) Lost(ctx context.Context, keys ...digest.SHA256) ([]digest.SHA256, error) {
	var mu sync.Mutex
	reasons := map[digest.SHA256]string{}
	var g errgroup.Group
	g.SetLimit(probeJobs)
	for key, l := range p.Layers {
		if len(keys) > 0 && !slices.Contains(keys, key) {
			continue
		}
		g.Go(func() error {
			err := firstByte(ctx, l)
			if err != nil {
				mu.Lock()
				reasons[key] = err.Error()
				mu.Unlock()
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil || ctx.Err() != nil {
		return nil, errors.Join(err, context.Cause(ctx))
	}
	var lost []digest.SHA256
	for key := range reasons {
		lost = append(lost, key)
	}
	slices.SortFunc(lost, func(a, b digest.SHA256) int { return bytes.Compare(a[:], b[:]) })
	for _, key := range lost {
		l := p.Layers[key]
		delete(p.Layers, key)
		p.Rejected = append(p.Rejected, RejectedLayer{key, l.Recorded.ID, l.Recorded.Kind, reasons[key]})
	}
	return lost, nil
}

// firstByte reads as little of a layer as there is to read.
func firstByte(ctx context.Context, l v1.Layer) error {
	if r, ok := bare(l).(*remoteLayer); ok {
		return r.repo.probe(ctx, r.desc)
	}
	rc, err := l.Compressed()
	if err != nil {
		return err
	}
	_, err = io.ReadFull(rc, make([]byte, 1))
	return errors.Join(err, rc.Close())
}
