package image

import (
	"errors"
	"strings"
	"testing"
)

func TestScrub(t *testing.T) {
	for in, want := range map[string]string{
		"Get https://u:p@quay.io/v2/x?token=1: EOF":      "Get https://quay.io/v2/x EOF",
		`"https://s3.example.org/b?X-Amz-Signature=1#f"`: `"https://s3.example.org/b"`,
		"two\nlines\x1b[31m":                             "two lines [31m",
		"http://[::1":                                    "(address)",
		"plain words: no address":                        "plain words: no address",
	} {
		if got := scrub(in); got != want {
			t.Errorf("scrub(%q) = %q, want %q", in, got, want)
		}
	}
	long := clip(strings.Repeat("ä", 400))
	if len(long) > maxMessage+3 || !strings.HasSuffix(long, "...") || strings.ContainsRune(long, '\ufffd') {
		t.Errorf("clip gives %d bytes, %q", len(long), long)
	}
	e := &RegistryError{Ref: "x", Act: "read", Err: errors.New(`refusing redirect to "https://a.example/?sig=geheim"`)}
	if strings.Contains(e.Error(), "geheim") {
		t.Errorf("error shows a signature: %v", e)
	}
}
