package repodata_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/tinylib/msgp/msgp"

	"github.com/nasa-openscapes/corn/conda/repodata"
)

// typed fails on an error that is none of the package's.
func typed(t *testing.T, err error) {
	t.Helper()
	var format *repodata.FormatError
	var limit *repodata.LimitError
	var version *repodata.VersionError
	if err != nil && !errors.As(err, &format) && !errors.As(err, &limit) && !errors.As(err, &version) {
		t.Errorf("decode: error %v of type %T, want one of this package", err, err)
	}
}

// readAll reads every record and re-reads every shard from its bytes.
func readAll(t *testing.T, ix *repodata.Index) {
	for name := range ix.Names() {
		s, err := ix.Shard(name)
		if err != nil {
			typed(t, err)
			continue
		}
		if s == nil {
			continue // names out of order: only in a file that nobody wrote
		}
		_, err = s.Records(origin)
		typed(t, err)
	}
}

func FuzzConvert(f *testing.F) {
	f.Add([]byte(`{"info":{"subdir":"linux-64"},"packages":{"a-1-0.tar.bz2":{"name":"a","depends":["b >=1"],"timestamp":1.5e9}},"packages.conda":{"a-1-0.conda":{"md5":"00"}},"removed":["x"],"repodata_version":2}`))
	f.Add([]byte(`{"packages":{"a-1-0.conda":{"name":"\u0061","license":"\"","track_features":["x"],"extra_depends":{"p":["q"]}}}}`))
	f.Add([]byte("<html>"))
	f.Add([]byte(`{"packages":{"a-1-0.conda":{"name":{"x":[1,"]"]}}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := repodata.Convert(context.Background(), bytes.NewReader(b), noSpool)
		if err != nil {
			typed(t, err)
			return
		}
		var out bytes.Buffer
		if _, err := c.WriteTo(&out); err != nil {
			t.Fatalf("WriteTo: %v", err)
		}
		ix, err := repodata.OpenIndex(bytes.NewReader(out.Bytes()), int64(out.Len()))
		if err != nil {
			t.Fatalf("OpenIndex: %v", err)
		}
		n := 0
		for name := range ix.Names() {
			s, err := ix.Shard(name)
			if err != nil || s == nil || s.Name() != name {
				t.Fatalf("Shard(%q) = %v, %v", name, s, err)
			}
			recs, err := s.Records(origin)
			if err != nil {
				t.Fatalf("Records(%q): %v", name, err)
			}
			n += len(recs)
		}
		if n != ix.Info().Records {
			t.Errorf("%d records, Info says %d", n, ix.Info().Records)
		}
	})
}

func FuzzDecodeShard(f *testing.F) {
	for _, v := range []any{
		map[string]any{"packages": map[string]any{"a-1-0.tar.bz2": map[string]any{"name": "a", "depends": []string{"b"}, "sha256": make([]byte, 32), "timestamp": 1500000000}}, "packages.conda": nil, "removed": []string{"x"}},
		map[string]any{"packages": 1}, []any{}, nil,
	} {
		b, err := msgp.AppendIntf(nil, v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := repodata.DecodeShard("a", b)
		if err != nil {
			typed(t, err)
			return
		}
		again, err := repodata.ParseShard(s.Bytes())
		if err != nil {
			t.Fatalf("ParseShard: %v", err)
		}
		if _, err := again.Records(origin); err != nil {
			t.Fatalf("Records: %v", err)
		}
	})
}

func FuzzDecodeShardIndex(f *testing.F) {
	b, err := msgp.AppendIntf(nil, map[string]any{"version": 1, "info": map[string]any{"subdir": "noarch", "shards_base_url": "./s/"}, "shards": map[string]any{"b": make([]byte, 32), "a": nil}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := repodata.DecodeShardIndex(b)
		if err != nil {
			typed(t, err)
			return
		}
		for name := range x.Names() {
			if _, ok := x.Sum(name); !ok {
				t.Errorf("Sum(%q) finds nothing", name)
			}
		}
	})
}

// The file lies in a cache that anybody may damage.
func FuzzOpenIndex(f *testing.F) {
	c, err := repodata.Convert(context.Background(), bytes.NewReader([]byte(`{"packages":{"a-1-0.conda":{"depends":["b","c"]},"b-1-0.conda":{"license":"MIT"}}}`)), noSpool)
	if err != nil {
		f.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := c.WriteTo(&out); err != nil {
		f.Fatal(err)
	}
	f.Add(out.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		ix, err := repodata.OpenIndex(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			typed(t, err)
			return
		}
		readAll(t, ix)
	})
}

func FuzzParseShard(f *testing.F) {
	b, err := msgp.AppendIntf(nil, map[string]any{"packages": map[string]any{"a-1-0.conda": map[string]any{"depends": []string{"b"}, "noarch": "python", "extra_depends": map[string]any{"x": []string{"y"}}}}})
	if err != nil {
		f.Fatal(err)
	}
	s, err := repodata.DecodeShard("a", b)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := repodata.ParseShard(b)
		if err != nil {
			typed(t, err)
			return
		}
		_, err = s.Records(origin)
		typed(t, err)
	})
}
