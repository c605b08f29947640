package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/conda/archive"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/pypi/wheel"
)

// opened is an archive of either kind, open for reading.
type opened struct {
	file  *os.File
	conda *archive.Archive
	wheel *wheel.Wheel
}

// openArchive opens a blob. tempDir is where hard links are spooled.
func (b *builder) openArchive(blob cache.Blob, kind artifact.Kind, fileName, tempDir string) (*opened, error) {
	file, err := blob.Open()
	if err != nil {
		return nil, err
	}
	o := &opened{file: file}
	if kind == artifact.Wheel {
		o.wheel, err = wheel.Open(file, blob.SizeBytes, fileName)
	} else {
		o.conda, err = archive.Options{TempDir: tempDir, Decoders: &b.decoders}.Open(file, blob.SizeBytes, fileName)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return o, nil
}

func (o *opened) close() { o.file.Close() }

func (o *opened) facts(ctx context.Context) (*artifact.Facts, error) {
	if o.wheel != nil {
		return o.wheel.Facts(ctx)
	}
	return o.conda.Facts(ctx)
}

// walk streams the files of the archive; links and directories are left out.
func (o *opened) walk(ctx context.Context, fn func(member string, sizeBytes int64, r io.Reader) error) error {
	if o.wheel != nil {
		return o.wheel.Walk(ctx, func(h wheel.Header, r io.Reader) error {
			if h.Type != filetree.File {
				return nil
			}
			return fn(h.Path, h.SizeBytes, r)
		})
	}
	return o.conda.Walk(ctx, func(h archive.Header, r io.Reader) error {
		if h.Type != filetree.File {
			return nil
		}
		return fn(h.Path, h.SizeBytes, r)
	})
}

// kindFacts is the cache's kind for facts; their key is of the archive and FactsVersion.
const kindFacts = "facts"

func factsKey(kind artifact.Kind, fileName string, sum digest.SHA256) digest.SHA256 {
	// The file name is checked against the archive, so facts belong to both.
	return digest.NewKey("facts").Int("version", artifact.FactsVersion).Str("kind", string(kind)).
		Str("fn", fileName).Sum("archive", sum).Key()
}

// loadFacts returns the facts that the cache has under a key; nil: none.
func (b *builder) loadFacts(key digest.SHA256) *artifact.Facts {
	data, err := b.cache.GetBytes(kindFacts, key)
	if err != nil {
		return nil
	}
	f, err := artifact.Unpack(data)
	if err != nil {
		return nil
	}
	return f
}

// cachedFacts returns the facts of a blob, computing them only if nobody has yet.
func (b *builder) cachedFacts(ctx context.Context, blob cache.Blob, kind artifact.Kind, fileName string) (*artifact.Facts, error) {
	key := factsKey(kind, fileName, blob.SHA256)
	if f := b.loadFacts(key); f != nil {
		return f, nil
	}
	o, err := b.openArchive(blob, kind, fileName, b.tempDir)
	if err != nil {
		return nil, err
	}
	defer o.close()
	f, err := o.facts(ctx)
	if err != nil {
		return nil, err
	}
	f.SHA256, f.SizeBytes = blob.SHA256, blob.SizeBytes
	data, err := artifact.Pack(f)
	if err != nil {
		return nil, err
	}
	if err := b.cache.PutBytes(kindFacts, key, data); err != nil {
		return nil, err
	}
	return f, nil
}

// kindMissing is the cache's kind for lists of bytecode that could not be compiled, by
// content key.
const kindMissing = "nopyc"

// missingBytecode returns the bytecode that the content of a key lacks, if that is known.
func (b *builder) missingBytecode(content digest.SHA256) (map[string]bool, bool) {
	data, err := b.cache.GetBytes(kindMissing, content)
	if err != nil {
		return nil, false
	}
	var list []string
	if json.Unmarshal(data, &list) != nil {
		return nil, false
	}
	missing := make(map[string]bool, len(list))
	for _, p := range list {
		missing[p] = true
	}
	return missing, true
}

func (b *builder) rememberMissing(content digest.SHA256, list []string) error {
	if list == nil {
		list = []string{}
	}
	data, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("remember missing bytecode: %w", err)
	}
	return b.cache.PutBytes(kindMissing, content, data)
}
