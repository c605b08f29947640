package image

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/nasa-openscapes/corn/digest"
)

// RefKind says where an image lies.
type RefKind string

// The kinds of reference, as their prefixes are written.
const (
	OCILayout     RefKind = "oci"
	DockerArchive RefKind = "docker-archive"
	Registry      RefKind = "docker"
)

// A Ref names an image on this machine or in a registry.
type Ref struct {
	Kind   RefKind
	Path   string        // folder or file, as this machine writes paths; or a repository, as it was written
	Tag    string        // of an OCI layout: the ref.name; of an archive: "name:tag" or "tag"; of a registry: the tag
	Digest digest.SHA256 // of a manifest or index in a layout or registry; zero where the reference has none
}

const accepted = "want an image of a registry ([docker://]NAME[:TAG|@sha256:DIGEST]), oci:FOLDER[:TAG|@sha256:DIGEST], " +
	"the folder of an OCI layout, or docker-archive:FILE[:NAME:TAG]"

// OCI distribution-spec: what a tag looks like. Archives may carry a name before it.
var tagPattern = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
var nameTagPattern = regexp.MustCompile(`^([a-z0-9][a-z0-9._/:-]{0,254}:)?[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)

// ParseRef reads "oci:FOLDER", "oci:FOLDER:TAG", "oci:FOLDER@sha256:<hex>",
// "docker-archive:FILE", "docker-archive:FILE:TAG", "docker-archive:FILE:NAME:TAG", the
// path of a folder that is an OCI layout, or an image of a registry: "docker://NAME",
// "registry:HOST/NAME", or as Docker's users write it, "debian:12",
// "pangeo/base-image@sha256:<hex>", "localhost:5000/x". A path that exists wins over
// splitting at a colon and over a registry. Anything else is a *RefError that says what is
// accepted.
func ParseRef(s string) (Ref, error) {
	kind, rest, found := strings.Cut(s, ":")
	switch {
	case found && RefKind(kind) == OCILayout:
		return parseLayoutRef(s, rest)
	case found && RefKind(kind) == DockerArchive:
		return parseArchiveRef(s, rest)
	case found && RefKind(kind) == Registry && strings.HasPrefix(rest, "//"):
		return parseRegistryRef(s, rest[len("//"):])
	case found && kind == registryAlias && strings.Contains(rest, "/"):
		// Without a slash it is a tag of Docker Hub's image "registry".
		return parseRegistryRef(s, rest)
	case isLayout(s):
		return Ref{Kind: OCILayout, Path: s}, nil
	}
	if fi, err := os.Stat(s); err == nil {
		if fi.IsDir() {
			return Ref{}, &RefError{s, "the folder has no oci-layout file; " + accepted}
		}
		return Ref{}, &RefError{s, "is a file: write docker-archive:" + s + " if docker save made it"}
	}
	if s == "" || s[0] == '.' || filepath.IsAbs(s) {
		return Ref{}, &RefError{s, "no such folder; " + accepted}
	}
	return parseRegistryRef(s, s)
}

// registryAlias is another way to write "docker://".
const registryAlias = "registry"

func parseRegistryRef(s, rest string) (Ref, error) {
	r := Ref{Kind: Registry, Path: rest}
	if p, d, ok := strings.Cut(rest, "@"); ok {
		sum, err := digest.Parse(d)
		if err != nil || !strings.HasPrefix(d, "sha256:") || sum.IsZero() {
			return Ref{}, &RefError{s, "what follows @ is no sha256 digest; " + accepted}
		}
		r.Path, r.Digest = p, sum
	}
	// A colon before a slash is that of a port.
	if i := strings.LastIndexByte(r.Path, ':'); i > strings.LastIndexByte(r.Path, '/') {
		r.Path, r.Tag = r.Path[:i], r.Path[i+1:]
		if !tagPattern.MatchString(r.Tag) {
			return Ref{}, &RefError{s, "what follows the last colon is no tag; " + accepted}
		}
	}
	// go-containerregistry takes "https:" for a registry.
	host, _, _ := strings.Cut(r.Path, "/")
	if _, err := name.NewRepository(r.Path); err != nil || strings.HasSuffix(host, ":") || strings.Contains(r.Path, "//") {
		return Ref{}, &RefError{s, "is neither a folder nor the name of an image in a registry; " + accepted}
	}
	return r, nil
}

// repositoryName is the repository of a reference of kind Registry, with the registry that
// a bare name means.
func (r Ref) repositoryName() (name.Repository, error) {
	n, err := name.NewRepository(r.Path)
	if err != nil {
		return n, &RefError{r.String(), "names no repository; " + accepted}
	}
	return n, nil
}

// Repository is the repository of a reference with the registry's host, "docker.io/library/debian";
// empty where the image is in no registry.
func (r Ref) Repository() string {
	if r.Kind != Registry {
		return ""
	}
	n, err := r.repositoryName()
	if err != nil {
		return ""
	}
	return strings.Replace(n.Name(), name.DefaultRegistry+"/", "docker.io/", 1)
}

// Name is the reference as anybody understands it, with the registry's host, which annotations
// want: "docker.io/library/debian:12". An image that is in no registry has none.
func (r Ref) Name() string {
	s := r.Repository()
	switch {
	case s == "":
		return ""
	case r.Tag != "":
		return s + ":" + r.Tag
	case !r.Digest.IsZero():
		return s + "@" + r.Digest.OCI()
	}
	return s + ":latest"
}

func parseLayoutRef(s, rest string) (Ref, error) {
	r := Ref{Kind: OCILayout, Path: rest}
	if !isLayout(rest) {
		if p, d, ok := strings.Cut(rest, "@"); ok {
			sum, err := digest.Parse(d)
			if err != nil || !strings.HasPrefix(d, "sha256:") {
				return Ref{}, &RefError{s, "what follows @ is no sha256 digest; " + accepted}
			}
			r.Path, r.Digest = p, sum
		} else if i := strings.LastIndexByte(rest, ':'); i >= 0 && tagPattern.MatchString(rest[i+1:]) {
			r.Path, r.Tag = rest[:i], rest[i+1:]
		}
	}
	if r.Path == "" {
		return Ref{}, &RefError{s, "names no folder; " + accepted}
	}
	return r, nil
}

func parseArchiveRef(s, rest string) (Ref, error) {
	r := Ref{Kind: DockerArchive, Path: rest}
	if _, err := os.Stat(rest); err != nil {
		// The shortest path that exists; without one, the first colon ends the path.
		for i, c := range rest {
			if c != ':' || !nameTagPattern.MatchString(rest[i+1:]) {
				continue
			}
			if r.Tag == "" {
				r.Path, r.Tag = rest[:i], rest[i+1:]
			}
			if _, err := os.Stat(rest[:i]); err == nil {
				r.Path, r.Tag = rest[:i], rest[i+1:]
				break
			}
		}
	}
	if r.Path == "" {
		return Ref{}, &RefError{s, "names no file; " + accepted}
	}
	return r, nil
}

func isLayout(dir string) bool {
	fi, err := os.Stat(filepath.Join(dir, "oci-layout"))
	return err == nil && fi.Mode().IsRegular()
}

// String writes the reference as ParseRef reads it.
func (r Ref) String() string {
	s := string(r.Kind) + ":" + r.Path
	switch {
	case r.Kind == Registry:
		s = string(r.Kind) + "://" + r.Path
		if r.Tag != "" {
			s += ":" + r.Tag
		}
		if !r.Digest.IsZero() {
			s += "@" + r.Digest.OCI()
		}
	case !r.Digest.IsZero():
		s += "@" + r.Digest.OCI()
	case r.Tag != "":
		s += ":" + r.Tag
	}
	return s
}
