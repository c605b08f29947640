package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/nasa-openscapes/corn/digest"
)

// archiveImage is one element of manifest.json (Docker image spec v1.2, "Combined Image
// JSON + Filesystem Changeset Format").
type archiveImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

func readArchive(ctx context.Context, ref Ref, t *tarSet, want *v1.Platform) (*staticImage, error) {
	bad := func(part string, err error) error { return &FormatError{ref.String(), part, err.Error()} }
	data, err := readSmall(t, "manifest.json")
	if err != nil {
		return nil, bad("manifest.json", err)
	}
	var list []archiveImage
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, bad("manifest.json", err)
	}
	chosen, err := chooseArchived(ref, list)
	if err != nil {
		return nil, err
	}
	if data, err = readSmall(t, chosen.Config); err != nil {
		return nil, bad("config "+chosen.Config, err)
	}
	cfg, err := v1.ParseConfigFile(bytes.NewReader(data))
	if err != nil {
		return nil, bad("config "+chosen.Config, err)
	}
	have := v1.Platform{OS: cfg.OS, Architecture: cfg.Architecture, Variant: cfg.Variant}
	if !fits(have, *want) {
		return nil, &PlatformError{ref.String(), platformText(*want), []string{platformText(have)}}
	}
	if len(chosen.Layers) != len(cfg.RootFS.DiffIDs) {
		return nil, bad("config "+chosen.Config, fmt.Errorf("names %d layers, manifest.json %d", len(cfg.RootFS.DiffIDs), len(chosen.Layers)))
	}
	layers := make([]v1.Layer, len(chosen.Layers))
	for i, name := range chosen.Layers {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		l, err := archivedLayer(t, name, cfg.RootFS.DiffIDs[i])
		if err != nil {
			return nil, bad("layer "+name, err)
		}
		layers[i] = l
	}
	return newStatic(cfg, data, layers, make([]map[string]string, len(layers)), nil)
}

func chooseArchived(ref Ref, list []archiveImage) (archiveImage, error) {
	if ref.Tag == "" && len(list) == 1 {
		return list[0], nil
	}
	var have []string
	for _, a := range list {
		for _, tag := range a.RepoTags {
			if ref.Tag != "" && sameTag(tag, ref.Tag) {
				return a, nil
			}
		}
		have = append(have, a.RepoTags...)
	}
	slices.Sort(have)
	switch {
	case ref.Tag != "":
		return archiveImage{}, &RefError{ref.String(), fmt.Sprintf("no image has the tag %q; there are: %s", ref.Tag, listOr(have, "none"))}
	case len(list) == 0:
		return archiveImage{}, &FormatError{ref.String(), "manifest.json", "lists no image"}
	}
	return archiveImage{}, &AmbiguousError{ref.String(), have}
}

// sameTag compares "docker.io/library/x:1", "x:1" and the bare tag "1" as Docker does.
func sameTag(have, want string) bool {
	if have == want {
		return true
	}
	for _, p := range []string{"docker.io/library/", "docker.io/", "library/"} {
		if have == p+want || p+have == want {
			return true
		}
	}
	return tagPattern.MatchString(want) && len(have) > len(want) && have[len(have)-len(want)-1:] == ":"+want
}

// archivedLayer learns a layer's digest by reading it. A plain tar is its own diff id.
func archivedLayer(t *tarSet, name string, diffID v1.Hash) (v1.Layer, error) {
	wantDiff, err := parseHash(diffID)
	if err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) {
		rc, _, err := t.open(name)
		return rc, err
	}
	rc, size, err := t.open(name)
	if err != nil {
		return nil, err
	}
	var head [4]byte
	n, err := io.ReadFull(rc, head[:])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, errors.Join(err, rc.Close())
	}
	sum, _, err := hashStream(io.MultiReader(bytes.NewReader(head[:n]), rc))
	if err = errors.Join(err, rc.Close()); err != nil {
		return nil, err
	}
	mt, _ := ociLayerType(types.DockerLayer, head[:n])
	if mt == types.OCIUncompressedLayer && sum != wantDiff {
		return nil, &digest.MismatchError{What: "sha256", Want: wantDiff.String(), Got: sum.String(), ReadBytes: size}
	}
	return &blobLayer{open: open, digest: toHash(sum), diffID: diffID, sizeBytes: size, mediaType: mt}, nil
}
