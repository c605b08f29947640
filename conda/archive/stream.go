package archive

import (
	"archive/zip"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/dsnet/compress/bzip2"
	"github.com/klauspost/compress/zstd"

	"github.com/nasa-openscapes/corn/conda/record"
)

// parts says which tars of an archive a pass reads. A .tar.bz2 has one for both.
type parts uint8

const (
	partInfo parts = 1 << iota
	partPayload
)

// scan passes the members of the wanted parts to fn, info first where the
// format allows it. The reader is valid during the call, for files alone, and what fn leaves
// unread is skipped. An error of fn ends the pass and is returned as it is.
func (a *Archive) scan(ctx context.Context, want parts, fn func(*member, io.Reader) error) error {
	s := &scanner{a: a, budget: a.newBudget(), tree: tree{}, want: want, fn: fn}
	if a.dist.Format == record.TarBz2 {
		return a.readBzip2(ctx, s)
	}
	if want&partInfo != 0 {
		if err := a.readZstd(ctx, a.info, s, partInfo); err != nil {
			return err
		}
	}
	if want&partPayload != 0 && a.payload != nil {
		return a.readZstd(ctx, a.payload, s, partPayload)
	}
	return nil
}

func (a *Archive) readZstd(ctx context.Context, f *zip.File, s *scanner, part parts) error {
	raw, err := f.Open()
	if err != nil {
		return a.formatErr(f.Name, "", err)
	}
	defer raw.Close()
	dec, err := a.opt.Decoders.get(raw, s.budget.lim.WindowBytes)
	if err != nil {
		return a.formatErr(f.Name, "", err)
	}
	defer a.opt.Decoders.put(dec, s.budget.lim.WindowBytes)
	s.only = part
	err = s.run(ctx, &limitedReader{ctx: ctx, r: dec, budget: s.budget})
	if errors.Is(err, zstd.ErrWindowSizeExceeded) {
		return &LimitError{a.fileName, "bytes of zstd window", int64(s.budget.lim.WindowBytes)}
	}
	return err
}

func (a *Archive) readBzip2(ctx context.Context, s *scanner) (err error) {
	raw := bufio.NewReaderSize(io.NewSectionReader(a.src, 0, a.sizeBytes), 256<<10)
	dec, err := bzip2.NewReader(raw, nil)
	if err != nil {
		return a.formatErr("", "is no bzip2 file", err)
	}
	defer dec.Close()
	return s.run(ctx, &limitedReader{ctx: ctx, r: recovering{dec}, budget: s.budget})
}

// recovering turns a panic of a decoder into an error: what it was fed may be hostile,
// and a bug there must not end the program.
type recovering struct{ r io.Reader }

func (r recovering) Read(p []byte) (n int, err error) {
	defer func() {
		if v := recover(); v != nil {
			n, err = 0, fmt.Errorf("decoder: %v", v)
		}
	}()
	return r.r.Read(p)
}

// limitedReader counts decompressed bytes and stops when the context ends.
type limitedReader struct {
	ctx    context.Context //nolint:containedctx // lives for one call of scan
	r      io.Reader
	budget *budget
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if err := l.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := l.r.Read(p)
	if lerr := l.budget.stream(n); lerr != nil {
		return 0, lerr
	}
	return n, err
}
