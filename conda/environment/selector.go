package environment

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/conda/record"
)

// A Selector says on which platforms a line counts: "linux", "osx and arm64". Nil selects all.
type Selector struct {
	text string
	test func(record.Subdir) bool
}

// Selects tells whether the line counts on a platform.
func (s *Selector) Selects(subdir record.Subdir) bool { return s == nil || s.test(subdir) }

// String returns the expression as written.
func (s *Selector) String() string { return s.text }

// commentSelector is conda-lock's "# [linux]" behind what it selects.
var commentSelector = regexp.MustCompile(`(?:^|\s)#\s*\[([^\[\]]*)\]`)

// keySelector is mamba's "sel(linux): spec".
var keySelector = regexp.MustCompile(`^sel\((.*)\)$`)

// words are the names of CEP 24: those of conda-build 25.1 that tell systems and machines
// apart, and osx64.
var words = map[string]func(os, arch string) bool{
	"linux": on("linux"), "osx": on("osx"), "win": on("win"), "freebsd": on("freebsd"), "zos": on("zos"),
	"emscripten": on("emscripten"), "wasi": on("wasi"),
	"unix":    func(os, _ string) bool { return os == "linux" || os == "osx" || os == "freebsd" || os == "emscripten" },
	"linux32": both("linux", "32"), "linux64": both("linux", "64"), "osx64": both("osx", "64"),
	"win32": both("win", "32"), "win64": both("win", "64"),
	"x86":    func(_, arch string) bool { return arch == "32" || arch == "64" },
	"x86_64": machine("64"), "x64": machine("64"), "arm64": machine("arm64"), "aarch64": machine("aarch64"),
	"armv6l": machine("armv6l"), "armv7l": machine("armv7l"), "arm": machine("armv6l", "armv7l"), "ppc64": machine("ppc64"),
	"ppc64le": machine("ppc64le"), "riscv32": machine("riscv32"), "riscv64": machine("riscv64"), "s390x": machine("s390x"),
	"wasm32": machine("wasm32"),
}

func on(os string) func(string, string) bool { return func(o, _ string) bool { return o == os } }

func both(os, arch string) func(string, string) bool {
	return func(o, a string) bool { return o == os && a == arch }
}

func machine(archs ...string) func(string, string) bool {
	return func(_, a string) bool { return slices.Contains(archs, a) }
}

// A SelectorError reports an expression that is no selector.
type SelectorError struct {
	Input  string
	Reason string
}

func (e *SelectorError) Error() string { return fmt.Sprintf("selector %q: %s", e.Input, e.Reason) }

// ParseSelector reads an expression of platform words, "not", "and", "or" and parentheses, which
// bind as in Python. The error is a *SelectorError.
func ParseSelector(text string) (*Selector, error) {
	tokens := strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ").Replace(text))
	if len(tokens) > 100 {
		return nil, &SelectorError{Input: text[:100] + "...", Reason: "more than 100 words"}
	}
	p := selectorParser{tokens: tokens}
	test := p.or()
	if p.reason == "" && len(p.tokens) > 0 {
		p.reason = fmt.Sprintf("%q cannot stand here", p.tokens[0])
	}
	if p.reason != "" {
		return nil, &SelectorError{Input: text, Reason: p.reason}
	}
	return &Selector{text: strings.TrimSpace(text), test: test}, nil
}

type selectorParser struct {
	tokens []string
	reason string // the first thing that is wrong
}

func (p *selectorParser) next(token string) bool {
	if len(p.tokens) == 0 || p.tokens[0] != token {
		return false
	}
	p.tokens = p.tokens[1:]
	return true
}

func (p *selectorParser) or() func(record.Subdir) bool {
	test := p.and()
	for p.next("or") {
		a, b := test, p.and()
		test = func(s record.Subdir) bool { return a(s) || b(s) }
	}
	return test
}

func (p *selectorParser) and() func(record.Subdir) bool {
	test := p.one()
	for p.next("and") {
		a, b := test, p.one()
		test = func(s record.Subdir) bool { return a(s) && b(s) }
	}
	return test
}

func (p *selectorParser) one() func(record.Subdir) bool {
	if p.next("not") {
		test := p.one()
		return func(s record.Subdir) bool { return !test(s) }
	}
	if p.next("(") {
		test := p.or()
		if !p.next(")") && p.reason == "" {
			p.reason = "'(' without its partner"
		}
		return test
	}
	word := "the end"
	if len(p.tokens) > 0 {
		word = p.tokens[0]
		p.tokens = p.tokens[1:]
	}
	test, ok := words[word]
	if !ok {
		if p.reason == "" {
			p.reason = fmt.Sprintf("%q is no platform: want words such as linux, osx, win, unix, linux64, aarch64", word)
		}
		return func(record.Subdir) bool { return true }
	}
	return func(s record.Subdir) bool {
		os, arch, _ := strings.Cut(string(s), "-")
		return test(os, arch)
	}
}
