package digest

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

const emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func TestParse(t *testing.T) {
	for _, c := range []struct {
		why, in string
		ok      bool
	}{
		{"plain", emptySHA256, true},
		{"OCI form", "sha256:" + emptySHA256, true},
		{"upper case, as Windows tools print it", strings.ToUpper(emptySHA256), true},
		{"too short", emptySHA256[:63], false},
		{"not hexadecimal", "g" + emptySHA256[1:], false},
		{"another algorithm", "sha512:" + emptySHA256, false},
		{"empty", "", false},
	} {
		d, err := Parse(c.in)
		if (err == nil) != c.ok {
			t.Errorf("%s: Parse(%q) err = %v, want ok %v", c.why, c.in, err, c.ok)
		}
		if c.ok && d.String() != emptySHA256 {
			t.Errorf("%s: Parse(%q) = %s, want %s", c.why, c.in, d, emptySHA256)
		}
		if !c.ok && !d.IsZero() {
			t.Errorf("%s: a refused digest is not zero: %s", c.why, d)
		}
	}
}

func TestTextRoundTrip(t *testing.T) {
	for _, d := range []SHA256{Sum(nil), Sum([]byte("x")), {}} {
		b, err := d.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back SHA256
		if err := back.UnmarshalText(b); err != nil || back != d {
			t.Errorf("round trip of %s = %s, %v", d, back, err)
		}
	}
	m := SumMD5([]byte("x"))
	b, _ := m.MarshalText()
	var back MD5
	if err := back.UnmarshalText(b); err != nil || back != m {
		t.Errorf("round trip of md5 %s = %s, %v", m, back, err)
	}
}

func TestReaderVerifiesBeforeEOF(t *testing.T) {
	data := []byte("the bytes of a package")
	right := Want{SHA256: Sum(data), MD5: SumMD5(data), SizeBytes: int64(len(data))}
	for _, c := range []struct {
		why  string
		want Want
		what string // field that a *MismatchError names, "" when all is right
	}{
		{"all right", right, ""},
		{"nothing wanted", Want{}, ""},
		{"wrong sha256", Want{SHA256: Sum(nil)}, "sha256"},
		{"wrong md5", Want{MD5: SumMD5(nil)}, "md5"},
		{"server sent less", Want{SizeBytes: int64(len(data)) + 1}, "size"},
		{"server sends without end", Want{SizeBytes: int64(len(data)) - 1}, "size"},
	} {
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"plain": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader, "EOF with data": iotest.DataErrReader,
		} {
			r := NewReader(wrap(bytes.NewReader(data)), c.want)
			got, err := io.ReadAll(r)
			var mismatch *MismatchError
			switch {
			case c.what == "" && (err != nil || !bytes.Equal(got, data) || r.SHA256() != Sum(data) || r.SizeBytes() != int64(len(data))):
				t.Errorf("%s, %s: read %d bytes, sha %s, %v", c.why, name, len(got), r.SHA256(), err)
			case c.what != "" && (!errors.As(err, &mismatch) || mismatch.What != c.what):
				t.Errorf("%s, %s: err = %v, want a mismatch of %s", c.why, name, err, c.what)
			}
			if _, again := r.Read(make([]byte, 1)); c.what != "" && again == nil {
				t.Errorf("%s, %s: reading after a mismatch gives no error", c.why, name)
			}
		}
	}
}

func TestBothReaderLearnsMD5(t *testing.T) {
	r := NewBothReader(strings.NewReader("abc"), Want{})
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Fatal(err)
	}
	if got, want := r.MD5().String(), "900150983cd24fb0d6963f7d28e17f72"; got != want { // RFC 1321, A.5
		t.Errorf("MD5 = %s, want %s", got, want)
	}
}

func TestKeysDoNotMeet(t *testing.T) {
	seen := map[SHA256]string{}
	for name, k := range map[string]*KeyWriter{
		"empty":                NewKey("d"),
		"other domain":         NewKey("dd"),
		"one field":            NewKey("d").Str("a", "bc"),
		"border moved":         NewKey("d").Str("ab", "c"),
		"two fields":           NewKey("d").Str("a", "b").Str("c", ""),
		"list of one":          NewKey("d").Strs("a", []string{"b"}),
		"list of two":          NewKey("d").Strs("a", []string{"b", "c"}),
		"list, other border":   NewKey("d").Strs("a", []string{"bc"}),
		"number":               NewKey("d").Int("a", 1),
		"digest of the number": NewKey("d").Sum("a", Sum([]byte{1})),
	} {
		if other, ok := seen[k.Key()]; ok {
			t.Errorf("%q and %q give one key", name, other)
		}
		seen[k.Key()] = name
	}
	k := NewKey("d").Str("a", "b")
	if first, second := k.Key(), k.Key(); first != second {
		t.Error("asking twice changes the key")
	}
}
