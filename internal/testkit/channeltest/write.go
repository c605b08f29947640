package channeltest

import (
	"archive/tar"
	"cmp"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/dsnet/compress/bzip2"
)

// Write writes the package into dir, under its file name in format f, and
// returns its record. The file appears by rename, complete or not at all.
// Content named by File.Src is streamed and must not change meanwhile.
func (p *Package) Write(dir string, f Format) (Record, error) {
	rec := Record{Subdir: p.SubdirName(), FileName: p.FileName(f), Index: p.index()}
	members, err := p.members()
	if err != nil {
		return Record{}, fmt.Errorf("write %s: %w", rec.FileName, err)
	}
	tmp, err := os.CreateTemp(dir, ".write-*")
	if err != nil {
		return Record{}, fmt.Errorf("write %s: %w", rec.FileName, err)
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()

	sha, sum := sha256.New(), md5.New()
	count := &counter{w: io.MultiWriter(tmp, sha, sum)}
	write := p.writeConda
	if f == TarBz2 {
		write = p.writeTarBz2
	}
	if err := write(count, dir, members); err != nil {
		return Record{}, fmt.Errorf("write %s: %w", rec.FileName, err)
	}
	rec.SizeBytes = count.n
	rec.SHA256 = hex.EncodeToString(sha.Sum(nil))
	rec.MD5 = hex.EncodeToString(sum.Sum(nil))
	if err := tmp.Chmod(0o644); err != nil {
		return Record{}, fmt.Errorf("write %s: %w", rec.FileName, err)
	}
	if err := tmp.Close(); err != nil {
		return Record{}, fmt.Errorf("write %s: %w", rec.FileName, err)
	}
	if err := os.Rename(tmp.Name(), filepath.Join(dir, rec.FileName)); err != nil {
		return Record{}, fmt.Errorf("write %s: %w", rec.FileName, err)
	}
	return rec, nil
}

// members returns the files in path order, scanned.
func (p *Package) members() ([]member, error) {
	members := make([]member, 0, len(p.Files))
	for _, f := range p.Files {
		m, err := scan(f, p.Placeholder)
		if err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	slices.SortStableFunc(members, func(a, b member) int { return cmp.Compare(a.Path, b.Path) })
	resolveLinks(members)
	return members, nil
}

func (p *Package) writeTarBz2(w io.Writer, _ string, members []member) error {
	// Level 9 is what bzip2 and conda-build use.
	bz, err := bzip2.NewWriter(w, &bzip2.WriterConfig{Level: 9})
	if err != nil {
		return err
	}
	tw := tar.NewWriter(bz)
	if err := p.tarInfo(tw, members); err != nil {
		return err
	}
	if err := p.tarFiles(tw, members); err != nil {
		return err
	}
	if err := tw.Close(); err != nil {
		return err
	}
	return bz.Close()
}

func (p *Package) tarInfo(tw *tar.Writer, members []member) error {
	files, names, err := p.info(members)
	if err != nil {
		return err
	}
	for _, name := range names {
		hdr := p.header("info/"+name, 0o644, 0)
		hdr.Typeflag, hdr.Size = tar.TypeReg, int64(len(files[name]))
		if err := tw.WriteHeader(hdr); err != nil {
			return fmt.Errorf("write info/%s: %w", name, err)
		}
		if _, err := tw.Write(files[name]); err != nil {
			return fmt.Errorf("write info/%s: %w", name, err)
		}
	}
	return nil
}

// tarFiles writes the payload; hard links last, so that what they name is
// there before them.
func (p *Package) tarFiles(tw *tar.Writer, members []member) error {
	for _, links := range []bool{false, true} {
		for i := range members {
			if (members[i].HardLink != "") != links {
				continue
			}
			if err := p.tarFile(tw, &members[i]); err != nil {
				return fmt.Errorf("write %s: %w", members[i].Path, err)
			}
		}
	}
	return nil
}

func (p *Package) tarFile(tw *tar.Writer, m *member) error {
	hdr := p.header(m.Path, cmp.Or(m.Mode, 0o644), m.ModTime)
	switch {
	case m.Dir:
		hdr.Typeflag, hdr.Name, hdr.Mode = tar.TypeDir, m.Path+"/", int64(cmp.Or(m.Mode, 0o755))
		return tw.WriteHeader(hdr)
	case m.Link != "":
		hdr.Typeflag, hdr.Linkname, hdr.Mode = tar.TypeSymlink, m.Link, 0o777
		return tw.WriteHeader(hdr)
	case m.HardLink != "":
		hdr.Typeflag, hdr.Linkname = tar.TypeLink, m.HardLink
		return tw.WriteHeader(hdr)
	}
	hdr.Typeflag, hdr.Size = tar.TypeReg, m.sizeBytes
	if err := tw.WriteHeader(hdr); err != nil {
		return err
	}
	r, err := m.open()
	if err != nil {
		return err
	}
	defer r.Close()
	n, err := io.Copy(tw, r)
	if err == nil && n != m.sizeBytes {
		err = fmt.Errorf("%s has %d bytes now, had %d when scanned", m.Src, n, m.sizeBytes)
	}
	return err
}

func (p *Package) header(name string, mode uint32, modTime int64) *tar.Header {
	return &tar.Header{
		Name:    name,
		Mode:    int64(mode),
		ModTime: time.Unix(cmp.Or(modTime, p.unixSeconds()), 0).UTC(),
	}
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
