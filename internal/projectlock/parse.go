package projectlock

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/oci/plan"
)

const headWord = "corn-lock"

// Parse reads a corn.lock; file is its name for messages. Errors are *ConflictError,
// *VersionError and *ParseError.
func Parse(file string, data []byte) (*Lock, error) {
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		if markerOf(trimEnd(line)) != noMarker {
			return nil, &ConflictError{file, n}
		}
	}
	l, bad := parse(file, string(data))
	if len(bad) > 0 {
		return nil, bad[0]
	}
	return l, nil
}

// trimEnd takes off the line's end, that of Windows too: git may have put it there.
func trimEnd(line string) string { return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r") }

// parse reads what can be read and reports the rest.
func parse(file, text string) (*Lock, []error) {
	p := &parser{file: file, l: &Lock{}, single: map[string]single{}, claimed: map[string]digest.SHA256{}}
	for line := range strings.Lines(text) {
		p.n++
		line = trimEnd(line)
		if line == "" || line[0] == '#' {
			continue
		}
		p.line = line
		p.fact(strings.Split(line, " "))
	}
	if !p.headed {
		p.bad = append(p.bad, &ParseError{file, 1, firstLine(text), fmt.Sprintf("%q", fmt.Sprintf("%s %d", headWord, Version))})
	}
	for i := range p.l.Base.Platforms {
		// Facts of which a line is missing or too many are as good as none: they are read
		// from the image again.
		if b := &p.l.Base.Platforms[i]; b.FactsKey.IsZero() || p.claimed[b.Subdir] != b.sum() {
			b.FactsKey, b.Facts = digest.SHA256{}, nil
		}
	}
	p.l.Base.Platforms = slices.DeleteFunc(p.l.Base.Platforms, func(b BasePlatform) bool { return b.Digest.IsZero() })
	p.l.sort()
	return p.l, p.bad
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return clip(line)
}

func clip(s string) string {
	if len(s) > 120 {
		return s[:120] + "..."
	}
	return s
}

type parser struct {
	file   string
	n      int
	line   string
	headed bool
	l      *Lock
	single map[string]single
	bad    []error
	// claimed are the sums of base facts, by subdir.
	claimed map[string]digest.SHA256
}

// single is a fact of which there is one.
type single struct {
	value string
	line  int
}

func (p *parser) fail(want string) {
	p.bad = append(p.bad, &ParseError{p.file, p.n, clip(p.line), want})
}

// once tells whether a fact of which there can be one is new; one that is repeated with
// another value is wrong.
func (p *parser) once(name, value string) bool {
	if old, ok := p.single[name]; ok {
		if old.value != value {
			p.fail(fmt.Sprintf("one %s: line %d says %s", name, old.line, clip(old.value)))
		}
		return false
	}
	p.single[name] = single{value, p.n}
	return true
}

// isWord tells whether s can be one word of a line.
func isWord(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == unicode.ReplacementChar })
}

func (p *parser) fact(f []string) {
	if !p.headed {
		p.head(f)
		return
	}
	switch f[0] {
	case "base":
		p.base(f)
	case "layout":
		p.layout(f)
	case "index":
		p.index(f)
	case "virtual":
		p.virtual(f)
	case "env":
		p.env(f)
	default:
		p.fail("a line that begins with base, layout, index, virtual or env")
	}
}

func (p *parser) head(f []string) {
	switch {
	case len(f) == 2 && f[0] == headWord && f[1] == strconv.Itoa(Version):
		p.headed = true
	case len(f) == 2 && f[0] == headWord && number(f[1]) > Version:
		p.headed = true // one error is enough
		p.bad = append(p.bad, &VersionError{p.file, f[1]})
	default:
		p.headed = true
		p.fail(fmt.Sprintf("%q as the first line", fmt.Sprintf("%s %d", headWord, Version)))
		if f[0] != headWord {
			p.fact(f) // for Merge, which does without the first line
		}
	}
}

// number reads a number as it is printed; -1: it is none.
func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 63)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != s {
		return -1
	}
	return n
}

// sum reads "sha256:<hex>" or bare hex.
func sum(s string, oci bool) (digest.SHA256, bool) {
	if strings.HasPrefix(s, "sha256:") != oci {
		return digest.SHA256{}, false
	}
	d, err := digest.Parse(s)
	return d, err == nil && !d.IsZero() && (d.String() == s || d.OCI() == s)
}

const wantBase = "base ref REFERENCE, base SUBDIR digest sha256:HEX, base SUBDIR facts KEY SUM, base SUBDIR fact NAME JSON or base SUBDIR step ID KEY sha256:HEX"

func (p *parser) base(f []string) {
	if len(f) > 2 && f[1] == "ref" {
		// A path may have blanks.
		ref := strings.TrimPrefix(p.line, "base ref ")
		if ref == "" || strings.TrimSpace(ref) != ref || strings.ContainsFunc(ref, unicode.IsControl) {
			p.fail(wantBase)
		} else if p.once("base ref", ref) {
			p.l.Base.Ref = ref
		}
		return
	}
	if len(f) < 4 || !isWord(f[1]) {
		p.fail(wantBase)
		return
	}
	b := p.l.Base.For(f[1])
	if b == nil {
		p.l.Base.Platforms = append(p.l.Base.Platforms, BasePlatform{Subdir: f[1]})
		b = &p.l.Base.Platforms[len(p.l.Base.Platforms)-1]
	}
	switch {
	case f[2] == "digest" && len(f) == 4:
		d, ok := sum(f[3], true)
		if !ok {
			p.fail(wantBase)
		} else if p.once("base "+f[1]+" digest", f[3]) {
			b.Digest = d
		}
	case f[2] == "facts" && len(f) == 5:
		key, ok := sum(f[3], false)
		of, ok2 := sum(f[4], false)
		if !ok || !ok2 {
			p.fail(wantBase)
		} else if p.once("base "+f[1]+" facts", f[3]+" "+f[4]) {
			b.FactsKey, p.claimed[f[1]] = key, of
		}
	case f[2] == "step":
		step, ok := parseStep(f)
		if !ok {
			p.fail(wantBase)
			return
		}
		b.Steps = append(b.Steps, step)
	case f[2] == "fact" && len(f) > 4:
		name, value, ok := cutFact(strings.TrimPrefix(p.line, "base "+f[1]+" fact "))
		if !ok {
			p.fail(wantBase)
			return
		}
		b.Facts = append(b.Facts, Fact{name, value})
	default:
		p.fail(wantBase)
	}
}

// cutFact parts "nodes srv/conda {...}". The value is the JSON with which the line ends:
// the name is one word, or a word and a quoted or plain second one.
func cutFact(s string) (name, value string, ok bool) {
	first, rest, _ := strings.Cut(s, " ")
	if !isWord(first) || rest == "" {
		return "", "", false
	}
	if json.Valid([]byte(rest)) && compact(rest) {
		return first, rest, true
	}
	second := ""
	if rest[0] == '"' {
		q, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return "", "", false
		}
		second, rest = q, strings.TrimPrefix(rest[len(q):], " ")
	} else {
		second, rest, _ = strings.Cut(rest, " ")
	}
	if second == "" || strings.ContainsFunc(second, unicode.IsControl) || !json.Valid([]byte(rest)) || !compact(rest) {
		return "", "", false
	}
	return first + " " + second, rest, true
}

// compact tells whether JSON has no blanks around it.
func compact(s string) bool {
	return strings.TrimSpace(s) == s && !strings.ContainsFunc(s, unicode.IsControl)
}

const wantLayout = "layout alone-bytes NUMBER, layout max-alone NUMBER or layout buckets NUMBER"

func (p *parser) layout(f []string) {
	if len(f) != 3 {
		p.fail(wantLayout)
		return
	}
	n := number(f[2])
	// The rule counts layers and buckets: what no image can have is a mistake.
	most := int64(1 << 16)
	if f[1] == "alone-bytes" {
		most = 1 << 62
	}
	known := f[1] == "alone-bytes" || f[1] == "max-alone" || f[1] == "buckets"
	if !known || n < 0 && !(f[1] == "max-alone" && f[2] == "-1") || n > most {
		p.fail(wantLayout)
		return
	}
	if !p.once("layout "+f[1], f[2]) {
		return
	}
	switch f[1] {
	case "alone-bytes":
		p.l.Params.AloneBytes = n
	case "max-alone":
		p.l.Params.MaxAlone = int(n)
	case "buckets":
		p.l.Params.Buckets = int(n)
	}
}

func (p *parser) index(f []string) {
	if len(f) == 5 && isWord(f[1]) && isWord(f[2]) && isWord(f[3]) {
		if d, ok := sum(f[4], true); ok {
			p.l.Snapshots = append(p.l.Snapshots, Snapshot{f[1], f[2], f[3], d})
			return
		}
	}
	p.fail("index CHANNEL SUBDIR URL sha256:HEX")
}

func (p *parser) virtual(f []string) {
	if len(f) == 3 && isWord(f[1]) && isWord(f[2]) {
		if v := strings.Split(f[2], "="); len(v) == 3 && v[0] != "" {
			p.l.Virtual = append(p.l.Virtual, Virtual{f[1], v[0], v[1], v[2]})
			return
		}
	}
	p.fail("virtual SUBDIR NAME=VERSION=BUILD")
}

const wantEnv = "env SLUG FACT..., with FACT since, layer, class, in, python or step behind the platform's subdir"

func (p *parser) env(f []string) {
	if len(f) < 3 || slices.ContainsFunc(f[1:], func(w string) bool { return !isWord(w) }) {
		p.fail(wantEnv)
		return
	}
	e := p.l.env(f[1])
	if len(f) > 3 {
		if known, ok := envFacts[f[3]]; ok {
			if want := known(p, e.on(f[2]), f); want != "" {
				p.fail("env " + f[1] + " " + want)
			}
			return
		}
	}
	e.Other = append(e.Other, strings.Join(f[2:], " "))
}

// envFacts read the facts behind "env SLUG SUBDIR"; they return what was wanted where it
// was not there.
var envFacts = map[string]func(p *parser, e *EnvPlatform, f []string) (want string){
	"since": func(p *parser, e *EnvPlatform, f []string) string {
		n := number(f[len(f)-1])
		if len(f) != 5 || n < 1 || n > maxRank {
			return "SUBDIR since NUMBER, from 1"
		}
		if p.once("env "+f[1]+" "+f[2]+" since", f[4]) {
			e.Since = int(n)
		}
		return ""
	},
	"layer": func(_ *parser, e *EnvPlatform, f []string) string {
		if len(f) != 6 || plan.KindOf(f[4]) == "" || number(f[5]) < 0 || number(f[5]) > maxRank {
			return "SUBDIR layer ID NUMBER, the id with alone:, shared:, private: or place: before it"
		}
		e.Layers = append(e.Layers, Layer{f[4], int(number(f[5]))})
		return ""
	},
	"class": func(_ *parser, e *EnvPlatform, f []string) string {
		if len(f) != 7 || len(f[5]) != 16 || strings.Trim(f[5], "0123456789abcdef") != "" || plan.KindOf(f[6]) == "" || plan.KindOf(f[6]) == plan.Placements {
			return "SUBDIR class NAME KEY LAYER, the key of 16 hexadecimal digits"
		}
		e.Classes = append(e.Classes, plan.Class{Name: f[4], ID: f[5], Layer: f[6]})
		return ""
	},
	"in": func(_ *parser, e *EnvPlatform, f []string) string {
		if len(f) != 5 || plan.KindOf(f[4]) != plan.Placements && plan.KindOf(f[4]) != plan.ContentPrivate {
			return "SUBDIR in LAYER, one of placements or a private one"
		}
		e.Places = append(e.Places, f[4])
		return ""
	},
	"step": func(_ *parser, e *EnvPlatform, f []string) string {
		step, ok := parseStep(f[1:])
		if !ok {
			return "SUBDIR step ID KEY sha256:HEX"
		}
		e.Steps = append(e.Steps, step)
		return ""
	},
	"python": func(_ *parser, e *EnvPlatform, f []string) string {
		py, ok := parsePython(f)
		if !ok {
			return "SUBDIR python X.Y FILE sha256:HEX MD5 SIZE URL, with - for no md5 and 0 for no size"
		}
		e.Pythons = append(e.Pythons, py)
		return ""
	},
}

// maxRank bounds steps and ranks, which are added to.
const maxRank = 1 << 30

// parseStep reads what stands behind "base SUBDIR step".
func parseStep(f []string) (s Step, ok bool) {
	if len(f) != 6 || !isWord(f[3]) {
		return s, false
	}
	s.ID = f[3]
	var ok2 bool
	s.Key, ok = sum(f[4], false)
	s.DiffID, ok2 = sum(f[5], true)
	return s, ok && ok2
}

func compareSteps(x, y Step) int {
	return cmp.Or(strings.Compare(x.ID, y.ID), bytes.Compare(x.Key[:], y.Key[:]), bytes.Compare(x.DiffID[:], y.DiffID[:]))
}

func parsePython(f []string) (Python, bool) {
	if len(f) != 10 || strings.Trim(f[4], "0123456789.") != "" {
		return Python{}, false
	}
	py := Python{Short: f[4], FileName: f[5], SizeBytes: number(f[8]), URL: f[9]}
	var ok bool
	if py.SHA256, ok = sum(f[6], true); !ok || py.SizeBytes < 0 {
		return py, false
	}
	if f[7] != "-" {
		var err error
		if py.MD5, err = digest.ParseMD5(f[7]); err != nil || py.MD5.IsZero() || py.MD5.String() != f[7] {
			return py, false
		}
	}
	return py, true
}

// sort puts everything into the order in which it is printed and takes repetitions away.
func (l *Lock) sort() {
	slices.SortFunc(l.Base.Platforms, func(a, b BasePlatform) int { return strings.Compare(a.Subdir, b.Subdir) })
	for i := range l.Base.Platforms {
		b := &l.Base.Platforms[i]
		slices.SortFunc(b.Facts, func(x, y Fact) int { return strings.Compare(x.line(""), y.line("")) })
		b.Facts = slices.Compact(b.Facts)
		slices.SortFunc(b.Steps, compareSteps)
		b.Steps = slices.Compact(b.Steps)
	}
	slices.SortFunc(l.Snapshots, func(a, b Snapshot) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	l.Snapshots = slices.Compact(l.Snapshots)
	slices.SortFunc(l.Virtual, func(a, b Virtual) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	l.Virtual = slices.Compact(l.Virtual)
	slices.SortFunc(l.Envs, func(a, b Env) int { return strings.Compare(a.Slug, b.Slug) })
	for i := range l.Envs {
		l.Envs[i].sort()
	}
}

func (e *Env) sort() {
	slices.Sort(e.Other)
	e.Other = slices.Compact(e.Other)
	slices.SortFunc(e.Platforms, func(a, b EnvPlatform) int { return strings.Compare(a.Subdir, b.Subdir) })
	for i := range e.Platforms {
		p := &e.Platforms[i]
		slices.SortFunc(p.Layers, func(a, b Layer) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		p.Layers = slices.Compact(p.Layers)
		slices.SortFunc(p.Classes, func(a, b plan.Class) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		p.Classes = slices.Compact(p.Classes)
		slices.Sort(p.Places)
		p.Places = slices.Compact(p.Places)
		slices.SortFunc(p.Pythons, func(a, b Python) int { return strings.Compare(a.Short+a.words(), b.Short+b.words()) })
		p.Pythons = slices.Compact(p.Pythons)
		slices.SortFunc(p.Steps, compareSteps)
		p.Steps = slices.Compact(p.Steps)
	}
}
