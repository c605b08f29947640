package cache

import (
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/digest"
)

func TestStatSumsUpByKind(t *testing.T) {
	c, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, err := c.Stat(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("empty cache: %v, %v", got, err)
	}
	if _, err := c.Put(t.Context(), strings.NewReader("an archive"), digest.Want{}); err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"a", "b"} {
		if err := c.PutBytes("facts", digest.Sum([]byte(k)), []byte(k)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := c.Stat(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, s := range got {
		kinds = append(kinds, s.Kind)
		if s.Oldest.IsZero() || s.Newest.Before(s.Oldest) || s.SizeBytes <= 0 {
			t.Errorf("%s: %+v, want a size and times of use", s.Kind, s)
		}
	}
	if strings.Join(kinds, " ") != "blob facts md5" && strings.Join(kinds, " ") != "blob facts" {
		t.Errorf("kinds = %q, want blob and facts", kinds)
	}
	if got[1].Entries != 2 || got[0].SizeBytes != int64(len("an archive")) {
		t.Errorf("%+v, want two facts and an archive of 10 bytes", got)
	}
}
