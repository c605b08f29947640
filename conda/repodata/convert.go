package repodata

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// MaxVersion is the highest repodata_version that is read.
const MaxVersion = 2

// Info says what an index holds.
type Info struct {
	Subdir  string `json:"subdir,omitempty"`   // as the source says; may be empty, may lie
	BaseURL string `json:"base_url,omitempty"` // as the source says (CEP 15): absolute, or relative to the index; may be empty
	Version int    `json:"repodata_version,omitempty"`
	Records int    `json:"records"` // that can be found
	Skipped int    `json:"skipped,omitempty"`
	// SkippedWhy is the first reason why a record could not be used.
	SkippedWhy string `json:"skipped_why,omitempty"`
}

// A Spool is scratch space that Convert needs for large inputs: a temporary *os.File.
type Spool interface {
	io.Writer
	io.ReaderAt
}

// spillBytes is how much of the encoded records Convert holds in memory.
const spillBytes = 32 << 20

// Convert reads a repodata.json (not compressed) to its end and returns what it holds, ready to be
// written as an index. It takes one pass and a bounded amount of memory: encoded records beyond
// 32 MiB go to the file that spool makes, which is called at most once; the caller removes
// the file after WriteTo. Records may come in any order.
//
// Input that is no repodata is a *FormatError, one of a later version a *VersionError; errors of src
// are returned as they are.
func Convert(ctx context.Context, src io.Reader, spool func() (Spool, error)) (*Conversion, error) {
	return convert(ctx, src, spool, spillBytes)
}

func convert(ctx context.Context, src io.Reader, spool func() (Spool, error), limit int) (*Conversion, error) {
	c := &Conversion{spool: spool, limit: limit, removed: map[string]bool{}, b: newBuilder()}
	ahead := readAhead(ctx, src)
	defer ahead.stop()
	err := newStream(ahead).readDocument(handler{
		record:  c.record,
		removed: func(f string) { c.removed[f] = true },
		info:    c.setInfo,
	})
	if err == nil && c.Info.Version > MaxVersion {
		err = &VersionError{Got: c.Info.Version, Max: MaxVersion}
	}
	if err == nil {
		err = c.flush()
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// A Conversion is an index that is not written yet. It is for one goroutine.
type Conversion struct {
	Info Info // Records is known after WriteTo

	spool func() (Spool, error)
	limit int // of mem
	file  Spool
	size  int64  // of file
	mem   []byte // what comes after the file's bytes

	b       *builder
	e       entry
	pieces  []piece
	removed map[string]bool
}

// A piece is a run of records of one name that stood together, encoded as a shard.
type piece struct {
	name    string
	at      int64
	size    int32
	records int32
	mixed   bool // holds both formats, so that one may hide the other
}

func (c *Conversion) setInfo(i docInfo) {
	c.Info.Subdir = cmp.Or(i.Subdir, c.Info.Subdir)
	c.Info.BaseURL = cmp.Or(i.BaseURL, c.Info.BaseURL)
	c.Info.Version = max(i.Version, c.Info.Version)
}

func (c *Conversion) record(fileName, value []byte, at int64) error {
	c.e.reset()
	c.e.fileName = fileName
	reason := "the record is no object"
	if value[0] == '{' {
		if err := c.e.readJSON(value); err != nil {
			var bad *syntaxError
			if errors.As(err, &bad) {
				return &FormatError{What: whatJSON, Offset: at + int64(bad.at), Reason: fmt.Sprintf("record of %.80q: %s", fileName, bad.reason)}
			}
			return err
		}
		reason = c.e.complete()
	}
	if reason != "" {
		c.Info.Skipped++
		if c.Info.SkippedWhy == "" {
			c.Info.SkippedWhy = fmt.Sprintf("%.80q: %s", fileName, reason)
		}
		return nil
	}
	if string(c.e.name) != c.b.name {
		if err := c.flush(); err != nil {
			return err
		}
		c.b.start(string(c.e.name))
	}
	c.b.add(&c.e)
	return nil
}

// flush ends the piece that is being built.
func (c *Conversion) flush() error {
	if len(c.b.records) == 0 {
		return nil
	}
	c.b.settle()
	at := len(c.mem)
	c.mem = c.b.appendShard(c.mem)
	c.pieces = append(c.pieces, piece{name: c.b.name, at: c.size + int64(at), size: int32(len(c.mem) - at), records: int32(len(c.b.records)), mixed: c.b.mixed()})
	c.b.records = c.b.records[:0]
	if len(c.mem) < c.limit {
		return nil
	}
	if c.file == nil {
		f, err := c.spool()
		if err != nil {
			return err
		}
		c.file = f
	}
	n, err := c.file.Write(c.mem)
	c.size += int64(n)
	c.mem = c.mem[:0]
	return err
}

// read appends the bytes of a piece to dst.
func (c *Conversion) read(dst []byte, p piece) ([]byte, error) {
	if p.at >= c.size {
		return append(dst, c.mem[p.at-c.size:][:p.size]...), nil
	}
	n := len(dst)
	dst = slices.Grow(dst, int(p.size))[:n+int(p.size)]
	_, err := c.file.ReadAt(dst[n:], p.at)
	return dst, err
}

// WriteTo writes the index. Call it once.
func (c *Conversion) WriteTo(w io.Writer) (int64, error) {
	// Stable: of two records with one file name the later one counts.
	slices.SortStableFunc(c.pieces, func(a, b piece) int { return strings.Compare(a.name, b.name) })
	iw := newIndexWriter(w)
	var buf []byte
	for i := 0; i < len(c.pieces); {
		j := i + 1
		for j < len(c.pieces) && c.pieces[j].name == c.pieces[i].name {
			j++
		}
		var err error
		if buf, err = c.merge(buf[:0], c.pieces[i:j]); err != nil {
			return iw.n, err
		}
		if len(buf) > 0 {
			err = iw.add(c.pieces[i].name, buf)
		}
		if err != nil {
			return iw.n, err
		}
		i = j
	}
	err := iw.close(c.Info)
	return iw.n, err
}

// merge appends the shard that the pieces of one name make, or nothing where no record is left.
func (c *Conversion) merge(dst []byte, pieces []piece) ([]byte, error) {
	if len(pieces) == 1 && len(c.removed) == 0 && !pieces[0].mixed {
		c.Info.Records += int(pieces[0].records)
		return c.read(dst, pieces[0])
	}
	c.b.start(pieces[0].name)
	var raw []byte
	for _, p := range pieces {
		var err error
		if raw, err = c.read(raw[:0], p); err != nil {
			return nil, err
		}
		if err := c.b.addShard(raw); err != nil {
			return nil, err
		}
	}
	c.b.settle()
	c.b.choose(c.removed)
	c.Info.Records += len(c.b.records)
	if len(c.b.records) == 0 {
		return dst, nil
	}
	return c.b.appendShard(dst), nil
}
