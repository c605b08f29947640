package repodata

import (
	"bytes"
	"errors"
	"iter"
	"slices"
	"sort"

	"github.com/klauspost/compress/zstd"
	"github.com/tinylib/msgp/msgp"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/digest"
)

// Limits of what is held in memory after decompression. The largest shard of conda-forge has
// 5 MB, its index 2 MB.
const (
	maxShardBytes      = 256 << 20
	maxShardIndexBytes = 256 << 20
)

const (
	whatShard      = "shard"
	whatShardIndex = "shard index"
)

// zstdMagic starts every zstd frame (RFC 8878 section 3.1.1).
var zstdMagic = []byte{0x28, 0xB5, 0x2F, 0xFD}

// unpack decompresses what, which a server may have decompressed already.
func unpack(what string, b []byte, limit int) ([]byte, error) {
	if !bytes.HasPrefix(b, zstdMagic) {
		if start := bytes.TrimSpace(b); len(start) > 0 && start[0] == '<' {
			return nil, &FormatError{What: what, Offset: 0, Err: ErrHTML}
		}
		return b, nil
	}
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(limit)))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	plain, err := d.DecodeAll(b, nil)
	switch {
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded):
		return nil, &LimitError{What: what, Limit: int64(limit)}
	case err != nil:
		return nil, &FormatError{What: what, Offset: -1, Reason: "zstd", Err: err}
	}
	return plain, nil
}

// A ShardIndex is the file repodata_shards.msgpack.zst: which shard holds a name.
// It is immutable and safe for concurrent use.
type ShardIndex struct {
	Subdir        string
	BaseURL       string // of archives; may be relative to the index, or empty for beside it
	ShardsBaseURL string // of shards; may be relative to the index
	CreatedAt     string // as the source says, RFC 3339

	names []string // sorted
	sums  []digest.SHA256
}

// Len is the number of names.
func (x *ShardIndex) Len() int { return len(x.names) }

// Names yields all names, sorted by bytes.
func (x *ShardIndex) Names() iter.Seq[string] { return slices.Values(x.names) }

// Sum returns the SHA-256 of the shard that holds a name. It is also the shard's file name.
func (x *ShardIndex) Sum(name string) (digest.SHA256, bool) {
	i, ok := slices.BinarySearch(x.names, name)
	if !ok {
		return digest.SHA256{}, false
	}
	return x.sums[i], true
}

// DecodeShardIndex reads a shard index, compressed or not. Errors are *FormatError, *LimitError
// and *VersionError.
func DecodeShardIndex(packed []byte) (*ShardIndex, error) {
	b, err := unpack(whatShardIndex, packed, maxShardIndexBytes)
	if err != nil {
		return nil, err
	}
	x := &ShardIndex{}
	m := &msgpack{what: whatShardIndex, whole: b, b: b}
	known := false
	err = m.members(func(key []byte) error {
		switch string(key) {
		case "version":
			if v := m.number(); v > 1 {
				return &VersionError{Got: int(v), Max: 1}
			}
		case "info":
			return m.members(func(key []byte) error {
				switch string(key) {
				case "subdir":
					x.Subdir = string(m.text())
				case "base_url":
					x.BaseURL = string(m.text())
				case "shards_base_url":
					x.ShardsBaseURL = string(m.text())
				case "created_at":
					x.CreatedAt = string(m.text())
				case "repodata_version":
					if v := m.number(); v > MaxVersion {
						return &VersionError{Got: int(v), Max: MaxVersion}
					}
				default:
					m.skip()
				}
				return m.err
			})
		case "shards":
			known = true
			return m.members(func(name []byte) error {
				var sum digest.SHA256
				sumFrom(sum[:], m.text())
				if m.err == nil && !sum.IsZero() { // null stands for a name that is gone
					x.names = append(x.names, string(name))
					x.sums = append(x.sums, sum)
				}
				return m.err
			})
		default:
			m.skip()
		}
		return m.err
	})
	if err == nil && !known {
		err = m.fail("no shard index: it has no shards")
	}
	if err != nil {
		return nil, err
	}
	if !slices.IsSorted(x.names) {
		sort.Stable((*byName)(x))
	}
	return x, nil
}

type byName ShardIndex

func (x *byName) Len() int           { return len(x.names) }
func (x *byName) Less(i, j int) bool { return x.names[i] < x.names[j] }
func (x *byName) Swap(i, j int) {
	x.names[i], x.names[j] = x.names[j], x.names[i]
	x.sums[i], x.sums[j] = x.sums[j], x.sums[i]
}

// DecodeShard reads a shard of CEP 16, compressed or not. Records of other names than the one it
// was asked for cannot be found through the index and are left out, as are those that Convert
// would leave out. Errors are *FormatError and *LimitError. Whether its bytes are the ones that the
// index names is for the caller to check.
func DecodeShard(name string, packed []byte) (*Shard, error) {
	b, err := unpack(whatShard, packed, maxShardBytes)
	if err != nil {
		return nil, err
	}
	m := &msgpack{what: whatShard + " of " + name, whole: b, b: b}
	bld := newBuilder()
	bld.start(name)
	removed := map[string]bool{}
	known := false
	var e entry
	// ext is what the keys lack of the file names (CEP 48).
	readRecords := func(m *msgpack, ext string) error {
		return m.members(func(key []byte) error {
			e.reset()
			e.fileName = append(slices.Clone(key), ext...)
			if m.next() != msgp.MapType {
				m.skip()
				return m.err
			}
			if err := e.readMsgpack(m); err != nil {
				return err
			}
			if e.complete() == "" && string(e.name) == name {
				bld.add(&e)
			}
			return nil
		})
	}
	err = m.members(func(key []byte) error {
		switch string(key) {
		case "packages", "packages.conda":
			known = true
			return readRecords(m, "")
		case "v3":
			known = true
			return m.members(func(format []byte) error {
				ext := "." + string(format)
				if _, ok := record.FormatOf(ext); !ok {
					m.skip()
					return m.err
				}
				return readRecords(m, ext)
			})
		case "removed":
			known = true
			for _, f := range m.texts(nil) {
				removed[string(f)] = true
			}
		default:
			m.skip()
		}
		return m.err
	})
	if err == nil && !known {
		err = m.fail("no shard: it has no packages")
	}
	if err != nil {
		return nil, err
	}
	bld.settle()
	bld.choose(removed)
	return ParseShard(bld.appendShard(nil))
}
