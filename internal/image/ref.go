package image

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/nasa-openscapes/corn/digest"
)

// RefKind says where an image lies.
type RefKind string

// The kinds of reference, as their prefixes are written.
const (
	OCILayout     RefKind = "oci"
	DockerArchive RefKind = "docker-archive"
)

// A Ref names an image on this machine.
type Ref struct {
	Kind   RefKind
	Path   string        // folder or file, as this machine writes paths
	Tag    string        // of an OCI layout: the ref.name; of an archive: "name:tag" or "tag"
	Digest digest.SHA256 // of a manifest or index in a layout; zero where the reference has none
}

const accepted = "want oci:FOLDER[:TAG|@sha256:DIGEST], the folder of an OCI layout, or docker-archive:FILE[:NAME:TAG]"

// OCI distribution-spec: what a tag looks like. Archives may carry a name before it.
var tagPattern = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
var nameTagPattern = regexp.MustCompile(`^([a-z0-9][a-z0-9._/:-]{0,254}:)?[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)

// ParseRef reads "oci:FOLDER", "oci:FOLDER:TAG", "oci:FOLDER@sha256:<hex>",
// "docker-archive:FILE", "docker-archive:FILE:TAG", "docker-archive:FILE:NAME:TAG", or the
// path of a folder that is an OCI layout. A path that exists wins over splitting at a
// colon. Anything else, registries included, is a *RefError that says what is accepted.
func ParseRef(s string) (Ref, error) {
	kind, rest, found := strings.Cut(s, ":")
	switch {
	case found && RefKind(kind) == OCILayout:
		return parseLayoutRef(s, rest)
	case found && RefKind(kind) == DockerArchive:
		return parseArchiveRef(s, rest)
	case isLayout(s):
		return Ref{Kind: OCILayout, Path: s}, nil
	}
	if fi, err := os.Stat(s); err == nil {
		if fi.IsDir() {
			return Ref{}, &RefError{s, "the folder has no oci-layout file; " + accepted}
		}
		return Ref{}, &RefError{s, "is a file: write docker-archive:" + s + " if docker save made it"}
	}
	if strings.ContainsAny(s, "/:") && !strings.HasPrefix(s, ".") && !strings.HasPrefix(s, "/") {
		return Ref{}, &RefError{s, "registries cannot be read; " + accepted}
	}
	return Ref{}, &RefError{s, "no such folder; " + accepted}
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
	case !r.Digest.IsZero():
		s += "@" + r.Digest.OCI()
	case r.Tag != "":
		s += ":" + r.Tag
	}
	return s
}
