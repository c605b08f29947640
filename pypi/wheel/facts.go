package wheel

import (
	"bytes"
	"context"
	"io"
	"path"
	"strings"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
)

// maxScriptBytes bounds a script that has to be rewritten; it is kept in the facts.
const maxScriptBytes = 4 << 20

// headBytes is how much of a file its traits are read from.
const headBytes = 4096

// Facts reads the whole archive once for its digests and once through Walk. They hold the
// bytes of the scripts that Items rewrites and of kernelspecs, by member path.
func (w *Wheel) Facts(ctx context.Context) (*artifact.Facts, error) {
	sum := digest.NewBothReader(io.NewSectionReader(w.src, 0, w.size), digest.Want{})
	if _, err := io.Copy(io.Discard, &contextReader{ctx, sum}); err != nil {
		return nil, err
	}
	f := &artifact.Facts{
		FactsVersion: artifact.FactsVersion,
		Kind:         artifact.Wheel,
		FileName:     w.file,
		SHA256:       sum.SHA256(),
		MD5:          sum.MD5(),
		SizeBytes:    w.size,
		Name:         w.meta.name,
		Version:      w.meta.version,
		Build:        w.name.Build,
		Wheel: &artifact.WheelFacts{
			DistInfo:       w.info,
			DataDir:        w.data,
			RootIsPurelib:  w.meta.purelib,
			Tags:           w.meta.tags,
			ConsoleScripts: w.meta.console,
			GUIScripts:     w.meta.gui,
			Requires:       w.meta.requires,
			RequiresPython: w.meta.requiresPython,
		},
		Members: make([]artifact.Member, 0, len(w.members)),
		Kept:    map[string][]byte{},
	}
	err := w.Walk(ctx, func(h Header, r io.Reader) error {
		m, kept, err := w.member(h, r)
		if err != nil {
			return err
		}
		if kept != nil {
			f.Kept[h.Path] = kept
		}
		f.Members = append(f.Members, m)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// member reads one file: its digest, its traits, and its bytes where they are kept.
func (w *Wheel) member(h Header, r io.Reader) (artifact.Member, []byte, error) {
	m := artifact.Member{Path: h.Path, Type: h.Type, Mode: h.Mode, ModTime: h.ModTime, SizeBytes: h.SizeBytes}
	sum := digest.NewReader(r, digest.Want{})
	head := make([]byte, min(headBytes, h.SizeBytes))
	if _, err := io.ReadFull(sum, head); err != nil {
		return m, nil, err
	}
	traits(&m, head)
	var kept []byte
	if w.keeps(h.Path, head) {
		if h.SizeBytes > maxScriptBytes {
			return m, nil, &LimitError{Wheel: w.file, Member: h.Path, What: "size", Limit: maxScriptBytes, Got: h.SizeBytes}
		}
		kept = append(make([]byte, 0, h.SizeBytes), head...)
	}
	to := io.Discard
	buf := bytes.NewBuffer(kept)
	if kept != nil {
		to = buf
	}
	if _, err := io.Copy(to, sum); err != nil {
		return m, nil, err
	}
	m.SHA256 = sum.SHA256()
	if kept != nil {
		kept = buf.Bytes()
	}
	return m, kept, nil
}

// keeps tells whether planning needs the bytes of a file.
func (w *Wheel) keeps(p string, head []byte) bool {
	scheme, rest := w.scheme(p)
	switch scheme {
	case "scripts":
		return bytes.HasPrefix(head, []byte(pythonShebang))
	case "data":
		return strings.HasPrefix(rest, "share/jupyter/kernels/") && path.Base(rest) == "kernel.json" ||
			strings.HasPrefix(rest, "etc/conda/env_vars.d/") && strings.HasSuffix(rest, ".json")
	}
	return false
}

func (w *Wheel) scheme(p string) (scheme, rest string) { return schemeOf(p, w.data) }

// schemeOf cuts "<data>/<scheme>/<rest>"; files outside have the scheme "".
func schemeOf(p, data string) (scheme, rest string) {
	if data == "" {
		return "", p
	}
	in, ok := strings.CutPrefix(p, data+"/")
	if !ok {
		return "", p
	}
	scheme, rest, _ = strings.Cut(in, "/")
	return scheme, rest
}

// contextReader makes a long read stop where ctx is done.
type contextReader struct {
	ctx context.Context // a reader has no other place for it; it lives for one call of Facts
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
