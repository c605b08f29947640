package pipeline

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/conda/link"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/store"
)

// A summary is what is needed of a planned env when none of its frames has to be made: the
// keys, and what the metadata layer and the messages say. The plan behind it, an item for
// each file of each package, is a hundred times its size.
type summary struct {
	Python   *link.Python      `json:"python,omitempty"`
	Packages []packageSummary  `json:"packages"` // in link order
	Clobbers []store.Clobber   `json:"clobbers,omitempty"`
	Kept     map[string][]byte `json:"kept,omitempty"` // see env.kept

	files, dirs []string // every path of the env, sorted; relative to the prefix, which is not among dirs
}

// A packageSummary is one package's part of it.
type packageSummary struct {
	Facts   *artifact.Facts `json:"facts"` // without members and kept bytes
	Content digest.SHA256   `json:"content"`
	Place   digest.SHA256   `json:"place"`

	Files    int `json:"files,omitempty"` // of the content, as shipped
	Compiles int `json:"compiles,omitempty"`

	Scripts    []string `json:"scripts,omitempty"` // link scripts
	FalseName  string   `json:"false,omitempty"`   // a file that paths.json describes wrongly,
	FalseCount int      `json:"nfalse,omitempty"`  // one of so many
	Linked     string   `json:"linked,omitempty"`  // for history, see link.Linked
	Requested  string   `json:"requested,omitempty"`
}

// summarize takes the summary of an env that was planned.
func (e *env) summarize(clobbers []store.Clobber) *summary {
	s := &summary{Python: e.python, Clobbers: clobbers, Kept: e.kept()}
	dirs := map[string]bool{}
	for _, p := range e.packages {
		ps := packageSummary{Facts: head(p.facts), Content: p.content, Place: p.place, Scripts: p.scripts}
		ps.FalseName, ps.FalseCount = falselyListed(p.facts)
		if p.facts.Kind == artifact.Conda {
			ps.Linked, ps.Requested = link.Linked(p.facts, p.origin), p.origin.RequestedSpec
		}
		s.Packages = append(s.Packages, ps)
		for _, k := range p.share.Kept {
			s.files = append(s.files, k.Path)
			if k.Item.Type == filetree.Dir {
				dirs[k.Path] = true
			}
			addParents(dirs, k.Path)
		}
		addParents(dirs, p.options.Record)
	}
	for d := range dirs {
		s.dirs = append(s.dirs, d)
	}
	slices.Sort(s.files)
	slices.Sort(s.dirs)
	return s
}

// head is facts without what is large.
func head(f *artifact.Facts) *artifact.Facts {
	return &artifact.Facts{
		FactsVersion: f.FactsVersion, Kind: f.Kind, FileName: f.FileName, SHA256: f.SHA256, MD5: f.MD5, SizeBytes: f.SizeBytes,
		Name: f.Name, Version: f.Version, Build: f.Build, Noarch: f.Noarch,
	}
}

// falselyListed counts files that paths.json describes wrongly and names one.
func falselyListed(f *artifact.Facts) (name string, n int) {
	for i := range f.Members {
		if m := &f.Members[i]; m.Type == filetree.File && (m.ListedSizeBytes != 0 || !m.ListedSHA256.IsZero()) {
			name = m.Path
			n++
		}
	}
	return name, n
}

// A summary is kept as a zstd frame of three parts with their lengths: JSON, files, dirs. Lists of
// thousands of paths, each ended by a NUL, are read at once.

func (s *summary) pack() ([]byte, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode the plan of an environment: %w", err)
	}
	var b bytes.Buffer
	for _, part := range [][]byte{text, joinPaths(s.files), joinPaths(s.dirs)} {
		_ = binary.Write(&b, binary.LittleEndian, uint64(len(part))) // a bytes.Buffer takes everything
		b.Write(part)
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer enc.Close()
	return enc.EncodeAll(b.Bytes(), nil), nil
}

// maxSummaryBytes bounds what unpackSummary makes of its input: an env of a million paths.
const maxSummaryBytes = 256 << 20

var errSummary = errors.New("the plan of an environment is not as it was written")

func unpackSummary(data []byte) (*summary, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxSummaryBytes))
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	b, err := dec.DecodeAll(data, nil)
	if err != nil {
		return nil, err
	}
	var parts [3][]byte
	for i := range parts {
		if len(b) < 8 {
			return nil, errSummary
		}
		n := binary.LittleEndian.Uint64(b)
		if b = b[8:]; n > uint64(len(b)) {
			return nil, errSummary
		}
		parts[i], b = b[:n], b[n:]
	}
	s := &summary{}
	if err := json.Unmarshal(parts[0], s); err != nil {
		return nil, err
	}
	s.files, s.dirs = splitPaths(parts[1]), splitPaths(parts[2])
	return s, nil
}

func joinPaths(paths []string) []byte {
	var b bytes.Buffer
	for _, p := range paths {
		b.WriteString(p)
		b.WriteByte(0)
	}
	return b.Bytes()
}

func splitPaths(data []byte) []string {
	text, ok := strings.CutSuffix(string(data), "\x00")
	if !ok {
		return nil
	}
	return strings.Split(text, "\x00")
}
