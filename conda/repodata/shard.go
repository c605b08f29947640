package repodata

import (
	"encoding/binary"
	"net/url"
	"strings"
	"sync"

	"github.com/nasa-openscapes/corn/conda/record"
)

// ShardVersion is the version of a shard's bytes. It is raised with every change of them, and
// belongs into the keys of what is cached.
const ShardVersion = 1

// A Shard holds the records of one package name, encoded. It is immutable and safe for
// concurrent use.
type Shard struct {
	name     string
	depends  []string
	mentions []string
	raw      []byte // whole
	body     []byte // from the texts on
}

// Name is the package's name.
func (s *Shard) Name() string { return s.name }

// DependNames are the names that any of the records depends on, sorted, virtual packages
// among them, names in constrains not. Treat it as read-only.
func (s *Shard) DependNames() []string { return s.depends }

// MentionNames are the names that stand in constrains and in conditions (CEP 43) alone, sorted: they
// bring nothing in, and a solver may ask for them. Treat it as read-only.
func (s *Shard) MentionNames() []string { return s.mentions }

// Bytes is the encoded shard, for a cache. Treat it as read-only.
func (s *Shard) Bytes() []byte { return s.raw }

// A reader takes encoded numbers and texts apart. After the first error it gives zeros.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) num() uint64 {
	// Most numbers are below 128.
	if len(r.b) > 0 && r.b[0] < 0x80 {
		n := uint64(r.b[0])
		r.b = r.b[1:]
		return n
	}
	n, w := binary.Uvarint(r.b)
	if w <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[w:]
	return n
}

func (r *reader) signed() int64 {
	n, w := binary.Varint(r.b)
	if w <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[w:]
	return n
}

// count is a number of things that each take at least one of the bytes that follow.
func (r *reader) count() int {
	n := r.num()
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return 0
	}
	return int(n)
}

func (r *reader) bytes(n int) []byte {
	if n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	s := r.b[:n:n]
	r.b = r.b[n:]
	return s
}

func (r *reader) text() []byte { return r.bytes(r.count()) }

// textList reads texts that share one allocation: they live as long as each other.
func (r *reader) textList() []string {
	n := r.count()
	if n == 0 {
		return nil
	}
	from, size := r.b, 0
	for range n {
		size += len(r.text())
	}
	var all strings.Builder
	all.Grow(size)
	r.b = from
	list := make([]string, n)
	for i := range list {
		start := all.Len()
		all.Write(r.text())
		list[i] = all.String()[start:]
	}
	return list
}

func badShard(name, reason string) error {
	if name != "" {
		reason = "the records of " + name + ": " + reason
	}
	return &FormatError{What: "repodata index", Offset: -1, Reason: reason}
}

// ParseShard reads what Shard.Bytes gave. It decodes no record; b must not change afterwards.
// Bytes that are no shard are a *FormatError, here or from Records.
func ParseShard(b []byte) (*Shard, error) {
	r := &reader{b: b}
	s := &Shard{name: string(r.text()), raw: b}
	s.depends = r.textList()
	s.mentions = r.textList()
	s.body = r.b
	if r.bad || s.name == "" {
		return nil, badShard(s.name, "the head is damaged")
	}
	return s, nil
}

// An Origin says where records stand: what a shard does not hold, because the same shard may
// lie in several places.
type Origin struct {
	Channel string        // the channel's base URL without credentials
	Subdir  record.Subdir // the folder of the channel
	BaseURL string        // what file names are put behind: info.base_url resolved, else the subdir's URL. A final slash is not needed
}

// Records decodes the records, in the order of their file names. Texts and slices are shared between
// records: equal lists of dependencies are the same slice. Each call decodes anew.
func (s *Shard) Records(o Origin) ([]*record.Record, error) {
	groups, err := s.Groups(o)
	if err != nil {
		return nil, err
	}
	var out []*record.Record
	for _, g := range groups {
		out = append(out, g.Records()...)
	}
	return out, nil
}

// Groups reads through all records, which finds damage, and makes none of them. The groups are in the order of file names,
// and so are the records in each; a version can come in several groups. Records of all groups share texts and
// lists as those of Records do.
func (s *Shard) Groups(o Origin) ([]record.Group, error) {
	d := decoder{reader: reader{b: s.body}, name: s.name}
	n, err := d.head()
	if err != nil {
		return nil, err
	}
	var groups []record.Group
	var p packed
	var version uint32
	var from []byte
	finish := func() {
		if len(groups) > 0 {
			groups[len(groups)-1].Records = d.later(from, groups[len(groups)-1].Len, o)
		}
	}
	for range n {
		at := d.b
		if err := d.next(&p); err != nil {
			return nil, err
		}
		features := len(d.lists[p.trackFeatures])
		if k := len(groups) - 1; k >= 0 && p.version == version && groups[k].Features == features {
			groups[k].Len++
			continue
		}
		finish()
		version, from = p.version, at
		groups = append(groups, record.Group{Channel: o.Channel, Version: d.texts[p.version], Features: features, Len: 1})
	}
	finish()
	return groups, nil
}

// later returns a function that makes the n records that start at from. They were read once, so they are not damaged.
func (d *decoder) later(from []byte, n int, o Origin) func() []*record.Record {
	own := *d
	own.b = from
	return sync.OnceValue(func() []*record.Record {
		recs := make([]record.Record, n)
		files := make([]fileRef, n)
		out := make([]*record.Record, n)
		var p packed
		for i := range recs {
			if err := own.next(&p); err != nil {
				panic(err)
			}
			own.record(&recs[i], &p)
			files[i] = fileRef{name: own.texts[p.fileName], ext: p.format().Ext()}
			out[i] = &recs[i]
		}
		place(recs, files, o)
		return out
	})
}

// fileRef is a file name before it is built.
type fileRef struct {
	name string // "" where the dist tells it
	ext  string
	at   int // where it starts in the text of all
}

// place gives the records their names of files and URLs, which share one text.
func place(recs []record.Record, files []fileRef, o Origin) {
	base := strings.TrimRight(o.BaseURL, "/") + "/"
	size := 0
	for i := range recs {
		size += len(base) + len(files[i].name) + len(recs[i].Name) + len(recs[i].Version) + len(recs[i].Build) + len("--.tar.bz2")
	}
	all := make([]byte, 0, size)
	for i := range recs {
		r, f := &recs[i], &files[i]
		all = append(all, base...)
		f.at = len(all)
		if f.name != "" {
			all = append(all, f.name...)
			continue
		}
		all = append(append(all, r.Name...), '-')
		all = append(append(all, r.Version...), '-')
		all = append(append(all, r.Build...), f.ext...)
	}
	text := string(all)
	for i := range recs {
		r, at, end := &recs[i], files[i].at, len(text)
		if i+1 < len(recs) {
			end = files[i+1].at - len(base)
		}
		r.FileName, r.URL = text[at:end], text[at-len(base):end]
		if strings.IndexByte(r.FileName, '!') >= 0 { // of what a file name may hold, the one to be escaped
			r.URL = base + url.PathEscape(r.FileName)
		}
		r.Channel, r.Subdir = o.Channel, o.Subdir
	}
}
