package store

import (
	"path"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/filetree"
)

// A Plan is the entries of one frame. See the package comment for their order.
type Plan struct {
	Root string    // where the plan's tree stands in the image; Lead starts with this directory
	Lead []Planned // need no bytes of the archive
	Fed  []Planned // get the bytes of an archive member, in stream order
	Late []Planned // read them through Tail
	// Sums are members that this plan does not write and whose rewritten bytes must
	// still be hashed: files of the artifact that lost their path to another one. The
	// conda-meta record lists them as micromamba's does. In stream order.
	Sums []Planned

	fed map[string]int
}

// Planned is one entry and where its bytes come from. Path is that in the image; SizeBytes
// is right for every file but bytecode and the record, whose sizes are not known yet (0).
//
// Type says what it is. A file gets its bytes from exactly one of Member, Data, Pyc and
// Record.
type Planned struct {
	filetree.Entry
	Item *Item // what it was made of; nil for directories and the record

	Member  string              // path of the archive member to be written
	Rewrite *artifact.PrefixUse // rewrite the member with PlaceOptions.Prefix
	Data    []byte              // the bytes themselves, for Item.Generated; may be empty
	Pyc     *Compile            // bytecode, or a link to it: exists only if the compilation worked
	Record  bool                // the conda-meta record
}

// A Compile is one source file to be compiled.
type Compile struct {
	Pyc    string // Item.Path of the bytecode; names the job within one artifact and env
	Source *Item  // the source; with a Prefix, the bytes to compile are the rewritten ones
	// Name is the source's absolute path to be written into the bytecode: in the store
	// for shared sources, in the prefix for others. Python corrects it at import.
	Name string
}

// TarBytes is about what the plan's frame has before it is compressed. Bytecode is taken to be as
// large as its source.
func (p *Plan) TarBytes() int64 {
	const recorded = 400 // of a conda-meta record, for each path
	n := int64(0)
	for _, list := range [][]Planned{p.Lead, p.Fed, p.Late} {
		for i := range list {
			switch e := &list[i]; {
			case e.Record:
				n += tarBytes(e, int64(len(p.Lead)+len(p.Fed)+len(p.Late))*recorded)
			case e.Pyc != nil && e.Type == filetree.File:
				n += tarBytes(e, e.Pyc.Source.SizeBytes)
			default:
				n += tarBytes(e, e.SizeBytes)
			}
		}
	}
	return n
}

// tarBytes is what an entry takes in a tar stream: blocks of 512 bytes, and two more where a name
// is too long for its field.
func tarBytes(e *Planned, sizeBytes int64) int64 {
	n := (sizeBytes + 1023) / 512
	if len(e.Path) > 100 || len(e.Link) > 100 {
		n += 2
	}
	return n * 512
}

// Member returns the entry that wants the bytes of an archive member, or nil.
func (p *Plan) Member(member string) *Planned {
	i, ok := p.fed[member]
	if !ok {
		return nil
	}
	return &p.Fed[i]
}

// Tail returns the entries that end the frame, given which bytecode exists, by Compile.Pyc.
// Directories that only missing bytecode would need are left out, and so are links to it.
func (p *Plan) Tail(exists func(pyc string) bool) []Planned {
	needed := map[string]bool{}
	for _, e := range p.Late {
		if e.Pyc != nil && exists(e.Pyc.Pyc) || e.Record {
			for d := path.Dir(e.Path); d != "." && d != p.Root && !needed[d]; d = path.Dir(d) {
				needed[d] = true
			}
		}
	}
	var out []Planned
	for _, e := range p.Late {
		switch {
		case e.Record, e.Pyc != nil && exists(e.Pyc.Pyc), e.Type == filetree.Dir && needed[e.Path]:
			out = append(out, e)
		}
	}
	return out
}

// Compiles returns the compilations whose bytecode this plan holds as a file, sorted by
// path: for a content plan those of shared sources, for a placement those of rewritten
// ones and those it copies.
func (p *Plan) Compiles() []*Compile {
	var out []*Compile
	for i := range p.Late {
		if e := &p.Late[i]; e.Pyc != nil && e.Type == filetree.File {
			out = append(out, e.Pyc)
		}
	}
	return out
}

// owner are the owner and mode of the directories and links of a plan.
type owner struct{ uid, gid int }

func (o owner) dir(p string) Planned {
	return Planned{Entry: filetree.Entry{
		Path: p, Type: filetree.Dir, Mode: 0o755, UID: o.uid, GID: o.gid, ModTime: filetree.Epoch1980,
	}}
}

func (o owner) link(p, target string) Planned {
	return Planned{Entry: filetree.Entry{
		Path: p, Type: filetree.Symlink, Mode: 0o777, UID: o.uid, GID: o.gid, ModTime: filetree.Epoch1980, Link: target,
	}}
}

func (o owner) file(p string, mode uint32, mtime, sizeBytes int64) Planned {
	return Planned{Entry: filetree.Entry{
		Path: p, Type: filetree.File, Mode: mode, UID: o.uid, GID: o.gid,
		ModTime: max(mtime, filetree.Epoch1980), SizeBytes: sizeBytes,
	}}
}

// finish adds the directories, sorts, and orders Fed by the archive's stream.
func (p *Plan) finish(f *artifact.Facts, own owner) {
	order := make(map[string]int, len(f.Members))
	for i := range f.Members {
		order[f.Members[i].Path] = i
	}
	byStream := func(a, b Planned) int {
		if c := order[a.Member] - order[b.Member]; c != 0 {
			return c
		}
		return strings.Compare(a.Path, b.Path)
	}
	slices.SortFunc(p.Fed, byStream)
	slices.SortFunc(p.Sums, byStream)

	// Directories of everything that surely exists lead; those that only bytecode or
	// the record needs are late.
	dirs := map[string]bool{p.Root: true}
	var lead []Planned
	for _, e := range p.Lead {
		if e.Type == filetree.Dir {
			dirs[e.Path] = true
			addParents(dirs, p.Root, e.Path)
			continue
		}
		addParents(dirs, p.Root, e.Path)
		lead = append(lead, e)
	}
	for _, e := range p.Fed {
		addParents(dirs, p.Root, e.Path)
	}
	late := map[string]bool{}
	for _, e := range p.Late {
		addParents(late, p.Root, e.Path)
	}
	for d := range dirs {
		lead = append(lead, own.dir(d))
	}
	for d := range late {
		if !dirs[d] {
			p.Late = append(p.Late, own.dir(d))
		}
	}
	slices.SortFunc(lead, byName)
	p.Lead = lead
	slices.SortFunc(p.Late, byName)
	// The record is the very last: it lists what came before it.
	if i := slices.IndexFunc(p.Late, func(e Planned) bool { return e.Record }); i >= 0 {
		r := p.Late[i]
		p.Late = append(slices.Delete(p.Late, i, i+1), r)
	}
	p.fed = make(map[string]int, len(p.Fed))
	for i := range p.Fed {
		p.fed[p.Fed[i].Member] = i
	}
}

func byName(a, b Planned) int { return strings.Compare(a.Path, b.Path) }

func addParents(dirs map[string]bool, root, p string) {
	for d := path.Dir(p); d != root && d != "." && !dirs[d]; d = path.Dir(d) {
		dirs[d] = true
	}
}
