package hub

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A File is a file to be edited, with what it has in it.
type File struct {
	Name string
	Data []byte
}

// Options say what to edit.
type Options struct {
	Images []Ref // what to put where their repositories stand; each has a tag or a digest
	// DisplayNames changes display_name and description too, where they repeat the old tag.
	DisplayNames bool
}

// An Edited is what became of a file.
type Edited struct {
	File    string   `json:"file"`
	Changes []Change `json:"changes"`          // none: it has the images already, or none of their repositories
	Offers  []Offer  `json:"offers,omitempty"` // texts for people that repeat the old tag, and were left
	Left    []Left   `json:"left,omitempty"`   // places with one of the repositories that were left
	Current int      `json:"current"`          // places that have the image already
	Seen    []string `json:"repositories"`     // that the file names, sorted
	Diff    string   `json:"diff,omitempty"`

	Before []byte `json:"-"`
	After  []byte `json:"-"`

	lists []string
}

// A Change is one value that was changed.
type Change struct {
	Line int    `json:"line"`
	Path string `json:"path"`
	Old  string `json:"old"`
	New  string `json:"new"`
	Text bool   `json:"text,omitempty"` // a display_name or description, not an image
}

// An Offer is a text for people that repeats the old tag.
type Offer struct {
	Line   int    `json:"line"`
	Path   string `json:"path"`
	Text   string `json:"text"`
	New    string `json:"new"`
	ByHand bool   `json:"by_hand,omitempty"` // written in a way that corn does not edit
}

// A Left is an image that was not changed although it is of the repository.
type Left struct {
	File   string `json:"-"`
	Line   int    `json:"line"`
	Path   string `json:"path"`
	Image  string `json:"image"`
	Reason string `json:"reason"`

	repository string // as Ref.Normal has it
}

// Edit plans the edit of files that belong together: a tag may stand in one and its repository in
// another. Nothing is written. An image that no file is changed for, or has already, is a
// *NoMatchError; a file that cannot be read a *FileError.
func Edit(files []File, o Options) ([]*Edited, error) {
	sources := make([]*source, len(files))
	names := map[string]string{}
	for i, f := range files {
		if isDockerfile(f.Name) {
			continue
		}
		var err error
		if sources[i], err = readYAML(f.Name, f.Data); err != nil {
			return nil, err
		}
		if err := namesOf(sources[i], names); err != nil {
			return nil, err
		}
	}
	var out []*Edited
	hit := map[string]bool{}
	for i, f := range files {
		var e *Edited
		var err error
		if sources[i] == nil {
			e, err = editDockerfile(f, o, hit)
		} else {
			e, err = editYAML(sources[i], names, o, hit)
		}
		if err != nil {
			return nil, err
		}
		e.Diff = unifiedDiff(e.File, e.Before, e.After)
		out = append(out, e)
	}
	for _, im := range o.Images {
		if !hit[im.Normal()] {
			return nil, noMatch(im, out)
		}
	}
	return out, nil
}

func noMatch(im Ref, files []*Edited) error {
	e := &NoMatchError{Image: im.Repository}
	for _, f := range files {
		e.Files = append(e.Files, f.File)
		e.Seen = append(e.Seen, f.Seen...)
		for _, l := range f.Left {
			if l.repository == im.Normal() {
				e.Left = append(e.Left, l)
			}
		}
	}
	slices.Sort(e.Seen)
	e.Seen = slices.Compact(e.Seen)
	return e
}

// namesOf adds the repositories that stand beside or apart from their tags, by path.
func namesOf(s *source, names map[string]string) error {
	f := &finder{src: s}
	for _, doc := range s.docs {
		if err := f.walk(doc, frame{}); err != nil {
			return err
		}
	}
	for _, im := range f.images {
		if im.name != nil && names[normalPath(im.path)] == "" {
			names[normalPath(im.path)] = im.name.Value
		}
	}
	return nil
}

// An editor collects the splices of one YAML file.
type editor struct {
	src  *source
	want map[*yaml.Node]string // the values to be
	by   map[*yaml.Node]*image // who asked for them
	out  *Edited
}

func editYAML(s *source, names map[string]string, o Options, hit map[string]bool) (*Edited, error) {
	f := &finder{src: s, names: names}
	for _, doc := range s.docs {
		if err := f.walk(doc, frame{}); err != nil {
			return nil, err
		}
	}
	e := &editor{
		src: s, want: map[*yaml.Node]string{}, by: map[*yaml.Node]*image{},
		out: &Edited{File: s.name, Before: s.data, Changes: []Change{}, Seen: seen(f.images), lists: f.lists},
	}
	done := map[*yaml.Node]bool{} // places that aliases repeat
	for _, im := range f.images {
		to, ok := wanted(o.Images, im.ref)
		if !ok {
			continue
		}
		if im.left != "" {
			e.out.Left = append(e.out.Left, Left{s.name, im.line(), im.path, im.ref.String(), im.left, im.ref.Normal()})
			continue
		}
		hit[to.Normal()] = true
		first := !done[im.at]
		done[im.at] = true
		if err := e.image(im, to, first); err != nil {
			return nil, err
		}
		if err := e.titles(im, to, o.DisplayNames); err != nil {
			return nil, err
		}
	}
	e.texts(f.texts, o.Images)
	if err := e.shared(f); err != nil {
		return nil, err
	}
	if err := e.splice(); err != nil {
		return nil, err
	}
	slices.SortStableFunc(e.out.Changes, func(a, b Change) int { return a.Line - b.Line })
	return e.out, nil
}

// texts tells of images inside longer texts, such as the Python of hub.extraConfig.
func (e *editor) texts(texts []title, images []Ref) {
	for _, t := range texts {
		for line := range strings.Lines(t.node.Value) {
			for _, im := range images {
				if mentions(line, im.Repository) {
					e.out.Left = append(e.out.Left, Left{e.src.name, t.node.Line, t.path, oneLine(line), "inside a longer text or a template", im.Normal()})
				}
			}
		}
	}
}

// mentions tells whether a line names an image of the repository with a tag or digest.
func mentions(line, repository string) bool {
	before, after, found := strings.Cut(line, repository)
	return found && endsWord(before) && !strings.HasSuffix(before, "/") && (strings.HasPrefix(after, ":") || strings.HasPrefix(after, "@"))
}

func wanted(images []Ref, have Ref) (Ref, bool) {
	for _, im := range images {
		if im.Normal() == have.Normal() {
			return im, true
		}
	}
	return Ref{}, false
}

func seen(images []*image) []string {
	repositories := []string{}
	for _, im := range images {
		if im.certain {
			repositories = append(repositories, im.ref.Repository)
		}
	}
	slices.Sort(repositories)
	return slices.Compact(repositories)
}

// image plans the values of one reference.
func (e *editor) image(im *image, to Ref, first bool) error {
	next := im.ref.with(to)
	if im.text == nil && im.digest != nil && to.Tag == "" {
		next.Tag = im.ref.Tag
	}
	if next == im.ref {
		if first {
			e.out.Current++
		}
		return nil
	}
	if first {
		e.out.Changes = append(e.out.Changes, Change{Line: im.line(), Path: im.path, Old: im.ref.String(), New: next.String()})
	}
	if im.text != nil {
		return e.set(im, im.text, next.String())
	}
	base, pinned := "", false
	if im.name != nil {
		base, pinned = strings.CutSuffix(im.name.Value, pinSuffix)
	}
	tag := next.Tag
	switch {
	case im.digest != nil:
		if err := e.set(im, im.digest, next.Digest); err != nil {
			return err
		}
	case next.Digest != "" && tag == "":
		if im.name == nil {
			return e.src.fail(im.line(), "a digest without a tag needs the name beside this tag, which is in another file", "give the image as REPOSITORY:TAG@DIGEST")
		}
		tag = strings.TrimPrefix(next.Digest, "sha256:")
		if err := e.set(im, im.name, base+pinSuffix); err != nil {
			return err
		}
	case next.Digest != "":
		tag += "@" + next.Digest
	}
	if pinned && next.Tag != "" && im.digest == nil {
		if err := e.set(im, im.name, base); err != nil {
			return err
		}
	}
	return e.set(im, im.tag, tag)
}

func (e *editor) set(im *image, n *yaml.Node, text string) error {
	if strings.TrimRight(n.Value, "\n") == text {
		return nil
	}
	if _, ok := e.src.locate(n); !ok {
		return e.src.fail(n.Line, fmt.Sprintf("%s is written in a way that corn does not edit (over several lines, or with escapes)", im.path), "write it on one line")
	}
	if have, ok := e.want[n]; ok && have != text {
		return e.src.fail(n.Line, fmt.Sprintf("%s and %s share this value through an alias or merge key, and would need %q and %q", e.by[n].path, im.path, have, text), "write the value out where they differ")
	}
	e.want[n], e.by[n] = text, im
	return nil
}

// shared refuses an edit that would change another image too: one that is not wanted, and takes its
// tag from the same place.
func (e *editor) shared(f *finder) error {
	for _, o := range f.others {
		if by, ok := e.by[o.node]; ok {
			return e.src.fail(o.node.Line, fmt.Sprintf("%s takes this value from the same place as %s (%s) through an alias", o.path, by.path, by.ref),
				"write the value out for one of them")
		}
	}
	for _, im := range f.images {
		for _, n := range []*yaml.Node{im.text, im.name, im.tag, im.digest} {
			by, ok := e.by[n]
			if n == nil || !ok || by.ref.Normal() == im.ref.Normal() && im.left == "" {
				continue
			}
			return e.src.fail(n.Line, fmt.Sprintf("%s (%s) takes this value from the same place as %s (%s) through an alias or merge key", im.path, im.ref, by.path, by.ref),
				"write the value out for one of them")
		}
	}
	return nil
}

// titles changes or offers the texts that repeat the old tag.
func (e *editor) titles(im *image, to Ref, change bool) error {
	if im.ref.Tag == "" || to.Tag == "" || im.ref.Tag == to.Tag {
		return nil
	}
	for _, t := range im.titles {
		text := replaceWord(t.node.Value, im.ref.Tag, to.Tag)
		if stale := staleTag(t.node.Value, im.ref.Tag); text == t.node.Value && stale != "" {
			text = replaceWord(t.node.Value, stale, to.Tag)
		}
		if text == t.node.Value {
			continue
		}
		if _, ok := e.want[t.node]; ok {
			continue
		}
		_, ok := e.src.locate(t.node)
		ok = ok && !strings.ContainsAny(text, "\n")
		if !change || !ok {
			offer := Offer{Line: t.node.Line, Path: t.path, Text: t.node.Value, New: text, ByHand: !ok}
			if !slices.Contains(e.out.Offers, offer) {
				e.out.Offers = append(e.out.Offers, offer)
			}
			continue
		}
		e.out.Changes = append(e.out.Changes, Change{Line: t.node.Line, Path: t.path, Old: t.node.Value, New: text, Text: true})
		e.want[t.node], e.by[t.node] = text, im
	}
	return nil
}

// splice puts the values into the file, reads the result, and compares.
func (e *editor) splice() error {
	type piece struct {
		span
		text string
	}
	var pieces []piece
	for n, text := range e.want {
		sp, _ := e.src.locate(n)
		if sp.plain {
			text = e.plain(n, text)
		}
		pieces = append(pieces, piece{sp, text})
	}
	slices.SortFunc(pieces, func(a, b piece) int { return a.start - b.start })
	var b bytes.Buffer
	last := 0
	for _, p := range pieces {
		b.Write(e.src.data[last:p.start])
		b.WriteString(p.text)
		last = p.end
	}
	b.Write(e.src.data[last:])
	e.out.After = b.Bytes()
	if len(pieces) == 0 {
		return nil
	}
	after, err := readYAML(e.src.name, e.out.After)
	if err == nil && len(after.docs) != len(e.src.docs) {
		err = e.src.fail(0, "it has another number of documents", "")
	}
	for i := 0; err == nil && i < len(after.docs); i++ {
		err = e.same(e.src.docs[i], after.docs[i])
	}
	if err != nil {
		return &FileError{
			File: e.src.name, Reason: "cannot be edited in place: " + err.Error(), Err: err,
			Advice: "nothing was changed; edit this file by hand, and report it as a bug of corn",
		}
	}
	return nil
}

// plain writes a value where an unquoted one stood. A text for people was fine as it was: only one
// that became a number is quoted.
func (e *editor) plain(n *yaml.Node, text string) string {
	if tagForm.MatchString(text) || text == "" {
		return quoted(text)
	}
	return text
}

// same compares two trees: they differ in the wanted values and nowhere else.
func (e *editor) same(a, b *yaml.Node) error {
	want, edited := e.want[a]
	if !edited {
		want = a.Value
	} else if strings.HasSuffix(a.Value, "\n") {
		want += "\n" // a block keeps its end
	}
	tag := a.Tag
	if edited {
		tag = "!!str"
	}
	if a.Kind != b.Kind || b.Value != want || b.Tag != tag && a.Tag != b.Tag || edited && b.Tag != "!!str" || a.Anchor != b.Anchor || len(a.Content) != len(b.Content) {
		return e.src.fail(b.Line, fmt.Sprintf("it would read %q, want %q", b.Value, want), "")
	}
	for i := range a.Content {
		if err := e.same(a.Content[i], b.Content[i]); err != nil {
			return err
		}
	}
	return nil
}

func editDockerfile(f File, o Options, hit map[string]bool) (*Edited, error) {
	images, err := readDockerfile(f.Name, f.Data)
	if err != nil {
		return nil, err
	}
	e := &Edited{File: f.Name, Before: f.Data, Changes: []Change{}, Seen: []string{}}
	var b bytes.Buffer
	last := 0
	for _, from := range images {
		name := from.ref.Repository
		if name == "" {
			name = from.raw
			for _, im := range o.Images {
				if strings.HasPrefix(from.raw, im.Repository+":") {
					e.Left = append(e.Left, Left{f.Name, from.line, "FROM", from.raw, "its tag is an ARG of the Dockerfile", im.Normal()})
				}
			}
		}
		e.Seen = append(e.Seen, name)
		to, ok := wanted(o.Images, from.ref)
		if !ok || from.ref.Repository == "" {
			continue
		}
		hit[to.Normal()] = true
		next := from.ref.with(to)
		if next == from.ref {
			e.Current++
			continue
		}
		e.Changes = append(e.Changes, Change{Line: from.line, Path: "FROM", Old: from.raw, New: next.String()})
		b.Write(f.Data[last:from.start])
		b.WriteString(next.String())
		last = from.start + len(from.raw)
	}
	b.Write(f.Data[last:])
	e.After = b.Bytes()
	slices.Sort(e.Seen)
	e.Seen = slices.Compact(e.Seen)
	return e, nil
}

// HiddenLists says which of the files' profile lists replace one another: helm merges mappings, and
// takes of two lists the later one.
func HiddenLists(files []*Edited) []string {
	var out []string
	first := map[string]string{}
	for _, f := range files {
		for _, p := range f.lists {
			if before, ok := first[p]; ok && before != f.File {
				out = append(out, fmt.Sprintf("%s and %s both have %s: helm merges no lists, the later file's replaces the other's", before, f.File, p))
			}
			first[p] = f.File
		}
	}
	return out
}
