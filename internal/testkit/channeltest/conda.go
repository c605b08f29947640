package channeltest

import (
	"archive/tar"
	"archive/zip"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"time"

	"github.com/klauspost/compress/zstd"
)

// writeConda writes the zip of CEP 35. Both tars are made in temporary files
// first: a stored member's size and checksum stand before it, as in the archives of
// conda's own tools, so that it can be read without seeking.
func (p *Package) writeConda(w io.Writer, dir string, members []member) error {
	zw := zip.NewWriter(w)
	if err := p.zipBytes(zw, "metadata.json", []byte(`{"conda_pkg_format_version":2}`)); err != nil {
		return err
	}
	pack := func(prefix string, fill func(*tar.Writer, []member) error) error {
		tmp, err := os.CreateTemp(dir, ".tar-*")
		if err != nil {
			return err
		}
		defer os.Remove(tmp.Name())
		defer tmp.Close()
		if err := tarZst(tmp, func(tw *tar.Writer) error { return fill(tw, members) }); err != nil {
			return err
		}
		return p.zipFile(zw, prefix+p.Dist()+".tar.zst", tmp)
	}
	if err := pack("pkg-", p.tarFiles); err != nil {
		return err
	}
	if err := pack("info-", p.tarInfo); err != nil {
		return err
	}
	return zw.Close()
}

// tarZst writes a zstd-compressed tar. Level and concurrency are fixed, for
// they are part of the bytes.
func tarZst(w io.Writer, fill func(*tar.Writer) error) error {
	enc, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	defer enc.Close()
	tw := tar.NewWriter(enc)
	if err := fill(tw); err != nil {
		return err
	}
	if err := tw.Close(); err != nil {
		return err
	}
	return enc.Close()
}

func (p *Package) zipBytes(zw *zip.Writer, name string, data []byte) error {
	out, err := zw.CreateRaw(p.zipHeader(name, int64(len(data)), crc32.ChecksumIEEE(data)))
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if _, err := out.Write(data); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func (p *Package) zipFile(zw *zip.Writer, name string, f *os.File) error {
	crc := crc32.NewIEEE()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	n, err := io.Copy(crc, f)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	out, err := zw.CreateRaw(p.zipHeader(name, n, crc.Sum32()))
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if _, err := io.Copy(out, f); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func (p *Package) zipHeader(name string, sizeBytes int64, crc uint32) *zip.FileHeader {
	hdr := &zip.FileHeader{
		Name:               name,
		Method:             zip.Store,
		CRC32:              crc,
		CompressedSize64:   uint64(sizeBytes),
		UncompressedSize64: uint64(sizeBytes),
	}
	// Dates in zip files start in 1980.
	t := time.Unix(max(p.unixSeconds(), time.Date(1980, 1, 2, 0, 0, 0, 0, time.UTC).Unix()), 0).UTC()
	// The field Modified would add an extra record, which conda's writer does not have.
	hdr.ModifiedDate = uint16(t.Day() + int(t.Month())<<5 + (t.Year()-1980)<<9) //nolint:staticcheck // see above
	hdr.ModifiedTime = uint16(t.Second()/2 + t.Minute()<<5 + t.Hour()<<11)      //nolint:staticcheck // see above
	hdr.SetMode(0o644)
	return hdr
}
