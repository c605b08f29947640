package store

import (
	"strings"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
)

// Layout says how an env gets its files.
type Layout uint8

// The layouts.
const (
	Links  Layout = iota // links into the store, copies where a link would not do
	Copies               // plain files, for an environment that cannot live with links
)

func (l Layout) String() string {
	if l == Copies {
		return "copies"
	}
	return "links"
}

// PlaceOptions say where an artifact is placed.
type PlaceOptions struct {
	Prefix   string   // the env's prefix as programs see it, "/srv/conda/envs/a"
	Root     string   // the prefix as a path of the image, with links of the base followed; empty: Prefix
	UID, GID int      // owner of everything in the env
	Copy     []string // the project's copy: globs
	Layout   Layout
	Record   string // path of the conda-meta record in the prefix; empty: none (a wheel)
}

func (o PlaceOptions) root() string {
	if o.Root != "" {
		return o.Root
	}
	return strings.TrimPrefix(o.Prefix, "/")
}

// Place plans the placement frame of one artifact in one env: for each path that it kept
// a relative link into the content at [ContentDir](f, content), or a real copy where
// [CopyReason] gives one. The package's own symlinks stay as they are. Files have the
// archive's mode without setuid, setgid and sticky, as an unprivileged extraction gives
// them, and belong to the env's uid and gid.
func Place(f *artifact.Facts, share Share, content digest.SHA256, o PlaceOptions) (*Plan, error) {
	rules, err := newCopier(f, o)
	if err != nil {
		return nil, err
	}
	own := owner{o.UID, o.GID}
	p := &Plan{Root: o.root()}
	dir := ContentDir(f, content)
	src := make(map[string]*Item, len(share.Kept))
	for _, k := range share.Kept {
		src[k.Item.Path] = k.Item
	}
	for _, k := range share.Kept {
		it, at := k.Item, p.Root+"/"+k.Path
		if o.Record != "" && k.Path == o.Record {
			continue // a package cannot bring its own record
		}
		switch {
		case it.Type == filetree.Dir:
			p.Lead = append(p.Lead, withItem(own.dir(at), it))
		case it.Type == filetree.Symlink:
			p.Lead = append(p.Lead, withItem(own.link(at, it.Link), it))
		case it.Generated:
			e := withItem(own.file(at, it.Mode&0o777, it.ModTime, int64(len(it.Data))), it)
			e.Data = it.Data
			p.Lead = append(p.Lead, e)
		case it.Pyc != nil:
			s := src[it.Pyc.Source]
			if s == nil {
				continue // its source lost its path, see Merge
			}
			c := &Compile{Pyc: it.Path, Source: s, Name: "/" + dir + "/" + s.Path}
			e := own.link(at, filetree.Relative(at, dir+"/"+it.Path))
			if !shared(s) {
				c.Name = strings.TrimSuffix(o.Prefix, "/") + "/" + s.Path
			}
			if !shared(s) || rules.reason(it) != "" {
				e = own.file(at, it.Mode&0o777, it.ModTime, 0)
			}
			e.Item, e.Pyc = it, c
			p.Late = append(p.Late, e)
		case rules.reason(it) != "":
			e := withItem(own.file(at, it.Mode&0o777, it.ModTime, it.SizeBytes), it)
			e.Member, e.Rewrite = it.Member, it.Prefix
			p.Fed = append(p.Fed, e)
		default:
			p.Lead = append(p.Lead, withItem(own.link(at, filetree.Relative(at, dir+"/"+it.Path)), it))
		}
	}
	for _, it := range share.Lost {
		if it.Prefix != nil {
			e := withItem(own.file(p.Root+"/"+it.Path, it.Mode&0o777, it.ModTime, it.SizeBytes), it)
			e.Member, e.Rewrite = it.Member, it.Prefix
			p.Sums = append(p.Sums, e)
		}
	}
	if o.Record != "" {
		e := own.file(p.Root+"/"+o.Record, 0o644, filetree.Epoch1980, 0)
		e.Record = true
		p.Late = append(p.Late, e)
	}
	p.finish(f, own)
	return p, nil
}
