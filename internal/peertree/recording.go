package peertree

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// A Recording is what micromamba made of one lock. It is kept as text, compressed:
//
//	corn peertree 1
//	tool micromamba 2.8.1
//	date 2026-11-22
//	inputs sha256:...            what it belongs to: see Inputs
//	prefix /srv/conda/envs/team-a
//	= history                    then the lines of conda-meta/history
//	= tree                       then "mode type size sum path", or "- l - target path"
//	= record conda-meta/a-1-0.json
//	field KEY VALUE              in the order of the file
//	path TYPE SIZE SHA256_IN_PREFIX SHA256 FLAGS PATH
//
// "%", blanks in all but a line's last column, and line ends are written as %25, %20, %0A.
// Digests in the tree have 32 digits. The bytes of compiled bytecode are not recorded.
type Recording struct {
	Tool, Date string
	Inputs     string
	Prefix     string
	History    string
	Nodes      map[string]*Node
	Records    map[string]*Record // by path
}

const recordingFormat = "corn peertree 1"

// NewRecording brings a tree into the form of a recording. archives are those of the lock, by
// name of the file.
func NewRecording(t *Tree, archives map[string]Archive) (*Recording, error) {
	r := &Recording{Nodes: map[string]*Node{}, Records: map[string]*Record{}}
	for p, data := range t.Meta {
		if p == "conda-meta/history" {
			r.History = string(data)
			continue
		}
		fn, err := archiveName(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		rec, err := ParseRecord(data, t.Nodes, archives[fn])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		hideMachine(rec, t.Nodes)
		r.Records[p] = rec
	}
	compiled, listed := r.compiled(), r.listed()
	for p, n := range t.Nodes {
		m := *n
		m.SHA256 = n.sum()
		// Bytecode that no record lists was written by a Python as it ran.
		if compiled[p] || keepsData(p) || strings.HasSuffix(p, ".pyc") && !listed[p] {
			m.SHA256, m.Size = "", -1
		}
		r.Nodes[p] = &m
	}
	return r, nil
}

// outside stands for the sum of a file that is not in the prefix, but on the machine.
const outside = "outside"

// hideMachine takes sums of the machine's own files out of a record.
func hideMachine(r *Record, nodes map[string]*Node) {
	for i := range r.Paths {
		e := &r.Paths[i]
		n := nodes[e.Path]
		if e.Type != "softlink" || n == nil || n.Type != 'l' || e.InPrefix == sumOfNothing {
			continue
		}
		if to := path.Join(path.Dir(e.Path), n.Target); path.IsAbs(n.Target) || to == ".." || strings.HasPrefix(to, "../") {
			e.InPrefix = outside
		}
	}
}

func archiveName(record []byte) (fn string, err error) {
	err = eachField(record, func(key string, value json.RawMessage) error {
		if key == "fn" {
			fn, err = strconv.Unquote(string(value))
		}
		return err
	})
	return fn, err
}

// listed are the paths in all records.
func (r *Recording) listed() map[string]bool {
	out := map[string]bool{}
	for _, rec := range r.Records {
		for _, e := range rec.Paths {
			out[e.Path] = true
		}
	}
	return out
}

// compiled are the paths that a record calls compiled bytecode.
func (r *Recording) compiled() map[string]bool {
	out := map[string]bool{}
	for _, rec := range r.Records {
		for _, e := range rec.Paths {
			if e.Type == pycFile {
				out[e.Path] = true
			}
		}
	}
	return out
}

// pycFile is the path_type of compiled bytecode.
const pycFile = "pyc_file"

var (
	quoteWord = strings.NewReplacer("%", "%25", "\n", "%0A", " ", "%20")
	quoteLast = strings.NewReplacer("%", "%25", "\n", "%0A")
	unquote   = strings.NewReplacer("%25", "%", "%0A", "\n", "%20", " ")
)

// WriteTo writes the text, uncompressed.
func (r *Recording) WriteTo(w io.Writer) (int64, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\ntool %s\ndate %s\ninputs %s\nprefix %s\n", recordingFormat, r.Tool, r.Date, r.Inputs, r.Prefix)
	b.WriteString("= history\n")
	for line := range strings.Lines(r.History) {
		fmt.Fprintf(&b, "%s\n", quoteLast.Replace(strings.TrimSuffix(line, "\n")))
	}
	b.WriteString("= tree\n")
	for _, p := range slices.Sorted(maps.Keys(r.Nodes)) {
		n := r.Nodes[p]
		mode, size, sum := fmt.Sprintf("%04o", n.Mode), "-", "-"
		switch {
		case n.Type == 'l':
			mode, sum = "-", quoteWord.Replace(n.Target)
		case n.Type == 'f' && n.SHA256 != "":
			size, sum = strconv.FormatInt(n.Size, 10), n.sum()
		}
		fmt.Fprintf(&b, "%s %c %s %s %s\n", mode, n.Type, size, sum, quoteLast.Replace(p))
	}
	for _, p := range slices.Sorted(maps.Keys(r.Records)) {
		rec := r.Records[p]
		if !rec.Canonical {
			return 0, fmt.Errorf("write recording: %s is not laid out as expected", p)
		}
		fmt.Fprintf(&b, "= record %s\n", quoteLast.Replace(p))
		for _, f := range rec.Fields {
			fmt.Fprintf(&b, "field %s %s\n", quoteWord.Replace(f.Key), quoteLast.Replace(f.Value))
		}
		for _, e := range rec.Paths {
			fmt.Fprintf(&b, "path %s %s\n", e, quoteLast.Replace(e.Path))
		}
	}
	return b.WriteTo(w)
}

// Save writes the recording to a file.
func (r *Recording) Save(name string) error {
	var b bytes.Buffer
	enc, err := zstd.NewWriter(&b, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	if _, err := r.WriteTo(enc); err != nil {
		return err
	}
	if err := enc.Close(); err != nil {
		return err
	}
	return os.WriteFile(name, b.Bytes(), 0o644)
}

// Load reads a file that Save wrote.
func Load(name string) (*Recording, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	dec, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	r, err := Read(dec)
	if err != nil {
		return nil, fmt.Errorf("read recording %s: %w", name, err)
	}
	return r, nil
}

// Read reads the text of a recording.
func Read(src io.Reader) (*Recording, error) {
	r := &Recording{Nodes: map[string]*Node{}, Records: map[string]*Record{}}
	lines := bufio.NewScanner(src)
	lines.Buffer(nil, 16<<20)
	section, number := "", 0
	for lines.Scan() {
		number++
		line := lines.Text()
		var err error
		if title, ok := strings.CutPrefix(line, "= "); ok {
			section = title
			if p, ok := strings.CutPrefix(title, "record "); ok {
				section = unquote.Replace(p)
				r.Records[section] = &Record{Canonical: true}
			}
			continue
		}
		switch {
		case number == 1:
			if line != recordingFormat {
				err = fmt.Errorf("want %q", recordingFormat)
			}
		case section == "":
			err = r.header(line)
		case section == "history":
			r.History += unquote.Replace(line) + "\n"
		case section == "tree":
			err = r.node(line)
		default:
			err = r.Records[section].line(line)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w: %q", number, err, line)
		}
	}
	return r, lines.Err()
}

func (r *Recording) header(line string) error {
	key, value, _ := strings.Cut(line, " ")
	field := map[string]*string{"tool": &r.Tool, "date": &r.Date, "inputs": &r.Inputs, "prefix": &r.Prefix}[key]
	if field == nil {
		return fmt.Errorf("no header is called %q", key)
	}
	*field = value
	return nil
}

func (r *Recording) node(line string) error {
	c := strings.SplitN(line, " ", 5)
	if len(c) != 5 || len(c[1]) != 1 {
		return fmt.Errorf("want five columns")
	}
	n := &Node{Type: c[1][0], Size: -1}
	if n.Type == 'l' {
		n.Target, n.Size = unquote.Replace(c[3]), 0
	} else {
		mode, err := strconv.ParseUint(c[0], 8, 32)
		if err != nil {
			return err
		}
		n.Mode = uint32(mode)
	}
	if n.Type == 'f' && c[3] != "-" {
		var err error
		if n.Size, err = strconv.ParseInt(c[2], 10, 64); err != nil {
			return err
		}
		n.SHA256 = c[3]
	}
	if n.Type == 'd' || n.Type == 'o' {
		n.Size = 0
	}
	r.Nodes[unquote.Replace(c[4])] = n
	return nil
}

func (r *Record) line(line string) error {
	if r == nil {
		return fmt.Errorf("a line outside a section")
	}
	kind, rest, _ := strings.Cut(line, " ")
	switch kind {
	case "field":
		key, value, _ := strings.Cut(rest, " ")
		r.Fields = append(r.Fields, Field{unquote.Replace(key), unquote.Replace(value)})
		return nil
	case "path":
		c := strings.SplitN(rest, " ", 6)
		if len(c) != 6 {
			return fmt.Errorf("want six columns")
		}
		r.Paths = append(r.Paths, PathEntry{c[0], c[1], c[2], c[3], c[4], unquote.Replace(c[5])})
		return nil
	}
	return fmt.Errorf("no line begins with %q", kind)
}
