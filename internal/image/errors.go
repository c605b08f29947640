package image

import (
	"fmt"
	"strings"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
)

// A RefError reports a base or output reference that cannot be used as it is written.
type RefError struct {
	Ref    string
	Reason string // what is wrong, and what is accepted
}

func (e *RefError) Error() string {
	return fmt.Sprintf("image reference %q: %s", ShowRef(e.Ref), e.Reason)
}

// ShowRef writes a reference without a name and password that somebody put into it, where they
// do not belong.
func ShowRef(ref string) string {
	name, sum := ref, ""
	if i := strings.Index(ref, "@sha256:"); i >= 0 {
		name, sum = ref[:i], ref[i:]
	}
	i := strings.LastIndexByte(name, '@')
	if i < 0 {
		return ref
	}
	before, after := name[:i], name[i+1:]+sum
	kind := ""
	if i := strings.Index(before, "://"); i >= 0 {
		kind, before = before[:i+len("://")], before[i+len("://"):]
	}
	if !strings.Contains(before, ":") {
		return ref
	}
	return kind + "***@" + after
}

// A PlatformError reports an image that does not exist for the wanted platform.
type PlatformError struct {
	Ref  string
	Want string   // "linux/amd64"
	Have []string // sorted
}

func (e *PlatformError) Error() string {
	have := strings.Join(e.Have, ", ")
	if have == "" {
		have = "none"
	}
	return fmt.Sprintf("image %s is not for platform %s: it has %s", e.Ref, e.Want, have)
}

// An AmbiguousError reports a layout or archive that holds several images where the
// reference names none of them.
type AmbiguousError struct {
	Ref  string
	Have []string // tags or digests to choose from, sorted
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%s holds %d images, and the reference names none: want one of %s", e.Ref, len(e.Have), strings.Join(e.Have, ", "))
}

// A FormatError reports an image whose parts do not fit together.
type FormatError struct {
	Ref    string
	Part   string // "index.json", "manifest sha256:...", "layer 3"
	Reason string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("image %s: %s: %s", e.Ref, e.Part, e.Reason)
}

// A LayerError reports an entry of a base layer that no image may have.
type LayerError struct {
	Layer  digest.SHA256 // of the compressed blob
	Path   string        // as the archive writes it
	Reason string
}

func (e *LayerError) Error() string {
	return fmt.Sprintf("base layer %s: entry %q %s", e.Layer.OCI(), e.Path, e.Reason)
}

// A LoopError reports symbolic links of the base that lead nowhere.
type LoopError struct{ Path string }

func (e *LoopError) Error() string {
	return fmt.Sprintf("path /%s of the base image: more than %d symbolic links on the way", e.Path, filetree.MaxLinks)
}

// A NotDirError reports a path of the base that has to be a directory and is not one.
type NotDirError struct {
	Path string // the path asked for
	At   string // the part of it that is in the way
}

func (e *NotDirError) Error() string {
	return fmt.Sprintf("path /%s of the base image: /%s is no directory", e.Path, e.At)
}

// A NotScannedError reports a question about a path that the facts do not cover.
type NotScannedError struct{ Path string }

func (e *NotScannedError) Error() string {
	return fmt.Sprintf("path /%s was not among those asked for when the base image was scanned", e.Path)
}

// A UserError reports a user of the base's config that its passwd file does not explain.
type UserError struct {
	Spec   string // the config's User
	Reason string
}

func (e *UserError) Error() string {
	return fmt.Sprintf("user %q of the base image: %s", e.Spec, e.Reason)
}

// A LayerBudgetError reports an image with more layers than container engines mount.
type LayerBudgetError struct{ Base, Ours, Max int }

func (e *LayerBudgetError) Error() string {
	return fmt.Sprintf("image has too many layers: %d of the base and %d of corn's, at most %d work", e.Base, e.Ours, e.Max)
}
