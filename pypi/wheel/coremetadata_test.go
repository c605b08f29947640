package wheel

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseMetadata(t *testing.T) {
	m, err := ParseMetadata([]byte("Metadata-Version: 2.1\r\nName: a\nVersion: 1\nRequires-Python: >=3.9\nRequires-Dist: b>=1;\n  extra == 'x'\nProvides-Extra: x\nRequires-Dist: c\n\nRequires-Dist: of-the-description\n"))
	want := &Metadata{Name: "a", Version: "1", RequiresPython: ">=3.9", Requires: []string{"b>=1;\nextra == 'x'", "c"}, Extras: []string{"x"}}
	if diff := cmp.Diff(want, m); err != nil || diff != "" {
		t.Errorf("ParseMetadata (-want +got), %v:\n%s", err, diff)
	}
	for _, bad := range []string{"", "Name: a\n", "no header", "Name: a\nVersion: \xff\n"} {
		var me *MetadataError
		if _, err := ParseMetadata([]byte(bad)); !errors.As(err, &me) {
			t.Errorf("ParseMetadata(%q) = %v, want a *MetadataError", bad, err)
		}
	}
}

func FuzzParseMetadata(f *testing.F) {
	f.Add([]byte("Name: a\nVersion: 1\nRequires-Dist: b;\n extra=='x'\n\nDescription"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ParseMetadata(text)
		if err != nil {
			return
		}
		again, err := ParseMetadata(m.Text())
		if err != nil {
			t.Fatalf("%q printed as %q: %v", text, m.Text(), err)
		}
		if diff := cmp.Diff(m, again); diff != "" {
			t.Errorf("%q printed as %q reads (-want +got):\n%s", text, m.Text(), diff)
		}
	})
}
