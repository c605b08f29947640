package matchspec

import (
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/nasa-openscapes/corn/conda/version"
)

const maxBytes = 8192

// Parse reads a MatchSpec as users, command lines and repodata write it. The error is a
// *ParseError.
func Parse(text string) (*Spec, error) {
	if len(text) > maxBytes {
		return nil, &ParseError{Input: text[:64] + "...", Offset: 64, Reason: fmt.Sprintf("the spec has %d bytes, want at most %d", len(text), maxBytes)}
	}
	p := parser{input: text, spec: &Spec{}}
	p.parse(p.body())
	if p.err != nil {
		return nil, p.err
	}
	return p.spec, nil
}

// MustParse is Parse for specs in programs; it panics on an error.
func MustParse(text string) *Spec {
	s, err := Parse(text)
	if err != nil {
		panic(err)
	}
	return s
}

// A part is a piece of the input and where it begins there. Trimming and cutting keep the
// place, so that an error can point at the character.
type part struct {
	text string
	at   int
}

func (t part) from(i int) part { return part{t.text[i:], t.at + i} }
func (t part) to(i int) part   { return part{t.text[:i], t.at} }

const spaces = " \t\r\n\v\f"

func (t part) trim() part {
	left := strings.TrimLeft(t.text, spaces)
	return part{strings.TrimRight(left, spaces), t.at + len(t.text) - len(left)}
}

// A parser fills a Spec. The first failure stays; what comes after it is of no use.
type parser struct {
	input  string
	spec   *Spec
	err    *ParseError
	inWhen bool // a condition inside a condition, and words in brackets, are refused
}

func (p *parser) fail(at int, format string, args ...any) {
	if p.err == nil {
		p.err = &ParseError{Input: p.input, Offset: min(at, len(p.input)), Reason: fmt.Sprintf(format, args...)}
	}
}

func (p *parser) warn(format string, args ...any) {
	p.spec.Warnings = append(p.spec.Warnings, fmt.Sprintf(format, args...))
}

// body is the input without comment and spaces around it.
func (p *parser) body() part {
	t := part{text: p.input}.trim()
	if i := commentStart(t.text); i >= 0 {
		t = t.to(i)
		t.text = strings.TrimRight(t.text, spaces)
	}
	return t
}

// commentStart finds a "#" outside of quotes. One that follows an archive's name
// right away begins the archive's hash and is none.
func commentStart(s string) int {
	for i, c := range unquoted(s) {
		if c == '#' && !endsInArchive(s[:i]) {
			return i
		}
	}
	return -1
}

// unquoted goes through the bytes of s that are outside of quotes, the quotes left out.
func unquoted(s string) iter.Seq2[int, byte] {
	return func(yield func(int, byte) bool) {
		var quote byte
		for i := 0; i < len(s); i++ {
			switch c := s[i]; {
			case quote != 0 && c == '\\':
				i++
			case quote != 0:
				if c == quote {
					quote = 0
				}
			case c == '"' || c == '\'':
				quote = c
			case !yield(i, c):
				return
			}
		}
	}
}

func (p *parser) parse(t part) {
	if t.text == "" {
		p.fail(t.at, "there is no package name")
		return
	}
	if isArchive(t.text) {
		p.archive(t)
		return
	}
	if feature, ok := strings.CutSuffix(t.text, "@"); ok && feature != "" && !strings.ContainsAny(feature, spaces+"[]=<>!~") {
		p.spec.TrackFeatures = p.features(t.to(len(feature))) // conda before 4.4
		return
	}
	t, brackets := p.splitBrackets(t)
	if i := strings.Index(t.text, " if "); i >= 0 {
		p.warn("%q is ignored, as conda does: a condition is written [when='...']", t.text[i+1:])
		t = t.to(i).trim()
	}
	t = p.splitChannel(t)
	t = p.splitName(t)
	p.versionAndBuild(t)
	p.brackets(brackets)
}

// splitChannel takes "channel/subdir:namespace:" off the front.
func (p *parser) splitChannel(t part) part {
	i := strings.LastIndexByte(t.text, ':')
	if i < 0 || strings.ContainsAny(t.text[:i], "^") {
		return t
	}
	rest := t.from(i + 1).trim()
	t = t.to(i)
	j := strings.LastIndexByte(t.text, ':')
	if namespace := t.text[j+1:]; namespace != "" {
		p.warn("the namespace %q is ignored, as conda does: a channel is followed by two colons", namespace)
	}
	if j < 0 {
		return rest
	}
	p.channel(t.to(j).trim())
	return rest
}

func (p *parser) channel(t part) {
	if strings.ContainsAny(t.text, spaces+"[]()<>=\"'") {
		p.fail(t.at, "%q is no channel", t.text)
		return
	}
	channel, subdir, err := parseChannel(t.text)
	if err != nil {
		p.fail(t.at, "the channel is no regular expression (RE2): %s", reason(err))
	}
	p.spec.Channel = channel
	if !subdir.IsAny() {
		p.spec.Subdir = subdir
	}
}

// reason is what package regexp says, without its own prefix.
func reason(err error) string {
	return strings.TrimPrefix(err.Error(), "error parsing regexp: ")
}

// splitName takes the name off the front.
func (p *parser) splitName(t part) part {
	n := strings.IndexAny(t.text, spaces+"=<>!~")
	if strings.HasPrefix(t.text, "^") {
		if n = strings.IndexByte(t.text, '$') + 1; n == 0 {
			p.fail(t.at, "a regular expression from '^' on has no '$' at its end")
			return t
		}
	}
	if n < 0 {
		n = len(t.text)
	}
	p.name(t.to(n))
	return t.from(n).trim()
}

func (p *parser) name(t part) {
	if t.text == "" {
		p.fail(t.at, "there is no package name")
		return
	}
	lower := strings.ToLower(t.text)
	if endsInArchive(lower) {
		p.fail(t.at, "%q is the name of an archive: want its URL or path alone", t.text)
		return
	}
	pattern, err := ParsePattern(lower)
	if t.text[0] == '^' { // case matters in classes such as \S
		pattern, err = ParsePattern(t.text)
	}
	if err != nil {
		p.fail(t.at, "the name is no regular expression (RE2): %s", reason(err))
		return
	}
	if pattern.kind != regexpText {
		p.checkName(t, pattern.kind == globText || pattern.IsAny())
	}
	p.spec.Name = pattern
}

// checkName is CEP 26: letters, digits, and single dots, dashes and underscores between; it
// may begin with one underscore, a virtual package with two.
func (p *parser) checkName(t part, glob bool) {
	last := byte('.')
	for i := range len(t.text) {
		c := t.text[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '*' && glob:
		case c == '_' && i < 2, glob && (c == '.' || c == '-' || c == '_'):
		case c == '.' || c == '-' || c == '_':
			if last == '.' || last == '-' || last == '_' {
				p.fail(t.at+i, "%q cannot stand here in a package name", c)
				return
			}
		default:
			for _, r := range t.text[i:] {
				p.fail(t.at+i, "%q is not part of a package name", r)
				return
			}
		}
		last = c
	}
}

// versionAndBuild reads what follows the name: "", "1.2", "=1.2", ">=1,<2 py*", "=1.2=py*".
func (p *parser) versionAndBuild(t part) {
	if t.text == "" {
		return
	}
	if t.text == "=" && p.input[len(p.input)-1] == '=' {
		p.warn("'=' without a version is ignored, as conda does")
		return
	}
	v, build, equals := cutBuild(t)
	if equals && strings.HasPrefix(v.text, "=") && !strings.ContainsAny(v.text[1:], "=<>!~,|") {
		v = v.from(1) // name=1.2=build asks for 1.2 exactly (CEP 29), and name==1.2=build does anyway
	}
	p.spec.Version = p.version(v)
	if strings.ContainsAny(build.text, "\"'") {
		build.text = strings.ReplaceAll(strings.ReplaceAll(build.text, `"`, ""), "'", "")
	}
	p.spec.Build = p.pattern("build", build)
}

// cutBuild cuts the build off the end. It stands after a space or a single "=", and neither it nor
// the place before it has anything of an operator. equals tells which it was.
func cutBuild(t part) (v, build part, equals bool) {
	i := strings.LastIndexAny(t.text, spaces+"=")
	if i < 0 || strings.ContainsAny(t.text[i+1:], "-,|<>~()") {
		return t, part{}, false
	}
	before := strings.TrimRight(t.text[:i], spaces)
	equals = t.text[i] == '='
	if !equals && strings.HasSuffix(before, "=") { // "1.2 = build"
		before, equals = strings.TrimRight(before[:len(before)-1], spaces), true
	}
	if before == "" || strings.IndexByte("=!|,<>~", before[len(before)-1]) >= 0 {
		return t, part{}, false
	}
	return t.to(len(before)), t.from(i + 1), equals
}

// version reads a version spec, in which quotes do not count (python="3.10"), nor do spaces
// that part no two words (">=1 !2").
func (p *parser) version(t part) version.Spec {
	text, places := squeeze(t.text)
	spec, err := version.ParseSpec(text)
	if e, ok := errors.AsType[*version.ParseError](err); ok {
		at := e.Offset
		if at < len(places) {
			at = places[at]
		} else if len(places) > 0 {
			at = places[len(places)-1] + 1
		}
		p.fail(t.at+at, "%s", e.Reason)
	}
	if text == "" && t.text != "" {
		p.fail(t.at, "there is no version between the quotes")
	}
	return spec
}

// squeeze drops quotes and spaces, and gives the place of every byte that is left. places is nil
// if all are.
func squeeze(s string) (text string, places []int) {
	if !strings.ContainsAny(s, spaces+"\"'") {
		return s, nil
	}
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		switch {
		case s[i] == '"' || s[i] == '\'':
			continue
		case strings.IndexByte(spaces, s[i]) >= 0:
			next := strings.TrimLeft(s[i:], spaces)
			if len(b) == 0 || next == "" || !wordByte(b[len(b)-1]) || !wordByte(next[0]) {
				continue
			}
		}
		b = append(b, s[i])
		places = append(places, i)
	}
	return string(b), places
}

func wordByte(c byte) bool { return keyByte(c) || c == '*' || c == '.' }

func (p *parser) pattern(what string, t part) Pattern {
	pattern, err := ParsePattern(t.text)
	if err != nil {
		p.fail(t.at, "the %s is no regular expression (RE2): %s", what, reason(err))
	}
	return pattern
}
