package store

import (
	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/filetree"
)

// An Item is one path that an artifact brings into an env.
type Item struct {
	Path string // relative to the prefix, after noarch mapping
	Type filetree.Type

	// Where the bytes of a file come from: exactly one of the three.
	Member    string // path of the archive's member
	Data      []byte // generated here; Generated is true, even if Data is empty
	Generated bool
	Pyc       *Pyc // to be compiled

	Mode      uint32 // permission bits as the archive gives them (generated: as the peers do)
	ModTime   int64  // Unix seconds, not before filetree.Epoch1980
	SizeBytes int64  // after rewriting; 0 for a Pyc, which is known after compiling
	Link      string // target of a symlink, as it is in the env

	Prefix *artifact.PrefixUse // rewrite while streaming; nil: bytes as shipped
	NoLink bool                // no_link or no_softlink: never a link into the store
	Traits artifact.Traits
}

// A Pyc is bytecode that has to be compiled from another item of the same artifact.
type Pyc struct {
	Source string // Item.Path of the source
}
