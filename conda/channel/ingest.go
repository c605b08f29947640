package channel

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"

	"github.com/nasa-openscapes/corn/conda/repodata"
	"github.com/nasa-openscapes/corn/digest"
)

// maxIndexBytes bounds a decompressed repodata.json: a hundred times conda-forge's.
const maxIndexBytes = 40 << 30

// maxPackedBytes bounds what is read into memory as it comes: shards and their index.
const maxPackedBytes = 256 << 20

// readPacked reads a small file whole.
func readPacked(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxPackedBytes+1))
	if err == nil && len(b) > maxPackedBytes {
		err = &repodata.LimitError{What: "shard or index of shards", Limit: maxPackedBytes}
	}
	return b, err
}

// ingest reads an index in form f from r into the cache and returns the digest of what came.
func ingest(ctx context.Context, c Cache, f form, r io.Reader) (digest.SHA256, error) {
	if f == formShards {
		b, err := readPacked(r)
		if err != nil {
			return digest.SHA256{}, err
		}
		if _, err := repodata.DecodeShardIndex(b); err != nil {
			return digest.SHA256{}, err
		}
		sum := digest.Sum(b)
		return sum, c.PutBytes(kindShards, shardsKey(sum), b)
	}
	raw := digest.NewReader(r, digest.Want{})
	plain, done, err := plainReader(raw)
	if err != nil {
		return digest.SHA256{}, err
	}
	defer done()
	var spool *os.File
	defer func() {
		if spool != nil {
			spool.Close()
			os.Remove(spool.Name())
		}
	}()
	conv, err := repodata.Convert(ctx, &limited{r: plain, left: maxIndexBytes}, func() (repodata.Spool, error) {
		var err error
		spool, err = c.TempFile()
		return spool, err
	})
	if err != nil {
		return digest.SHA256{}, err
	}
	if _, err := io.Copy(io.Discard, raw); err != nil { // what may follow the last frame
		return digest.SHA256{}, err
	}
	sum := raw.SHA256()
	w, err := c.Create(kindIndex, indexKey(sum))
	if err != nil {
		return sum, err
	}
	defer w.Abort()
	out := bufio.NewWriterSize(w, 1<<20)
	if _, err := conv.WriteTo(out); err != nil {
		return sum, err
	}
	if err := out.Flush(); err != nil {
		return sum, err
	}
	return sum, w.Commit()
}

// plainReader decompresses what starts like something compressed: file names and headers lie.
// Errors of r come out as they are, those of decompressing as *repodata.FormatError.
func plainReader(r io.Reader) (io.Reader, func(), error) {
	src := &watched{r: r}
	br := bufio.NewReaderSize(src, 64<<10)
	head, err := br.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x28, 0xB5, 0x2F, 0xFD}), len(head) == 4 && head[0]&0xF0 == 0x50 && bytes.Equal(head[1:], []byte{0x2A, 0x4D, 0x18}):
		// One goroutine: another one already reads ahead, and two cores are all there is.
		z, err := zstd.NewReader(br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(512<<20))
		if err != nil {
			return nil, nil, err
		}
		return &unpacking{z, src}, z.Close, nil
	case bytes.HasPrefix(head, []byte{0x1F, 0x8B}):
		z, err := gzip.NewReader(br)
		if err != nil {
			return nil, nil, src.blame(err)
		}
		return &unpacking{z, src}, func() {}, nil
	}
	return br, func() {}, nil
}

// watched remembers the error of its source.
type watched struct {
	r   io.Reader
	err error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

// blame tells an error of the source from one of the decompressor.
func (w *watched) blame(err error) error {
	switch {
	case w.err != nil:
		return w.err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &repodata.FormatError{What: string(formJSON), Offset: -1, Err: repodata.ErrTruncated}
	}
	return &repodata.FormatError{What: string(formJSON), Offset: -1, Reason: "cannot be decompressed", Err: err}
}

type unpacking struct {
	r   io.Reader
	src *watched
}

func (u *unpacking) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = u.src.blame(err)
	}
	return n, err
}

// limited fails where more bytes come than may.
type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, &repodata.LimitError{What: string(formJSON), Limit: maxIndexBytes}
	}
	return n, err
}
