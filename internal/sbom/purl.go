package sbom

import (
	"cmp"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/pypi/wheel"
)

// purl writes a package URL. Qualifiers come as pairs; those without a value are left out.
func purl(kind, name, version string, qualifiers ...string) string {
	var b strings.Builder
	b.WriteString("pkg:" + kind + "/" + escape(name))
	if version != "" {
		b.WriteString("@" + escape(version))
	}
	var pairs [][2]string
	for i := 0; i+1 < len(qualifiers); i += 2 {
		if qualifiers[i+1] != "" {
			pairs = append(pairs, [2]string{qualifiers[i], qualifiers[i+1]})
		}
	}
	slices.SortFunc(pairs, func(a, b [2]string) int { return cmp.Compare(a[0], b[0]) })
	for i, p := range pairs {
		b.WriteByte("?&"[min(i, 1)])
		b.WriteString(p[0] + "=" + escape(p[1]))
	}
	return b.String()
}

// escape percent-encodes all but what the specification leaves alone: letters, digits, ".-_~" and
// the colon.
func escape(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte(".-_~:", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}

func pypiURL(name, version string) string { return purl("pypi", wheel.NormalizeName(name), version) }

// condaURL is the URL of a conda package: channel is its short name or address.
func condaURL(p *condaPackage, name, version, build, file string) string {
	kind := "conda"
	if strings.HasSuffix(file, ".tar.bz2") {
		kind = "tar.bz2"
	}
	return purl("conda", name, version, "build", build, "channel", p.channel, "subdir", p.subdir, "type", kind)
}

// ociURL is the URL of an image in a registry.
func ociURL(repository, digest string) string {
	name := repository[strings.LastIndexByte(repository, '/')+1:]
	return purl("oci", strings.ToLower(name), digest, "repository_url", strings.ToLower(repository))
}
