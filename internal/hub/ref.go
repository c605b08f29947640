package hub

import (
	"fmt"
	"regexp"
	"strings"
)

// A Ref names an image: repository, and tag or digest or both.
type Ref struct {
	Repository string // as written: "openscapes/python", "quay.io/2i2c/x"
	Tag        string
	Digest     string // "sha256:..."
}

var (
	repositoryForm = regexp.MustCompile(`^(?:[a-zA-Z0-9][a-zA-Z0-9.-]*(?::[0-9]+)?/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$`)
	tagForm        = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)
	digestForm     = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

// ParseRef reads REPO[:TAG][@DIGEST].
func ParseRef(s string) (Ref, error) {
	rest, digest, pinned := strings.Cut(s, "@")
	r := Ref{Repository: rest, Digest: digest}
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, '/') {
		r.Repository, r.Tag = rest[:i], rest[i+1:]
		if !tagForm.MatchString(r.Tag) {
			return Ref{}, fmt.Errorf("image %q: %q cannot be a tag", s, r.Tag)
		}
	}
	if len(s) > 1000 || !repositoryForm.MatchString(r.Repository) {
		return Ref{}, fmt.Errorf("image %q: want REPOSITORY:TAG, REPOSITORY@sha256:DIGEST or both, the repository in lower case", s)
	}
	if pinned && !digestForm.MatchString(digest) {
		return Ref{}, fmt.Errorf("image %q: %q is no digest: want sha256: and 64 hexadecimal digits", s, digest)
	}
	return r, nil
}

func (r Ref) String() string {
	s := r.Repository
	if r.Tag != "" {
		s += ":" + r.Tag
	}
	if r.Digest != "" {
		s += "@" + r.Digest
	}
	return s
}

// Normal is the repository as registries know it: "docker.io/library/python" for "python".
func (r Ref) Normal() string {
	host, rest, ok := strings.Cut(r.Repository, "/")
	if !ok || !strings.ContainsAny(host, ".:") && host != "localhost" {
		host, rest = "docker.io", r.Repository
	}
	if host == "index.docker.io" || host == "registry-1.docker.io" {
		host = "docker.io"
	}
	if host == "docker.io" && !strings.Contains(rest, "/") {
		rest = "library/" + rest
	}
	return strings.ToLower(host) + "/" + rest
}

// with is r's repository in its own spelling, with the tag and digest of another image.
func (r Ref) with(to Ref) Ref { return Ref{Repository: r.Repository, Tag: to.Tag, Digest: to.Digest} }
