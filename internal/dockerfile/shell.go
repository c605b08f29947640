package dockerfile

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// maxScriptBytes is how long a script may be that is read: the parser of shells goes one call
// deeper with each bracket.
const maxScriptBytes = 64 << 10

// kind says what a command means for the step that it may become a part of.
type kind int

const (
	silent  kind = iota // does nothing that an image would keep
	context             // does something for the commands beside it
	settled             // corn does it, or it goes into another file than corn.yaml
	other               // has to run
)

// A verdict is what is to be said of one command, or of several that belong together.
type verdict struct {
	kind  kind
	parts []Part
	name  string // for a step, where it is other
}

func (v *verdict) join(o verdict) {
	if o.kind > v.kind {
		v.kind, v.name = o.kind, o.name
	}
	if v.name == "" {
		v.name = o.name
	}
	v.parts = append(v.parts, o.parts...)
}

// A script is shell text and where it comes from.
type script struct {
	text   string
	line   func(offset int) int
	file   string // of the project; empty: the Dockerfile itself
	active string // environment that conda activate named
	depth  int    // of scripts that call scripts
	args   []string
}

// run explains RUN.
func (e *explainer) run(in *Instruction) []Part {
	s := &script{text: in.Args, line: in.LineAt}
	switch {
	case in.List != nil && len(in.List) == 0:
		return one(in, Needless, "runs nothing")
	case in.List != nil:
		s.text, s.line = quoteAll(in.List), func(int) int { return in.Line }
	case len(in.Heredocs) == 1 && strings.HasPrefix(in.Args, "<<") && len(splitWords(in.Args, '\\')) == 1:
		h := in.Heredocs[0]
		if strings.HasPrefix(h.Text, "#!") && !isShell(h.Text) {
			text := "cat > /tmp/script <<'END'\n" + h.Text + "END\nchmod +x /tmp/script\n/tmp/script"
			return []Part{e.runPart(in.Line, "script", e.root(), text, "has to run while the image is built")}
		}
		s.text = h.Text
		s.line = func(offset int) int { return h.Line + strings.Count(h.Text[:min(offset, len(h.Text))], "\n") }
	case len(in.Heredocs) > 0:
		var b strings.Builder
		b.WriteString(in.Args + "\n")
		for _, h := range in.Heredocs {
			b.WriteString(h.Text + h.Name + "\n")
		}
		s.text = b.String()
	}
	e.ownSources = ownSources.MatchString(s.text)
	stmts, err := parseShell(s.text)
	if err != nil {
		return []Part{e.runPart(in.Line, "line-"+fmt.Sprint(in.Line), e.root(), s.text, "has to run while the image is built; its shell text is not understood here (%v)", err)}
	}
	parts := e.statements(s, stmts)
	for i := range in.Flags { // --mount, --network, --security
		if name := in.Flags[i].Name; name == "mount" && len(parts) > 0 {
			parts = append(parts, one(in, Manual, "a step of corn has no --mount: secrets stay out of images, and caches are corn's own")...)
			break
		}
	}
	if len(parts) == 0 {
		return one(in, Needless, "changes nothing that the image needs")
	}
	return unique(parts)
}

// ownSources matches what changes the sources that apt knows.
var ownSources = regexp.MustCompile(`add-apt-repository|apt-key|/etc/apt/`)

func isShell(text string) bool {
	first, _, _ := strings.Cut(text, "\n")
	return regexp.MustCompile(`^#!.*/(env +)?(ba|da|z)?sh( |$)`).MatchString(strings.TrimRight(first, "\r"))
}

// root tells whether commands run as root here.
func (e *explainer) root() bool {
	name, _, _ := strings.Cut(e.user, ":")
	return name == "root" || name == "0"
}

// runPart is a step of corn.yaml.
func (e *explainer) runPart(line int, name string, root bool, text, format string, args ...any) Part {
	e.steps[name]++
	if n := e.steps[name]; n > 1 {
		name = fmt.Sprintf("%s-%d", name, n)
	}
	if slices.Contains(e.p.Steps, name) {
		return Part{Line: line, Result: Done, Text: "step " + name + " of corn.yaml"}
	}
	return setting(line, settings{run: []runStep{{name, root, e.withArgs(text)}}}, format, args...)
}

// withArgs sets the ARGs that a step uses in front of it: the image's environment lacks them.
func (e *explainer) withArgs(text string) string {
	var set []string
	for name, value := range e.args {
		if regexp.MustCompile(`\$\{?` + regexp.QuoteMeta(name) + `\b`).MatchString(text) {
			set = append(set, name+"="+quoteAll([]string{value})+"\n")
		}
	}
	slices.Sort(set)
	return strings.Join(set, "") + e.enter(text) + text
}

// enter goes to the Dockerfile's folder where a step's text names something in it: steps begin
// at the top of the project.
func (e *explainer) enter(text string) string {
	if e.p.Context == "." {
		return ""
	}
	for _, word := range strings.Fields(text) {
		if word = strings.Trim(word, `"';&|()`); word != "" && !strings.HasPrefix(word, "/") && e.exists(path.Join(e.p.Context, word)) {
			return "cd " + quoteAll([]string{e.p.Context}) + "\n"
		}
	}
	return ""
}

func parseShell(text string) ([]*syntax.Stmt, error) {
	if len(text) > maxScriptBytes {
		return nil, fmt.Errorf("it has more than %d bytes", maxScriptBytes)
	}
	f, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
	if err != nil {
		return nil, err
	}
	return f.Stmts, nil
}

// A part of a list is a statement and what stands between it and the next.
type listed struct {
	stmt *syntax.Stmt
	and  bool // "&&" follows
}

// flatten takes lists of "&&" apart.
func flatten(stmts []*syntax.Stmt) []listed {
	var out []listed
	for _, s := range stmts {
		out = append(out, flattenOne(s)...)
	}
	return out
}

func flattenOne(s *syntax.Stmt) []listed {
	if b, ok := s.Cmd.(*syntax.BinaryCmd); ok && b.Op == syntax.AndStmt && !s.Negated && len(s.Redirs) == 0 {
		left, right := flattenOne(b.X), flattenOne(b.Y)
		left[len(left)-1].and = true
		return append(left, right...)
	}
	return []listed{{stmt: s}}
}

// statements explains commands that run one after the other, and makes one step of those that
// have to run.
func (e *explainer) statements(s *script, stmts []*syntax.Stmt) []Part {
	list := flatten(stmts)
	verdicts := make([]verdict, len(list))
	var all verdict
	for i, l := range list {
		verdicts[i] = e.statement(s, l.stmt)
		all.join(verdicts[i])
	}
	if all.kind != other {
		return all.parts
	}
	var text strings.Builder
	line, and := 0, false
	for i, l := range list {
		v := verdicts[i]
		if v.kind == other && line == 0 {
			line = s.line(int(l.stmt.Pos().Offset()))
		}
		keep := v.kind != settled && (v.kind != silent || v.name == "" || needs(verdicts, v.name))
		if keep && text.Len() > 0 {
			text.WriteString(map[bool]string{true: " &&\n", false: "\n"}[and])
		}
		if keep {
			text.WriteString(source(l.stmt))
			and = true
		}
		and = and && l.and
	}
	return append(all.parts, e.runPart(line, all.name, e.root(), text.String(), "has to run while the image is built"))
}

// needs tells whether a command that has to run is of a program that another one prepares for.
func needs(verdicts []verdict, program string) bool {
	return slices.ContainsFunc(verdicts, func(v verdict) bool { return v.kind == other && v.name == program })
}

// source prints a statement as people write it.
func source(n syntax.Node) string {
	var b strings.Builder
	if err := syntax.NewPrinter(syntax.Indent(2)).Print(&b, n); err != nil {
		return "" // a builder takes everything
	}
	return strings.TrimSpace(b.String())
}

// statement explains one command, a pipeline, a loop, a condition.
func (e *explainer) statement(s *script, stmt *syntax.Stmt) verdict {
	var v verdict
	switch cmd := stmt.Cmd.(type) {
	case *syntax.CallExpr:
		v = e.call(s, cmd)
	case *syntax.BinaryCmd:
		v = e.statement(s, cmd.X)
		if cmd.Op == syntax.Pipe || cmd.Op == syntax.PipeAll {
			v = e.pipe(s, cmd, v)
		} else {
			v.join(e.statement(s, cmd.Y))
		}
	case *syntax.Subshell:
		v = e.inner(s, cmd.Stmts)
	case *syntax.Block:
		v = e.inner(s, cmd.Stmts)
	case *syntax.IfClause:
		for c := cmd; c != nil; c = c.Else {
			v.join(e.inner(s, c.Cond))
			v.join(e.inner(s, c.Then))
		}
	case *syntax.WhileClause:
		v = e.inner(s, cmd.Cond)
		v.join(e.inner(s, cmd.Do))
	case *syntax.ForClause:
		v = e.inner(s, cmd.Do)
	case *syntax.CaseClause:
		for _, item := range cmd.Items {
			v.join(e.inner(s, item.Stmts))
		}
	case *syntax.DeclClause, *syntax.FuncDecl, *syntax.LetClause, *syntax.ArithmCmd:
		v.kind = context
	case *syntax.TestClause, nil:
	default:
		v = verdict{kind: other, name: "script"}
	}
	if v.kind <= context && writesFile(stmt) {
		v = verdict{kind: other, name: "files"}
	}
	return v
}

// inner explains what stands in a loop or in brackets. What has to run there has to run with
// all that is around it.
func (e *explainer) inner(s *script, stmts []*syntax.Stmt) verdict {
	var v verdict
	for _, l := range flatten(stmts) {
		v.join(e.statement(s, l.stmt))
	}
	return v
}

// pipe explains x | y: names that come through a pipe are no news where corn reads the file.
func (e *explainer) pipe(s *script, cmd *syntax.BinaryCmd, left verdict) verdict {
	right := e.statement(s, cmd.Y)
	if left.kind == other && left.name == "files" {
		left.kind = silent
	}
	left.join(right)
	return left
}

func writesFile(stmt *syntax.Stmt) bool {
	for _, r := range stmt.Redirs {
		switch r.Op {
		case syntax.RdrOut, syntax.AppOut, syntax.RdrClob, syntax.RdrAll, syntax.AppAll, syntax.RdrInOut:
			if to := source(r.Word); to != "/dev/null" && to != "/dev/stderr" && to != "/dev/stdout" {
				return true
			}
		}
	}
	return false
}

// words are a command's words as far as they can be known: variables that are not keep their
// names, "$dir", and so does what other commands would print.
func (e *explainer) words(call *syntax.CallExpr) []string {
	out := make([]string, 0, len(call.Args))
	for _, w := range call.Args {
		var b strings.Builder
		e.word(&b, w.Parts)
		out = append(out, b.String())
	}
	return out
}

func (e *explainer) word(b *strings.Builder, parts []syntax.WordPart) {
	for _, p := range parts {
		switch p := p.(type) {
		case *syntax.Lit:
			b.WriteString(unquote(p.Value, '\\', nil))
		case *syntax.SglQuoted:
			b.WriteString(p.Value)
		case *syntax.DblQuoted:
			e.word(b, p.Parts)
		case *syntax.ParamExp:
			if value, ok := e.vars[p.Param.Value]; ok && p.Exp == nil && !p.Length && p.Slice == nil && p.Repl == nil && p.Index == nil {
				b.WriteString(value)
				continue
			}
			b.WriteString(source(p))
		default:
			b.WriteString(source(p))
		}
	}
}

// call explains a simple command.
func (e *explainer) call(s *script, call *syntax.CallExpr) verdict {
	words := e.words(call)
	if len(words) == 0 {
		return verdict{kind: context} // assignments alone
	}
	return e.command(s, words, s.line(int(call.Pos().Offset())))
}

// calls explains a script of the project that is run.
func (e *explainer) calls(s *script, name string, args []string, line int) (verdict, bool) {
	at := path.Join(e.p.Context, name)
	text, ok := e.read(at)
	if !ok || s.depth > 2 {
		return verdict{}, false
	}
	step := verdict{kind: other, name: slug(strings.TrimSuffix(path.Base(name), path.Ext(name)))}
	if strings.HasPrefix(text, "#!") && !isShell(text) {
		return step, true
	}
	stmts, err := parseShell(text)
	if err != nil {
		return step, true
	}
	inner := &script{text: text, file: at, depth: s.depth + 1, args: args, line: func(offset int) int {
		return 1 + strings.Count(text[:min(offset, len(text))], "\n")
	}}
	v := e.inner(inner, stmts)
	for i := range v.parts {
		if inner.depth == 1 {
			v.parts[i].Text = fmt.Sprintf("%s:%d: %s", at, v.parts[i].Line, v.parts[i].Text)
		}
		v.parts[i].Line = line
	}
	if v.kind == other {
		return step, true // as a whole: it stands in the project's folder
	}
	if len(v.parts) == 0 {
		v = verdict{kind: settled, parts: []Part{{Line: line, Result: Needless, Text: at + " changes nothing that the image needs"}}}
	}
	return v, true
}

var notSlug = regexp.MustCompile(`[^a-z0-9]+`)

// slug makes a name for a step.
func slug(s string) string {
	s = strings.Trim(notSlug.ReplaceAllString(strings.ToLower(s), "-"), "-")
	if len(s) > 40 {
		s = strings.TrimRight(s[:40], "-")
	}
	if s == "" {
		return "script"
	}
	return s
}
