package sbom

import (
	"fmt"
	"io"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/nasa-openscapes/corn/digest"
)

// CycloneDXType is the media type of what WriteCycloneDX writes.
const CycloneDXType = "application/vnd.cyclonedx+json"

// The names of environments and the base among the references of a document. Those of packages
// are hexadecimal digits.
const (
	imageRef = "image"
	baseRef  = "base"
	envRef   = "environment:"
)

// id names a document among all others: equal documents have equal ids.
func (d *Document) id() string {
	s := "sha256-" + d.subject.Digest.String()
	if d.subject.Kernel != "" {
		s += "/" + escape(d.subject.Kernel)
	}
	return s
}

// serial is a UUID of version 8 (RFC 9562: made of what its maker likes), by the document's id.
func (d *Document) serial() string {
	u := digest.Sum([]byte("corn sbom " + d.title() + " " + d.id()))
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:16])
}

// WriteCycloneDX writes the document as CycloneDX 1.6.
func (d *Document) WriteCycloneDX(w io.Writer) error {
	s := &d.subject
	bom := cdx.NewBOM()
	bom.SerialNumber = d.serial()
	img := &cdx.Component{
		BOMRef: imageRef, Type: cdx.ComponentTypeContainer, Name: d.title(), Version: orUnnamed(s.Version, s.Digest.OCI()),
		Hashes: hashes(s.Digest, digest.MD5{}),
	}
	if s.Name != "" {
		img.PackageURL = ociURL(s.Name, s.Digest.OCI())
	}
	bom.Metadata = &cdx.Metadata{
		Component: img, Tools: &cdx.ToolsChoice{Components: &[]cdx.Component{{Type: cdx.ComponentTypeApplication, Name: "corn"}}},
	}
	if !s.Created.IsZero() {
		bom.Metadata.Timestamp = s.Created.UTC().Format("2006-01-02T15:04:05Z")
	}
	components := []cdx.Component{{
		BOMRef: baseRef, Type: cdx.ComponentTypeContainer, Name: orUnnamed(s.BaseRef, "base image"), Version: d.base.Manifest.OCI(), Hashes: hashes(d.base.Manifest, digest.MD5{}),
	}}
	below := []string{baseRef}
	var needs []cdx.Dependency
	for _, e := range d.kernels {
		components = append(components, cdx.Component{BOMRef: envRef + e.name, Type: cdx.ComponentTypeApplication, Name: e.name, Description: e.about})
		below = append(below, envRef+e.name)
		refs := []string{}
		for _, p := range e.packages {
			refs = append(refs, d.packages[p].ref)
		}
		needs = append(needs, cdx.Dependency{Ref: envRef + e.name, Dependencies: &refs})
	}
	for i := range d.packages {
		c := &d.packages[i]
		components = append(components, cycloneComponent(c))
		need := cdx.Dependency{Ref: c.ref}
		if len(c.requires) > 0 {
			need.Dependencies = &c.requires
		}
		needs = append(needs, need)
	}
	needs = append([]cdx.Dependency{{Ref: imageRef, Dependencies: &below}}, needs...)
	bom.Components, bom.Dependencies = &components, &needs
	if err := cdx.NewBOMEncoder(w, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).EncodeVersion(bom, cdx.SpecVersion1_6); err != nil {
		return fmt.Errorf("write CycloneDX: %w", err)
	}
	return nil
}

func hashes(sum digest.SHA256, md5 digest.MD5) *[]cdx.Hash {
	out := []cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: sum.String()}}
	if !md5.IsZero() {
		out = append(out, cdx.Hash{Algorithm: cdx.HashAlgoMD5, Value: md5.String()})
	}
	return &out
}

func cycloneComponent(c *component) cdx.Component {
	out := cdx.Component{
		BOMRef: c.ref, Type: cdx.ComponentTypeLibrary, Name: c.name, Version: c.version, Description: c.summary, PackageURL: c.url, Hashes: hashes(c.sha256, c.md5),
	}
	switch e := c.expression(); {
	case e != "":
		out.Licenses = &cdx.Licenses{{Expression: e}}
	case c.licence != "":
		out.Licenses = &cdx.Licenses{{License: &cdx.License{Name: c.licence}}}
	}
	if c.home != "" {
		out.ExternalReferences = &[]cdx.ExternalReference{{Type: cdx.ERTypeWebsite, URL: c.home}}
	}
	var inside []cdx.Component
	for i, in := range c.inside {
		inside = append(inside, cdx.Component{
			BOMRef: fmt.Sprintf("%s/%d", c.ref, i), Type: cdx.ComponentTypeLibrary, Name: in.name, Version: in.version, PackageURL: pypiURL(in.name, in.version),
		})
	}
	if len(inside) > 0 {
		out.Components = &inside
	}
	return out
}
