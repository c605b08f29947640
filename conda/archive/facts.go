package archive

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // conda-meta records and older locks hold one
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
)

// Facts reads the archive once and returns its facts, which have passed
// [artifact.Facts.Validate]. Members stand in the order of the archive; directories that
// paths.json lists and the archive leaves implicit follow at the end.
//
// A .tar.bz2 whose lists stand behind the payload, and files with a placeholder of which a hard
// link is listed, are read once more, for those files alone. Memory grows with the number of paths, not
// with their sizes.
//
// Errors: *FormatError, *LimitError, *MissingError, *IdentityError, the context's.
func (a *Archive) Facts(ctx context.Context) (*artifact.Facts, error) {
	p := &pass{a: a, info: infoFiles{}, contents: map[string]*content{}, left: a.opt.Limits.Placeholders, buf: make([]byte, 256<<10)}
	if err := a.scan(ctx, partInfo|partPayload, p.one); err != nil {
		return nil, err
	}
	facts := &artifact.Facts{FactsVersion: artifact.FactsVersion, Kind: artifact.Conda,
		FileName: a.fileName, SizeBytes: a.sizeBytes, Members: []artifact.Member{}}
	if err := p.info.describe(a, facts); err != nil {
		return nil, err
	}
	list, err := p.early, error(nil)
	if list == nil || p.late {
		if list, err = p.info.parseList(a); err != nil {
			return nil, err
		}
	}
	if err := p.again(ctx, list); err != nil {
		return nil, err
	}
	if err := p.assemble(list, facts); err != nil {
		return nil, err
	}
	if facts.SHA256, facts.MD5, err = a.digests(ctx); err != nil {
		return nil, err
	}
	if err := facts.Validate(); err != nil {
		return nil, a.formatErr("", "", err)
	}
	a.Learn(facts)
	return facts, nil
}

// pass is one reading of the whole archive for its facts.
type pass struct {
	a        *Archive
	info     infoFiles
	early    *list // the list, where it came before the payload
	started  bool  // the payload has begun
	late     bool  // files of info/ that matter came after that
	order    []member
	contents map[string]*content // of regular files, by path
	left     int                 // placeholders that may still be found
	buf      []byte
}

// content is what is learnt of the bytes of one regular file.
type content struct {
	sha256  digest.SHA256
	look    look
	uses    map[string][]int64 // offsets by placeholder, of those searched for
	shebang *string            // nil: not looked for
	kept    []byte
	hasKept bool
}

// one takes one member in.
func (p *pass) one(m *member, r io.Reader) error {
	if m.info {
		return p.takeInfo(m, r)
	}
	if !p.started {
		p.started = true
		p.early, _ = p.info.parseList(p.a) // an error is found again at the end
	}
	p.order = append(p.order, *m)
	if m.typ != filetree.File || m.root != "" {
		return nil
	}
	j := job{kept: keeps(m.path)}
	if p.early != nil {
		if it := p.early.get(m.path); it != nil && it.placeholder != "" {
			j.needles, j.shebang = []string{it.placeholder}, it.mode == artifact.Text
		}
	}
	c := &content{}
	p.contents[m.path] = c
	return p.read(m, r, c, j, true)
}

// takeInfo reads a member of info/. In a .tar.bz2 a payload file may be a hard link to one,
// so that its content counts as well.
func (p *pass) takeInfo(m *member, r io.Reader) error {
	if p.a.sharedParts() == 0 || m.typ != filetree.File || m.root != "" {
		return p.info.take(p.a, m, r)
	}
	c := &content{}
	p.contents[m.path] = c
	name := m.path[len("info/"):]
	whole := infoNames[name]
	p.late = p.late || whole && p.started
	if limit := p.a.opt.Limits.InfoBytes; whole && m.sizeBytes > limit {
		return &LimitError{p.a.fileName, "bytes of " + m.path, limit}
	}
	var text bytes.Buffer
	if whole {
		r = io.TeeReader(r, &text)
	}
	if err := p.read(m, r, c, job{}, true); err != nil {
		return err
	}
	if whole {
		p.info[name] = text.Bytes()
	}
	return nil
}

// job says what is wanted of a file's bytes.
type job struct {
	needles []string
	shebang bool
	kept    bool
}

// read runs a file's bytes through everything that wants them.
func (p *pass) read(m *member, r io.Reader, c *content, j job, first bool) error {
	if j.kept && m.sizeBytes > p.a.opt.Limits.KeptBytes {
		return &LimitError{p.a.fileName, "bytes of " + m.path, p.a.opt.Limits.KeptBytes}
	}
	finders := make([]*finder, len(j.needles))
	for i, n := range j.needles {
		finders[i] = newFinder(n, p.left)
	}
	var line firstLine
	var pr probe
	sum := sha256.New()
	for {
		n, err := r.Read(p.buf)
		b := p.buf[:n]
		if first {
			sum.Write(b)
			pr.write(b)
		}
		for _, f := range finders {
			f.write(b)
		}
		if j.shebang {
			line.write(b)
		}
		if j.kept {
			c.kept = append(c.kept, b...)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	if first {
		sum.Sum(c.sha256[:0])
		c.look = pr.look()
	}
	for i, f := range finders {
		if f.over {
			return &LimitError{p.a.fileName, "placeholders", int64(p.a.opt.Limits.Placeholders)}
		}
		p.left -= len(f.offsets)
		if c.uses == nil {
			c.uses = map[string][]int64{}
		}
		c.uses[j.needles[i]] = f.offsets
	}
	if j.shebang {
		s := line.shebang()
		c.shebang = &s
	}
	c.hasKept = c.hasKept || j.kept
	return nil
}

// again reads the archive a second time for files whose placeholders, first line or bytes
// are wanted and were not looked for: because the list came late, or a hard link needs them.
func (p *pass) again(ctx context.Context, l *list) error {
	jobs := map[string]job{}
	for i := range p.order {
		m := &p.order[i]
		it := l.get(m.path)
		if it == nil || m.typ != filetree.File {
			continue
		}
		root := m.contentPath()
		c, j := p.contents[root], jobs[root]
		if it.placeholder != "" {
			if _, ok := c.uses[it.placeholder]; !ok && !slices.Contains(j.needles, it.placeholder) {
				j.needles = append(j.needles, it.placeholder)
			}
			j.shebang = j.shebang || it.mode == artifact.Text && c.shebang == nil
		}
		j.kept = j.kept || keeps(m.path) && !c.hasKept
		if len(j.needles) > 0 || j.shebang || j.kept {
			jobs[root] = j
		}
	}
	if len(jobs) == 0 {
		return nil
	}
	return p.a.scan(ctx, partPayload|p.a.sharedParts(), func(m *member, r io.Reader) error {
		j, ok := jobs[m.path]
		if !ok || m.typ != filetree.File || m.root != "" {
			return nil
		}
		return p.read(m, r, p.contents[m.path], j, false)
	})
}

func (m *member) contentPath() string {
	if m.root != "" {
		return m.root
	}
	return m.path
}

// assemble makes the members out of what was listed and what was found.
func (p *pass) assemble(l *list, facts *artifact.Facts) error {
	found := make([]bool, len(l.items))
	for i := range p.order {
		m := &p.order[i]
		at, ok := l.byPath[m.path]
		if !ok {
			continue // in the archive, but not listed: not installed
		}
		found[at] = true
		out, err := p.member(m, &l.items[at])
		if err != nil {
			return err
		}
		out.Listed = at + 1
		facts.Members = append(facts.Members, out)
		if isLinkScript(m.path, facts.Name) {
			facts.Conda.LinkScripts = append(facts.Conda.LinkScripts, m.path)
		}
		if m.typ == filetree.File && keeps(m.path) {
			if facts.Kept == nil {
				facts.Kept = map[string][]byte{}
			}
			facts.Kept[m.path] = append([]byte{}, p.contents[m.contentPath()].kept...)
		}
	}
	for i := range l.items {
		switch it := &l.items[i]; {
		case found[i]:
		case it.dir:
			facts.Members = append(facts.Members, artifact.Member{Path: it.path, Type: filetree.Dir, Mode: 0o755, Listed: i + 1, NoLink: it.noLink, NoSoft: it.noSoft})
		default:
			return &MissingError{FileName: p.a.fileName, List: l.source, Path: it.path}
		}
	}
	return nil
}

// member turns one path into its facts, and compares it with what the list promises.
// What differs is noted, not refused: the archive's own hash was checked, and packages whose
// files were changed after listing are installed by conda (safety_checks: warn), mamba and rattler.
func (p *pass) member(m *member, it *item) (artifact.Member, error) {
	out := artifact.Member{Path: m.path, Type: m.typ, Mode: m.mode, ModTime: m.modTime, Link: m.link, NoLink: it.noLink, NoSoft: it.noSoft}
	if it.dir != (m.typ == filetree.Dir) && !it.anyType {
		return out, p.a.formatErr(m.path, fmt.Sprintf("is a %s, info/paths.json lists it as something else", m.typ), nil)
	}
	if !utf8.ValidString(m.link) {
		return out, p.a.formatErr(m.path, "is a symbolic link whose target is not UTF-8", nil)
	}
	if m.typ != filetree.File {
		if m.typ == filetree.Symlink {
			out.ListedSizeBytes = it.linkSizeBytes
		}
		return out, nil
	}
	c := p.contents[m.contentPath()]
	out.SizeBytes, out.SHA256, out.HardLink = m.sizeBytes, c.sha256, m.root
	if it.sha256 != c.sha256 {
		out.ListedSHA256 = it.sha256
	}
	if it.sizeBytes > 0 && it.sizeBytes != m.sizeBytes {
		out.ListedSizeBytes = it.sizeBytes
	}
	c.look.apply(&out)
	if it.placeholder != "" {
		out.Prefix = &artifact.PrefixUse{Placeholder: it.placeholder, Mode: it.mode, Offsets: c.uses[it.placeholder]}
		if it.mode == artifact.Text {
			out.Prefix.Shebang = *c.shebang
		}
	}
	return out, nil
}

// firstLine keeps the start of a file up to its first newline.
type firstLine struct {
	b    []byte
	done bool
}

func (l *firstLine) write(b []byte) {
	for len(b) > 0 && !l.done {
		if b[0] == '\n' || len(l.b) == artifact.MaxShebangBytes || len(l.b) == 2 && string(l.b) != "#!" {
			l.done = true
			return
		}
		l.b, b = append(l.b, b[0]), b[1:]
	}
}

// shebang returns the line where it is one.
func (l *firstLine) shebang() string {
	if len(l.b) < 2 || string(l.b[:2]) != "#!" || !utf8.Valid(l.b) {
		return ""
	}
	return string(l.b)
}

// digests returns the archive's own digests, the caller's where there are any.
func (a *Archive) digests(ctx context.Context) (digest.SHA256, digest.MD5, error) {
	sum, sumMD5 := a.opt.SHA256, a.opt.MD5
	var w []io.Writer
	sha, md := sha256.New(), md5.New() //nolint:gosec // see the import
	if sum.IsZero() {
		w = append(w, sha)
	}
	if sumMD5.IsZero() {
		w = append(w, md)
	}
	if len(w) == 0 {
		return sum, sumMD5, nil
	}
	r := &limitedReader{ctx: ctx, r: io.NewSectionReader(a.src, 0, a.sizeBytes), budget: &budget{maxBytes: a.sizeBytes}}
	n, err := io.CopyBuffer(io.MultiWriter(w...), r, make([]byte, 256<<10))
	if err != nil {
		return sum, sumMD5, fmt.Errorf("archive %s: %w", a.fileName, err)
	}
	if n != a.sizeBytes {
		return sum, sumMD5, a.formatErr("", fmt.Sprintf("has %d bytes, want %d", n, a.sizeBytes), nil)
	}
	if sum.IsZero() {
		sha.Sum(sum[:0])
	}
	if sumMD5.IsZero() {
		md.Sum(sumMD5[:0])
	}
	return sum, sumMD5, nil
}
