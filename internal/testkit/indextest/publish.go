package indextest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/pypi/wheel"
)

// Options say how an index lists its files. The zero value does all that PyPI does.
type Options struct {
	NoMetadata bool // no PEP 658 and 714
	NoHashes   bool
}

// Publish writes an index into dir: simple/<name>/index.html and index.json, files/<file>
// and files/<file>.metadata.
func Publish(dir string, dists []*Dist, o Options) error {
	byName := map[string][]*Dist{}
	for _, d := range dists {
		name := wheel.NormalizeName(strings.SplitN(d.base(), "-", 2)[0])
		if !d.isWheel() {
			name = wheel.NormalizeName(d.base()[:strings.LastIndexByte(d.base(), '-')])
		}
		byName[name] = append(byName[name], d)
	}
	if err := os.MkdirAll(filepath.Join(dir, "files"), 0o755); err != nil {
		return err
	}
	for name, list := range byName {
		slices.SortFunc(list, func(a, b *Dist) int { return strings.Compare(a.FileName, b.FileName) })
		if err := publishProject(dir, name, list, o); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func publishProject(dir, name string, list []*Dist, o Options) error {
	to := filepath.Join(dir, "simple", name)
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	page := map[string]any{"meta": map[string]any{"api-version": "1.1"}, "name": name}
	files, versions := []any{}, []string{}
	var h strings.Builder
	fmt.Fprintf(&h, "<!DOCTYPE html>\n<html>\n  <head>\n    <meta name=\"pypi:repository-version\" content=\"1.1\">\n    <title>Links for %s</title>\n  </head>\n  <body>\n    <h1>Links for %[1]s</h1>\n", name)
	for _, d := range list {
		data, err := d.Bytes()
		if err != nil {
			return err
		}
		meta := d.MetadataText()
		metaSum := sumOf(meta)
		if err := os.WriteFile(filepath.Join(dir, "files", d.FileName), data, 0o644); err != nil {
			return err
		}
		hasMeta := d.isWheel() && d.Metadata != "none" && !o.NoMetadata
		if hasMeta {
			served := meta
			if d.Metadata != "" && d.Metadata != "nohash" {
				served = []byte(d.Metadata)
			}
			if err := os.WriteFile(filepath.Join(dir, "files", d.FileName+".metadata"), served, 0o644); err != nil {
				return err
			}
		}
		sum, size := sumOf(data), int64(len(data))
		if d.SHA256 != "" {
			sum = d.SHA256
		}
		if d.SizeBytes != 0 {
			size = d.SizeBytes
		}
		hashes := map[string]string{"sha256": sum}
		if o.NoHashes || sum == "none" {
			hashes = map[string]string{}
		}
		python := d.RequiresPython
		if d.PageRequiresPython != "" {
			python = d.PageRequiresPython
		}
		f := map[string]any{"filename": d.FileName, "url": "../../files/" + d.FileName, "hashes": hashes, "size": size, "yanked": false}
		if d.Yanked {
			if f["yanked"] = any(true); d.YankedReason != "" {
				f["yanked"] = d.YankedReason
			}
		}
		if python != "" {
			f["requires-python"] = python
		}
		if !d.UploadTime.IsZero() {
			f["upload-time"] = d.UploadTime.UTC().Format("2006-01-02T15:04:05.000000Z")
		}
		var m any
		attr := ""
		switch {
		case hasMeta && (d.Metadata == "nohash"):
			m, attr = true, "true"
		case hasMeta:
			m, attr = map[string]string{"sha256": metaSum}, "sha256="+metaSum
		}
		if m != nil {
			f["core-metadata"], f["dist-info-metadata"] = m, m
		}
		files = append(files, f)
		if !slices.Contains(versions, d.Version) {
			versions = append(versions, d.Version)
		}
		href := "../../files/" + d.FileName
		if len(hashes) > 0 {
			href += "#sha256=" + sum
		}
		fmt.Fprintf(&h, "    <a href=%q", html.EscapeString(href))
		if python != "" {
			fmt.Fprintf(&h, " data-requires-python=\"%s\"", html.EscapeString(python))
		}
		if d.Yanked {
			fmt.Fprintf(&h, " data-yanked=\"%s\"", html.EscapeString(d.YankedReason))
		}
		if attr != "" {
			fmt.Fprintf(&h, " data-core-metadata=%q data-dist-info-metadata=%[1]q", attr)
		}
		fmt.Fprintf(&h, ">%s</a><br />\n", html.EscapeString(d.FileName))
	}
	h.WriteString("  </body>\n</html>\n")
	page["files"], page["versions"] = files, versions
	text, err := json.MarshalIndent(page, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(to, "index.json"), append(text, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(to, "index.html"), []byte(h.String()), 0o644)
}

func sumOf(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}
