package image

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/nasa-openscapes/corn/digest"
)

// An Output says where a finished image goes.
type Output struct {
	Kind RefKind
	// Path is a folder or file, as this machine writes paths; of a registry the repository,
	// with a tag or without, "quay.io/team/hackweek:2026.01".
	Path string
	// Name is the image's repository, "quay.io/team/hackweek"; may be empty. A registry
	// does not look at it.
	Name string
	// Tags name the image in the output. In an OCI layout or a registry a tag is moved
	// from the image that had it. Without tags the image takes the place of the one
	// without a name in a layout; in a registry only its digest names it.
	Tags []string

	// Registries are the connections to use; nil means new ones.
	Registries *Registries
	// Jobs is how many blobs are written side by side; zero means 4 for a registry and 1 for
	// a layout. An archive is written as one stream.
	Jobs int
	// CheckBlobs looks for every blob in a registry that has the image's manifest already.
	// Otherwise the manifest is taken as proof of its blobs.
	CheckBlobs bool
	// Progress is told of bytes that are done with, those of blobs that were there already
	// too; in all they are at most what Size says. It is called by several goroutines.
	Progress func(bytes int64)
}

// ParseOutput reads "oci:FOLDER", "docker-archive:FILE", and "docker://REF" or
// "registry:REF" for a registry; anything else is a *RefError.
func ParseOutput(s string) (Output, error) {
	const want = "want oci:FOLDER, docker-archive:FILE or docker://NAME[:TAG]"
	kind, rest, ok := strings.Cut(s, ":")
	if name, slashes := strings.CutPrefix(rest, "//"); ok && (RefKind(kind) == Registry && slashes || kind == registryAlias) {
		o := Output{Kind: Registry, Path: name}
		if _, err := o.target(); err != nil {
			return Output{}, &RefError{s, "is not the name of an image in a registry; " + want}
		}
		return o, nil
	}
	if !ok || RefKind(kind) != OCILayout && RefKind(kind) != DockerArchive {
		return Output{}, &RefError{s, "cannot be written to; " + want}
	}
	if rest == "" {
		return Output{}, &RefError{s, "names no place; " + want}
	}
	return Output{Kind: RefKind(kind), Path: rest}, nil
}

// Check finds tags that no image can have.
func (o Output) Check() error {
	for _, t := range o.Tags {
		if !tagPattern.MatchString(t) {
			return fmt.Errorf("tag %q: %w", t, ErrBadTag)
		}
	}
	return nil
}

// target is the reference of an output of kind Registry. Nothing can be pushed to a digest.
func (o Output) target() (Ref, error) {
	r, err := parseRegistryRef(o.String(), o.Path)
	if err == nil && !r.Digest.IsZero() {
		err = &RefError{o.String(), "names a digest; want a tag, or the repository alone"}
	}
	return r, err
}

// String writes kind and path as ParseOutput reads them.
func (o Output) String() string {
	if o.Kind == Registry {
		return string(o.Kind) + "://" + o.Path
	}
	return string(o.Kind) + ":" + o.Path
}

// A LayerResult is one layer of a written image.
type LayerResult struct {
	Digest      digest.SHA256
	DiffID      digest.SHA256
	SizeBytes   int64 // compressed
	MediaType   string
	Annotations map[string]string
	// Written is false where the output had the blob already.
	Written bool
	// Mounted is true where a registry had the blob in another repository, and no bytes
	// were sent.
	Mounted bool
}

// A Result says what was written.
type Result struct {
	Digest       digest.SHA256 // of the manifest
	ConfigDigest digest.SHA256 // the image id
	SizeBytes    int64         // layers, config and manifest, compressed
	Layers       []LayerResult // lowest first
	WrittenBytes int64         // of blobs or of the archive that were really written or sent
	Tags         []string      // that the image has in a registry now, those of the output
}

// ErrBadTag reports a tag that no image can have.
var ErrBadTag = errors.New("want up to 128 letters, digits, dots, dashes and underscores, beginning with a letter, a digit or an underscore")

// Write writes the image. The bytes of every layer are verified on the way against the
// manifest. Whatever was at the output stays usable until all of the new image is there,
// and for good if Write fails.
//
// To a registry go the blobs first, those that it lacks; then the manifest by its digest;
// then the tags. One that takes nothing from this user is a *ReadOnlyError. A layer that
// was taken over from a registry and is no longer to be had there is a *LostBlobError.
// With a *ReadOnlyError comes the result that would have been.
func Write(ctx context.Context, img Image, out Output) (Result, error) {
	if err := out.Check(); err != nil {
		return Result{}, err
	}
	w, err := newWriting(img)
	if err != nil {
		return Result{}, err
	}
	w.progress = out.Progress
	switch out.Kind {
	case OCILayout:
		err = w.layout(ctx, out)
	case DockerArchive:
		err = w.archive(ctx, out)
	case Registry:
		err = w.push(ctx, out)
	default:
		err = &RefError{out.String(), "is of no known kind"}
	}
	if err != nil {
		err = fmt.Errorf("write image to %s: %w", out, err)
		if _, refused := errors.AsType[*ReadOnlyError](err); refused {
			return w.result, err
		}
		return Result{}, err
	}
	return w.result, nil
}

// An Image is what Compose and Original make and Write writes.
type Image = v1.Image

// Size is how many bytes an image has in a registry or layout: config, manifest and
// compressed layers, each once.
func Size(img Image) (int64, error) {
	w, err := newWriting(img)
	if err != nil {
		return 0, err
	}
	return w.result.SizeBytes, nil
}

// A writing is one image on its way out.
type writing struct {
	manifest    *v1.Manifest
	rawManifest []byte
	rawConfig   []byte
	config      *v1.ConfigFile
	layers      []v1.Layer
	result      Result
	progress    func(int64) // nil: nobody asks
}

func newWriting(img v1.Image) (*writing, error) {
	var w writing
	var errs [5]error
	w.manifest, errs[0] = img.Manifest()
	w.rawManifest, errs[1] = img.RawManifest()
	w.rawConfig, errs[2] = img.RawConfigFile()
	w.config, errs[3] = img.ConfigFile()
	w.layers, errs[4] = img.Layers()
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if len(w.layers) != len(w.manifest.Layers) || len(w.layers) != len(w.config.RootFS.DiffIDs) {
		return nil, fmt.Errorf("image has %d layers, its manifest %d and its config %d", len(w.layers), len(w.manifest.Layers), len(w.config.RootFS.DiffIDs))
	}
	w.result = Result{
		Digest: digest.Sum(w.rawManifest), ConfigDigest: digest.Sum(w.rawConfig),
		SizeBytes: int64(len(w.rawManifest) + len(w.rawConfig)),
	}
	seen := []v1.Hash{}
	for i, d := range w.manifest.Layers {
		sum, err := parseHash(d.Digest)
		if err != nil {
			return nil, err
		}
		diffID, err := parseHash(w.config.RootFS.DiffIDs[i])
		if err != nil {
			return nil, err
		}
		w.result.Layers = append(w.result.Layers, LayerResult{
			Digest: sum, DiffID: diffID, SizeBytes: d.Size, MediaType: string(d.MediaType), Annotations: d.Annotations,
		})
		if !slices.Contains(seen, d.Digest) {
			seen = append(seen, d.Digest)
			w.result.SizeBytes += d.Size
		}
	}
	return &w, nil
}
