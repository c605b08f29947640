package simple

import (
	"crypto/md5"  //nolint:gosec // what an index gives besides or instead
	"crypto/sha1" //nolint:gosec // what an index gives besides or instead
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"hash"
	"io"

	"github.com/nasa-openscapes/corn/digest"
)

// others checks hashes that package digest does not know, as bytes pass.
type others struct {
	r    io.Reader
	want map[string]string
	sums map[string]hash.Hash
	n    int64
}

func newOthers(r io.Reader, want map[string]string) (*others, error) {
	o := &others{r: r, want: want, sums: map[string]hash.Hash{}}
	for name := range want {
		switch name {
		case "md5":
			o.sums[name] = md5.New() //nolint:gosec // see above
		case "sha1":
			o.sums[name] = sha1.New() //nolint:gosec // see above
		case "sha384":
			o.sums[name] = sha512.New384()
		case "sha512":
			o.sums[name] = sha512.New()
		}
	}
	return o, nil
}

func (o *others) Read(p []byte) (int, error) {
	n, err := o.r.Read(p)
	o.n += int64(n)
	for _, h := range o.sums {
		h.Write(p[:n])
	}
	if errors.Is(err, io.EOF) {
		for name, h := range o.sums {
			if got := hex.EncodeToString(h.Sum(nil)); got != o.want[name] {
				return n, &digest.MismatchError{What: name, Want: o.want[name], Got: got, ReadBytes: o.n}
			}
		}
	}
	return n, err
}
