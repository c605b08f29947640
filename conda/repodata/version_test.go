package repodata_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/conda/repodata"
	"github.com/nasa-openscapes/corn/digest"
)

// everything has a record with each field there is.
const everything = `{"info":{"subdir":"linux-64","base_url":"x"},"packages":{"a-1-h_1.tar.bz2":{"name":"a","version":"1","build":"h_1","build_number":-1,"depends":["b >=1","c[when='d']"],
"constrains":["e"],"track_features":"t","features":"f","flags":["g"],"extra_depends":{"x":["y"]},"license":"MIT","license_family":"MIT","size":300,"timestamp":1700000000000,
"md5":"000102030405060708090a0b0c0d0e0f","sha256":"000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f","noarch":"python","python_site_packages_path":"lib/x"},
"a-2-h_1.conda":{"name":"a","version":"2.0","build":"h_1","noarch":"generic"}},"repodata_version":2}`

// Files with these versions are in caches: whoever changes the bytes raises IndexVersion and
// ShardVersion, and then the digest here.
func TestBytesOfTheVersion(t *testing.T) {
	c, err := repodata.Convert(context.Background(), strings.NewReader(everything), noSpool)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := c.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	const want = "ae8a81cc59da7833487bba191664a61513bcc0c35a27b261f165c37ae29047e0"
	if got := digest.Sum(out.Bytes()).String(); got != want || repodata.IndexVersion != 1 || repodata.ShardVersion != 1 {
		t.Errorf("sha256 %s, version %d, want %s and 1", got, repodata.IndexVersion, want)
	}
}

func TestDamageIsFound(t *testing.T) {
	c, err := repodata.Convert(context.Background(), strings.NewReader(everything), noSpool)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := c.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	whole := out.Bytes()
	for i := range whole {
		for _, bit := range []byte{1, 0x80} {
			b := bytes.Clone(whole)
			b[i] ^= bit
			ix, err := repodata.OpenIndex(bytes.NewReader(b), int64(len(b)))
			if err == nil {
				_, err = ix.Shard("a")
			}
			if err == nil && i >= 8 { // the first mark is for people with a hex editor
				t.Errorf("bit %#x of byte %d of %d is flipped and nobody sees it", bit, i, len(whole))
			}
		}
	}
	for n := range whole {
		if _, err := repodata.OpenIndex(bytes.NewReader(whole[:n]), int64(n)); err == nil {
			t.Errorf("cut after %d of %d bytes, and it opens", n, len(whole))
		}
	}
}
