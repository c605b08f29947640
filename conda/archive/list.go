package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	limit  int            // how many items there may be
}

// errTooMany is add's error for an item beyond limit.
var errTooMany = errors.New("lists too many paths")

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
	case p == "." || isInfo(p):
		return &filetree.PathError{Path: p, Reason: "is not part of the payload"}
	}
	if _, ok := l.byPath[p]; ok {
		return &filetree.PathError{Path: p, Reason: "is listed twice"}
	}
	if len(l.items) >= l.limit {
		return errTooMany
	}
	it.path = p
	l.byPath[p] = len(l.items)
	l.items = append(l.items, it)
	return nil
}

// parseList makes the list out of what of info/ has been read.
func (f infoFiles) parseList(a *Archive) (*list, error) {
	limit := a.opt.Limits.Members
	if b, ok := f["paths.json"]; ok {
		l, err := parsePathsJSON(b, limit)
		if err != nil {
			return nil, a.listErr("info/paths.json", err)
		}
		f.mark(l)
		return l, nil
	}
	uses, err := parseHasPrefix(f["has_prefix"])
	if err != nil {
		return nil, a.formatErr("info/has_prefix", "", err)
	}
	l := &list{source: "info/files", byPath: map[string]int{}, limit: limit}
	for line := range lines(f["files"]) {
		use := uses[line]
		if err := l.add(item{path: line, anyType: true, sizeBytes: -1, placeholder: use.placeholder, mode: use.mode}); err != nil {
			return nil, a.listErr("info/files", err)
		}
	}
	f.mark(l)
	return l, nil
}

func (a *Archive) listErr(source string, err error) error {
	if errors.Is(err, errTooMany) {
		return &LimitError{a.fileName, "paths in " + source, int64(a.opt.Limits.Members)}
	}
	return a.formatErr(source, "", err)
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

// pathsItem is one element of paths in info/paths.json (CEP 34).
type pathsItem struct {
	Path        string        `json:"_path"`
	Type        string        `json:"path_type"`
	SHA256      digest.SHA256 `json:"sha256"`
	SizeBytes   *int64        `json:"size_in_bytes"`
	Placeholder string        `json:"prefix_placeholder"`
	FileMode    string        `json:"file_mode"`
	NoLink      bool          `json:"no_link"`
}

// decodePaths reads info/paths.json one element after another: an element without fields
// takes three bytes there and forty times as many here.
func decodePaths(b []byte, limit int) (paths []pathsItem, version int, err error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	if err := open(dec, '{'); err != nil {
		return nil, 0, err
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, 0, err
		}
		switch key {
		case "paths_version":
			err = dec.Decode(&version)
		case "paths":
			if paths, err = decodeItems(dec, limit); errors.Is(err, errTooMany) {
				return nil, 0, err
			}
		default:
			err = dec.Decode(&json.RawMessage{})
		}
		if err != nil {
			return nil, 0, fmt.Errorf("%v: %w", key, err)
		}
	}
	if _, err := dec.Token(); err != nil { // the closing brace
		return nil, 0, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, 0, errors.New("text behind its end")
	}
	return paths, version, nil
}

func decodeItems(dec *json.Decoder, limit int) ([]pathsItem, error) {
	if err := open(dec, '['); err != nil {
		return nil, err
	}
	var items []pathsItem
	for dec.More() {
		if len(items) == limit {
			return nil, errTooMany
		}
		var it pathsItem
		if err := dec.Decode(&it); err != nil {
			return nil, err
		}
		items = append(items, it)
	}
	_, err := dec.Token()
	return items, err
}

// open takes the brace or bracket that has to come next.
func open(dec *json.Decoder, want json.Delim) error {
	got, err := dec.Token()
	if err == nil && got != want {
		return fmt.Errorf("begins with %v, want %v", got, want)
	}
	return err
}

func parsePathsJSON(b []byte, limit int) (*list, error) {
	paths, version, err := decodePaths(b, limit)
	if err != nil {
		return nil, err
	}
	if version != 1 {
		return nil, fmt.Errorf("paths_version %d, want 1", version)
	}
	l := &list{source: "info/paths.json", byPath: make(map[string]int, len(paths)), items: make([]item, 0, len(paths)), limit: limit}
	names := map[string]string{} // one string for the placeholder of all files
	for i := range paths {
		p := &paths[i]
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
