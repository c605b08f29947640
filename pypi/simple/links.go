package simple

import (
	"fmt"
	"net/url"
	"path"
	"strings"
	"time"
	"unicode"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/digest"
)

// quoted is a text of a server's for a message: no control characters, and not endless.
func quoted(s string) string {
	const most = 80
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return fmt.Sprintf("%q", s)
}

// filesOf makes files out of links. At is what hrefs are relative to, and project the normalized
// name that was asked for; empty: a page of find-links, which holds many.
func filesOf(links []link, at, place, project string) (files []File, leftOut []LeftOut) {
	base, err := url.Parse(at)
	if err != nil {
		return nil, nil
	}
	for i := range links {
		l := &links[i]
		f, ok, reason := fileOf(l, base, project)
		if !ok {
			continue
		}
		if reason != "" {
			leftOut = append(leftOut, LeftOut{Name: shownName(f.Name), Reason: reason})
			continue
		}
		f.Place = place
		files = append(files, f)
	}
	return files, leftOut
}

// shownName quotes a file name that has anything unusual in it.
func shownName(name string) string {
	for _, r := range name {
		if r > unicode.MaxASCII || r < '!' || r == '\\' || r == '/' || r == '"' {
			return quoted(name)
		}
	}
	if name == "" || len(name) > 200 {
		return quoted(name)
	}
	return name
}

// fileOf reads one link. ok is false where it leads to no distribution.
func fileOf(l *link, base *url.URL, project string) (f File, ok bool, reason string) {
	name := l.name
	u, err := base.Parse(l.href)
	if err != nil {
		if name == "" {
			return f, false, ""
		}
		f.Name = name
		return f, true, "its URL cannot be read"
	}
	last := path.Base(u.Path)
	if name == "" {
		name = last
	}
	f, ok, other, reason := classify(name, project)
	switch {
	case !ok || other && l.name == "": // a link to somewhere, or of another project on a page of many
		return f, false, ""
	case !cleanName(name):
		return f, true, "the name has characters that no file of a project has"
	case reason != "":
		return f, true, reason
	case other:
		return f, true, "it is of another project"
	case u.Scheme != "http" && u.Scheme != "https" && u.Scheme != base.Scheme:
		return f, true, fmt.Sprintf("its URL has the scheme %s", quoted(u.Scheme))
	case l.href == "" || u.Scheme != "file" && u.Host == "" || u.Opaque != "":
		return f, true, "its URL leads nowhere"
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, query(u, base), false, "", ""
	f.URL = u.String()
	if f.SHA256, f.Hashes, reason = sums(l.hashes); reason != "" {
		return f, true, reason
	}
	f.RequiresPython, f.YankedReason = oneLine(l.requiresPython), oneLine(l.yankedReason)
	f.Yanked, f.SizeBytes = l.yanked, l.sizeBytes
	if t, err := time.Parse(time.RFC3339, l.uploaded); err == nil {
		f.Uploaded = t.UTC()
	}
	if l.metadata {
		f.HasMetadata = true
		f.MetadataSHA256, _, reason = sums(l.metadataSums)
		if reason != "" {
			return f, true, "of its metadata " + reason
		}
	}
	return f, true, ""
}

// query keeps a query that a server wants with its files: signed URLs have one. It may be a secret
// only as much as the page is.
func query(u, base *url.URL) string {
	if u.Scheme == "file" || base.Scheme == "file" {
		return ""
	}
	return u.RawQuery
}

// cleanName tells whether a file name can be one. ParseFileName has looked at wheels; what it
// looks at is more than this for all but their ends.
func cleanName(name string) bool {
	if name == "" || len(name) > 255 || name[0] == '.' || strings.Contains(name, "..") {
		return false
	}
	for _, r := range name {
		if r == '/' || r == '\\' || !unicode.IsPrint(r) || r == ' ' {
			return false
		}
	}
	return true
}

// oneLine takes control characters out of a text of a server's.
func oneLine(s string) string {
	if len(s) > 1000 {
		s = strings.ToValidUTF8(s[:1000], "")
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\uFFFD' {
			return ' '
		}
		return r
	}, s))
}

// redact is for messages.
func redact(rawURL string) string { return record.Redact(rawURL) }

// want is what is known of the bytes of f.
func (f *File) want() digest.Want { return digest.Want{SHA256: f.SHA256, SizeBytes: f.SizeBytes} }
