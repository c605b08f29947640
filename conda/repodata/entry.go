package repodata

import (
	"encoding/hex"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/digest"
)

// An entry is one record as a decoder hands it to a builder: texts are bytes of the input and
// live until the next record.
type entry struct {
	fileName, name, version, build []byte
	buildNumber                    int64
	depends, constrains            [][]byte
	trackFeatures, features, flags [][]byte
	md5                            digest.MD5
	sha256                         digest.SHA256
	sizeBytes, timestampMillis     int64
	noarch                         record.NoarchKind
	license, licenseFamily         []byte
	sitePackagesPath               []byte
	recordVersion                  int64
	extras                         []extra
}

// An extra is one group of optional dependencies (CEP 44).
type extra struct {
	name    []byte
	depends [][]byte
}

// reset empties e and keeps its slices.
func (e *entry) reset() {
	*e = entry{depends: e.depends[:0], constrains: e.constrains[:0], trackFeatures: e.trackFeatures[:0],
		features: e.features[:0], flags: e.flags[:0], extras: e.extras[:0]}
}

// complete fills in what the file name tells, and says why the record cannot be used, or "".
// The name of the file has to be one: it becomes part of URLs and of paths in a cache.
func (e *entry) complete() (reason string) {
	if e.recordVersion > maxRecordVersion {
		return "record_version is newer than this program"
	}
	d, err := record.ParseFileName(string(e.fileName))
	if err != nil {
		return err.Error()
	}
	if len(e.name) == 0 {
		e.name = []byte(d.Name)
	}
	if len(e.version) == 0 {
		e.version = []byte(d.Version)
	}
	if len(e.build) == 0 {
		e.build = []byte(d.Build)
	}
	if err := record.CheckName(string(e.name)); err != nil {
		return err.Error()
	}
	return ""
}

// maxRecordVersion is conda's: it leaves newer records out.
const maxRecordVersion = 1

// sumFrom reads hexadecimal digits or raw bytes into dst, and leaves it as it is where
// src is neither.
func sumFrom(dst, src []byte) {
	switch len(src) {
	case len(dst):
		copy(dst, src)
	case 2 * len(dst):
		var buf [32]byte
		if _, err := hex.Decode(buf[:len(dst)], src); err == nil {
			copy(dst, buf[:len(dst)])
		}
	}
}

// maxUnixSeconds is 9999-12-31: a greater timestamp is in milliseconds (conda tells
// them apart so).
const maxUnixSeconds = 253402300799

// millis turns a timestamp of either unit into milliseconds; nonsense into 0.
func millis(t float64) int64 {
	switch {
	case t <= maxUnixSeconds && t > 0:
		return int64(t * 1000)
	case t > maxUnixSeconds && t <= maxUnixSeconds*1000:
		return int64(t)
	}
	return 0
}

// noarchOf reads today's words; anything else means "for one platform".
func noarchOf(word []byte) record.NoarchKind {
	switch string(word) {
	case "python":
		return record.NoarchPython
	case "generic", "true":
		return record.NoarchGeneric
	}
	return record.NoarchNone
}
