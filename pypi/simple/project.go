package simple

import (
	"strings"
	"time"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/pypi/wheel"
)

// A Kind is what a file is.
type Kind string

// The kinds of files. Eggs and installers are not looked at.
const (
	Wheel Kind = "wheel"
	Sdist Kind = "sdist"
)

// A Project is what one place has of a name.
type Project struct {
	Name    string    // normalized
	Place   string    // the index or find-links place, without credentials
	Files   []File    // in the place's order
	LeftOut []LeftOut // what the place lists and cannot be used
}

// A File is one distribution that can be downloaded.
type File struct {
	Name    string // file name
	Project string // normalized
	Kind    Kind
	Version string // as the file's name has it; an sdist's may be no version
	URL     string // http, https or file; without credentials and fragment
	Place   string // that lists it, without credentials

	SHA256    digest.SHA256     // zero: the place gives none; [Client.Hash] learns it
	Hashes    map[string]string // of other algorithms, in hexadecimal: "md5", "sha512"
	SizeBytes int64             // zero: the place gives none

	RequiresPython string // specifiers, as the place has them; empty: any
	Yanked         bool
	YankedReason   string
	Uploaded       time.Time // zero: the place does not say

	HasMetadata    bool          // the place serves METADATA beside it
	MetadataSHA256 digest.SHA256 // zero: not known
}

// WheelName takes the name of a wheel apart. It has been checked.
func (f *File) WheelName() wheel.FileName {
	n, err := wheel.ParseFileName(f.Name)
	if err != nil {
		panic("simple: a wheel whose name was not checked: " + err.Error())
	}
	return n
}

// A LeftOut is a file that a place lists and that cannot be used.
type LeftOut struct {
	Name   string // quoted where it may be hostile
	Reason string
}

// archiveExtensions are those of sdists that pip knows (PEP 625 leaves .tar.gz alone).
var archiveExtensions = []string{".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz", ".tar.Z", ".tar"}

// classify tells what a file name says. Project is the normalized name that it has to be of; empty:
// any, and an sdist's is guessed. ok is false for what is no distribution at all; reason says
// why one cannot be used, and other that it belongs to another project.
func classify(name, project string) (f File, ok, other bool, reason string) {
	f.Name = name
	if strings.HasSuffix(name, ".whl") {
		n, err := wheel.ParseFileName(name)
		if err != nil {
			if e, isName := err.(*wheel.FileNameError); isName { //nolint:errorlint // it is returned as it is
				return f, true, false, e.Reason
			}
			return f, true, false, err.Error()
		}
		f.Kind, f.Project, f.Version = Wheel, n.Normalized(), strings.ReplaceAll(n.Version, "_", "-") // PEP 491: the sign of file names
		return f, true, project != "" && f.Project != project, ""
	}
	base := ""
	for _, ext := range archiveExtensions {
		if b, found := strings.CutSuffix(name, ext); found {
			base = b
			break
		}
	}
	if base == "" {
		return f, false, false, ""
	}
	f.Kind = Sdist
	if project == "" { // the last dash before a digit parts name and version
		for i := len(base) - 2; i > 0; i-- {
			if base[i] == '-' && base[i+1] >= '0' && base[i+1] <= '9' {
				f.Project, f.Version = wheel.NormalizeName(base[:i]), base[i+1:]
				return f, true, false, ""
			}
		}
		return f, true, false, "the name has no version"
	}
	n, err := wheel.ParseSdistFileName(name, project)
	if err == nil {
		f.Project, f.Version = project, n.Version
		return f, true, false, ""
	}
	ofProject := strings.HasPrefix(wheel.NormalizeName(base), project+"-")
	if e, isName := err.(*wheel.FileNameError); isName && ofProject { //nolint:errorlint // it is returned as it is
		return f, true, false, e.Reason
	}
	return f, true, true, ""
}

// FileAt is a file that somebody names by its URL. A name that is no distribution's is an
// *Error; the file's Project is empty where only its metadata tells.
func FileAt(rawURL, name string) (*File, error) {
	f, ok, _, reason := classify(name, "")
	if !ok {
		reason = "the URL leads to no wheel and no sdist"
	}
	if reason != "" {
		return nil, &Error{Act: "use the file", URL: redact(rawURL), Err: &MetadataError{reason}}
	}
	before, _, _ := strings.Cut(rawURL, "#")
	f.URL = before
	return &f, nil
}
