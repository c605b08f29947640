package matchspec_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/nasa-openscapes/corn/conda/matchspec"
	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/conda/version"
)

// Every spec and version of a real index is read, and its normal form is the same spec.
func TestRealIndex(t *testing.T) {
	specs, versions := map[string]bool{}, map[string]bool{}
	for _, subdir := range []string{"linux-64", "noarch"} {
		file := "../../../shared/data/index/conda-forge/" + subdir + "/repodata.json.zst"
		data, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			t.Skipf("no %s beside the module", file)
		}
		if err != nil {
			t.Fatal(err)
		}
		dec, err := zstd.NewReader(nil)
		if err != nil {
			t.Fatal(err)
		}
		defer dec.Close()
		if data, err = dec.DecodeAll(data, nil); err != nil {
			t.Fatal(err)
		}
		type some struct {
			Version             string
			Depends, Constrains []string
		}
		var index struct {
			Packages map[string]some
			Conda    map[string]some `json:"packages.conda"`
		}
		if err := json.Unmarshal(data, &index); err != nil {
			t.Fatal(err)
		}
		for _, records := range []map[string]some{index.Packages, index.Conda} {
			for _, r := range records {
				versions[r.Version] = true
				for _, s := range append(r.Depends, r.Constrains...) {
					specs[s] = true
				}
			}
		}
	}
	if len(specs) < 10000 || len(versions) < 5000 {
		t.Fatalf("the index has %d specs and %d versions, want more", len(specs), len(versions))
	}
	for text := range versions {
		if v, err := version.Parse(text); err != nil || v.String() != text {
			t.Errorf("Parse(%q) = %q, %v, want it back", text, v, err)
		}
	}
	for text := range specs {
		s, err := matchspec.Parse(text)
		if err != nil {
			t.Errorf("Parse(%q): %v", text, err)
			continue
		}
		if len(s.Warnings) > 0 {
			t.Errorf("Parse(%q) warns %q", text, s.Warnings)
		}
		if _, ok := s.ExactName(); !ok {
			t.Errorf("Parse(%q) has no exact name", text)
		}
		again, err := matchspec.Parse(s.String())
		if err != nil || again.String() != s.String() {
			t.Errorf("Parse(%q) prints %q, which parses to %q, %v", text, s, again, err)
			continue
		}
		for _, v := range []string{"1.2.3", "3.12.7", "2.0"} {
			r := &record.Record{Name: s.Name.String(), Version: v, Build: "py312h_0"}
			if s.Match(r) != again.Match(r) {
				t.Errorf("%q and its normal form %q match version %s differently", text, s, v)
			}
		}
	}
}

func BenchmarkParse(b *testing.B) {
	specs := []string{"python >=3.12,<3.13.0a0", "numpy", "python_abi 3.12.* *_cp312", "libzlib >=1.3.1,<2.0a0", "libblas * *openblas"}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := matchspec.Parse(specs[i%len(specs)]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMatchVersionBuild(b *testing.B) {
	s := matchspec.MustParse("python_abi 3.12.* *_cp312")
	v := version.MustParse("3.12")
	for b.Loop() {
		if !s.MatchVersionBuild(v, "7_cp312") {
			b.Fatal("no match")
		}
	}
}
