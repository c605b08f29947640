package channeltest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tinylib/msgp/msgp"
)

// addShards adds the shard index and the shards of one subdir to files (CEP 16).
func addShards(files map[string][]byte, sub string, recs []Record) error {
	byName := map[string][]Record{}
	var newestMillis int64
	for _, r := range recs {
		byName[r.Index.Name] = append(byName[r.Index.Name], r)
		newestMillis = max(newestMillis, r.Index.TimestampMillis)
	}
	names := slices.Sorted(maps.Keys(byName))

	index := msgp.AppendMapHeader(nil, 3)
	index = msgp.AppendString(index, "version")
	index = msgp.AppendInt(index, 1)
	index = msgp.AppendString(index, "info")
	index = msgp.AppendMapHeader(index, 4)
	for _, kv := range [][2]string{
		{"base_url", ""}, // relative to the index: archives lie beside it
		{"shards_base_url", "./shards/"},
		// The time of the newest package, for the bytes must not know when they were made.
		{"created_at", time.UnixMilli(newestMillis).UTC().Format(time.RFC3339)},
		{"subdir", sub},
	} {
		index = msgp.AppendString(index, kv[0])
		index = msgp.AppendString(index, kv[1])
	}
	index = msgp.AppendString(index, "shards")
	index = msgp.AppendMapHeader(index, uint32(len(names)))
	for _, name := range names {
		plain, err := shard(byName[name])
		if err != nil {
			return fmt.Errorf("shard %s: %w", name, err)
		}
		packed, err := compress(plain)
		if err != nil {
			return fmt.Errorf("shard %s: %w", name, err)
		}
		sum := sha256.Sum256(packed)
		files["shards/"+hex.EncodeToString(sum[:])+".msgpack.zst"] = packed
		index = msgp.AppendString(index, name)
		index = msgp.AppendBytes(index, sum[:])
	}
	packed, err := compress(index)
	if err != nil {
		return err
	}
	files["repodata_shards.msgpack.zst"] = packed
	return nil
}

// shard encodes the records of one name.
func shard(recs []Record) ([]byte, error) {
	kinds := map[bool][]Record{}
	for _, r := range recs {
		conda := strings.HasSuffix(r.FileName, ".conda")
		kinds[conda] = append(kinds[conda], r)
	}
	b := msgp.AppendMapHeader(nil, 3)
	for _, conda := range []bool{false, true} {
		key := "packages"
		if conda {
			key = "packages.conda"
		}
		b = msgp.AppendString(b, key)
		b = msgp.AppendMapHeader(b, uint32(len(kinds[conda])))
		for _, r := range kinds[conda] {
			b = msgp.AppendString(b, r.FileName)
			var err error
			if b, err = appendRecord(b, r); err != nil {
				return nil, err
			}
		}
	}
	b = msgp.AppendString(b, "removed")
	return msgp.AppendArrayHeader(b, 0), nil
}

// appendRecord encodes one record; hashes are bytes in shards, hex elsewhere.
func appendRecord(b []byte, r Record) ([]byte, error) {
	idx := r.Index
	fields := map[string]any{
		"build": idx.Build, "build_number": idx.BuildNumber, "depends": idx.Depends,
		"name": idx.Name, "subdir": idx.Subdir, "version": idx.Version, "size": r.SizeBytes,
	}
	for key, hexSum := range map[string]string{"md5": r.MD5, "sha256": r.SHA256} {
		sum, err := hex.DecodeString(hexSum)
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", key, r.FileName, err)
		}
		fields[key] = sum
	}
	for key, v := range map[string]string{
		"arch": idx.Arch, "platform": idx.Platform, "license": idx.License, "noarch": idx.Noarch,
		"python_site_packages_path": idx.PythonSitePackagesPath, "track_features": idx.TrackFeatures,
	} {
		if v != "" {
			fields[key] = v
		}
	}
	if len(idx.Constrains) > 0 {
		fields["constrains"] = idx.Constrains
	}
	if idx.TimestampMillis != 0 {
		fields["timestamp"] = idx.TimestampMillis
	}
	b = msgp.AppendMapHeader(b, uint32(len(fields)))
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		b = msgp.AppendString(b, key)
		var err error
		if b, err = msgp.AppendIntf(b, fields[key]); err != nil {
			return nil, fmt.Errorf("encode %s of %s: %w", key, r.FileName, err)
		}
	}
	return b, nil
}
