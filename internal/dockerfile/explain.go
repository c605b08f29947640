package dockerfile

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// A Project is what is known of the project that a Dockerfile belongs to.
type Project struct {
	FS      fs.FS  // its folder; nil: nothing is known of its files
	Config  string // the configuration folder: "ci"; empty: "."
	Context string // the folder that COPY copies from, the Dockerfile's own; empty: "."
	// What corn.yaml has already.
	Base   string
	Env    map[string]string
	Labels map[string]string
	Strip  []string // globs of corn.yaml
	Steps  []string // names of its run steps
}

// A Result says what becomes of an instruction, or of a part of one.
type Result string

// The results.
const (
	Done     Result = "done"     // corn does it from the project's files
	Write    Result = "write"    // to be written into a file that corn reads
	Needless Result = "needless" // an image of a hub goes without
	Manual   Result = "manual"   // nothing in corn does this
)

// Advice is what is to be done about one instruction.
type Advice struct {
	Line    int    `json:"line"`
	EndLine int    `json:"end_line"`
	Text    string `json:"text"` // the instruction, shortened to a line
	Parts   []Part `json:"parts"`
}

// A Part is about an instruction, or about some of the commands of a RUN.
type Part struct {
	Line   int    `json:"line"`
	Result Result `json:"result"`
	Text   string `json:"text"`           // for people
	File   string `json:"file,omitempty"` // where to write, relative to the project
	Write  string `json:"write,omitempty"`

	set settings // that Write is made of
}

// CornYAML is all that is to be written into corn.yaml, as one text: keys that several
// instructions ask for stand in it once. It is empty where there is nothing to write.
func CornYAML(advice []Advice) string {
	var all settings
	for _, a := range advice {
		for _, p := range a.Parts {
			all.add(p.set)
		}
	}
	return all.yaml()
}

// Explain explains every instruction, in their order.
func Explain(f *File, p Project) []Advice {
	e := newExplainer(f, p)
	for i := range f.Instructions {
		in := &f.Instructions[i]
		parts := e.instruction(in)
		e.out = append(e.out, Advice{in.Line, in.EndLine, shortText(in), parts})
	}
	return e.out
}

type explainer struct {
	file *File
	p    Project
	out  []Advice
	vars map[string]string // of ARG and ENV, as far as their values are known
	args map[string]string // of ARG in this stage: run steps do not know them by themselves

	// ownSources: the commands change what apt knows, and install from there.
	ownSources bool

	user   string         // as USER has it; empty: the image's
	dir    string         // as WORKDIR has it; empty: the base's
	steps  map[string]int // names of run steps, and how many have it
	stages []stage
	stage  int // that the instruction stands in; -1: before the first
}

// A stage begins with a FROM.
type stage struct {
	name  string // of AS, in lower case
	base  string // with variables filled in
	from  int    // the stage that it continues; -1: an image
	final bool   // the image is made of it
}

func newExplainer(f *File, p Project) *explainer {
	e := &explainer{file: f, p: p, vars: map[string]string{}, args: map[string]string{}, steps: map[string]int{}, stage: -1}
	if e.p.Config == "" {
		e.p.Config = "."
	}
	if e.p.Context == "" {
		e.p.Context = "."
	}
	for i := range f.Instructions { // ARGs above the first FROM are known to every FROM
		in := &f.Instructions[i]
		if in.Keyword == "ARG" && len(e.stages) == 0 {
			e.arg(in)
		}
		if in.Keyword != "FROM" || in.OnBuild {
			continue
		}
		words := strings.Fields(in.Args)
		s := stage{base: e.expand(words[0]), from: -1}
		if len(words) == 3 && strings.EqualFold(words[1], "AS") {
			s.name = strings.ToLower(words[2])
		}
		for j, o := range e.stages {
			if o.name != "" && o.name == strings.ToLower(s.base) {
				s.from = j
			}
		}
		e.stages = append(e.stages, s)
	}
	for i := len(e.stages) - 1; i >= 0; i = e.stages[i].from {
		e.stages[i].final = true
	}
	return e
}

func one(in *Instruction, r Result, format string, args ...any) []Part {
	return []Part{{Line: in.Line, Result: r, Text: fmt.Sprintf(format, args...)}}
}

// setting is a part that goes into corn.yaml.
func setting(line int, s settings, format string, args ...any) Part {
	return Part{Line: line, Result: Write, Text: fmt.Sprintf(format, args...), File: "corn.yaml", Write: s.yaml(), set: s}
}

func (e *explainer) expand(s string) string {
	return unquote(s, e.file.escape(), func(name string) (string, bool) {
		if v, ok := e.vars[name]; ok {
			return v, true
		}
		return "${" + name + "}", true // as corn.yaml writes variables of the base
	})
}

func (e *explainer) instruction(in *Instruction) []Part {
	if in.OnBuild {
		return one(in, Needless, "acts in images that are built from this one; corn clears ONBUILD, and does itself what pangeo's base image asks for with it")
	}
	if in.Keyword == "FROM" {
		e.stage++
		e.user, e.dir = "", ""
		clear(e.args)
		return e.from(in)
	}
	if e.stage >= 0 && !e.stages[e.stage].final {
		return one(in, Manual, "of stage %s, whose files are no part of the image: build what is copied from it elsewhere, as a conda package or in the base image", e.stageName(e.stage))
	}
	switch in.Keyword {
	case "RUN":
		return e.run(in)
	case "COPY", "ADD":
		return e.copies(in)
	case "ENV":
		return e.env(in)
	case "LABEL":
		return e.label(in)
	case "ARG":
		return e.arg(in)
	case "USER":
		e.user = e.expand(in.Args)
		return one(in, Needless, "the image keeps the base's user; each run step of corn.yaml says whether it is root's")
	case "WORKDIR":
		e.dir = path.Join(e.dir, e.expand(in.Args))
		return one(in, Needless, "the image keeps the base's folder; steps begin in the project's")
	case "ENTRYPOINT":
		return e.entrypoint(in)
	case "CMD":
		return one(in, Needless, "a hub starts jupyterhub-singleuser and corn run JupyterLab, whatever CMD is; the base's is kept")
	case "MAINTAINER":
		return []Part{setting(in.Line, settings{labels: []Pair{{"org.opencontainers.image.authors", in.Args, true}}}, "a label, as MAINTAINER is deprecated")}
	}
	return one(in, Needless, "%s", needless[in.Keyword])
}

// needless says why an image of a hub goes without an instruction.
var needless = map[string]string{
	"EXPOSE":      "documents a port; hubs know theirs, and the base's are kept",
	"VOLUME":      "a hub mounts its own volume over the home, and what stood below another would be lost",
	"STOPSIGNAL":  "hubs stop servers with SIGTERM",
	"HEALTHCHECK": "Kubernetes ignores it; corn test starts every kernel before the image gets its tag",
	"SHELL":       "run steps of corn.yaml are for bash where the base has it, else sh, and end at the first command that fails; set -o pipefail is for the step to say",
}

func (e *explainer) stageName(i int) string {
	if e.stages[i].name != "" {
		return e.stages[i].name
	}
	return fmt.Sprint(i)
}

func (e *explainer) from(in *Instruction) []Part {
	s := e.stages[e.stage]
	switch {
	case !s.final:
		return one(in, Manual, "stage %s is no part of the image", e.stageName(e.stage))
	case s.from >= 0:
		return one(in, Done, "goes on with stage %s", e.stageName(s.from))
	case s.base == "scratch":
		return one(in, Manual, "an image of corn has a base with a C library and /bin/sh: name one")
	case strings.Contains(s.base, "$"):
		return []Part{setting(in.Line, settings{base: "NAME:TAG"}, "the value of %s is not in the Dockerfile: write the image's whole name", s.base)}
	}
	var parts []Part
	if s.base == e.p.Base {
		parts = one(in, Done, "base of corn.yaml")
	} else {
		text := "the base image"
		if e.p.Base != "" {
			text = fmt.Sprintf("corn.yaml says %s", e.p.Base)
		}
		parts = []Part{setting(in.Line, settings{base: s.base}, "%s; corn lock pins its digest", text)}
	}
	if platform, ok := in.Flag("platform"); ok && !strings.Contains(platform, "$") {
		parts = append(parts, setting(in.Line, settings{platforms: []string{platform}}, "the platform"))
	}
	return parts
}

func (e *explainer) arg(in *Instruction) []Part {
	pairs, err := in.pairs()
	if err != nil {
		return one(in, Manual, "%v", err)
	}
	names, unset := []string{}, []string{}
	for _, p := range pairs {
		names = append(names, p.Name)
		if p.Set {
			e.vars[p.Name] = e.expand(p.Value)
			e.args[p.Name] = e.vars[p.Name]
		} else if v, ok := e.vars[p.Name]; ok {
			e.args[p.Name] = v // one of above FROM
		} else {
			unset = append(unset, p.Name)
		}
	}
	if len(unset) > 0 {
		return one(in, Manual, "a build by corn has no arguments: write the value of %s where it is used", strings.Join(unset, ", "))
	}
	return one(in, Done, "filled in below: a build by corn has no arguments, so the value of %s is written where it is used", strings.Join(names, ", "))
}

// ofBase are variables that steer a build or belong to the base image.
var ofBase = map[string]string{
	"DEBIAN_FRONTEND": "corn sets it for apt",
	"CONDA_DIR":       "it is the base's, and corn puts environments below it",
	"NB_USER":         "it is the base's", "NB_UID": "it is the base's", "HOME": "it is the base's",
	"CONDA_ENV": "it is the base's", "NB_PYTHON_PREFIX": "it is the base's",
}

func (e *explainer) env(in *Instruction) []Part {
	pairs, err := in.pairs()
	if err != nil {
		return one(in, Manual, "%v", err)
	}
	var parts []Part
	var set []Pair
	known := map[string]string{}
	for _, p := range pairs {
		value := e.expand(p.Value)
		known[p.Name] = value
		switch why, base := ofBase[p.Name]; {
		case base:
			parts = append(parts, one(in, Needless, "%s: %s", p.Name, why)...)
		case e.p.Env[p.Name] == value && value != "":
			parts = append(parts, one(in, Done, "%s: env of corn.yaml", p.Name)...)
		default:
			set = append(set, Pair{p.Name, value, true})
		}
	}
	for name, value := range known { // a line's variables are known below it
		e.vars[name] = value
		delete(e.args, name) // ENV wins, and steps see env of corn.yaml
		if strings.Contains(value, "$") {
			delete(e.vars, name)
		}
	}
	if len(set) > 0 {
		parts = append(parts, setting(in.Line, settings{env: set}, "variables of the image"))
	}
	return parts
}

func (e *explainer) label(in *Instruction) []Part {
	pairs, err := in.pairs()
	if err != nil {
		return one(in, Manual, "%v", err)
	}
	var set []Pair
	for _, p := range pairs {
		if value := e.expand(p.Value); e.p.Labels[p.Name] != value || value == "" {
			set = append(set, Pair{p.Name, value, true})
		}
	}
	if len(set) == 0 {
		return one(in, Done, "labels of corn.yaml")
	}
	return []Part{setting(in.Line, settings{labels: set}, "labels of the image")}
}

func (e *explainer) entrypoint(in *Instruction) []Part {
	words := in.List
	if words == nil {
		words = []string{"/bin/sh", "-c", in.Args}
	}
	start := path.Join(e.p.Config, "start")
	switch {
	case len(words) == 0:
		return one(in, Needless, "a hub gives its command to the base's entrypoint, which has to run it")
	case e.exists(start) && (words[0] == "/srv/start" || path.Base(words[0]) == "start"):
		return one(in, Done, "%s is put before the base's entrypoint", start)
	}
	text := "#!/bin/sh\nexec " + quoteAll(words) + " \"$@\""
	if in.List == nil {
		text = "#!/bin/sh\n" + in.Args
	}
	return []Part{{Line: in.Line, Result: Write, Text: "runs before the base's entrypoint; it has to end with exec \"$@\"", File: start, Write: text}}
}

func (e *explainer) exists(name string) bool {
	if e.p.FS == nil || !fs.ValidPath(name) {
		return false
	}
	_, err := fs.Stat(e.p.FS, name)
	return err == nil
}

func (e *explainer) read(name string) (string, bool) {
	if e.p.FS == nil || !fs.ValidPath(name) {
		return "", false
	}
	info, err := fs.Stat(e.p.FS, name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxScriptBytes {
		return "", false
	}
	data, err := fs.ReadFile(e.p.FS, name)
	return string(data), err == nil
}

// shortText is an instruction on one line.
func shortText(in *Instruction) string {
	text := in.Keyword
	if in.OnBuild {
		text = "ONBUILD " + text
	}
	for _, f := range in.Flags {
		text += " --" + f.Name
		if f.Value != "" {
			text += "=" + f.Value
		}
	}
	text += " " + in.Args
	words := strings.Fields(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?")))
	short := strings.Join(words, " ")
	if r := []rune(short); len(r) > 100 {
		short = string(r[:97]) + "..."
	}
	return short
}

// quoteAll writes words for a shell.
func quoteAll(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = w
		if w == "" || strings.ContainsFunc(w, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || slices.Contains([]rune("_./:@%+=,-"), r))
		}) {
			out[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(out, " ")
}
