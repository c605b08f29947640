package repodata

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/digest"
)

// A builder collects the records of one name and encodes them as a shard. Every text and
// every list of texts is kept once. It is used again for the next name.
type builder struct {
	name    string
	ids     map[string]uint32 // text to its number
	texts   []string
	lists   map[string]uint32 // the varints of a list to its number
	listIDs [][]uint32
	records []packed
	scratch []byte
	idBuf   []uint32
}

// packed is a record whose texts are numbers. Number 0 is the empty text, list 0 the empty list.
type packed struct {
	fileName, version, build      uint32
	license, family, sitePackages uint32
	depends, constrains           uint32
	trackFeatures, features       uint32
	flags                         uint32
	extras                        uint32 // a list: name, number of the list of dependencies, ...
	noarch                        uint8
	tarBz2                        bool
	buildNumber                   int64
	sizeBytes, timestampMillis    int64
	md5                           digest.MD5
	sha256                        digest.SHA256
}

func newBuilder() *builder {
	b := &builder{ids: map[string]uint32{}, lists: map[string]uint32{}}
	b.start("")
	return b
}

// start empties the builder.
func (b *builder) start(name string) {
	b.name = name
	if len(b.ids) > 1024 { // clearing a map costs its greatest size, again for every small name
		b.ids, b.lists = map[string]uint32{}, map[string]uint32{}
	}
	clear(b.ids)
	clear(b.lists)
	b.texts = append(b.texts[:0], "")
	b.ids[""] = 0
	b.listIDs = append(b.listIDs[:0], nil)
	b.lists[""] = 0
	b.records = b.records[:0]
}

func (b *builder) text(s []byte) uint32 {
	if id, ok := b.ids[string(s)]; ok { // no allocation
		return id
	}
	id := uint32(len(b.texts))
	str := string(valid(s))
	b.texts = append(b.texts, str)
	b.ids[string(s)] = id
	return id
}

func (b *builder) list(texts [][]byte) uint32 {
	ids := b.idBuf[:0]
	for _, t := range texts {
		ids = append(ids, b.text(t))
	}
	b.idBuf = ids
	return b.listOf(ids)
}

func (b *builder) listOf(ids []uint32) uint32 {
	key := b.scratch[:0]
	for _, id := range ids {
		key = binary.AppendUvarint(key, uint64(id))
	}
	b.scratch = key
	if id, ok := b.lists[string(key)]; ok {
		return id
	}
	id := uint32(len(b.listIDs))
	b.listIDs = append(b.listIDs, slices.Clone(ids))
	b.lists[string(key)] = id
	return id
}

// add takes a record that is complete.
func (b *builder) add(e *entry) {
	p := packed{
		fileName: b.text(e.fileName), version: b.text(e.version), build: b.text(e.build),
		license: b.text(e.license), family: b.text(e.licenseFamily), sitePackages: b.text(e.sitePackagesPath),
		depends: b.list(e.depends), constrains: b.list(e.constrains),
		trackFeatures: b.list(e.trackFeatures), features: b.list(e.features), flags: b.list(e.flags),
		buildNumber: e.buildNumber, sizeBytes: e.sizeBytes, timestampMillis: e.timestampMillis,
		md5: e.md5, sha256: e.sha256,
		noarch: uint8(max(0, slices.Index(noarchKinds[:], e.noarch))),
		tarBz2: bytes.HasSuffix(e.fileName, []byte(record.TarBz2.Ext())),
	}
	if len(e.extras) > 0 {
		var ids []uint32
		for _, x := range e.extras {
			ids = append(ids, b.text(x.name), b.list(x.depends))
		}
		p.extras = b.listOf(ids)
	}
	b.records = append(b.records, p)
}

// addShard takes the records of an encoded shard of the same name.
func (b *builder) addShard(raw []byte) error {
	s, err := ParseShard(raw)
	if err != nil {
		return err
	}
	d := decoder{reader: reader{b: s.body}, name: s.name}
	n, err := d.head()
	if err != nil {
		return err
	}
	texts := make([]uint32, len(d.texts))
	for i, t := range d.texts {
		texts[i] = b.text([]byte(t))
	}
	var p packed
	for range n {
		if err := d.next(&p); err != nil {
			return err
		}
		if p.fileName == 0 {
			p.fileName = b.text([]byte(s.name + "-" + d.texts[p.version] + "-" + d.texts[p.build] + p.format().Ext()))
		} else {
			p.fileName = texts[p.fileName]
		}
		p.version, p.build, p.sitePackages = texts[p.version], texts[p.build], texts[p.sitePackages]
		p.license, p.family = texts[p.license], texts[p.family]
		list := func(id uint32) uint32 {
			ids := b.idBuf[:0]
			for _, t := range d.ids[id] {
				ids = append(ids, texts[t])
			}
			b.idBuf = ids
			return b.listOf(ids)
		}
		p.depends, p.constrains = list(p.depends), list(p.constrains)
		p.trackFeatures, p.features, p.flags = list(p.trackFeatures), list(p.features), list(p.flags)
		if p.extras != 0 {
			var ids []uint32
			for i, id := range d.ids[p.extras] {
				if i%2 == 0 {
					ids = append(ids, texts[id])
				} else {
					ids = append(ids, list(id))
				}
			}
			p.extras = b.listOf(ids)
		}
		b.records = append(b.records, p)
	}
	return nil
}

func (p *packed) format() record.Format {
	if p.tarBz2 {
		return record.TarBz2
	}
	return record.Conda
}

// settle puts the records in the order of their file names, and keeps the last of those that
// have one name (as a dictionary does).
func (b *builder) settle() {
	byFile := func(p, q packed) int { return strings.Compare(b.texts[p.fileName], b.texts[q.fileName]) }
	if !slices.IsSortedFunc(b.records, byFile) {
		slices.SortStableFunc(b.records, byFile)
	}
	kept := b.records[:0]
	for i, p := range b.records {
		if i+1 == len(b.records) || b.records[i+1].fileName != p.fileName {
			kept = append(kept, p)
		}
	}
	b.records = kept
}

// choose drops what removed names, and then each .tar.bz2 whose .conda is there. The records are settled.
func (b *builder) choose(removed map[string]bool) {
	kept := b.records[:0]
	for _, p := range b.records {
		file := b.texts[p.fileName]
		if removed[file] {
			continue
		}
		// ".conda" sorts before ".tar.bz2", so a dist's better half is the one just kept.
		if stem, old := strings.CutSuffix(file, record.TarBz2.Ext()); old && len(kept) > 0 &&
			b.texts[kept[len(kept)-1].fileName] == stem+record.Conda.Ext() {
			continue
		}
		kept = append(kept, p)
	}
	b.records = kept
}

// mixed tells whether records of both formats are there.
func (b *builder) mixed() bool {
	return slices.ContainsFunc(b.records, func(p packed) bool { return p.tarBz2 != b.records[0].tarBz2 })
}

// Bits of a record's flags. What a bit does not announce is not there.
const (
	hasMD5 = 1 << iota
	hasSHA256
	hasSize
	hasTimestamp
	hasConstrains
	hasLicense
	hasFamily
	hasTrackFeatures
	hasFeatures
	hasSitePackages
	hasFileName // else it is name-version-build with the ending that isTarBz2 tells
	isTarBz2
	hasExtras
	hasFlags
	noarchShift = iota // two bits: 0 none, 1 python, 2 generic
)

// appendShard encodes the records after settle; docs/formats/repodata-index.md has the layout.
func (b *builder) appendShard(dst []byte) []byte {
	dst = appendText(dst, b.name)
	depends, mentions := b.namesOf()
	for _, list := range [][]string{depends, mentions} {
		dst = binary.AppendUvarint(dst, uint64(len(list)))
		for _, name := range list {
			dst = appendText(dst, name)
		}
	}
	total := 0
	for _, t := range b.texts {
		total += len(t)
	}
	dst = binary.AppendUvarint(dst, uint64(len(b.texts)-1)) // without the empty one
	dst = binary.AppendUvarint(dst, uint64(total))
	for _, t := range b.texts[1:] {
		dst = binary.AppendUvarint(dst, uint64(len(t)))
	}
	for _, t := range b.texts[1:] {
		dst = append(dst, t...)
	}
	ids := 0
	for _, l := range b.listIDs {
		ids += len(l)
	}
	dst = binary.AppendUvarint(dst, uint64(len(b.listIDs)-1))
	dst = binary.AppendUvarint(dst, uint64(ids))
	for _, l := range b.listIDs[1:] {
		dst = binary.AppendUvarint(dst, uint64(len(l)))
		for _, id := range l {
			dst = binary.AppendUvarint(dst, uint64(id))
		}
	}
	dst = binary.AppendUvarint(dst, uint64(len(b.records)))
	for i := range b.records {
		dst = b.appendRecord(dst, &b.records[i])
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func (b *builder) appendRecord(dst []byte, p *packed) []byte {
	flags := uint64(p.noarch) << noarchShift
	set := func(bit uint64, on bool) {
		if on {
			flags |= bit
		}
	}
	set(hasMD5, !p.md5.IsZero())
	set(hasSHA256, !p.sha256.IsZero())
	set(hasSize, p.sizeBytes != 0)
	set(hasTimestamp, p.timestampMillis != 0)
	set(hasConstrains, p.constrains != 0)
	set(hasLicense, p.license != 0)
	set(hasFamily, p.family != 0)
	set(hasTrackFeatures, p.trackFeatures != 0)
	set(hasFeatures, p.features != 0)
	set(hasSitePackages, p.sitePackages != 0)
	set(hasExtras, p.extras != 0)
	set(hasFlags, p.flags != 0)
	set(isTarBz2, p.tarBz2)
	set(hasFileName, !b.tells(b.texts[p.fileName], p))
	dst = binary.AppendUvarint(dst, flags)
	for _, n := range [...]uint32{p.version, p.build, p.depends} {
		dst = binary.AppendUvarint(dst, uint64(n))
	}
	dst = binary.AppendVarint(dst, p.buildNumber)
	for _, f := range [...]struct {
		bit uint64
		n   uint64
	}{
		{hasSize, uint64(p.sizeBytes)}, {hasTimestamp, uint64(p.timestampMillis)},
		{hasConstrains, uint64(p.constrains)}, {hasLicense, uint64(p.license)}, {hasFamily, uint64(p.family)},
		{hasTrackFeatures, uint64(p.trackFeatures)}, {hasFeatures, uint64(p.features)},
		{hasSitePackages, uint64(p.sitePackages)}, {hasFileName, uint64(p.fileName)}, {hasExtras, uint64(p.extras)},
		{hasFlags, uint64(p.flags)},
	} {
		if flags&f.bit != 0 {
			dst = binary.AppendUvarint(dst, f.n)
		}
	}
	if flags&hasMD5 != 0 {
		dst = append(dst, p.md5[:]...)
	}
	if flags&hasSHA256 != 0 {
		dst = append(dst, p.sha256[:]...)
	}
	return dst
}

// tells whether name, version and build of the record give its file name.
func (b *builder) tells(file string, p *packed) bool {
	rest, ok := strings.CutPrefix(file, b.name+"-")
	if !ok {
		return false
	}
	if rest, ok = strings.CutPrefix(rest, b.texts[p.version]+"-"); !ok {
		return false
	}
	rest, ok = strings.CutPrefix(rest, b.texts[p.build])
	return ok && (rest == record.Conda.Ext() || rest == record.TarBz2.Ext())
}
