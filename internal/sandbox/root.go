package sandbox

import (
	"context"
	"io"

	"github.com/nasa-openscapes/corn/digest"
)

// A Layer is one layer of an image.
type Layer struct {
	DiffID digest.SHA256 // of the tar stream
	// Open gives the tar stream, not compressed. Its reader fails where the bytes are not
	// those of DiffID; they are compared once more here.
	Open func(ctx context.Context) (io.ReadCloser, error)
}

// A Mode says how the ids of the image are mapped to those of this machine.
type Mode string

// The modes, in the order in which they are tried.
const (
	// Privileged: corn runs as root. All ids are themselves.
	Privileged Mode = "root"
	// Ranges: 0 is the user who runs corn; the rest is what newuidmap and newgidmap
	// may give, by /etc/subuid and /etc/subgid.
	Ranges Mode = "ranges"
	// Single: one id only. The program's id is that of the user who runs corn, and files of
	// all other ids look as if they were the program's. Their owners are remembered.
	Single Mode = "single"
)

// Options of a Root. The zero value is the default.
type Options struct {
	// Mode is empty for the first that this machine allows.
	Mode Mode
	// Changes is empty, or a folder that Detach filled: the Root begins with what is in it, and
	// what programs change is there after Close. It must lie on the cache's disk.
	Changes string
	// Unpack bounds what layers may hold.
	Unpack UnpackLimits
	// Unpacked is called for each layer whose tree is there, from several goroutines at
	// once. It may be nil.
	Unpacked func()
}

// UnpackLimits bound one layer. Zero means the default.
type UnpackLimits struct {
	Bytes   int64 // of files together; default 64 GiB
	Entries int   // default 4 million
}
