package channeltest

import (
	"fmt"
	"strings"
)

// File is one file of a package, at its path below the prefix.
type File struct {
	// Path is the slash path below the prefix.
	Path string
	// Mode holds the permission bits; 0 means 0644.
	Mode uint32
	// Link, when set, makes the file a symbolic link to this text. A link that
	// holds the placeholder keeps it: no installer rewrites links.
	Link string
	// HardLink, when set, makes the file a tar hard link to another path of
	// the package.
	HardLink string
	// Dir makes it a directory, listed with path_type "directory".
	Dir bool
	// Data is the content, when Src is empty.
	Data []byte
	// Src names a file on disk that holds the content.
	Src string
	// NoLink and NoSoftlink list the file in info/no_link and
	// info/no_softlink.
	NoLink, NoSoftlink bool
	// ModTime is the modification time in Unix seconds; 0 means the time
	// of the package.
	ModTime int64
	// PrefixMode overrides what the writer finds about the placeholder in this
	// file: "text", "binary" or "none".
	PrefixMode string
}

// Package describes one conda package that [Package.Write] can write.
type Package struct {
	Name, Version, Build string
	BuildNumber          int
	Depends, Constrains  []string
	TrackFeatures        string
	// Noarch is "", "python" or "generic".
	Noarch                 string
	License, Summary, Home string
	// TimestampMillis is the build time in Unix milliseconds, the clock of
	// everything inside the archive.
	TimestampMillis int64
	// EntryPoints are the "name = module:function" lines of a noarch python
	// package.
	EntryPoints []string
	// PythonSitePackagesPath is python_site_packages_path of index.json.
	PythonSitePackagesPath string
	// Placeholder is the build prefix that occurs in files; the writer
	// finds which files hold it, as text or as binary.
	Placeholder string
	Files       []File

	// RunExports are the weak run exports.
	RunExports []string
	// Subdir overrides the subdir, which is "noarch" where Noarch is set and
	// "linux-64" elsewhere.
	Subdir string
	// OldStyle leaves paths.json out, so that files, has_prefix and no_link
	// are all a reader has.
	OldStyle bool
	// Info replaces files below info/ (by name, "index.json"), adds new
	// ones, and leaves out those whose value is nil.
	Info map[string][]byte
}

// Platform is the subdir of packages that are not noarch.
const Platform = "linux-64"

// DefaultPlaceholder is a build prefix of 255 characters, the length that
// build tools pad theirs to.
var DefaultPlaceholder = "/home/conda/feedstock_root/build_artifacts/demo/_h_env_placehold" +
	strings.Repeat("_placehold", 19) + "_"

// Format is an archive format of CEP 35.
type Format int

// The two archive formats.
const (
	Conda Format = iota
	TarBz2
)

// Ext returns ".conda" or ".tar.bz2".
func (f Format) Ext() string {
	if f == TarBz2 {
		return ".tar.bz2"
	}
	return ".conda"
}

// Dist returns "name-version-build".
func (p *Package) Dist() string {
	return fmt.Sprintf("%s-%s-%s", p.Name, p.Version, p.Build)
}

// FileName returns the archive's file name in format f.
func (p *Package) FileName(f Format) string { return p.Dist() + f.Ext() }

// SubdirName returns the subdir the package belongs to.
func (p *Package) SubdirName() string {
	switch {
	case p.Subdir != "":
		return p.Subdir
	case p.Noarch != "":
		return "noarch"
	default:
		return Platform
	}
}

// unixSeconds is the package's clock in Unix seconds.
func (p *Package) unixSeconds() int64 { return p.TimestampMillis / 1000 }
