package record

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/nasa-openscapes/corn/digest"
)

// NoarchKind says that an archive fits every platform, and how it is installed.
type NoarchKind string

// The kinds. The zero value is an archive for one platform.
const (
	NoarchNone    NoarchKind = ""
	NoarchPython  NoarchKind = "python"  // site-packages/ is moved to the env's Python, entry points are made
	NoarchGeneric NoarchKind = "generic" // paths stay as they are
)

// UnmarshalJSON reads the string of today, and the booleans of before conda 4.3: true is
// generic.
func (k *NoarchKind) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case "null", "false":
		*k = NoarchNone
		return nil
	case "true":
		*k = NoarchGeneric
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("noarch: %w", err)
	}
	switch NoarchKind(s) {
	case NoarchNone, NoarchPython, NoarchGeneric:
		*k = NoarchKind(s)
		return nil
	}
	return fmt.Errorf("noarch: got %q, want python or generic", s)
}

// Features are the names of track_features or features, in order.
type Features []string

// UnmarshalJSON reads a text of names parted by spaces or commas, or a list.
func (f *Features) UnmarshalJSON(b []byte) error {
	var list []string
	if len(b) > 0 && b[0] == '[' {
		if err := json.Unmarshal(b, &list); err != nil {
			return fmt.Errorf("features: %w", err)
		}
	} else {
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return fmt.Errorf("features: %w", err)
		}
		list = strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' })
	}
	*f = nil
	for _, s := range list {
		if s = strings.TrimSpace(s); s != "" {
			*f = append(*f, s)
		}
	}
	return nil
}

// MarshalJSON writes the text form, which every reader knows.
func (f Features) MarshalJSON() ([]byte, error) { return json.Marshal(strings.Join(f, " ")) }

// Record is what is known of one archive without opening it. Repodata, locks
// and info/index.json each fill a part; a zero field means "not said".
// Slices are shared between copies: treat them as read-only.
type Record struct {
	Name        string   `json:"name"`
	Version     string   `json:"version"`
	Build       string   `json:"build"`
	BuildNumber int64    `json:"build_number"`
	Depends     []string `json:"depends"` // MatchSpecs, verbatim
	Constrains  []string `json:"constrains,omitempty"`

	Subdir   Subdir `json:"subdir,omitempty"`
	Channel  string `json:"channel,omitempty"` // base URL without credentials
	FileName string `json:"fn,omitempty"`
	URL      string `json:"url,omitempty"` // where to fetch it; may hold credentials, never print it unredacted

	MD5       digest.MD5    `json:"md5,omitzero"`
	SHA256    digest.SHA256 `json:"sha256,omitzero"`
	SizeBytes int64         `json:"size,omitempty"`

	Noarch        NoarchKind `json:"noarch,omitempty"`
	TrackFeatures Features   `json:"track_features,omitempty"`
	// Features are wanted where another record tracks them: a rule of before 2017 that nobody
	// solves by any more. They only serve to be matched.
	Features Features `json:"features,omitempty"`
	// Flags tell variants apart: "cuda", "blas:mkl" (CEP 45).
	Flags []string `json:"flags,omitempty"`
	// ExtraDepends are more dependencies by group, MatchSpecs verbatim; a group counts
	// where a spec has it among its extras (CEP 44). Treat it as read-only.
	ExtraDepends  map[string][]string `json:"extra_depends,omitempty"`
	License       string              `json:"license,omitempty"`
	LicenseFamily string              `json:"license_family,omitempty"`
	// TimestampMillis is the build time in Unix milliseconds.
	TimestampMillis int64 `json:"timestamp,omitempty"`
	// PythonSitePackagesPath is where a Python interpreter's archive says
	// that noarch packages go (CEP 17): "lib/python3.13t/site-packages".
	PythonSitePackagesPath string `json:"python_site_packages_path,omitempty"`
}

// maxUnixSeconds is 9999-12-31 in seconds. Older records hold seconds, newer ones
// milliseconds; what is larger cannot be seconds (conda tells them apart so).
const maxUnixSeconds = 253402300799

// UnmarshalJSON reads a record of repodata.json or an info/index.json. Timestamps of
// older records, in seconds, become milliseconds.
func (r *Record) UnmarshalJSON(b []byte) error {
	type plain Record // without this method
	var p struct {
		plain
		Timestamp json.Number `json:"timestamp"`
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	*r = Record(p.plain)
	if p.Timestamp != "" {
		f, err := p.Timestamp.Float64() // some records of 2017 hold 1.5e9 as a float
		if err != nil || f < 0 || f > maxUnixSeconds*1000 {
			return fmt.Errorf("timestamp: got %q, want Unix time in milliseconds", p.Timestamp)
		}
		if f <= maxUnixSeconds {
			f *= 1000
		}
		r.TimestampMillis = int64(f)
	}
	return nil
}

// Dist returns the record's name, version and build, and the format its file name tells.
func (r *Record) Dist() Dist {
	f, _ := FormatOf(r.FileName)
	return Dist{Name: r.Name, Version: r.Version, Build: r.Build, Format: f}
}

// Location returns where the archive stands in its channel.
func (r *Record) Location() Location {
	return Location{Channel: r.Channel, Subdir: r.Subdir, FileName: r.FileName}
}
