package wheel

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"strconv"
)

// Walk calls fn for every file of the wheel, in the order of the archive's directory. r
// gives the file's bytes and fails with a *RecordError instead of io.EOF where they are
// not what RECORD says; fn need not read it. Walk stops at the first error, fn's errors
// unwrapped included, and where ctx is done.
func (w *Wheel) Walk(ctx context.Context, fn func(h Header, r io.Reader) error) error {
	for _, m := range w.members {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.visit(ctx, m, fn); err != nil {
			return err
		}
	}
	return nil
}

func (w *Wheel) visit(ctx context.Context, m member, fn func(h Header, r io.Reader) error) error {
	r, err := m.open(w.file)
	if err != nil {
		return err
	}
	defer r.Close()
	v := &verifier{ctx: ctx, w: w, path: m.Path, r: r, want: m.SizeBytes}
	if rec, ok := w.record[m.Path]; ok && !w.unlisted(m.Path) {
		v.rec = &rec
		v.sum = newHash(rec.algorithm)
	}
	return fn(m.Header, v)
}

func (m member) open(file string) (io.ReadCloser, error) {
	r, err := m.zip.Open()
	if err != nil {
		return nil, &FormatError{Wheel: file, Member: m.Path, Reason: "cannot be opened: " + err.Error()}
	}
	return r, nil
}

// A verifier compares what passes with the archive's directory and with RECORD.
type verifier struct {
	ctx  context.Context // a reader has no other place for it; it lives for one call of fn
	w    *Wheel
	path string
	r    io.Reader
	rec  *record
	sum  hash.Hash // nil: RECORD gives none
	n    int64
	want int64
	err  error
}

func (v *verifier) Read(p []byte) (int, error) {
	if v.err == nil {
		v.err = v.ctx.Err()
	}
	if v.err != nil {
		return 0, v.err
	}
	n, err := v.r.Read(p)
	v.n += int64(n)
	if v.sum != nil {
		v.sum.Write(p[:n])
	}
	switch {
	case v.n > v.want:
		err = v.w.bad(v.path, "has more than the %d bytes of the archive's directory", v.want)
	case errors.Is(err, io.EOF):
		err = v.finish()
	case err != nil:
		err = v.w.bad(v.path, "cannot be read: %v", err)
	}
	v.err = err
	return n, err
}

func (v *verifier) finish() error {
	if v.n != v.want {
		return v.w.bad(v.path, "has %d bytes, the archive's directory says %d", v.n, v.want)
	}
	if v.rec == nil {
		return io.EOF
	}
	if v.rec.sizeBytes >= 0 && v.rec.sizeBytes != v.n {
		return &RecordError{Wheel: v.w.file, Member: v.path, What: "size", Want: strconv.FormatInt(v.rec.sizeBytes, 10), Got: strconv.FormatInt(v.n, 10)}
	}
	if v.sum == nil {
		return io.EOF
	}
	if got := v.sum.Sum(nil); !bytes.Equal(got, v.rec.sum) {
		return &RecordError{
			Wheel: v.w.file, Member: v.path, What: "hash",
			Want: v.rec.algorithm + ":" + hex.EncodeToString(v.rec.sum), Got: v.rec.algorithm + ":" + hex.EncodeToString(got),
		}
	}
	return io.EOF
}
