package pipeline

import (
	"bufio"
	"io"
	"os"
)

// A pile is one temporary file that holds many small ones, by number: thousands of sources
// and their bytecode cost two files an archive in place of two each. It is for one
// goroutine. The file appears with the first add and goes with the folder that it is in.
type pile struct {
	name  string
	f     *os.File
	w     *bufio.Writer
	size  int64
	spans map[int][2]int64 // offset and length
}

// add appends what write writes, under the number i.
func (p *pile) add(i int, write func(io.Writer) error) error {
	if p.f == nil {
		f, err := os.OpenFile(p.name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		p.f, p.w, p.spans = f, bufio.NewWriterSize(f, 64<<10), map[int][2]int64{}
	}
	at := p.size
	if err := write((*pileWriter)(p)); err != nil {
		return err
	}
	p.spans[i] = [2]int64{at, p.size - at}
	return nil
}

type pileWriter pile

func (p *pileWriter) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	p.size += int64(n)
	return n, err
}

// open reads what was added under the number i; nothing if it was not. All reads come
// after the last add.
func (p *pile) open(i int) *io.SectionReader {
	if p.f == nil {
		return io.NewSectionReader(eof{}, 0, 0)
	}
	span := p.spans[i]
	return io.NewSectionReader(p, span[0], span[1])
}

// ReadAt reads from the file, after what is still on its way there.
func (p *pile) ReadAt(b []byte, off int64) (int, error) {
	if p.w.Buffered() > 0 {
		if err := p.w.Flush(); err != nil {
			return 0, err
		}
	}
	return p.f.ReadAt(b, off)
}

func (p *pile) close() {
	if p.f != nil {
		p.f.Close()
	}
}

type eof struct{}

func (eof) ReadAt([]byte, int64) (int, error) { return 0, io.EOF }
