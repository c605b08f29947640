package locks

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

// candidate is a record with its strings parsed.
type candidate struct {
	channeltest.Record
	v          version
	depends    []spec
	constrains []spec
	features   int
}

// Channel is the packages of a channel folder, by name, the one to prefer first.
type Channel struct {
	byName map[string][]*candidate
}

// ReadChannel reads repodata.json of the platform's subdir and noarch in dir.
func ReadChannel(dir string) (*Channel, error) {
	var records []channeltest.Record
	for _, sub := range channeltest.Subdirs {
		data, err := os.ReadFile(filepath.Join(dir, sub, "repodata.json"))
		if err != nil {
			return nil, fmt.Errorf("read channel: %w", err)
		}
		var repodata struct {
			Packages      map[string]channeltest.Index `json:"packages"`
			PackagesConda map[string]channeltest.Index `json:"packages.conda"`
		}
		if err := json.Unmarshal(data, &repodata); err != nil {
			return nil, fmt.Errorf("read channel %s/%s: %w", dir, sub, err)
		}
		for _, m := range []map[string]channeltest.Index{repodata.Packages, repodata.PackagesConda} {
			for file, idx := range m {
				rec := channeltest.Record{Subdir: sub, FileName: file, SizeBytes: idx.SizeBytes, MD5: idx.MD5, SHA256: idx.SHA256, Index: idx}
				records = append(records, rec)
			}
		}
	}
	return NewChannel(records)
}

// NewChannel makes a channel of records. A record that holds a version or a spec this
// package does not understand is an error.
func NewChannel(records []channeltest.Record) (*Channel, error) {
	ch := &Channel{byName: map[string][]*candidate{}}
	for _, r := range records {
		c := &candidate{Record: r, features: len(strings.FieldsFunc(r.Index.TrackFeatures, func(r rune) bool { return r == ' ' || r == ',' }))}
		var err error
		if c.v, err = parseVersion(r.Index.Version); err != nil {
			return nil, fmt.Errorf("%s: %w", r.Path(), err)
		}
		for _, list := range []struct {
			texts []string
			into  *[]spec
		}{{r.Index.Depends, &c.depends}, {r.Index.Constrains, &c.constrains}} {
			for _, text := range list.texts {
				s, err := parseSpec(text)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", r.Path(), err)
				}
				*list.into = append(*list.into, s)
			}
		}
		ch.byName[r.Index.Name] = append(ch.byName[r.Index.Name], c)
	}
	for _, list := range ch.byName {
		slices.SortFunc(list, better)
	}
	return ch, nil
}

// better orders candidates of one name: fewest track_features, then highest version, build
// number and timestamp, then .conda before .tar.bz2.
func better(a, b *candidate) int {
	return cmp.Or(
		cmp.Compare(a.features, b.features),
		b.v.compare(a.v),
		cmp.Compare(b.Index.BuildNumber, a.Index.BuildNumber),
		cmp.Compare(b.Index.TimestampMillis, a.Index.TimestampMillis),
		strings.Compare(a.Index.Build, b.Index.Build),
		strings.Compare(a.FileName, b.FileName), // ".conda" sorts before ".tar.bz2"
	)
}
