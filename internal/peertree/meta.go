package peertree

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Record is a conda-meta record in the form that is stored and compared.
type Record struct {
	// Fields are the top-level keys in the order of the file, each with its value as compact
	// JSON. Of paths_data only what is beside its paths is left, of files nothing where
	// they are the paths in their order ("=").
	//
	// md5, sha256 and size are "@" where they are the archive's: a recording of packages
	// that are made anew stays true when a compressor changes.
	Fields []Field
	Paths  []PathEntry
	// Canonical says that the bytes are laid out as micromamba does: keys sorted at every
	// level, four blanks, no line end after the last brace.
	Canonical bool
}

// A Field is one key of a record.
type Field struct{ Key, Value string }

// Get returns the value of a key, "" for none.
func (r *Record) Get(key string) string {
	for _, f := range r.Fields {
		if f.Key == key {
			return f.Value
		}
	}
	return ""
}

// A PathEntry is one entry of paths_data.paths, as columns of text.
type PathEntry struct {
	Type     string // path_type; "-" for none
	Size     string // size_in_bytes; "=": the file's in the tree; "-": none
	InPrefix string // sha256_in_prefix; "=": the file's in the tree; "-": none
	SHA256   string // sha256; "=": the same as sha256_in_prefix; "-": none
	Flags    string // "no_link" or "-"
	Path     string
}

func (e PathEntry) String() string {
	return strings.Join([]string{e.Type, e.Size, e.InPrefix, e.SHA256, e.Flags}, " ")
}

// An Archive is what a lock knows of a package file.
type Archive struct {
	MD5, SHA256 string
	SizeBytes   int64
}

// jsonEntry is what micromamba writes of a path, in its order of keys.
type jsonEntry struct {
	Path     string  `json:"_path"`
	NoLink   *bool   `json:"no_link"`
	Type     *string `json:"path_type"`
	SHA256   *string `json:"sha256"`
	InPrefix *string `json:"sha256_in_prefix"`
	Size     *int64  `json:"size_in_bytes"`
}

// ParseRecord brings a conda-meta record into its form. nodes is the tree it stands in, with
// whole digests. A key that is not known in a path's entry is an error.
func ParseRecord(data []byte, nodes map[string]*Node, archive Archive) (*Record, error) {
	r := &Record{}
	canonical, err := canonicalJSON(data)
	if err != nil {
		return nil, err
	}
	r.Canonical = bytes.Equal(canonical, data)
	var files []string
	err = eachField(data, func(key string, value json.RawMessage) error {
		f := Field{key, string(value)}
		var err error
		switch key {
		case "files":
			err = json.Unmarshal(value, &files)
		case "paths_data":
			f.Value, err = r.pathsData(value, nodes)
		case "md5":
			f.Value = standIn(f.Value, strconv.Quote(archive.MD5))
		case "sha256":
			f.Value = standIn(f.Value, strconv.Quote(archive.SHA256))
		case "size":
			f.Value = standIn(f.Value, strconv.FormatInt(archive.SizeBytes, 10))
		}
		r.Fields = append(r.Fields, f)
		return err
	})
	if err != nil {
		return nil, err
	}
	if slices.EqualFunc(files, r.Paths, func(f string, e PathEntry) bool { return f == e.Path }) {
		for i := range r.Fields {
			if r.Fields[i].Key == "files" {
				r.Fields[i].Value = "="
			}
		}
	}
	return r, nil
}

func standIn(value, archives string) string {
	if value == archives {
		return "@"
	}
	return value
}

// eachField calls f for each key of an object, in the order of the text.
func eachField(data []byte, f func(key string, value json.RawMessage) error) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return fmt.Errorf("want an object, got %v (%w)", tok, err)
	}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return err
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return err
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, raw); err != nil {
			return err
		}
		if err := f(tok.(string), compact.Bytes()); err != nil {
			return fmt.Errorf("%s: %w", tok, err)
		}
	}
	_, err := dec.Token()
	return err
}

// pathsData takes the paths out and returns the rest.
func (r *Record) pathsData(value json.RawMessage, nodes map[string]*Node) (string, error) {
	var rest []string
	err := eachField(value, func(key string, value json.RawMessage) error {
		if key != "paths" {
			rest = append(rest, key+"="+string(value))
			return nil
		}
		dec := json.NewDecoder(bytes.NewReader(value))
		dec.DisallowUnknownFields()
		var entries []jsonEntry
		if err := dec.Decode(&entries); err != nil {
			return err
		}
		for _, e := range entries {
			r.Paths = append(r.Paths, e.columns(nodes[e.Path]))
		}
		return nil
	})
	return strings.Join(rest, " "), err
}

func (e *jsonEntry) columns(n *Node) PathEntry {
	out := PathEntry{Type: "-", Size: "-", InPrefix: "-", SHA256: "-", Flags: "-", Path: e.Path}
	if e.Type != nil {
		out.Type = *e.Type
	}
	if e.NoLink != nil && *e.NoLink {
		out.Flags = "no_link"
	}
	file := n != nil && n.Type == 'f'
	if e.Size != nil {
		out.Size = strconv.FormatInt(*e.Size, 10)
		if file && *e.Size == n.Size {
			out.Size = "="
		}
	}
	if e.InPrefix != nil {
		out.InPrefix = *e.InPrefix
	}
	if e.SHA256 != nil {
		out.SHA256 = *e.SHA256
		if out.SHA256 == out.InPrefix {
			out.SHA256 = "="
		}
	}
	if file && out.InPrefix == n.SHA256 {
		out.InPrefix = "="
	}
	return out
}

// canonicalJSON lays a document out as micromamba does.
func canonicalJSON(data []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b) // sorts keys by bytes
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "    ")
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
