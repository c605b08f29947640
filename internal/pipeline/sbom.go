package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/internal/sbom"
)

// An SBOMRequest says of what a bill of materials is wanted.
type SBOMRequest struct {
	Image    string // as in InspectRequest
	Format   string // "spdx" or "cyclonedx"; empty: spdx
	Kernel   string // only what is in its environment; empty: the whole image
	Platform string
	CacheDir string
}

// Formats of bills of materials, which are attached to images that are pushed.
const (
	spdxFormat      = "spdx"
	cycloneDXFormat = "cyclonedx"
)

// attachNone attaches nothing.
const attachNone = "none"

// attachable is all that can be attached.
var attachable = []string{spdxFormat, cycloneDXFormat, provenanceFormat}

// checkAttach refuses what cannot be attached.
func checkAttach(asked []string) error {
	for _, a := range asked {
		if !slices.Contains(attachable, a) && a != attachNone {
			return fmt.Errorf("--attach is %q: want %s or %s", a, strings.Join(attachable, ", "), attachNone)
		}
	}
	if len(asked) > 1 && slices.Contains(asked, attachNone) {
		return fmt.Errorf("--attach says %s and something else", attachNone)
	}
	return nil
}

// SBOM writes the bill of materials of an image to w.
func SBOM(ctx context.Context, req SBOMRequest, w io.Writer, talk *report.Printer) error {
	if req.Format != "" && req.Format != spdxFormat && req.Format != cycloneDXFormat {
		return report.In(report.Usage, fmt.Errorf("--format is %q: want %s or %s", req.Format, spdxFormat, cycloneDXFormat))
	}
	d, err := openDescribed(ctx, req.Image, req.Platform, req.CacheDir, talk)
	if err != nil {
		return err
	}
	defer d.close()
	if d.meta == nil {
		return report.Hinted(report.Usage, "use a scanner such as syft, which looks into the layers",
			fmt.Errorf("%s has no /%s: corn did not make it, or it was built upon; what is in it is not known", d.shown, image.MetadataPath))
	}
	manifest, err := d.img.Manifest()
	if err != nil {
		return err
	}
	created, err := time.Parse(time.RFC3339, manifest.Annotations[image.AnnotationCreated])
	if err != nil {
		created = time.Time{}
	}
	doc, err := sbom.New(d.meta, d.allFacts(), sbom.Subject{
		Name: d.source.Ref().Repository(), Digest: d.source.Digest(), Created: created, Kernel: req.Kernel,
		Version: manifest.Annotations[image.AnnotationVersion], BaseRef: manifest.Annotations[image.AnnotationBaseName],
	})
	if err != nil {
		return report.In(report.Usage, err)
	}
	return writeSBOM(doc, req.Format, w)
}

// allFacts are the facts that the image brings, those of other versions left out.
func (d *describedImage) allFacts() map[digest.SHA256]*artifact.Facts {
	out := map[digest.SHA256]*artifact.Facts{}
	if digest.Sum(d.facts) != d.meta.Facts {
		return out
	}
	for line := range bytes.Lines(d.facts) {
		if f, err := artifact.Decode(line); err == nil {
			out[f.SHA256] = f
		}
	}
	return out
}

// attachDocuments attaches what tells of an image to it. The image is as good without.
func (b *builder) attachDocuments(ctx context.Context, v *variant, o image.Output, d digest.SHA256) error {
	wanted := b.req.Attach
	if wanted == nil {
		wanted = attachable
	}
	if err := b.attachSBOM(ctx, v, o, d, wanted); err != nil {
		return err
	}
	if err := b.attachProvenance(ctx, v, o, d, wanted); err != nil {
		return err
	}
	return ctx.Err()
}

// attachSBOM attaches the bills of materials that are wanted and not there: making them needs the
// facts of all packages.
func (b *builder) attachSBOM(ctx context.Context, v *variant, o image.Output, d digest.SHA256, wanted []string) error {
	there, _ := image.AttachedTypes(ctx, o, d) // else they are attached once more, which changes nothing
	wanted = slices.DeleteFunc(slices.Clone(wanted), func(f string) bool {
		return sbomTypes[f] == "" || slices.Contains(there, sbomTypes[f])
	})
	if len(wanted) == 0 {
		return nil
	}
	facts, err := b.allFacts(ctx)
	if err != nil {
		return report.In(report.Package, err)
	}
	annotations := b.annotations(image.Registry)
	subject := sbom.Subject{
		Name: image.Ref{Kind: image.Registry, Path: repository(o)}.Repository(), Digest: d,
		Version: annotations[image.AnnotationVersion], BaseRef: annotations[image.AnnotationBaseName],
	}
	if created, err := time.Parse(time.RFC3339, annotations[image.AnnotationCreated]); err == nil {
		subject.Created = created
	}
	doc, err := sbom.New(b.describe(v, b.kernels), facts, subject)
	if err != nil {
		return err
	}
	for _, f := range wanted {
		var text bytes.Buffer
		if err := writeSBOM(doc, f, &text); err != nil {
			return err
		}
		if err := image.Attach(ctx, o, d, sbomTypes[f], text.Bytes()); err != nil && ctx.Err() == nil {
			b.warn("the bill of materials (%s) is not attached to the image; corn sbom makes it from the image itself: %v", f, err)
		}
	}
	return nil
}

// sbomTypes are the media types of the formats.
var sbomTypes = map[string]string{spdxFormat: sbom.SPDXType, cycloneDXFormat: sbom.CycloneDXType}

func writeSBOM(doc *sbom.Document, format string, w io.Writer) error {
	if format == cycloneDXFormat {
		return doc.WriteCycloneDX(w)
	}
	return doc.WriteSPDX(w)
}
