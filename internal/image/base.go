package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/nasa-openscapes/corn/digest"
)

// DefaultCondaDir is where conda's envs go when the base sets no CONDA_DIR.
const DefaultCondaDir = "srv/conda"

// OpenOptions say how a base is opened. The zero value is the default.
type OpenOptions struct {
	// Platform is "os/architecture" or "os/architecture/variant"; empty means linux/amd64.
	Platform string
	// TempDir takes the unpacked form of a compressed archive; empty means the system's.
	TempDir string
	// Registries are the connections to use; nil means new ones.
	Registries *Registries
}

// A Base is an opened base image. It is safe for concurrent use; Close ends the use of
// its layers.
type Base struct {
	ref   Ref
	files fileSet // nil for a registry's
	image *staticImage

	mu      sync.Mutex
	scanned bool // runtime is known
	runtime []RuntimeFile
}

// OpenBase opens the image that ref names (see ParseRef) and resolves it to the platform.
//
// Docker-schema manifests come out with OCI media types, and layers are the bytes that
// lie in the layout or archive. An archive's layers are usually not compressed; they keep
// the media type application/vnd.oci.image.layer.v1.tar, which every OCI engine reads.
// The layers of an archive are read once, to learn their digests; those of a layout are
// verified whenever they are read. Of a registry only manifest and config are read; the
// layers come when they are asked for, every time anew, and are verified as well.
func OpenBase(ctx context.Context, ref string, o OpenOptions) (*Base, error) {
	r, err := ParseRef(ref)
	if err != nil {
		return nil, err
	}
	want, err := parsePlatform(o.Platform)
	if err != nil {
		return nil, err
	}
	b := &Base{ref: r}
	switch r.Kind {
	case Registry:
		b.image, err = readRegistry(ctx, r, o.Registries.or(), want)
		if err != nil {
			return nil, err
		}
	case OCILayout:
		root, err := os.OpenRoot(r.Path)
		if err != nil {
			return nil, fmt.Errorf("open image: %w", err)
		}
		b.files = &dirSet{root}
		b.image, err = readLayout(ctx, r, b.files, want)
		if err != nil {
			return nil, errors.Join(err, b.Close())
		}
	default:
		t, err := openTarSet(r.Path, o.TempDir)
		if err != nil {
			return nil, fmt.Errorf("open image: %w", err)
		}
		b.files = t
		if _, ok := t.members["manifest.json"]; !ok && t.members["index.json"] != (tarMember{}) {
			b.image, err = readLayout(ctx, r, t, want) // an OCI layout in a tar
		} else {
			b.image, err = readArchive(ctx, r, t, want)
		}
		if err != nil {
			return nil, errors.Join(err, b.Close())
		}
	}
	return b, nil
}

// Close releases the files behind the base. Layers must not be read afterwards.
func (b *Base) Close() error {
	if b.files == nil {
		return nil
	}
	return b.files.Close()
}

// Ref returns the reference that was opened.
func (b *Base) Ref() Ref { return b.ref }

// Pinned is the reference that means this very image and no later one: a registry's by
// the digest of its manifest for the platform. Other kinds are as Ref has them.
func (b *Base) Pinned() Ref {
	r := b.ref
	if r.Kind == Registry {
		r.Digest = b.Digest()
	}
	return r
}

// Image returns the base with OCI media types.
func (b *Base) Image() v1.Image { return b.image }

// Original returns the image byte for byte as it was read, annotations and all, so that its
// digest stays when it is written elsewhere. What is not of OCI's form, a docker archive or
// Docker's manifest, is the image that Image returns, and exact is false.
func (b *Base) Original() (img Image, exact bool) {
	was := b.image.read
	if was == nil || was.MediaType != "" && was.MediaType != types.OCIManifestSchema1 || was.Config.MediaType != types.OCIConfigJSON {
		return b.image, false
	}
	for i, d := range was.Layers {
		if d.MediaType != b.image.manifest.Layers[i].MediaType {
			return b.image, false
		}
	}
	same := *b.image
	same.manifest, same.rawManifest = was, b.image.rawRead
	return &same, true
}

// Config returns a copy of the base's config.
func (b *Base) Config() *v1.ConfigFile { return b.image.config.DeepCopy() }

// Digest names the base's manifest as its layout has it; a docker archive has none, and
// the digest is that of the OCI manifest that Image gives it.
func (b *Base) Digest() digest.SHA256 {
	if !b.image.source.IsZero() {
		return b.image.source
	}
	return digest.Sum(b.image.rawManifest)
}

// ConfigDigest names the base's config, byte for byte as it was: Docker's image id. It
// fixes the content of the layers.
func (b *Base) ConfigDigest() digest.SHA256 { return digest.Sum(b.image.rawConfig) }

// LayerCount returns how many layers the base has.
func (b *Base) LayerCount() int { return len(b.image.layers) }

// Getenv returns the value of a variable of the base's config, "" if it is not set.
func (b *Base) Getenv(name string) string { return getenv(b.image.config.Config.Env, name) }

// CondaDir returns the folder that has envs/ in it: the base's CONDA_DIR, else
// DefaultCondaDir. It is a path of the image without the leading slash.
func (b *Base) CondaDir() string { return condaDir(b.image.config.Config.Env) }

// NotebookPrefix returns where the notebook env is or belongs: the base's
// NB_PYTHON_PREFIX, else <CondaDir>/envs/notebook, without the leading slash.
func (b *Base) NotebookPrefix() string { return notebookPrefix(b.image.config.Config.Env) }

func getenv(env []string, name string) string {
	// The last one wins: execve keeps both, and C libraries differ in which they
	// find, but engines merge lists so that later ones replace earlier ones.
	for i := len(env) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(env[i], name+"="); ok {
			return v
		}
	}
	return ""
}

func condaDir(env []string) string {
	if p := cleanPath(getenv(env, "CONDA_DIR")); p != "" {
		return p
	}
	return DefaultCondaDir
}

func notebookPrefix(env []string) string {
	if p := cleanPath(getenv(env, "NB_PYTHON_PREFIX")); p != "" {
		return p
	}
	return condaDir(env) + "/envs/notebook"
}

func parsePlatform(s string) (*v1.Platform, error) {
	if s == "" {
		s = "linux/amd64"
	}
	parts := strings.Split(s, "/")
	if len(parts) < 2 || len(parts) > 3 || parts[0] == "" || parts[1] == "" {
		return nil, fmt.Errorf("platform %q: want os/architecture, for example linux/amd64", s)
	}
	p := &v1.Platform{OS: parts[0], Architecture: parts[1]}
	if len(parts) == 3 {
		p.Variant = parts[2]
	}
	return p, nil
}

// platformText writes a platform as users do.
func platformText(p v1.Platform) string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// fits tells whether an image for have serves want. A variant that only one of them names
// is no obstacle: linux/arm64 and linux/arm64/v8 are the same thing.
func fits(have, want v1.Platform) bool {
	return have.OS == want.OS && have.Architecture == want.Architecture &&
		(have.Variant == want.Variant || have.Variant == "" || want.Variant == "")
}
