package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/internal/engine"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/report"
)

// A describedImage is an image that was opened, and what it says of itself. Of a registry's only
// manifest, config and metadata layer are read.
type describedImage struct {
	shown      string // as the user named it
	source     *image.Base
	img        image.Image // byte for byte as it was, if it is in OCI's form
	platform   string
	meta       *image.Metadata // nil: corn did not make it, or it was built upon
	facts      []byte          // facts.jsonl, if it is the one that meta names
	registries *image.Registries
	cache      *cache.Cache
}

func (d *describedImage) close() { _ = errors.Join(d.source.Close(), d.cache.Close()) } // it was only read

// inRegistry is the repository that the image is in; ok is false for one on this machine.
func (d *describedImage) inRegistry() (out image.Output, ok bool) {
	ref := d.source.Ref()
	return image.Output{Kind: image.Registry, Path: ref.Path, Registries: d.registries}, ref.Kind == image.Registry
}

// openDescribed opens an image for reading what is in it: a reference as for a base, an image
// of the machine's container engine, or a project's folder, which stands for what was built
// there.
func openDescribed(ctx context.Context, ref, platform, cacheDir string, talk *report.Printer) (*describedImage, error) {
	d := &describedImage{shown: image.ShowRef(ref), registries: image.NewRegistries(image.RegistryOptions{})}
	var err error
	if d.cache, err = openCacheAt(cacheDir); err != nil {
		return nil, err
	}
	if err := d.open(ctx, ref, platform, talk); err != nil {
		if d.source != nil {
			_ = d.source.Close()
		}
		return nil, errors.Join(err, d.cache.Close())
	}
	return d, nil
}

func (d *describedImage) open(ctx context.Context, ref, platform string, talk *report.Printer) error {
	tempDir, err := d.cache.TempDir()
	if err != nil {
		return err
	}
	if built := filepath.Join(ref, "dist", "image"); isProjectDir(ref) {
		if _, err := os.Stat(built); err != nil {
			return report.Hinted(report.Usage, "build it first with corn build, or name the image", fmt.Errorf("project %s has no image in %s", ref, built))
		}
		ref = "oci:" + built
	}
	if name, ok := strings.CutPrefix(ref, daemonPrefix); ok {
		if ref, err = savedByEngine(ctx, name, tempDir); err != nil {
			return err
		}
	}
	o := image.OpenOptions{TempDir: tempDir, Registries: d.registries}
	d.source, d.platform, err = openSource(ctx, TransferRequest{From: ref, Platform: platform}, o, talk)
	if err != nil && isBareName(ref) && ctx.Err() == nil {
		// A name without a place may be one that only the engine here knows.
		if saved, engineErr := savedByEngine(ctx, ref, tempDir); engineErr == nil {
			talk.Say("image      %s is the container engine's: the registry does not give it", ref)
			d.source, d.platform, err = openSource(ctx, TransferRequest{From: saved, Platform: platform}, o, talk)
		}
	}
	if err != nil {
		return err
	}
	d.img, _ = d.source.Original()
	files, err := d.source.Described(ctx)
	if err != nil {
		return report.In(report.Registry, fmt.Errorf("read what %s says of itself: %w", d.shown, err))
	}
	text, ok := files[image.MetadataPath]
	if !ok {
		return nil
	}
	if d.meta, err = image.ParseMetadata(text); err != nil {
		return report.In(report.Registry, fmt.Errorf("read what %s says of itself: %w", d.shown, err))
	}
	d.facts = files[image.FactsPath]
	return nil
}

// isProjectDir tells whether a text is a folder on this machine that is no image.
func isProjectDir(s string) bool {
	fi, err := os.Stat(s)
	if err != nil || !fi.IsDir() {
		return false
	}
	_, err = os.Stat(filepath.Join(s, "oci-layout"))
	return err != nil
}

// savedByEngine writes an image of the machine's container engine into an archive and returns
// the archive's reference.
func savedByEngine(ctx context.Context, name, tempDir string) (string, error) {
	e, err := engine.Find(ctx, "")
	if err != nil {
		return "", report.Hinted(report.Usage, "start Docker or podman, or name an image of a registry, oci:DIR or docker-archive:FILE", err)
	}
	id, err := e.ID(ctx, name)
	if err != nil {
		return "", err
	}
	if id == "" {
		return "", report.In(report.Usage, fmt.Errorf("%s has no image %s", e.Program, name))
	}
	file := filepath.Join(tempDir, "saved.tar")
	if err := e.Save(ctx, name, file); err != nil {
		return "", err
	}
	return "docker-archive:" + file, nil
}
