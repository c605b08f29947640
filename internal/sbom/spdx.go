package sbom

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/spdx/tools-golang/spdx/v2/common"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"

	"github.com/nasa-openscapes/corn/filetree"
)

// SPDXType is the media type of what WriteSPDX writes.
const SPDXType = "application/spdx+json"

const noAssertion = "NOASSERTION"

// WriteSPDX writes the document as SPDX 2.3.
func (d *Document) WriteSPDX(w io.Writer) error {
	s := &d.subject
	created := s.Created
	if created.IsZero() { // SPDX wants a time, and there is none
		created = time.Unix(filetree.Epoch1980, 0)
	}
	doc := &spdx.Document{
		SPDXVersion: spdx.Version, DataLicense: spdx.DataLicense, SPDXIdentifier: "DOCUMENT", DocumentName: d.title(),
		DocumentNamespace: "https://github.com/nasa-openscapes/corn/sbom/" + d.id(),
		CreationInfo: &spdx.CreationInfo{
			Created: created.UTC().Format("2006-01-02T15:04:05Z"), Creators: []common.Creator{{CreatorType: "Tool", Creator: "corn"}},
		},
	}
	add := func(p *spdx.Package) {
		p.PackageDownloadLocation, p.PackageLicenseConcluded, p.PackageCopyrightText = noAssertion, noAssertion, noAssertion
		if p.PackageLicenseDeclared == "" {
			p.PackageLicenseDeclared = noAssertion
		}
		doc.Packages = append(doc.Packages, p)
	}
	relate := func(a, relation, b string) {
		doc.Relationships = append(doc.Relationships, &spdx.Relationship{
			RefA: common.DocElementID{ElementRefID: common.ElementID(a)}, RefB: common.DocElementID{ElementRefID: common.ElementID(b)}, Relationship: relation,
		})
	}
	img := &spdx.Package{
		PackageName: d.title(), PackageSPDXIdentifier: "Image", PackageVersion: s.Version, PrimaryPackagePurpose: "CONTAINER",
		PackageChecksums: []common.Checksum{{Algorithm: common.SHA256, Value: s.Digest.String()}},
	}
	if s.Name != "" {
		img.PackageExternalReferences = urls(ociURL(s.Name, s.Digest.OCI()))
	}
	add(img)
	relate("DOCUMENT", common.TypeRelationshipDescribe, "Image")
	add(&spdx.Package{
		PackageName: orUnnamed(s.BaseRef, "base image"), PackageSPDXIdentifier: "Base", PrimaryPackagePurpose: "CONTAINER",
		PackageChecksums: []common.Checksum{{Algorithm: common.SHA256, Value: d.base.Manifest.String()}},
	})
	relate("Image", common.TypeRelationshipDescendantOf, "Base")
	others := map[string]string{} // ids of licences that SPDX does not know
	for i := range d.packages {
		add(d.spdxPackage(&d.packages[i], others, doc))
	}
	for i, e := range d.kernels {
		id := fmt.Sprintf("Environment-%d", i)
		add(&spdx.Package{PackageName: e.name, PackageSPDXIdentifier: common.ElementID(id), PackageSummary: e.about, PrimaryPackagePurpose: "APPLICATION"})
		relate("Image", common.TypeRelationshipContains, id)
		for _, p := range e.packages {
			relate(id, common.TypeRelationshipContains, spdxID(d.packages[p].ref))
		}
	}
	for i := range d.packages {
		for _, ref := range d.packages[i].requires {
			relate(spdxID(d.packages[i].ref), common.TypeRelationshipDependsOn, spdxID(ref))
		}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(doc); err != nil {
		return fmt.Errorf("write SPDX: %w", err)
	}
	return nil
}

func (d *Document) spdxPackage(c *component, others map[string]string, doc *spdx.Document) *spdx.Package {
	p := &spdx.Package{
		PackageName: c.name, PackageSPDXIdentifier: common.ElementID(spdxID(c.ref)), PackageVersion: c.version, PackageFileName: c.file,
		PackageHomePage: c.home, PackageSummary: c.summary, PrimaryPackagePurpose: "LIBRARY",
		PackageChecksums:          []common.Checksum{{Algorithm: common.SHA256, Value: c.sha256.String()}},
		PackageExternalReferences: urls(c.url),
	}
	if !c.md5.IsZero() {
		p.PackageChecksums = append(p.PackageChecksums, common.Checksum{Algorithm: common.MD5, Value: c.md5.String()})
	}
	for _, in := range c.inside {
		p.PackageExternalReferences = append(p.PackageExternalReferences, urls(pypiURL(in.name, in.version))...)
	}
	switch e := c.expression(); {
	case e != "":
		p.PackageLicenseDeclared = e
		for _, ref := range licenseRef.FindAllString(e, -1) { // a document explains those that it uses
			if others[ref] == "" {
				others[ref] = ref
				doc.OtherLicenses = append(doc.OtherLicenses, &spdx.OtherLicense{LicenseIdentifier: ref, ExtractedText: noAssertion, LicenseName: noAssertion})
			}
		}
	case c.licence != "":
		id, ok := others[c.licence]
		if !ok {
			id = fmt.Sprintf("LicenseRef-declared-%d", len(others)+1)
			others[c.licence] = id
			doc.OtherLicenses = append(doc.OtherLicenses, &spdx.OtherLicense{LicenseIdentifier: id, ExtractedText: c.licence, LicenseName: noAssertion})
		}
		p.PackageLicenseDeclared = id
	}
	return p
}

// licenseRef matches licences that are explained somewhere else than in SPDX's list.
var licenseRef = regexp.MustCompile(`LicenseRef-[A-Za-z0-9.-]+`)

// spdxID is the identifier of a component, which may have letters, digits, "." and "-".
func spdxID(ref string) string { return "Package-" + ref }

func urls(url string) []*spdx.PackageExternalReference {
	return []*spdx.PackageExternalReference{{Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: url}}
}

func orUnnamed(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
