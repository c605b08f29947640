package projectlock

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/digest"
)

const banner = `# What this project remembers besides the locks of its environments. "corn lock" writes it,
# "corn build" reads it; commit it. After a merge with conflicts: corn lock --merge
`

// slots is how many places for environments there are. Lines that never change stand
// between them, so that two branches that each add a kernel conflict only where both names
// fall into one slot. docs/formats/corn-lock.md has the measurement.
const slots = 64

// slotOf is where an environment's lines stand.
func slotOf(slug string) int {
	sum := digest.Sum([]byte(slug))
	return int(sum[0]) % slots
}

// Bytes returns the file: the same for equal facts, whatever their order.
func (l *Lock) Bytes() []byte {
	var b bytes.Buffer
	b.WriteString(banner)
	fmt.Fprintf(&b, "%s %d\n", headWord, Version)
	section(&b, l.baseLines())
	section(&b, l.layoutLines())
	section(&b, l.indexLines())
	bySlot := make([][]string, slots)
	envs := slices.Clone(l.Envs)
	slices.SortFunc(envs, func(a, b Env) int { return strings.Compare(a.Slug, b.Slug) })
	for _, e := range envs {
		n := slotOf(e.Slug)
		bySlot[n] = append(bySlot[n], e.lines()...)
	}
	b.WriteByte('\n')
	for n, lines := range bySlot {
		fmt.Fprintf(&b, "# %02x\n", n)
		for _, s := range lines {
			b.WriteString(s)
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

// section writes sorted lines, set off by an empty one.
func section(b *bytes.Buffer, lines []string) {
	slices.Sort(lines)
	for i, s := range slices.Compact(lines) {
		if i == 0 {
			b.WriteByte('\n')
		}
		b.WriteString(s)
		b.WriteByte('\n')
	}
}

func (l *Lock) baseLines() []string {
	var out []string
	if l.Base.Ref != "" {
		out = append(out, "base ref "+l.Base.Ref)
	}
	for _, p := range l.Base.Platforms {
		out = append(out, fmt.Sprintf("base %s digest %s", p.Subdir, p.Digest.OCI()))
		if !p.FactsKey.IsZero() {
			out = append(out, fmt.Sprintf("base %s facts %s %s", p.Subdir, p.FactsKey, p.sum()))
		}
		for _, f := range p.Facts {
			out = append(out, f.line(p.Subdir))
		}
		for _, s := range p.Steps {
			out = append(out, fmt.Sprintf("base %s step %s", p.Subdir, s.words()))
		}
	}
	return out
}

func (f Fact) line(subdir string) string { return "base " + subdir + " fact " + f.Name + " " + f.Value }

// sum is over the lines of all facts: without one of them the others are worth nothing.
func (p *BasePlatform) sum() digest.SHA256 {
	var lines []string
	for _, f := range p.Facts {
		lines = append(lines, f.line(p.Subdir))
	}
	slices.Sort(lines)
	return digest.Sum([]byte(strings.Join(slices.Compact(lines), "\n")))
}

func (l *Lock) layoutLines() []string {
	if l.Params == (Params{}) {
		return nil
	}
	return []string{
		fmt.Sprintf("layout alone-bytes %d", l.Params.AloneBytes),
		fmt.Sprintf("layout max-alone %d", l.Params.MaxAlone),
		fmt.Sprintf("layout buckets %d", l.Params.Buckets),
	}
}

func (l *Lock) indexLines() []string {
	var out []string
	for _, s := range l.Snapshots {
		out = append(out, fmt.Sprintf("index %s %s %s %s", s.Channel, s.Subdir, s.URL, s.SHA256.OCI()))
	}
	for _, v := range l.Virtual {
		out = append(out, fmt.Sprintf("virtual %s %s=%s=%s", v.Subdir, v.Name, v.Version, v.Build))
	}
	return out
}

func (e *Env) lines() []string {
	var out []string
	add := func(format string, args ...any) {
		out = append(out, "env "+e.Slug+" "+fmt.Sprintf(format, args...))
	}
	for _, p := range e.Platforms {
		if p.Since > 0 {
			add("%s since %d", p.Subdir, p.Since)
		}
		for _, y := range p.Layers {
			add("%s layer %s %d", p.Subdir, y.ID, y.Rank)
		}
		for _, c := range p.Classes {
			add("%s class %s %s %s", p.Subdir, c.Name, c.ID, c.Layer)
		}
		for _, id := range p.Places {
			add("%s in %s", p.Subdir, id)
		}
		for _, py := range p.Pythons {
			add("%s python %s %s", p.Subdir, py.Short, py.words())
		}
	}
	for _, p := range e.Platforms {
		for _, s := range p.Steps {
			add("%s step %s", p.Subdir, s.words())
		}
	}
	for _, s := range e.Other {
		add("%s", s)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (s *Step) words() string { return fmt.Sprintf("%s %s %s", s.ID, s.Key, s.DiffID.OCI()) }

// words are the archive on one line: its parts change together.
func (p *Python) words() string {
	md5 := "-"
	if !p.MD5.IsZero() {
		md5 = p.MD5.String()
	}
	return fmt.Sprintf("%s %s %s %d %s", p.FileName, p.SHA256.OCI(), md5, p.SizeBytes, p.URL)
}
