package repodata

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"math"
	"sort"
)

// IndexVersion is the version of an index file's bytes, those of its shards included. It is raised with
// every change of them, and belongs into the keys of what is cached.
const IndexVersion = 1

// The parts of an index file: docs/formats/repodata-index.md. Numbers are big-endian.
const (
	indexMagic   = "CORNRPD1"
	entryBytes   = 32 // one name in the table
	trailerBytes = 64
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const whatIndex = "repodata index"

// An indexWriter writes shards, then the table of their names.
type indexWriter struct {
	w     io.Writer
	n     int64
	table []byte // the entries
	names []byte
	err   error
}

func newIndexWriter(w io.Writer) *indexWriter {
	iw := &indexWriter{w: w}
	iw.write([]byte(indexMagic))
	return iw
}

func (iw *indexWriter) write(b []byte) {
	if iw.err != nil {
		return
	}
	n, err := iw.w.Write(b)
	iw.n += int64(n)
	iw.err = err
}

// add writes the shard of a name; names come in order.
func (iw *indexWriter) add(name string, shard []byte) error {
	if len(name) > math.MaxUint16 || len(shard) > math.MaxUint32 {
		return &LimitError{What: "the records of " + name, Limit: math.MaxUint32}
	}
	e := iw.table
	e = binary.BigEndian.AppendUint64(e, uint64(iw.n))
	e = binary.BigEndian.AppendUint32(e, uint32(len(shard)))
	e = binary.BigEndian.AppendUint32(e, crc32.Checksum(shard, castagnoli))
	e = binary.BigEndian.AppendUint32(e, uint32(len(iw.names)))
	e = binary.BigEndian.AppendUint16(e, uint16(len(name)))
	iw.table = append(e, make([]byte, entryBytes-22)...) // 22 = 8+4+4+4+2
	iw.names = append(iw.names, name...)
	iw.write(shard)
	return iw.err
}

func (iw *indexWriter) close(info Info) error {
	meta, err := json.Marshal(info)
	if err != nil {
		return err
	}
	at := iw.n
	tail := append(append(iw.table, iw.names...), meta...)
	sum := crc32.Checksum(tail, castagnoli)
	t := make([]byte, 0, trailerBytes)
	t = append(t, indexMagic...)
	t = binary.BigEndian.AppendUint64(t, uint64(at))
	t = binary.BigEndian.AppendUint32(t, uint32(len(iw.table)/entryBytes))
	t = binary.BigEndian.AppendUint32(t, uint32(len(iw.names)))
	t = binary.BigEndian.AppendUint32(t, uint32(len(meta)))
	t = binary.BigEndian.AppendUint32(t, sum)
	t = t[:trailerBytes-4]
	t = binary.BigEndian.AppendUint32(t, crc32.Checksum(t, castagnoli))
	iw.write(tail)
	iw.write(t)
	return iw.err
}

// An Index is an open index file. Opening reads the table of names, some 40 bytes for each, and
// no record. It is safe for concurrent use if the ReaderAt is.
type Index struct {
	r     io.ReaderAt
	info  Info
	table []byte
	names []byte
	n     int
	end   int64 // of the shards
}

// OpenIndex opens the index in the sizeBytes bytes of r. Bytes that are no index of this
// version, or damaged ones, are a *FormatError. r is used as long as the Index is.
func OpenIndex(r io.ReaderAt, sizeBytes int64) (*Index, error) {
	bad := func(reason string) (*Index, error) {
		return nil, &FormatError{What: whatIndex, Offset: -1, Reason: reason}
	}
	if sizeBytes < int64(len(indexMagic))+trailerBytes {
		return bad(fmt.Sprintf("has %d bytes, want at least %d", sizeBytes, len(indexMagic)+trailerBytes))
	}
	t := make([]byte, trailerBytes)
	if _, err := r.ReadAt(t, sizeBytes-trailerBytes); err != nil {
		return nil, err
	}
	if string(t[:8]) != indexMagic {
		return bad(fmt.Sprintf("want the mark %s, got %q", indexMagic, t[:8]))
	}
	if binary.BigEndian.Uint32(t[trailerBytes-4:]) != crc32.Checksum(t[:trailerBytes-4], castagnoli) {
		return bad("the trailer is damaged")
	}
	ix := &Index{r: r, end: int64(binary.BigEndian.Uint64(t[8:])), n: int(binary.BigEndian.Uint32(t[16:]))}
	table, names, meta := int64(ix.n)*entryBytes, int64(binary.BigEndian.Uint32(t[20:])), int64(binary.BigEndian.Uint32(t[24:]))
	if ix.end < 0 || ix.end+table+names+meta+trailerBytes != sizeBytes {
		return bad("its parts do not add up to its size")
	}
	tail := make([]byte, table+names+meta)
	if _, err := r.ReadAt(tail, ix.end); err != nil {
		return nil, err
	}
	if crc32.Checksum(tail, castagnoli) != binary.BigEndian.Uint32(t[28:]) {
		return bad("the table of names is damaged")
	}
	ix.table, ix.names = tail[:table], tail[table:table+names]
	if err := json.Unmarshal(tail[table+names:], &ix.info); err != nil {
		return nil, &FormatError{What: whatIndex, Offset: -1, Reason: "info", Err: err}
	}
	for i := range ix.n {
		e := ix.table[i*entryBytes:]
		at, size := binary.BigEndian.Uint64(e), uint64(binary.BigEndian.Uint32(e[8:]))
		name := uint64(binary.BigEndian.Uint32(e[16:])) + uint64(binary.BigEndian.Uint16(e[20:]))
		if at > uint64(ix.end) || at+size > uint64(ix.end) || name > uint64(names) {
			return bad("the table of names points outside")
		}
	}
	return ix, nil
}

// Info says what the index holds.
func (ix *Index) Info() Info { return ix.info }

// Len is the number of names.
func (ix *Index) Len() int { return ix.n }

func (ix *Index) name(i int) []byte {
	e := ix.table[i*entryBytes:]
	at := binary.BigEndian.Uint32(e[16:])
	return ix.names[at:][:binary.BigEndian.Uint16(e[20:])]
}

// Names yields all names, sorted by bytes.
func (ix *Index) Names() iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range ix.n {
			if !yield(string(ix.name(i))) {
				return
			}
		}
	}
}

// Shard returns the records of a name, or nil where there are none. It reads and checks the
// bytes and decodes no record. Damage is a *FormatError.
func (ix *Index) Shard(name string) (*Shard, error) {
	key := []byte(name)
	i := sort.Search(ix.n, func(i int) bool { return bytes.Compare(ix.name(i), key) >= 0 })
	if i == ix.n || !bytes.Equal(ix.name(i), key) {
		return nil, nil
	}
	e := ix.table[i*entryBytes:]
	b := make([]byte, binary.BigEndian.Uint32(e[8:]))
	if _, err := ix.r.ReadAt(b, int64(binary.BigEndian.Uint64(e))); err != nil {
		return nil, fmt.Errorf("read the records of %s: %w", name, err)
	}
	if crc32.Checksum(b, castagnoli) != binary.BigEndian.Uint32(e[12:]) {
		return nil, badShard(name, "their checksum is wrong")
	}
	return ParseShard(b)
}
