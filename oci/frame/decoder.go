package frame

import (
	"bufio"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// windowBytes is the greatest zstd window that is accepted. The levels in use here have
// 8 and 16 MB; RFC 8878 section 3.1.1.1.2 asks decoders for 8 MB at least.
const windowBytes = 128 << 20

// A Decoder decompresses frames, one after another, with one set of tables. The zero
// value is ready for Reset. It is for one goroutine.
type Decoder struct {
	c   Compression
	zs  *zstd.Decoder
	gz  *gzip.Reader
	buf *bufio.Reader // below gz
	out []byte        // of WriteTo
	err error
}

// Reset makes the decoder read r, which holds one frame or several put one after another.
// What is wrong with the first bytes may be told here or by Read.
func (d *Decoder) Reset(r io.Reader, c Compression) error {
	d.c, d.err = c, nil
	switch {
	case c == Gzip:
		if d.buf == nil {
			d.buf, d.gz = bufio.NewReaderSize(nil, 64<<10), new(gzip.Reader)
		}
		d.buf.Reset(r)
		d.err = d.gz.Reset(d.buf)
	case c.IsZstd():
		if d.zs == nil {
			// Concurrency 1 decodes in the caller's goroutine: the asynchronous default
			// is slower on two cores and leaves goroutines behind.
			d.zs, d.err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1),
				zstd.WithDecoderMaxWindow(windowBytes), zstd.WithDecoderLowmem(true))
		}
		if d.err == nil {
			d.err = d.zs.Reset(r)
		}
	default:
		d.err = &CompressionError{Name: c.String()}
	}
	if d.err != nil && c.known() {
		d.err = &FormatError{Reason: "no " + c.String() + " header", Err: d.err}
	}
	return d.err
}

// Read gives the tar stream. Bytes that do not decode are a *FormatError; errors of the
// reader below come back wrapped in one.
func (d *Decoder) Read(p []byte) (n int, err error) {
	if d.err != nil {
		return 0, d.err
	}
	switch {
	case d.c == Gzip && d.gz != nil:
		n, err = d.gz.Read(p)
	case d.c.IsZstd() && d.zs != nil:
		n, err = d.zs.Read(p)
	default:
		return 0, errClosed
	}
	if err != nil && err != io.EOF { //nolint:errorlint // a wrapped io.EOF is a stream cut short, not its end
		err = &FormatError{Reason: "decompress " + d.c.String(), Err: err}
	}
	d.err = err
	return n, err
}

// WriteTo writes the whole tar stream to w.
func (d *Decoder) WriteTo(w io.Writer) (int64, error) {
	if d.out == nil {
		d.out = make([]byte, 128<<10)
	}
	var total int64
	for {
		n, err := d.Read(d.out)
		if n > 0 {
			if _, err := w.Write(d.out[:n]); err != nil {
				return total, err
			}
			total += int64(n)
		}
		if err == io.EOF { //nolint:errorlint // a wrapped io.EOF is a stream cut short, not its end
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

// Close frees the tables. The decoder may be Reset again.
func (d *Decoder) Close() error {
	if d.zs != nil {
		d.zs.Close()
	}
	*d = Decoder{}
	return nil
}

// Decompress returns the tar stream of a frame, or of frames put one after another. Close
// it to free the decoder; r is not closed.
func Decompress(r io.Reader, c Compression) (io.ReadCloser, error) {
	d := new(Decoder)
	if err := d.Reset(r, c); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}
