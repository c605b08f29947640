package archive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
)

// list is what an archive installs: paths.json, or the older files.
type list struct {
	source string // "info/paths.json" or "info/files"
	items  []item
	byPath map[string]int // index into items
}

// item is one listed path.
type item struct {
	path      string
	dir       bool // path_type "directory"
	anyType   bool // info/files: it says nothing of the type
	sha256    digest.SHA256
	sizeBytes int64 // -1: not said
	// linkSizeBytes is what is said of a softlink.
	linkSizeBytes int64
	placeholder   string
	mode          artifact.PrefixMode
	noLink        bool
	noSoft        bool
}

func (l *list) get(p string) *item {
	if i, ok := l.byPath[p]; ok {
		return &l.items[i]
	}
	return nil
}

// add takes an item in and returns why it cannot be there.
func (l *list) add(it item) error {
	p, err := cleanName(it.path, filetree.File)
	if err != nil {
		return err
	}
	switch {
	case !utf8.ValidString(p) || !utf8.ValidString(it.placeholder):
		return &filetree.PathError{Path: p, Reason: "or its placeholder is not UTF-8"}
	case p == "." || p == "info" || len(p) > 5 && p[:5] == "info/":
		return &filetree.PathError{Path: p, Reason: "is not part of the payload"}
	}
	if _, ok := l.byPath[p]; ok {
		return &filetree.PathError{Path: p, Reason: "is listed twice"}
	}
	it.path = p
	l.byPath[p] = len(l.items)
	l.items = append(l.items, it)
	return nil
}

// parseList makes the list out of what of info/ has been read.
func (f infoFiles) parseList(a *Archive) (*list, error) {
	if b, ok := f["paths.json"]; ok {
		l, err := parsePathsJSON(b)
		if err != nil {
			return nil, a.formatErr("info/paths.json", "", err)
		}
		f.mark(l)
		return l, nil
	}
	uses, err := parseHasPrefix(f["has_prefix"])
	if err != nil {
		return nil, a.formatErr("info/has_prefix", "", err)
	}
	l := &list{source: "info/files", byPath: map[string]int{}}
	for line := range lines(f["files"]) {
		use := uses[line]
		if err := l.add(item{path: line, anyType: true, sizeBytes: -1, placeholder: use.placeholder, mode: use.mode}); err != nil {
			return nil, a.formatErr("info/files", "", err)
		}
	}
	f.mark(l)
	return l, nil
}

// mark sets what info/no_link and info/no_softlink say.
func (f infoFiles) mark(l *list) {
	for line := range lines(f["no_link"]) {
		if it := l.get(line); it != nil {
			it.noLink = true
		}
	}
	for line := range lines(f["no_softlink"]) {
		if it := l.get(line); it != nil {
			it.noSoft = true
		}
	}
}

// pathsJSON is info/paths.json (CEP 34).
type pathsJSON struct {
	Version int `json:"paths_version"`
	Paths   []struct {
		Path        string        `json:"_path"`
		Type        string        `json:"path_type"`
		SHA256      digest.SHA256 `json:"sha256"`
		SizeBytes   *int64        `json:"size_in_bytes"`
		Placeholder string        `json:"prefix_placeholder"`
		FileMode    string        `json:"file_mode"`
		NoLink      bool          `json:"no_link"`
	} `json:"paths"`
}

func parsePathsJSON(b []byte) (*list, error) {
	var doc pathsJSON
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, err
	}
	if doc.Version != 1 {
		return nil, fmt.Errorf("paths_version %d, want 1", doc.Version)
	}
	l := &list{source: "info/paths.json", byPath: make(map[string]int, len(doc.Paths)), items: make([]item, 0, len(doc.Paths))}
	names := map[string]string{} // one string for the placeholder of all files
	for i := range doc.Paths {
		p := &doc.Paths[i]
		it := item{path: p.Path, sha256: p.SHA256, sizeBytes: -1, noLink: p.NoLink}
		if p.SizeBytes != nil {
			it.sizeBytes = *p.SizeBytes
		}
		switch p.Type {
		case "hardlink":
		case "softlink", "":
			// A softlink's size and hash are those of what it leads to.
			it.linkSizeBytes = max(it.sizeBytes, 0)
			it.sizeBytes, it.sha256 = -1, digest.SHA256{}
		case "directory":
			it.dir = true
		default:
			return nil, fmt.Errorf("%q has path_type %q, want hardlink, softlink or directory", p.Path, p.Type)
		}
		if p.Placeholder != "" {
			mode, err := prefixMode(p.FileMode)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", p.Path, err)
			}
			if _, ok := names[p.Placeholder]; !ok {
				names[p.Placeholder] = p.Placeholder
			}
			it.placeholder, it.mode = names[p.Placeholder], mode
		}
		if err := l.add(it); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// prefixMode reads file_mode. None is text, as in micromamba.
func prefixMode(s string) (artifact.PrefixMode, error) {
	switch s {
	case "", "text":
		return artifact.Text, nil
	case "binary":
		return artifact.Binary, nil
	}
	return "", fmt.Errorf("file mode %q, want text or binary", s)
}

// lines yields the lines of the older lists, less white space around them, empty lines and comments
// (conda's practice).
func lines(b []byte) func(func(string) bool) {
	return func(yield func(string) bool) {
		for line := range bytes.Lines(b) {
			line = bytes.TrimSpace(line)
			if len(line) > 0 && line[0] != '#' && !yield(string(line)) {
				return
			}
		}
	}
}
