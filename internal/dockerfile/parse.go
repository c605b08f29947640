package dockerfile

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// MaxBytes is how long a Dockerfile may be.
const MaxBytes = 1 << 20

// A File is a Dockerfile.
type File struct {
	Name         string // for messages
	Directives   []Directive
	Instructions []Instruction
}

// A Directive is a parser directive, "# escape=`".
type Directive struct {
	Line        int
	Name, Value string // the name is in lower case
}

// An Instruction is one instruction with its lines joined.
type Instruction struct {
	Line, EndLine int    // the first and the last, heredocs included
	Keyword       string // in upper case: "RUN"
	OnBuild       bool   // it stands behind ONBUILD
	Flags         []Flag // --from=build
	Args          string // what follows the flags
	List          []string
	// Heredocs are the texts below the line, in their order.
	Heredocs []Heredoc

	escape byte
	marks  []mark // where lines of the file begin in Args
}

// A Flag is --NAME or --NAME=VALUE.
type Flag struct{ Name, Value string }

// A Heredoc is a text that stands below an instruction.
type Heredoc struct {
	Name   string
	Quoted bool // nothing in it is expanded
	Chomp  bool // "<<-": tabs at the front of lines do not count
	Line   int  // of its first line of text
	Text   string
}

// A mark says that what stands at an offset comes from a line of the file.
type mark struct{ offset, line int }

// A ParseError reports a text that is no Dockerfile.
type ParseError struct {
	File   string
	Line   int
	Reason string
}

func (e *ParseError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Reason) }

// keywords are the instructions, and whether their arguments may be a list in JSON.
var keywords = map[string]bool{
	"ADD": true, "ARG": false, "CMD": true, "COPY": true, "ENTRYPOINT": true, "ENV": false, "EXPOSE": false, "FROM": false,
	"HEALTHCHECK": false, "LABEL": false, "MAINTAINER": false, "ONBUILD": false, "RUN": true, "SHELL": true, "STOPSIGNAL": false,
	"USER": false, "VOLUME": true, "WORKDIR": false,
}

// escape is the character that escapes in this file.
func (f *File) escape() byte {
	for _, d := range f.Directives {
		if d.Name == "escape" {
			return d.Value[0]
		}
	}
	return '\\'
}

// Flag returns the value of a flag.
func (in *Instruction) Flag(name string) (value string, ok bool) {
	i := slices.IndexFunc(in.Flags, func(f Flag) bool { return f.Name == name })
	if i < 0 {
		return "", false
	}
	return in.Flags[i].Value, true
}

// LineAt returns the line of the file that an offset into Args comes from.
func (in *Instruction) LineAt(offset int) int {
	line := in.Line
	for _, m := range in.marks {
		if m.offset <= offset {
			line = m.line
		}
	}
	return line
}

// Parse reads a Dockerfile. Every error is a *ParseError.
func Parse(name string, data []byte) (*File, error) {
	p := &parser{file: &File{Name: name}, escape: '\\'}
	if len(data) > MaxBytes {
		return nil, p.fail(1, "has more than %d bytes", MaxBytes)
	}
	p.lines = strings.Split(strings.TrimPrefix(string(data), "\ufeff"), "\n")
	if p.lines[len(p.lines)-1] == "" {
		p.lines = p.lines[:len(p.lines)-1]
	}
	if err := p.directives(); err != nil {
		return nil, err
	}
	for p.at < len(p.lines) {
		if err := p.instruction(); err != nil {
			return nil, err
		}
	}
	if len(p.file.Instructions) == 0 {
		return nil, p.fail(max(len(p.lines), 1), "has no instruction")
	}
	return p.file, nil
}

type parser struct {
	file   *File
	lines  []string
	at     int // index of the next line
	escape byte
}

func (p *parser) fail(line int, format string, args ...any) error {
	return &ParseError{p.file.Name, line, fmt.Sprintf(format, args...)}
}

// directives reads what stands above everything else: "# name=value".
func (p *parser) directives() error {
	for ; p.at < len(p.lines); p.at++ {
		text, ok := strings.CutPrefix(strings.TrimSpace(p.lines[p.at]), "#")
		name, value, has := strings.Cut(text, "=")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if !ok || !has || value == "" || !slices.Contains([]string{"syntax", "escape", "check"}, name) {
			return nil
		}
		d := Directive{p.at + 1, name, value}
		if slices.ContainsFunc(p.file.Directives, func(o Directive) bool { return o.Name == name }) {
			return p.fail(d.Line, "the directive %s stands here a second time", name)
		}
		if name == "escape" {
			if value != `\` && value != "`" {
				return p.fail(d.Line, "the escape character is %q: want \\ or `", shorten(value))
			}
			p.escape = value[0]
		}
		p.file.Directives = append(p.file.Directives, d)
	}
	return nil
}

func isComment(line string) bool {
	return strings.HasPrefix(strings.TrimLeftFunc(line, unicode.IsSpace), "#")
}

// continues tells whether a line goes on in the next one, and returns it without the
// character that says so. Two of them are one that is meant.
func (p *parser) continues(line string) (string, bool) {
	cut := strings.TrimRight(line, " \t")
	if n := len(cut); n > 0 && cut[n-1] == p.escape && (n == 1 || cut[n-2] != p.escape) {
		return cut[:n-1], true
	}
	return line, false
}

// instruction reads one, and the lines it goes on in. Comments and empty lines between these
// are no part of it.
func (p *parser) instruction() error {
	first := p.at
	var text strings.Builder
	var marks []mark
	for more := true; more && p.at < len(p.lines); p.at++ {
		line := strings.TrimRight(p.lines[p.at], "\r")
		if text.Len() == 0 && len(marks) == 0 {
			line = strings.TrimLeftFunc(line, unicode.IsSpace)
		}
		if isComment(line) || strings.TrimSpace(line) == "" {
			if len(marks) == 0 {
				p.at++
				return nil
			}
			continue
		}
		marks = append(marks, mark{text.Len(), p.at + 1})
		line, more = p.continues(line)
		text.WriteString(line)
	}
	if strings.TrimSpace(text.String()) == "" {
		return nil
	}
	in := Instruction{Line: first + 1, escape: p.escape, marks: marks}
	if err := p.fill(&in, text.String(), 0); err != nil {
		return err
	}
	if err := p.heredocs(&in); err != nil {
		return err
	}
	in.EndLine = max(p.at, in.Line)
	p.file.Instructions = append(p.file.Instructions, in)
	return nil
}

// fill takes an instruction's text apart. It begins at an offset into the joined lines.
func (p *parser) fill(in *Instruction, text string, offset int) error {
	trimmed := strings.TrimLeftFunc(text, unicode.IsSpace)
	offset += len(text) - len(trimmed)
	end := strings.IndexFunc(trimmed, unicode.IsSpace)
	if end < 0 {
		end = len(trimmed)
	}
	in.Keyword = strings.ToUpper(trimmed[:end])
	list, known := keywords[in.Keyword]
	if !known {
		return p.fail(in.Line, "%q is no instruction: want FROM, RUN, COPY, ENV and the like", shorten(trimmed[:end]))
	}
	rest := trimmed[end:]
	if in.Keyword == "ONBUILD" {
		if in.OnBuild {
			return p.fail(in.Line, "ONBUILD ONBUILD is not allowed")
		}
		in.OnBuild = true
		if strings.TrimSpace(rest) == "" {
			return p.fail(in.Line, "ONBUILD names no instruction")
		}
		return p.fill(in, rest, offset+end)
	}
	var start int
	in.Flags, start = flagsOf(rest, p.escape)
	args := strings.TrimLeftFunc(rest[start:], unicode.IsSpace)
	from := offset + end + len(rest) - len(args)
	in.Args = strings.TrimRightFunc(args, unicode.IsSpace)
	for i, m := range in.marks {
		in.marks[i].offset = m.offset - from
	}
	if in.Args == "" {
		return p.fail(in.Line, "%s has no arguments", in.Keyword)
	}
	if in.Keyword == "ENV" || in.Keyword == "LABEL" {
		if _, err := in.pairs(); err != nil {
			return p.fail(in.Line, "%v", err)
		}
	}
	if list && strings.HasPrefix(in.Args, "[") {
		var words []string
		var any []any
		if json.Unmarshal([]byte(in.Args), &words) == nil && words != nil {
			in.List = words
		} else if json.Unmarshal([]byte(in.Args), &any) == nil {
			return p.fail(in.Line, "the list of %s has something else than texts in it", in.Keyword)
		}
	}
	return nil
}

// heredocs reads the texts below an instruction that announces them.
func (p *parser) heredocs(in *Instruction) error {
	if in.Keyword != "RUN" && in.Keyword != "COPY" && in.Keyword != "ADD" || in.List != nil || !strings.Contains(in.Args, "<<") {
		return nil
	}
	for _, word := range splitWords(in.Args, '\\') {
		h, ok := heredocOf(word)
		if !ok {
			continue
		}
		h.Line = p.at + 1
		var text strings.Builder
		for {
			if p.at == len(p.lines) {
				return p.fail(in.Line, "the text of <<%s does not end: want a line %s", shorten(h.Name), shorten(h.Name))
			}
			line := p.lines[p.at]
			p.at++
			last := strings.TrimRight(line, "\r")
			if h.Chomp {
				last = strings.TrimLeft(last, "\t")
			}
			if last == h.Name {
				break
			}
			text.WriteString(line + "\n")
		}
		h.Text = text.String()
		in.Heredocs = append(in.Heredocs, h)
	}
	return nil
}

// heredocOf reads "<<NAME", "<<-NAME", "3<<'NAME'".
func heredocOf(word string) (h Heredoc, ok bool) {
	rest := strings.TrimLeft(word, "0123456789")
	if rest, ok = strings.CutPrefix(rest, "<<"); !ok || strings.Contains(rest, "<") {
		return h, false
	}
	rest, h.Chomp = strings.CutPrefix(rest, "-")
	h.Name = unquote(rest, '\\', nil)
	h.Quoted = strings.ContainsAny(rest, `"'`)
	return h, h.Name != ""
}

// shorten bounds what a message shows.
func shorten(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if r := []rune(s); len(r) > 60 {
		return string(r[:57]) + "..."
	}
	return s
}
