package archive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/filetree"
)

// infoFiles holds the files of info/ that facts are made of, by name.
type infoFiles map[string][]byte

// infoNames are their names. Everything else below info/ is for people.
var infoNames = map[string]bool{
	"index.json": true, "paths.json": true, "link.json": true, "about.json": true, "run_exports.json": true,
	"files": true, "has_prefix": true, "no_link": true, "no_softlink": true,
}

// take reads one member of info/, if it is one of those.
func (f infoFiles) take(a *Archive, m *member, r io.Reader) error {
	name := strings.TrimPrefix(m.path, "info/")
	if !infoNames[name] || m.typ == filetree.Dir {
		return nil
	}
	if m.typ != filetree.File || m.root != "" {
		return a.formatErr(m.path, "is a link, want a file", nil)
	}
	if limit := a.opt.Limits.InfoBytes; m.sizeBytes > limit {
		return &LimitError{a.fileName, "bytes of " + m.path, limit}
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	f[name] = b
	return nil
}

// linkJSON is info/link.json (CEP 34, package_metadata_version 1).
type linkJSON struct {
	Noarch struct {
		Type        record.NoarchKind `json:"type"`
		EntryPoints []string          `json:"entry_points"`
	} `json:"noarch"`
}

// describe fills in what info/ says of the archive as a whole.
func (f infoFiles) describe(a *Archive, facts *artifact.Facts) error {
	index, ok := f["index.json"]
	if !ok {
		return a.formatErr("", "", ErrNoIndex)
	}
	var rec record.Record
	if err := json.Unmarshal(index, &rec); err != nil {
		return a.formatErr("info/index.json", "", err)
	}
	for _, c := range []struct{ field, got, want string }{
		{"name", rec.Name, a.dist.Name}, {"version", rec.Version, a.dist.Version}, {"build", rec.Build, a.dist.Build},
	} {
		if c.got != c.want {
			return &IdentityError{FileName: a.fileName, Field: c.field, Want: c.want, Got: c.got}
		}
	}
	var link linkJSON
	if b := f["link.json"]; b != nil {
		if err := json.Unmarshal(b, &link); err != nil {
			return a.formatErr("info/link.json", "", err)
		}
	}
	if p := rec.PythonSitePackagesPath; p != "" {
		if err := filetree.CheckPath(p); err != nil {
			return a.formatErr("info/index.json", "python_site_packages_path", err)
		}
	}
	facts.Name, facts.Version, facts.Build = rec.Name, rec.Version, rec.Build
	facts.Noarch = string(rec.Noarch)
	if rec.Noarch == record.NoarchNone {
		facts.Noarch = string(link.Noarch.Type)
	}
	_, hasPaths := f["paths.json"]
	facts.Conda = &artifact.CondaFacts{
		Index:                  compact(index),
		EntryPoints:            link.Noarch.EntryPoints,
		PythonSitePackagesPath: rec.PythonSitePackagesPath,
		HasPathsJSON:           hasPaths,
		RunExports:             compact(f["run_exports.json"]),
		About:                  compact(f["about.json"]),
	}
	return nil
}

// compact takes white space out of JSON, so that encoding facts again changes nothing.
// What is no JSON becomes nil: nothing but index.json is needed for an image.
func compact(b []byte) json.RawMessage {
	var out bytes.Buffer
	if len(b) == 0 || json.Compact(&out, b) != nil {
		return nil
	}
	return out.Bytes()
}

// isLinkScript tells whether a payload path is a script that conda runs when it links the
// archive (CEP 34); those for Windows are not run here.
func isLinkScript(p, name string) bool {
	for _, when := range []string{"pre-link", "post-link", "pre-unlink"} {
		if p == fmt.Sprintf("bin/.%s-%s.sh", name, when) {
			return true
		}
	}
	return false
}
