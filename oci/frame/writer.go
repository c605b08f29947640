package frame

import (
	"crypto/sha256"
	"encoding"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
)

// SmallBytes is the size of the tar stream up to which a Writer holds an encoder only while it is closed.
const SmallBytes = chunkBytes

// chunkBytes is how the tar stream is handed to the compressor. Chunks of one size make
// its output independent of how callers cut their writes, whatever it does inside.
const chunkBytes = 256 << 10

// Options of a Writer. The zero value is the default.
type Options struct {
	// Pool gives and takes back the encoder. Nil means a new one each time.
	Pool *Pool
	// Before is the raw (uncompressed) tar stream that stands before this frame in the
	// layer where it will most likely stand alone: a Prelude's Raw. Hashing starts
	// with it, and Info.RawState then lets package oci/layer go on from there, which saves
	// decoding this frame again for the layer's diff ID. It never changes the frame's bytes.
	Before []byte
}

// Info describes a finished frame. It can be stored beside it as JSON.
type Info struct {
	Compression Compression   `json:"compression"`
	Entries     int           `json:"entries"`
	Bytes       int64         `json:"bytes"`    // compressed
	RawBytes    int64         `json:"rawBytes"` // of the tar stream
	SHA256      digest.SHA256 `json:"sha256"`   // of the compressed bytes
	// RawSHA256 is the digest of the tar stream. Zero (not known) when Options.Before was given.
	RawSHA256 digest.SHA256 `json:"rawSha256"`
	// RawState is the state of a SHA-256 over Before and the tar stream, as crypto/sha256
	// marshals it; BeforeSHA256 and BeforeBytes say what Before was.
	RawState     []byte        `json:"rawState,omitempty"`
	BeforeSHA256 digest.SHA256 `json:"beforeSha256"`
	BeforeBytes  int64         `json:"beforeBytes,omitempty"`
}

// A Writer makes one frame. It is for one goroutine. Its memory use is bounded but for
// the paths of its entries, which it remembers to refuse clashes.
type Writer struct {
	c    Compression
	opts Options
	enc  encoder     // nil before the first whole chunk: many frames are small, and encoders large
	kind encoderKind // of enc
	done bool        // Close or Abort was called
	out  counter
	raw  hash.Hash
	buf  []byte // tar bytes not yet given to enc
	info Info
	hdr  []byte // of appendHeader
	seen map[string]seen
	err  error
}

// NewWriter starts a frame on w. Close it, or Abort it to give the encoder back.
func NewWriter(w io.Writer, c Compression, o Options) (*Writer, error) {
	if !c.known() {
		return nil, &CompressionError{Name: c.String()}
	}
	f := &Writer{c: c, opts: o, kind: encoderKind{c: c}, out: counter{w: w, h: sha256.New()}, raw: sha256.New(),
		buf: make([]byte, 0, chunkBytes), seen: map[string]seen{}}
	f.info.Compression = c
	if o.Before != nil {
		f.raw.Write(o.Before)
		f.info.BeforeSHA256, f.info.BeforeBytes = digest.Sum(o.Before), int64(len(o.Before))
	}
	return f, nil
}

var errClosed = errors.New("frame: use of a writer after Close or Abort")

// Add writes one entry. For a file, r gives exactly e.SizeBytes bytes, else Add fails with
// a *SizeError; for all others, and for empty files, r may be nil. A directory that is
// written a second time with the same attributes is left out; any other repeated path, a
// path below a file or link, and a directory that comes after what is in it are
// *EntryErrors. After an error of any kind the frame cannot be finished.
func (f *Writer) Add(e filetree.Entry, r io.Reader) error {
	if f.done {
		return errClosed
	}
	if f.err == nil {
		f.err = f.add(&e, r)
	}
	return f.err
}

func (f *Writer) add(e *filetree.Entry, r io.Reader) error {
	if err := checkEntry(e); err != nil {
		return err
	}
	again, err := f.remember(e)
	if again || err != nil {
		return err
	}
	f.info.Entries++
	f.hdr = appendHeader(f.hdr[:0], e)
	if err := f.write(f.hdr); err != nil {
		return err
	}
	if e.Type != filetree.File {
		return nil
	}
	if err := f.body(e, r); err != nil {
		return err
	}
	return f.write(zeros[:pad(e.SizeBytes)])
}

// body reads straight into the chunk, and on to the end of r: a reader that verifies
// does so before it says io.EOF.
func (f *Writer) body(e *filetree.Entry, r io.Reader) error {
	if r == nil {
		if e.SizeBytes > 0 {
			return &SizeError{Path: e.Path, WantBytes: e.SizeBytes}
		}
		return nil
	}
	var one [1]byte
	for got, idle := int64(0), 0; ; {
		free := f.buf[len(f.buf):cap(f.buf)]
		if left := e.SizeBytes - got; left == 0 {
			free = one[:]
		} else if int64(len(free)) > left {
			free = free[:left]
		}
		n, err := r.Read(free)
		got += int64(n)
		if got > e.SizeBytes {
			return &SizeError{Path: e.Path, WantBytes: e.SizeBytes, GotBytes: got, More: true}
		}
		f.buf = f.buf[:len(f.buf)+n]
		if len(f.buf) == cap(f.buf) {
			if err := f.flush(); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF && got == e.SizeBytes:
			return nil
		case err == io.EOF:
			return &SizeError{Path: e.Path, WantBytes: e.SizeBytes, GotBytes: got}
		case err != nil:
			return fmt.Errorf("frame: read entry %q: %w", e.Path, err)
		}
		if idle++; n > 0 {
			idle = 0
		} else if idle > 100 {
			return fmt.Errorf("frame: read entry %q: %w", e.Path, io.ErrNoProgress)
		}
	}
}

func (f *Writer) write(b []byte) error {
	for len(b) > 0 {
		n := copy(f.buf[len(f.buf):cap(f.buf)], b)
		f.buf, b = f.buf[:len(f.buf)+n], b[n:]
		if len(f.buf) == cap(f.buf) {
			if err := f.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *Writer) flush() error {
	if f.enc == nil {
		f.kind.small = f.c.IsZstd() && (f.kind.small || len(f.buf) < cap(f.buf)) // or this is all that there is
		enc, err := f.opts.Pool.get(f.kind)
		if err != nil {
			return fmt.Errorf("frame: make %s encoder: %w", f.c, err)
		}
		enc.Reset(&f.out)
		f.enc = enc
	}
	f.raw.Write(f.buf)
	f.info.RawBytes += int64(len(f.buf))
	_, err := f.enc.Write(f.buf)
	f.buf = f.buf[:0]
	if err != nil {
		return fmt.Errorf("frame: write: %w", err)
	}
	return nil
}

// Close finishes the frame. It does not close the writer below.
func (f *Writer) Close() (Info, error) {
	if f.done {
		return Info{}, errClosed
	}
	defer f.Abort()
	if f.err != nil {
		return Info{}, f.err
	}
	if err := f.flush(); err != nil {
		return Info{}, err
	}
	if err := f.enc.Close(); err != nil {
		return Info{}, fmt.Errorf("frame: write: %w", err)
	}
	state, err := f.raw.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return Info{}, fmt.Errorf("frame: save hash state: %w", err)
	}
	f.info.RawState = state
	if f.opts.Before == nil {
		f.info.RawSHA256 = digest.SHA256(f.raw.Sum(nil))
	}
	f.info.Bytes = f.out.n
	f.info.SHA256 = digest.SHA256(f.out.h.Sum(nil))
	return f.info, nil
}

// Abort gives the encoder back. After Close it does nothing.
func (f *Writer) Abort() {
	f.done = true
	if f.enc != nil {
		f.opts.Pool.put(f.kind, f.enc)
		f.enc = nil
	}
}

// counter hashes and counts compressed bytes.
type counter struct {
	w io.Writer
	h hash.Hash
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.h.Write(p[:n])
	c.n += int64(n)
	return n, err
}
