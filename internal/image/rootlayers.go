package image

import (
	"context"
	"io"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/nasa-openscapes/corn/digest"
)

// A RootLayer is a layer as those want it who unpack images.
type RootLayer struct {
	DiffID digest.SHA256
	layer  v1.Layer
}

// Open gives the layer's tar stream. Its reader fails at its end where the bytes are not
// those of DiffID.
func (l RootLayer) Open(ctx context.Context) (io.ReadCloser, error) {
	return uncompressed(ctx, l.layer)()
}

// RootLayers returns the layers of the image, the lowest first. They are readable until
// Close.
func (b *Base) RootLayers() ([]RootLayer, error) {
	all := make([]RootLayer, 0, len(b.image.layers))
	for _, l := range b.image.layers {
		r, err := RootLayerOf(l)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// RootLayerOf returns a layer for unpacking. It is readable as long as l is.
func RootLayerOf(l v1.Layer) (RootLayer, error) {
	h, err := l.DiffID()
	if err != nil {
		return RootLayer{}, err
	}
	d, err := parseHash(h)
	if err != nil {
		return RootLayer{}, err
	}
	return RootLayer{d, l}, nil
}

// User finds the user that the config names in the image's etc/passwd and etc/group, either
// of which may be nil. The error is a *UserError.
func (b *Base) User(passwd, group []byte) (User, error) {
	return resolveUser(b.image.config.Config.User, passwd, group)
}

// Groups lists the groups that a group file gives a user besides its own, as engines do.
func (u User) Groups(group []byte) []int {
	var all []int
	if u.Name == "" {
		return nil
	}
	lookup(group, 4, func(f []string) bool {
		if gid, ok := parseID(f[2]); ok && gid != u.GID && slices.Contains(strings.Split(f[3], ","), u.Name) {
			all = append(all, gid)
		}
		return false // every line is looked at
	})
	return all
}
