package version_test

import (
	"testing"

	"github.com/nasa-openscapes/corn/conda/version"
)

var literals = []string{"1.26.4", "2024.10.0", "3.12.7", "1!164.3095", "2.9.0.post0", "1.1.1w", "6.0_92", "0.4.1+cu118"}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := version.Parse(literals[i%len(literals)]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompare(b *testing.B) {
	x, y := version.MustParse("3.12.7"), version.MustParse("3.12.10")
	for b.Loop() {
		if version.Compare(x, y) >= 0 {
			b.Fatal("3.12.7 is not below 3.12.10")
		}
	}
}

func BenchmarkParseSpec(b *testing.B) {
	specs := []string{">=3.12,<3.13.0a0", "*", "3.12.*", ">=1.2.13", "==1.2|==1.3"}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := version.ParseSpec(specs[i%len(specs)]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	v := version.MustParse("3.12.7")
	for _, s := range []string{">=3.12,<3.13.0a0", "3.12.*"} {
		b.Run(s, func(b *testing.B) {
			spec := version.MustParseSpec(s)
			for b.Loop() {
				if !spec.Match(v) {
					b.Fatal("no match")
				}
			}
		})
	}
}
