package repodata

import "github.com/nasa-openscapes/corn/conda/record"

// A decoder reads the records of one shard.
type decoder struct {
	reader
	name  string
	texts []string   // [0] is empty
	lists [][]string // [0] is nil
	ids   [][]uint32 // the lists as numbers: those of extras are no texts
}

// minRecordBytes is what a record takes at least: flags, version, build, list of dependencies and
// build number.
const minRecordBytes = 5

// head reads texts and lists, and returns how many records follow.
func (d *decoder) head() (int, error) {
	d.readTexts()
	d.readLists()
	n := d.count()
	if d.bad || n > len(d.b)/minRecordBytes {
		return 0, badShard(d.name, "texts or lists are damaged")
	}
	return n, nil
}

func (d *decoder) readTexts() {
	n := d.count()
	total := d.num()
	if total > uint64(len(d.b)) {
		d.bad = true
	}
	if d.bad {
		return
	}
	lens := d.b
	for range n {
		d.num()
	}
	all := string(d.bytes(int(total))) // one allocation for all texts
	rest := d.b
	d.texts = make([]string, n+1)
	d.b = lens
	at := uint64(0)
	for i := range n {
		size := d.num()
		if size > uint64(len(all))-at {
			d.bad = true
			return
		}
		d.texts[i+1] = all[at : at+size]
		at += size
	}
	d.b = rest
}

func (d *decoder) readLists() {
	n := d.count()
	total := d.count()
	if d.bad {
		return
	}
	ids := make([]uint32, 0, total)
	texts := make([]string, 0, total)
	d.ids = make([][]uint32, n+1)
	d.lists = make([][]string, n+1)
	for i := range n {
		size := d.count()
		if size > total-len(ids) {
			d.bad = true
			return
		}
		start := len(ids)
		for range size {
			id := d.num()
			ids = append(ids, uint32(min(id, 1<<32-1)))
			if id >= uint64(len(d.texts)) {
				id = 0 // in a list of extras it is the number of a list
			}
			texts = append(texts, d.texts[id])
		}
		d.ids[i+1] = ids[start:len(ids):len(ids)]
		d.lists[i+1] = texts[start:len(texts):len(texts)]
	}
}

// textID and listID read a number and check it.
func (d *decoder) textID() uint32 { return d.below(len(d.texts)) }
func (d *decoder) listID() uint32 { return d.below(len(d.lists)) }

func (d *decoder) below(n int) uint32 {
	id := d.num()
	if id >= uint64(n) {
		d.bad = true
		return 0
	}
	return uint32(id)
}

// next reads one record. A fileName of 0 stands for the one that name, version and build give.
func (d *decoder) next(p *packed) error {
	flags := d.num()
	*p = packed{version: d.textID(), build: d.textID(), depends: d.listID(), buildNumber: d.signed(),
		tarBz2: flags&isTarBz2 != 0, noarch: uint8(min(flags>>noarchShift, 255))}
	if flags&hasSize != 0 {
		p.sizeBytes = int64(d.num())
	}
	if flags&hasTimestamp != 0 {
		p.timestampMillis = int64(d.num())
	}
	if flags&hasConstrains != 0 {
		p.constrains = d.listID()
	}
	if flags&hasLicense != 0 {
		p.license = d.textID()
	}
	if flags&hasFamily != 0 {
		p.family = d.textID()
	}
	if flags&hasTrackFeatures != 0 {
		p.trackFeatures = d.listID()
	}
	if flags&hasFeatures != 0 {
		p.features = d.listID()
	}
	if flags&hasSitePackages != 0 {
		p.sitePackages = d.textID()
	}
	if flags&hasFileName != 0 {
		p.fileName = d.textID()
	}
	if flags&hasExtras != 0 {
		p.extras = d.listID()
	}
	if flags&hasFlags != 0 {
		p.flags = d.listID()
	}
	if flags&hasMD5 != 0 {
		copy(p.md5[:], d.bytes(len(p.md5)))
	}
	if flags&hasSHA256 != 0 {
		copy(p.sha256[:], d.bytes(len(p.sha256)))
	}
	if p.extras != 0 {
		pairs := d.ids[p.extras]
		for i := range pairs {
			d.bad = d.bad || len(pairs)%2 != 0 || i%2 == 0 && int(pairs[i]) >= len(d.texts) || i%2 != 0 && int(pairs[i]) >= len(d.lists)
		}
	}
	if d.bad || p.noarch > 2 {
		return badShard(d.name, "a record is damaged")
	}
	return nil
}

// noarchKinds in the order of their numbers.
var noarchKinds = [...]record.NoarchKind{record.NoarchNone, record.NoarchPython, record.NoarchGeneric}

// record fills r, which is empty, but for what the place of the shard tells.
func (d *decoder) record(r *record.Record, p *packed) {
	r.Name, r.Version, r.Build, r.BuildNumber = d.name, d.texts[p.version], d.texts[p.build], p.buildNumber
	r.Depends, r.Constrains = d.lists[p.depends], d.lists[p.constrains]
	r.MD5, r.SHA256, r.SizeBytes = p.md5, p.sha256, p.sizeBytes
	r.Noarch, r.TimestampMillis = noarchKinds[p.noarch], p.timestampMillis
	r.TrackFeatures, r.Features = d.lists[p.trackFeatures], d.lists[p.features]
	r.Flags = d.lists[p.flags]
	r.License, r.LicenseFamily = d.texts[p.license], d.texts[p.family]
	r.PythonSitePackagesPath = d.texts[p.sitePackages]
	if p.extras == 0 {
		return
	}
	pairs := d.ids[p.extras]
	r.ExtraDepends = make(map[string][]string, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		r.ExtraDepends[d.texts[pairs[i]]] = d.lists[pairs[i+1]]
	}
}
