package channel_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/tinylib/msgp/msgp"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/conda/channel"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

// shardShared writes the shared index as shards into a new folder.
func shardShared(t testing.TB) string {
	t.Helper()
	z, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	for _, sub := range linux {
		packed, err := os.ReadFile(filepath.Join(sharedIndex(t), string(sub), "repodata.json.zst"))
		if err != nil {
			t.Skipf("needs the shared index: %v", err)
		}
		text, err := z.DecodeAll(packed, nil)
		if err != nil {
			t.Fatal(err)
		}
		var doc map[string]json.RawMessage
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatal(err)
		}
		shards := map[string]map[string]any{}
		for _, section := range []string{"packages", "packages.conda"} {
			var recs map[string]map[string]any
			if err := json.Unmarshal(doc[section], &recs); err != nil {
				t.Fatal(err)
			}
			for fn, r := range recs {
				name := r["name"].(string)
				if shards[name] == nil {
					shards[name] = map[string]any{"packages": map[string]any{}, "packages.conda": map[string]any{}, "removed": []any{}}
				}
				for _, sum := range []string{"md5", "sha256"} {
					if s, ok := r[sum].(string); ok {
						r[sum], _ = hex.DecodeString(s)
					}
				}
				shards[name][section].(map[string]any)[fn] = r
			}
		}
		if err := os.MkdirAll(filepath.Join(out, string(sub), "shards"), 0o755); err != nil {
			t.Fatal(err)
		}
		index := map[string]any{}
		for name, s := range shards {
			b, err := msgp.AppendIntf(nil, s)
			if err != nil {
				t.Fatal(err)
			}
			b = w.EncodeAll(b, nil)
			sum := sha256.Sum256(b)
			index[name] = sum[:]
			if err := os.WriteFile(filepath.Join(out, string(sub), "shards", hex.EncodeToString(sum[:])+".msgpack.zst"), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		b, err := msgp.AppendIntf(nil, map[string]any{"version": 1, "info": map[string]any{"subdir": string(sub), "base_url": "", "shards_base_url": "./shards/", "created_at": "2026-11-01T00:00:00Z"}, "shards": index})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(out, string(sub), formNames[0]), w.EncodeAll(b, nil), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// large is what a large environment asks for.
var large = []string{"python", "xarray", "dask", "geopandas", "jupyterlab", "r-base", "r-tidyverse", "pangeo-notebook", "gdal", "pytorch", "tensorflow"}

// BenchmarkShardsCold and BenchmarkShardsWarm load a large closure from shards on a server, with an empty and
// with a full cache.
func BenchmarkShardsCold(b *testing.B) { benchShards(b, false) }
func BenchmarkShardsWarm(b *testing.B) { benchShards(b, true) }

func benchShards(b *testing.B, warm bool) {
	srv := httptest.NewServer(channeltest.Serve(shardShared(b)))
	defer srv.Close()
	load := func(c *cache.Cache) int {
		s, err := channel.Open(context.Background(), c, []string{srv.URL}, linux, channel.Options{})
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
		if err := s.Closure(context.Background(), large...); err != nil {
			b.Fatal(err)
		}
		n := 0
		for _, name := range s.Names() {
			if s.Loaded(name) {
				n += len(s.Records(name))
			}
		}
		return n
	}
	c := openCache(b)
	n := 0
	if warm {
		load(c)
	}
	for b.Loop() {
		if !warm {
			b.StopTimer()
			c = openCache(b)
			b.StartTimer()
		}
		n = load(c)
	}
	b.ReportMetric(float64(n), "records")
}
