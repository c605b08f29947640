package archive

import (
	"fmt"
	"io"
	"os"
)

// spool keeps the content of some files in one temporary file without a name.
type spool struct {
	dir    string
	f      *os.File
	end    int64
	places map[string]place
}

type place struct{ offset, sizeBytes int64 }

func (s *spool) has(path string) bool {
	_, ok := s.places[path]
	return ok
}

// tee returns a reader of r that also writes what is read into the spool. It has to be
// read to the end before anything else is done with the spool.
func (s *spool) tee(path string, sizeBytes int64, r io.Reader) (io.Reader, error) {
	if s.f == nil {
		f, err := os.CreateTemp(s.dir, "corn-hardlinks-*")
		if err != nil {
			return nil, fmt.Errorf("spool hard links: %w", err)
		}
		// Removed at once: nothing stays behind, however the process ends.
		if err := os.Remove(f.Name()); err != nil {
			f.Close()
			return nil, fmt.Errorf("spool hard links: %w", err)
		}
		s.f, s.places = f, map[string]place{}
	}
	w := io.NewOffsetWriter(s.f, s.end)
	s.places[path] = place{s.end, sizeBytes}
	s.end += sizeBytes
	return io.TeeReader(r, w), nil
}

// reader returns the content of a path that has been spooled.
func (s *spool) reader(path string) io.Reader {
	p := s.places[path]
	return io.NewSectionReader(s.f, p.offset, p.sizeBytes)
}

func (s *spool) close() {
	if s.f != nil {
		s.f.Close()
	}
}
