package channeltest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
)

type repodata struct {
	Info          map[string]string `json:"info"`
	Packages      map[string]Index  `json:"packages"`
	PackagesConda map[string]Index  `json:"packages.conda"`
	Removed       []string          `json:"removed"`
	Version       int               `json:"repodata_version"`
}

// Subdirs are the subdirs that WriteChannel always writes, with or without
// packages.
var Subdirs = []string{Platform, "noarch"}

// Archive is a package and the format to write it in.
type Archive struct {
	Package *Package
	Format  Format
}

// Publish writes the archives into dir/<subdir>/ and the channel's index files
// beside them. Records are in the order of archives.
func Publish(dir string, archives []Archive) ([]Record, error) {
	records := make([]Record, 0, len(archives))
	for _, a := range archives {
		sub := filepath.Join(dir, a.Package.SubdirName())
		if err := os.MkdirAll(sub, 0o755); err != nil {
			return nil, fmt.Errorf("create subdir: %w", err)
		}
		rec, err := a.Package.Write(sub, a.Format)
		if err != nil {
			return nil, err
		}
		records = append(records, rec)
	}
	if err := WriteChannel(dir, records); err != nil {
		return nil, err
	}
	return records, nil
}

// WriteChannel writes the index files of the channel in dir, whose archives
// lie at dir/<subdir>/<file name>: per subdir repodata.json, repodata.json.zst,
// current_repodata.json (the newest build of every name, by timestamp), and
// repodata_shards.msgpack.zst with shards/ (CEP 16). What an earlier call wrote is
// replaced; shards that nothing names any more stay, as on a real server.
func WriteChannel(dir string, records []Record) error {
	bySubdir := map[string][]Record{}
	for _, sub := range Subdirs {
		bySubdir[sub] = nil
	}
	for _, r := range records {
		bySubdir[r.Subdir] = append(bySubdir[r.Subdir], r)
	}
	for sub, recs := range bySubdir {
		slices.SortFunc(recs, func(a, b Record) int { return strings.Compare(a.FileName, b.FileName) })
		if err := writeSubdir(filepath.Join(dir, sub), sub, recs); err != nil {
			return fmt.Errorf("index %s: %w", sub, err)
		}
	}
	return nil
}

func writeSubdir(dir, sub string, recs []Record) error {
	if err := os.MkdirAll(filepath.Join(dir, "shards"), 0o755); err != nil {
		return err
	}
	full, err := marshal(newRepodata(sub, recs))
	if err != nil {
		return err
	}
	current, err := marshal(newRepodata(sub, newest(recs)))
	if err != nil {
		return err
	}
	packed, err := compress(full)
	if err != nil {
		return err
	}
	files := map[string][]byte{
		"repodata.json":         full,
		"repodata.json.zst":     packed,
		"current_repodata.json": current,
	}
	if err := addShards(files, sub, recs); err != nil {
		return err
	}
	for name, data := range files {
		if err := replaceFile(filepath.Join(dir, filepath.FromSlash(name)), data); err != nil {
			return err
		}
	}
	return nil
}

func newRepodata(sub string, recs []Record) repodata {
	rd := repodata{
		Info:          map[string]string{"subdir": sub},
		Packages:      map[string]Index{},
		PackagesConda: map[string]Index{},
		Removed:       []string{},
		Version:       1,
	}
	for _, r := range recs {
		if strings.HasSuffix(r.FileName, ".conda") {
			rd.PackagesConda[r.FileName] = r.entry()
		} else {
			rd.Packages[r.FileName] = r.entry()
		}
	}
	return rd
}

// newest keeps, for every name, the records with the latest timestamp.
func newest(recs []Record) []Record {
	latest := map[string]int64{}
	for _, r := range recs {
		latest[r.Index.Name] = max(latest[r.Index.Name], r.Index.TimestampMillis)
	}
	return slices.DeleteFunc(slices.Clone(recs), func(r Record) bool {
		return r.Index.TimestampMillis < latest[r.Index.Name]
	})
}

// compress makes one zstd frame with the content size in its header.
func compress(data []byte) ([]byte, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer enc.Close()
	return enc.EncodeAll(data, nil), nil
}

// replaceFile writes by rename, so that a server reading the old file is
// not disturbed.
func replaceFile(name string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(name), ".index-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err := errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), name)
}
