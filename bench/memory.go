package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"

	"github.com/nasa-openscapes/corn/bench/run"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

// memory builds an image with one huge package.
func (b *bench) memory(ctx context.Context) error {
	s, err := b.newScale(1)
	if err != nil {
		return err
	}
	b.res.Projects = b.res.Projects[:len(b.res.Projects)-1]
	b.say("memory: write a package of %d MB", b.bigBytes/1e6)
	rec, err := b.hugePackage()
	if err != nil {
		return err
	}
	if err := appendRecord(s.project.Kernels[0].Lock, hugeChannel, rec); err != nil {
		return err
	}
	for _, compression := range []string{"zstd", "gzip"} {
		f := memoryFigures{Compression: compression, PackageBytes: b.bigBytes, ArchiveBytes: rec.SizeBytes}
		err := each(func(cores string, one bool) error {
			if err := b.forget(allKinds); err != nil {
				return err
			}
			if err := os.RemoveAll(s.image()); err != nil {
				return err
			}
			b.say("memory: build, %s, %s", compression, cores)
			u, _, err := b.build(ctx, one, s.project.Dir, "oci:"+s.image(), "--compression", compression)
			if one {
				f.OneCore = u
			} else {
				f.AllCores = u
			}
			return err
		})
		if err != nil {
			return err
		}
		b.res.Memory = append(b.res.Memory, f)
	}
	return b.forget(allKinds)
}

const hugeChannel = "corn-huge"

// hugePackage writes a package whose files cannot be compressed, can be, have the prefix in
// a binary, and have it in every line of a text.
func (b *bench) hugePackage() (channeltest.Record, error) {
	dir := b.path("channel", hugeChannel)
	var files []channeltest.File
	text := []byte(strings.Repeat("the same again and again, as in the tables of a model\n", 20000))
	inBinary := append([]byte(strings.Repeat("\x00\x01\x02", 300_000)), channeltest.DefaultPlaceholder+"/share\x00"...)
	inText := []byte(strings.Repeat(channeltest.DefaultPlaceholder+"/share/model\n", 4000))
	random := make([]byte, 1<<20)
	for i, part := range []struct {
		name  string
		share int64 // percent
		chunk func() []byte
	}{
		{"random.bin", 50, func() []byte { return random }},
		{"table.txt", 20, func() []byte { return text }},
		{"libhuge.so", 20, func() []byte { return inBinary }},
		{"paths.txt", 10, func() []byte { return inText }},
	} {
		src := b.path("huge-" + part.name)
		f, err := os.Create(src)
		if err != nil {
			return channeltest.Record{}, fmt.Errorf("write huge package: %w", err)
		}
		rng := rand.NewChaCha8([32]byte{byte(i)})
		for left := b.bigBytes * part.share / 100; left > 0; {
			_, _ = rng.Read(random) // it never fails
			chunk := part.chunk()
			n, err := f.Write(chunk[:min(left, int64(len(chunk)))])
			if err != nil {
				return channeltest.Record{}, fmt.Errorf("write huge package: %w", err)
			}
			left -= int64(n)
		}
		if err := f.Close(); err != nil {
			return channeltest.Record{}, fmt.Errorf("write huge package: %w", err)
		}
		defer os.Remove(src)
		files = append(files, channeltest.File{Path: "share/huge/" + part.name, Src: src})
	}
	records, err := channeltest.Publish(dir, []channeltest.Archive{{Package: &channeltest.Package{
		Name: "huge", Version: "1.0", Build: "0", TimestampMillis: 1704164645000,
		Placeholder: channeltest.DefaultPlaceholder, Files: files,
	}}})
	if err != nil {
		return channeltest.Record{}, err
	}
	return records[0], nil
}

type memoryFigures struct {
	Compression  string    `json:"compression"`
	PackageBytes int64     `json:"package_bytes"`
	ArchiveBytes int64     `json:"archive_bytes"`
	OneCore      run.Usage `json:"one_core"`
	AllCores     run.Usage `json:"all_cores"`
}
