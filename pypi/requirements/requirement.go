package requirements

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/pypi/pep508"
	"github.com/nasa-openscapes/corn/pypi/wheel"
)

var (
	urlStart    = regexp.MustCompile(`^(?:[A-Za-z][A-Za-z0-9+.-]*://|file:)`)
	vcsStart    = regexp.MustCompile(`^(git|hg|svn|bzr)\+([a-z]+)://`)
	extrasAtEnd = regexp.MustCompile(`^(.+?)\s*\[([^\]]*)\]$`)
	directURL   = regexp.MustCompile(`^\s*[A-Za-z0-9][A-Za-z0-9._-]*\s*(?:\[[^\]]*\])?\s*@`)
)

func isURL(text string) bool { return urlStart.MatchString(text) }

// archives are the endings of files that can be required.
var archives = []string{".whl", ".zip", ".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tar.lz", ".tlz", ".tar.lzma"}

func isArchive(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(archives, func(a string) bool { return strings.HasSuffix(name, a) })
}

// isPath tells whether a line that is no URL is a path, as pip looks at it.
func isPath(text string) bool {
	return strings.HasPrefix(text, ".") || strings.ContainsAny(text, `/\`) || strings.HasPrefix(text, "~") || isArchive(strings.TrimSpace(text))
}

// requirement reads what a line asks for, without its options.
func (r *Reader) requirement(asked string, in input) (*Requirement, *ParseError) {
	text, unset := expand(asked, r.opts.Getenv)
	req := &Requirement{Text: asked, Place: in.place, Unset: unset}
	err := r.fill(req, text, in)
	if err != nil && len(unset) > 0 {
		err.Reason += fmt.Sprintf("; the variable %s is not set", strings.Join(unset, ", "))
	}
	return req, err
}

// fill reads the text of a requirement, in which variables are replaced.
func (r *Reader) fill(req *Requirement, text string, in input) *ParseError {
	asked := req.Text
	bad := func(format string, args ...any) *ParseError {
		return &ParseError{Place: in.place, Text: shown(asked), Reason: fmt.Sprintf(format, args...)}
	}
	target, marker := text, ""
	switch {
	case isURL(text): // a semicolon may be part of it
		target, marker, _ = strings.Cut(text, "; ")
	case !directURL.MatchString(text):
		target, marker, _ = strings.Cut(text, ";")
	}
	target = strings.TrimSpace(target)
	if !isURL(target) && (directURL.MatchString(text) || !isPath(target)) {
		return req.named(text)
	}
	if marker != "" {
		m, err := pep508.ParseMarker(strings.TrimSpace(marker))
		if err != nil {
			e := bad("%s", plain(err))
			e.Err = err
			return e
		}
		req.Marker = m
	}
	if m := extrasAtEnd.FindStringSubmatch(target); m != nil && !strings.Contains(m[1], "#") {
		target = m[1]
		for e := range strings.SplitSeq(m[2], ",") {
			if e = strings.TrimSpace(e); e != "" {
				req.Extras = append(req.Extras, e)
			}
		}
	}
	if isURL(target) {
		if reason := req.takeURL(target); reason != "" {
			return bad("%s", reason)
		}
		return nil
	}
	name, reason := inside(in.dir, target)
	if reason != "" {
		return bad("%s", reason)
	}
	req.Kind, req.Path = FromPath, name
	req.Name = nameOfWheel(path.Base(name))
	return nil
}

// named reads a requirement of PEP 508.
func (r *Requirement) named(text string) *ParseError {
	spec, err := pep508.Parse(text)
	if err != nil {
		e := &ParseError{Place: r.Place, Text: shown(r.Text), Reason: plain(err), Err: err}
		if strings.Contains(text, "=") && !strings.Contains(text, "==") && strings.Count(text, "=") == 1 && !strings.ContainsAny(text, "<>!~;[") {
			e.Remedy = `a version is asked for with "==": one "=" is conda's`
		}
		return e
	}
	r.Spec, r.Name, r.Extras, r.Marker = spec, spec.Name, spec.Extras, spec.Marker
	if spec.URL == "" {
		return nil
	}
	if !isURL(spec.URL) {
		return &ParseError{Place: r.Place, Text: shown(r.Text), Reason: "what stands behind @ is no URL"}
	}
	if reason := r.takeURL(spec.URL); reason != "" {
		return &ParseError{Place: r.Place, Text: shown(r.Text), Reason: reason}
	}
	return nil
}

// plain is a parser's error without the line, which the message has already.
func plain(err error) string {
	if pe, ok := errors.AsType[*pep508.ParseError](err); ok {
		return fmt.Sprintf("%s (at character %d of the %s)", pe.Reason, pe.Offset+1, pe.What)
	}
	return err.Error()
}

// takeURL reads a URL of an archive or a repository, and what its fragment says.
func (r *Requirement) takeURL(raw string) (reason string) {
	before, fragment, _ := strings.Cut(raw, "#")
	subdirectory := ""
	for part := range strings.SplitSeq(fragment, "&") {
		key, value, _ := strings.Cut(part, "=")
		if v, err := url.PathUnescape(value); err == nil {
			value = v
		}
		switch key {
		case "egg":
			if reason := r.takeEgg(value); reason != "" {
				return reason
			}
		case "subdirectory":
			if value = path.Clean(value); value == ".." || strings.HasPrefix(value, "../") || strings.HasPrefix(value, "/") {
				return "the subdirectory leads out of the repository"
			}
			subdirectory = value
		case "sha256", "sha384", "sha512":
			h, reason := parseHash(part, "=")
			if reason != "" {
				return reason
			}
			r.Hashes = append(r.Hashes, h)
		}
	}
	if m := vcsStart.FindStringSubmatch(before); m != nil {
		if !slices.Contains([]string{"https", "http", "ssh", "git", "file", "svn", "lp", "sftp", "ftp"}, m[2]) {
			return fmt.Sprintf("repositories are not had over %s", m[2])
		}
		r.Kind = FromVCS
		r.VCS = VCS{Tool: m[1], URL: strings.TrimPrefix(before, m[1]+"+"), Subdirectory: subdirectory}
		if at := strings.LastIndexByte(r.VCS.URL, '@'); at > strings.LastIndexByte(r.VCS.URL, '/') && strings.Count(r.VCS.URL, "/") > 2 {
			r.VCS.URL, r.VCS.Revision = r.VCS.URL[:at], r.VCS.URL[at+1:]
			if r.VCS.Revision == "" || strings.HasPrefix(r.VCS.Revision, "-") {
				return "the revision behind @ is none"
			}
		}
		return ""
	}
	u, err := url.Parse(before)
	switch {
	case err != nil:
		return "the URL cannot be read"
	case strings.Contains(u.Scheme, "+"):
		return fmt.Sprintf("%q is no kind of repository: want git+https, git+ssh, hg+https, svn+https or bzr+https", u.Scheme)
	case !slices.Contains([]string{"https", "http", "file"}, u.Scheme):
		return fmt.Sprintf("nothing is had over %s: want https", shown(u.Scheme))
	case u.Scheme != "file" && u.Host == "":
		return "the URL names no host"
	case u.Scheme == "file" && u.Host != "" && u.Host != "localhost":
		return "a file URL names another machine"
	case u.Scheme == "file":
		before = (&url.URL{Scheme: "file", Path: path.Clean("/" + u.Path)}).String()
	}
	if r.Kind, r.URL = FromURL, before; r.Name == "" {
		r.Name = nameOfWheel(path.Base(u.Path))
	}
	return ""
}

// takeEgg reads the name that older pips wanted in the fragment.
func (r *Requirement) takeEgg(text string) (reason string) {
	spec, err := pep508.Parse(text)
	if err != nil || spec.URL != "" || !spec.Marker.IsAny() {
		return fmt.Sprintf("egg=%s is no name of a project", shown(text))
	}
	if r.Name == "" {
		r.Name = spec.Name
	}
	if len(r.Extras) == 0 {
		r.Extras = spec.Extras
	}
	return ""
}

// nameOfWheel is the name that a wheel's file name gives; empty: it is no wheel.
func nameOfWheel(file string) string {
	n, err := wheel.ParseFileName(file)
	if err != nil {
		return ""
	}
	return n.Name
}
