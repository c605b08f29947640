package link

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/nasa-openscapes/corn/artifact"
)

// A PrefixTooLongError reports a binary file that cannot hold a prefix: its C strings
// have only as much room as the placeholder takes.
type PrefixTooLongError struct {
	Prefix           string
	PlaceholderBytes int // the longest prefix the file can hold
}

func (e *PrefixTooLongError) Error() string {
	return fmt.Sprintf("prefix %s has %d bytes, and this binary file has room for %d", e.Prefix, len(e.Prefix), e.PlaceholderBytes)
}

// A RewriteError reports a file that is not what its facts say.
type RewriteError struct {
	Offset int64 // in the file as shipped
	Reason string
}

func (e *RewriteError) Error() string {
	return fmt.Sprintf("rewrite prefix at byte %d: %s", e.Offset, e.Reason)
}

// RewrittenSize is how many bytes Rewrite writes for a file of sizeBytes: in text every
// placeholder changes the length and a long first line may be replaced; a binary keeps
// its size. It is a *PrefixTooLongError where Rewrite would be.
func RewrittenSize(use *artifact.PrefixUse, prefix string, sizeBytes int64) (int64, error) {
	if err := checkUse(use, prefix); err != nil {
		return 0, err
	}
	if use.Mode == artifact.Binary {
		return sizeBytes, nil
	}
	outside := int64(len(use.Offsets))
	if line, replaced := newShebang(use, prefix); replaced {
		sizeBytes += int64(len(line) - len(use.Shebang))
		for _, off := range use.Offsets {
			if off < int64(len(use.Shebang)) {
				outside--
			}
		}
	}
	return sizeBytes + outside*int64(len(prefix)-len(use.Placeholder)), nil
}

func checkUse(use *artifact.PrefixUse, prefix string) error {
	switch {
	case strings.ContainsAny(use.Placeholder, "\x00\n\r"):
		return fmt.Errorf("placeholder %q has a line end or a NUL byte", use.Placeholder)
	case use.Placeholder == "" && len(use.Offsets) > 0:
		return errors.New("the placeholder is empty")
	case strings.ContainsAny(prefix, "\x00\n\r"):
		return fmt.Errorf("prefix %q has a line end or a NUL byte", prefix)
	case use.Mode == artifact.Binary && len(use.Offsets) > 0 && len(prefix) > len(use.Placeholder):
		return &PrefixTooLongError{Prefix: prefix, PlaceholderBytes: len(use.Placeholder)}
	}
	return nil
}

// Rewrite copies src, a file of sizeBytes, to dst with prefix in the place of each
// placeholder.
//
// In text every placeholder is replaced, and then a first line that is too long for the
// kernel. In binary files each one is replaced within its C string, which is padded with
// NUL behind its end, once for each placeholder in it, so that what follows keeps its
// place; a string that the file's end cuts off is padded there.
//
// The placeholders must stand at use.Offsets, and src must have sizeBytes: otherwise the
// error is a *RewriteError. A *PrefixTooLongError comes before the first write. Memory
// use does not grow with src. Neither dst nor src is closed.
func Rewrite(dst io.Writer, src io.Reader, use *artifact.PrefixUse, prefix string, sizeBytes int64) error {
	if err := checkUse(use, prefix); err != nil {
		return err
	}
	r := &rewriter{
		dst: dst, src: src, sizeBytes: sizeBytes, buf: make([]byte, 32<<10),
		placeholder: []byte(use.Placeholder), binary: use.Mode == artifact.Binary,
	}
	if line, replaced := newShebang(use, prefix); replaced {
		if err := r.expect([]byte(use.Shebang), "the first line is another than the facts say"); err != nil {
			return err
		}
		if _, err := io.WriteString(dst, line); err != nil {
			return err
		}
	}
	last := int64(-1)
	for _, off := range use.Offsets {
		if off <= last {
			return &RewriteError{off, "offsets do not ascend"}
		}
		last = off
		if off < r.pos && off+int64(len(r.placeholder)) <= r.pos && off < int64(len(use.Shebang)) {
			continue // in the first line, which is written
		}
		if err := r.replace(off, prefix); err != nil {
			return err
		}
	}
	return r.finish()
}

type rewriter struct {
	dst         io.Writer
	src         io.Reader
	sizeBytes   int64
	placeholder []byte
	binary      bool
	buf         []byte

	pos int64 // bytes of src read
	pad int64 // NUL bytes owed to the C string that pos is in
}

func (r *rewriter) replace(off int64, prefix string) error {
	if off < r.pos || off+int64(len(r.placeholder)) > r.sizeBytes {
		return &RewriteError{off, "the offset is not in the rest of the file"}
	}
	if err := r.copyTo(off); err != nil {
		return err
	}
	if err := r.expect(r.placeholder, "the placeholder is not there"); err != nil {
		return err
	}
	if r.binary {
		r.pad += int64(len(r.placeholder) - len(prefix))
	}
	_, err := io.WriteString(r.dst, prefix)
	return err
}

// expect reads want from src.
func (r *rewriter) expect(want []byte, otherwise string) error {
	start := r.pos
	for len(want) > 0 {
		b := r.buf[:min(len(r.buf), len(want))]
		n, err := io.ReadFull(r.src, b)
		r.pos += int64(n)
		if !bytes.Equal(b[:n], want[:n]) {
			return &RewriteError{start, otherwise}
		}
		if err != nil {
			return r.readErr(err)
		}
		want = want[n:]
	}
	return nil
}

// copyTo copies src up to a position, and pays what is owed at the first NUL.
func (r *rewriter) copyTo(end int64) error {
	for r.pos < end {
		b := r.buf[:min(int64(len(r.buf)), end-r.pos)]
		n, err := io.ReadFull(r.src, b)
		r.pos += int64(n)
		if err != nil {
			return r.readErr(err)
		}
		if r.pad > 0 {
			if i := bytes.IndexByte(b, 0); i >= 0 {
				if _, err := r.dst.Write(b[:i]); err != nil {
					return err
				}
				if err := r.payPad(); err != nil {
					return err
				}
				b = b[i:]
			}
		}
		if _, err := r.dst.Write(b); err != nil {
			return err
		}
	}
	return nil
}

var zeros [4096]byte

func (r *rewriter) payPad() error {
	for r.pad > 0 {
		n, err := r.dst.Write(zeros[:min(int64(len(zeros)), r.pad)])
		if err != nil {
			return err
		}
		r.pad -= int64(n)
	}
	return nil
}

func (r *rewriter) finish() error {
	if err := r.copyTo(r.sizeBytes); err != nil {
		return err
	}
	if err := r.payPad(); err != nil {
		return err
	}
	n, err := io.ReadFull(r.src, r.buf[:1])
	switch {
	case n > 0:
		return &RewriteError{r.pos, fmt.Sprintf("the file goes on after its %d bytes", r.sizeBytes)}
	case errors.Is(err, io.EOF):
		return nil
	}
	return err
}

func (r *rewriter) readErr(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &RewriteError{r.pos, fmt.Sprintf("the file ends before its %d bytes", r.sizeBytes)}
	}
	return err
}
