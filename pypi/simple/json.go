package simple

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nasa-openscapes/corn/pypi/wheel"
)

// page is the JSON form (PEP 691 and 700).
type page struct {
	Meta struct {
		APIVersion string `json:"api-version"`
	} `json:"meta"`
	Name  string     `json:"name"`
	Files []pageFile `json:"files"`
}

type pageFile struct {
	FileName       string            `json:"filename"`
	URL            string            `json:"url"`
	Hashes         map[string]string `json:"hashes"`
	RequiresPython *string           `json:"requires-python"`
	CoreMetadata   boolOr            `json:"core-metadata"`
	DistInfo       boolOr            `json:"dist-info-metadata"`
	Yanked         boolOr            `json:"yanked"`
	Size           json.Number       `json:"size"`
	UploadTime     string            `json:"upload-time"`
}

// A boolOr is true, false, a text or hashes.
type boolOr struct {
	set    bool
	is     bool
	text   string
	hashes map[string]string
}

func (b *boolOr) UnmarshalJSON(text []byte) error {
	b.set = true
	switch {
	case len(text) == 0, string(text) == "null":
		b.set = false
		return nil
	case text[0] == '"':
		b.is = true
		return json.Unmarshal(text, &b.text)
	case text[0] == '{':
		b.is = true
		return json.Unmarshal(text, &b.hashes)
	}
	return json.Unmarshal(text, &b.is)
}

// parseJSON reads a page about the project.
func parseJSON(body []byte, project string) ([]link, error) {
	var p page
	if err := json.Unmarshal(body, &p); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return nil, &FormatError{Reason: fmt.Sprintf("no JSON after %d bytes (it begins with %s)", syntax.Offset, quoted(start(body)))}
		}
		return nil, &FormatError{Reason: err.Error()}
	}
	if v := p.Meta.APIVersion; !strings.HasPrefix(v, "1.") {
		if v == "" {
			return nil, &FormatError{Reason: "the JSON has no meta.api-version"}
		}
		return nil, &VersionError{Got: v}
	}
	if wheel.NormalizeName(p.Name) != project {
		return nil, &FormatError{Reason: fmt.Sprintf("it is about %s, and %s was asked for", quoted(p.Name), project)}
	}
	links := make([]link, 0, len(p.Files))
	for i := range p.Files {
		f := &p.Files[i]
		l := link{name: f.FileName, href: f.URL, hashes: f.Hashes, uploaded: f.UploadTime}
		if before, _, ok := strings.Cut(l.href, "#"); ok {
			l.href = before
		}
		if f.RequiresPython != nil {
			l.requiresPython = *f.RequiresPython
		}
		l.yanked, l.yankedReason = f.Yanked.is, f.Yanked.text
		m := f.CoreMetadata
		if !m.set {
			m = f.DistInfo
		}
		l.metadata, l.metadataSums = m.is, m.hashes
		if n, err := f.Size.Int64(); err == nil && n > 0 {
			l.sizeBytes = n
		}
		links = append(links, l)
	}
	return links, nil
}

// start is the beginning of a body for a message.
func start(body []byte) string { return string(body[:min(len(body), 40)]) }
