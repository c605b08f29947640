// Package artifact holds what is known of one downloaded archive, conda package or
// wheel, without opening it again.
//
// Facts are a function of the archive's bytes alone. They are computed once, cached under
// the archive's SHA-256, and travel in the image's metadata layer, so that a build that
// takes layers over never opens the archives behind them. conda/archive and pypi/wheel
// make them; conda/link, pypi/wheel and store read them.
package artifact

import (
	"encoding/json"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
)

// FactsVersion changes whenever facts of one archive would come out differently.
// It is part of the cache's key for facts, never of an image's bytes.
const FactsVersion = 1

// Kind says what sort of archive it is.
type Kind string

// The kinds.
const (
	Conda Kind = "conda"
	Wheel Kind = "wheel"
)

// Facts describe one archive.
type Facts struct {
	FactsVersion int           `json:"facts"`
	Kind         Kind          `json:"kind"`
	FileName     string        `json:"fn"` // "numpy-2.2.4-py313h0_0.conda"
	SHA256       digest.SHA256 `json:"sha256"`
	MD5          digest.MD5    `json:"md5"`
	SizeBytes    int64         `json:"size"`
	Name         string        `json:"name"` // conda name, or a wheel's name as its METADATA writes it
	Version      string        `json:"version"`
	Build        string        `json:"build,omitempty"`  // conda build string, or a wheel's build tag
	Noarch       string        `json:"noarch,omitempty"` // "", "python" or "generic"

	Conda *CondaFacts `json:"conda,omitempty"`
	Wheel *WheelFacts `json:"wheel,omitempty"`

	// Members are the payload in stream order, without info/ of conda packages. For
	// conda packages: what paths.json (or info/files) lists, and nothing else.
	Members []Member `json:"members"`

	// Kept holds the bytes of small payload files that planning needs, by path:
	// kernelspecs' kernel.json and etc/conda/env_vars.d/*.json.
	Kept map[string][]byte `json:"kept,omitempty"`
}

// CondaFacts are what info/ says.
type CondaFacts struct {
	Index                  json.RawMessage `json:"index"`                // info/index.json without its white space
	EntryPoints            []string        `json:"eps,omitempty"`        // link.json noarch.entry_points
	PythonSitePackagesPath string          `json:"sp,omitempty"`         // index.json python_site_packages_path (CEP 17)
	LinkScripts            []string        `json:"links,omitempty"`      // payload paths of bin/.<name>-{pre-link,post-link,pre-unlink}.sh
	HasPathsJSON           bool            `json:"pathsjson"`            // false: the older info/files, has_prefix, no_link
	RunExports             json.RawMessage `json:"runexports,omitempty"` // nil where absent or not JSON
	About                  json.RawMessage `json:"about,omitempty"`      // the same
}

// WheelFacts are what .dist-info says.
type WheelFacts struct {
	DistInfo       string   `json:"distinfo"`       // "xq-0.0.4.dist-info"
	DataDir        string   `json:"data,omitempty"` // "xq-0.0.4.data" where it exists
	RootIsPurelib  bool     `json:"purelib"`
	Tags           []string `json:"tags"`
	ConsoleScripts []string `json:"console,omitempty"` // "name = module:attr", in file order
	GUIScripts     []string `json:"gui,omitempty"`
	Requires       []string `json:"requires,omitempty"` // Requires-Dist, verbatim
	RequiresPython string   `json:"requirespython,omitempty"`
}

// PrefixMode says how a placeholder is rewritten.
type PrefixMode string

// The modes of paths.json's file_mode.
const (
	Text   PrefixMode = "text"
	Binary PrefixMode = "binary"
)

// MaxShebangBytes is how much of a first line is kept. Linux looks at 256 bytes of it.
const MaxShebangBytes = 4096

// PrefixUse says that a file holds the prefix placeholder.
type PrefixUse struct {
	Placeholder string     `json:"p"`
	Mode        PrefixMode `json:"m"`
	// Offsets of the placeholder in the file as shipped, ascending. With them the size
	// of the rewritten file is known before it is streamed.
	Offsets []int64 `json:"o,omitempty"`
	// Shebang is the first line (without its newline) of a text file that starts with
	// "#!"; rewriting may replace the whole line. At most MaxShebangBytes are kept,
	// and nothing of a line that is not UTF-8.
	Shebang string `json:"b,omitempty"`
}

// Traits are properties of a file that decide how it is placed.
type Traits uint16

// The traits. Their numbers appear in cached facts: append only.
const (
	// ELFExecutable: an ELF file whose program headers have PT_INTERP.
	ELFExecutable Traits = 1 << iota
	// LinkerScript: a *.so or *.a that is text.
	LinkerScript
	// PycTimestamp: a .pyc whose header carries the source's time and size.
	PycTimestamp
	// PycHash: a hash-based .pyc.
	PycHash
)

// Member is one path of the payload.
type Member struct {
	Path      string        `json:"path"`
	Type      filetree.Type `json:"type"`
	Mode      uint32        `json:"mode,omitempty"` // permission bits of the archive, 07777
	ModTime   int64         `json:"mtime,omitempty"`
	SizeBytes int64         `json:"size,omitempty"`
	SHA256    digest.SHA256 `json:"sha256,omitzero"` // of the bytes as shipped (a hard link's: of its target)
	Link      string        `json:"link,omitempty"`
	Prefix    *PrefixUse    `json:"prefix,omitempty"`
	NoLink    bool          `json:"nolink,omitempty"`     // paths.json no_link or info/no_link
	NoSoft    bool          `json:"nosoftlink,omitempty"` // info/no_softlink
	Traits    Traits        `json:"traits,omitempty"`
	// PycTime and PycSize are the header of a timestamp .pyc (bytes 8 to 16).
	PycTime uint32 `json:"pyctime,omitempty"`
	PycSize uint32 `json:"pycsize,omitempty"`
	// PycMagic is the first two bytes of a .pyc, little endian; 0 for other files.
	PycMagic uint16 `json:"pycmagic,omitempty"`
	// Listed is the position in paths.json or info/files, from 1; 0 in wheels.
	Listed int `json:"n,omitempty"`
	// ListedSizeBytes and ListedSHA256 are what paths.json says of a link's target, or of a
	// file where it is not true: conda packages that were changed after they were listed
	// exist, and conda, mamba and rattler install them. Zero: nothing was said, or it is true.
	ListedSizeBytes int64         `json:"lsize,omitempty"`
	ListedSHA256    digest.SHA256 `json:"lsha256,omitzero"`
	// HardLink is the path whose content this file repeats, where the archive holds a
	// hard link; that path need not be a member. Everything else says the same as
	// for a file of its own.
	HardLink string `json:"hardlink,omitempty"`
}
