package dockerfile

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

var aptName = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]*(:[a-z0-9-]+)?(=[0-9A-Za-z.+:~*-]+|/[a-z0-9.-]+)?$`)

// apt explains apt-get.
func (e *explainer) apt(rest []string, line int) verdict {
	names, flags := split(rest, "-o", "-t", "-c", "--option", "--target-release", "--default-release")
	if len(names) == 0 {
		return verdict{}
	}
	file := path.Join(e.p.Config, "apt.txt")
	switch names[0] {
	case "update", "clean", "autoclean", "autoremove", "check", "list", "search", "show":
		return verdict{name: "apt"}
	case "upgrade", "dist-upgrade", "full-upgrade":
		return verdict{kind: settled, parts: []Part{{
			Line: line, Result: Needless,
			Text: "the base is taken as it is, by its digest; corn lock --update-base takes a newer one",
		}}}
	case "install":
		if e.ownSources {
			return verdict{kind: other, name: "apt"}
		}
	default:
		return verdict{kind: other, name: "apt"}
	}
	var lacks []string
	have, _ := e.read(file)
	for _, n := range names[1:] {
		if strings.HasPrefix(n, "$(") || strings.HasPrefix(n, "`") { // $(cat apt.txt)
			if strings.Contains(n, "cat") && have != "" {
				continue
			}
			return verdict{kind: other, name: "apt"}
		}
		if !aptName.MatchString(n) || flags["-t"] != "" {
			return verdict{kind: other, name: "apt"}
		}
		if !slices.Contains(strings.Fields(have), n) {
			lacks = append(lacks, n)
		}
	}
	if len(lacks) == 0 {
		return verdict{kind: settled, parts: []Part{{Line: line, Result: Done, Text: "corn installs what " + file + " names"}}}
	}
	return verdict{kind: settled, parts: []Part{{
		Line: line, Result: Write, Text: "packages of the base's distribution, one a line", File: file, Write: strings.Join(lacks, "\n"),
	}}}
}

// split parts words from flags. Those in valued have a value in the next word.
func split(words []string, valued ...string) (plain []string, flags map[string]string) {
	flags = map[string]string{}
	for i := 0; i < len(words); i++ {
		w := words[i]
		switch {
		case slices.Contains(valued, w) && i+1 < len(words):
			i++
			flags[w] = strings.TrimSpace(flags[w] + " " + words[i])
		case strings.HasPrefix(w, "-"):
			name, value, _ := strings.Cut(w, "=")
			flags[name] = strings.TrimSpace(flags[name] + " " + value)
		default:
			plain = append(plain, w)
		}
	}
	return plain, flags
}

// conda explains conda, mamba and micromamba.
func (e *explainer) conda(s *script, program string, rest []string, line int) verdict {
	names, flags := split(rest, "-n", "--name", "-p", "--prefix", "-c", "--channel", "-f", "--file", "-r", "--root-prefix", "--solver")
	said := func(r Result, text string) verdict {
		return verdict{kind: settled, parts: []Part{{Line: line, Result: r, Text: text}}}
	}
	if len(names) == 0 {
		return verdict{}
	}
	sub := names[0]
	if sub == "env" && len(names) > 1 {
		sub, names = "env "+names[1], names[1:]
	}
	switch sub {
	case "init", "shell":
		return said(Needless, "it edits the home, which a hub's volume hides; kernels are activated by corn's launcher, terminals by the base's profile")
	case "clean", "info", "list", "search", "activate", "deactivate", "env list", "env export", "config":
		if sub == "activate" && len(names) > 1 {
			s.active = names[1]
		}
		if sub == "config" && strings.Contains(strings.Join(rest, " "), "channels") {
			return said(Done, "channels stand in environment.yml, or in corn.yaml as channels")
		}
		return verdict{name: "conda"}
	case "run":
		return e.condaRun(s, rest[1:], line)
	case "create", "install", "update", "upgrade", "env create", "env update":
	default:
		return verdict{kind: other, name: program}
	}
	env := first(flags, "-n", "--name")
	if p := first(flags, "-p", "--prefix"); p != "" {
		env = path.Base(p)
	}
	if env == "" && !strings.HasSuffix(sub, "create") {
		env = s.active
	}
	if file := first(flags, "-f", "--file"); file != "" {
		return e.envFile(s, file, env, line)
	}
	specs := slices.DeleteFunc(names[1:], func(n string) bool { return n == "" })
	if _, all := flags["--all"]; all || (strings.HasPrefix(sub, "up") && !slices.ContainsFunc(specs, func(n string) bool { return !isTool(n) })) {
		return said(Needless, "corn lock --upgrade takes newer packages")
	}
	if len(specs) == 0 {
		if strings.HasPrefix(sub, "env ") {
			return e.envFile(s, "environment.yml", env, line)
		}
		return verdict{name: "conda"}
	}
	if !slices.ContainsFunc(specs, func(n string) bool { return !isTool(n) }) && (env == "" || env == "base" || env == "root") {
		return said(Needless, "tools that install are not needed in the image: corn solves, locks and installs")
	}
	return e.specs(env, specs, strings.Fields(first(flags, "-c", "--channel")), line)
}

// isTool tells whether a spec names what only installs other packages.
func isTool(spec string) bool {
	name, _, _ := strings.Cut(strings.NewReplacer("=", " ", "<", " ", ">", " ", "~", " ").Replace(spec), " ")
	return slices.Contains([]string{"conda", "mamba", "micromamba", "conda-lock", "pip", "libmamba", "conda-libmamba-solver"}, name)
}

func first(flags map[string]string, names ...string) string {
	for _, n := range names {
		if flags[n] != "" {
			return flags[n]
		}
	}
	return ""
}

// condaRun explains conda run -n NAME COMMAND.
func (e *explainer) condaRun(s *script, rest []string, line int) verdict {
	inner := *s
	for i := 0; i < len(rest); i++ {
		switch w := rest[i]; {
		case (w == "-n" || w == "--name" || w == "-p" || w == "--prefix") && i+1 < len(rest):
			i++
			inner.active = path.Base(rest[i])
		case w == "run", strings.HasPrefix(w, "-"):
		default:
			return e.command(&inner, rest[i:], line)
		}
	}
	return verdict{}
}

// isNotebook tells whether an env's name means the notebook environment.
func isNotebook(env string) bool {
	return slices.Contains([]string{"", "base", "root", "notebook", "$CONDA_ENV", "${CONDA_ENV}", "$NB_PYTHON_PREFIX", "${NB_PYTHON_PREFIX}"}, env)
}

// folder is where an env's files belong.
func (e *explainer) folder(env string) string {
	if isNotebook(env) {
		return e.p.Config
	}
	return path.Join(e.p.Config, "environments", env)
}

// envFile explains an installation from a file.
func (e *explainer) envFile(s *script, file, env string, line int) verdict {
	said := func(text string) verdict {
		return verdict{kind: settled, parts: []Part{{Line: line, Result: Done, Text: text}}}
	}
	environments := path.Join(e.p.Config, "environments")
	at := path.Join(e.p.Context, file)
	_, known := e.reads(file)
	switch {
	case strings.Contains(file, "$") || s.file != "" || strings.Contains(env, "$") && !isNotebook(env): // a loop, or a script that has changed its folder
		if e.exists(environments) {
			return said("corn makes a kernel of every folder in " + environments)
		}
		return verdict{kind: settled, parts: []Part{{
			Line: line, Result: Write, File: path.Join(environments, "NAME", "environment.yml"),
			Text: "a folder for each environment: corn makes a kernel of every one", Write: "the environment's own file",
		}}}
	case known:
		return said("corn installs " + at)
	}
	to := path.Join(e.folder(env), path.Base(file))
	if path.Ext(file) == ".yml" || path.Ext(file) == ".yaml" {
		to = path.Join(e.folder(env), "environment.yml")
	}
	if isNotebook(env) && strings.HasPrefix(at, environments+"/") {
		to = at
	}
	return verdict{kind: settled, parts: []Part{{
		Line: line, Result: Write, File: to, Text: "corn finds it there", Write: "the content of " + at,
	}}}
}

// specs explains packages that are named on the command line.
func (e *explainer) specs(env string, specs, channels []string, line int) verdict {
	if strings.Contains(env, "$") && !isNotebook(env) {
		env = "NAME" // of a loop
		if environments := path.Join(e.p.Config, "environments"); e.exists(environments) {
			return verdict{kind: settled, parts: []Part{{Line: line, Result: Done, Text: "corn makes a kernel of every folder in " + environments}}}
		}
	}
	file := path.Join(e.folder(env), "environment.yml")
	have, exists := e.read(file)
	specs = slices.DeleteFunc(slices.Clone(specs), func(spec string) bool { return asks(have, spec) })
	if len(specs) == 0 {
		return verdict{kind: settled, parts: []Part{{Line: line, Result: Done, Text: "corn installs what " + file + " asks for"}}}
	}
	var b strings.Builder
	if !exists && !isNotebook(env) {
		fmt.Fprintf(&b, "name: %s\n", env)
	}
	if len(channels) > 0 && !exists {
		b.WriteString("channels:\n")
		for _, c := range channels {
			fmt.Fprintf(&b, "  - %s\n", scalar(c))
		}
	}
	b.WriteString("dependencies:\n")
	for _, spec := range specs {
		fmt.Fprintf(&b, "  - %s\n", item(spec))
	}
	text := "the environment of a kernel"
	if isNotebook(env) {
		text = "the notebook environment"
	}
	if exists {
		text = "more packages for it"
	}
	return verdict{kind: settled, parts: []Part{{Line: line, Result: Write, File: file, Text: text, Write: strings.TrimSuffix(b.String(), "\n")}}}
}

// specText are specs that YAML reads as texts without quotes.
var specText = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.=<>!~*+,|:/-]*$`)

func item(spec string) string {
	if specText.MatchString(spec) && !strings.HasSuffix(spec, ":") {
		return spec
	}
	return scalar(spec)
}

// asks tells whether a list in a file asks for a package by the same name.
func asks(text, spec string) bool {
	name := regexp.MustCompile(`^(?:[^:=<>!~]*::)?[A-Za-z0-9_.-]*`).FindString(spec)
	if name == "" {
		return false
	}
	return regexp.MustCompile(`(?mi)^[ \t]*(- *)?["']?` + regexp.QuoteMeta(name) + `["']?[ \t]*($|[=<>!~;\[#"' ])`).MatchString(text)
}

// pip explains pip install.
func (e *explainer) pip(s *script, env string, rest []string, line int) verdict {
	names, flags := split(rest, "-r", "--requirement", "-c", "--constraint", "-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--target", "-t", "--prefix")
	if len(names) == 0 || names[0] != "install" {
		return verdict{name: "pip"}
	}
	if env == "" {
		env = s.active
	}
	if strings.Contains(env, "$") && !isNotebook(env) {
		env = "NAME"
	}
	if flags["-t"]+flags["--target"]+flags["--prefix"] != "" {
		return verdict{kind: other, name: "pip"}
	}
	to := path.Join(e.folder(env), "requirements.txt")
	var parts []Part
	done := func(text string) { parts = append(parts, Part{Line: line, Result: Done, Text: text}) }
	for _, file := range strings.Fields(first(flags, "-r", "--requirement")) {
		switch _, known := e.reads(file); {
		case known:
			done("corn installs " + path.Join(e.p.Context, file) + " into its environment, locked")
		case s.file != "" || strings.Contains(file, "$"):
			done("corn installs each environment's requirements.txt, locked")
		default:
			parts = append(parts, Part{Line: line, Result: Write, File: to, Text: "corn finds it there", Write: "the content of " + path.Join(e.p.Context, file)})
		}
	}
	names = slices.DeleteFunc(slices.Clone(names[1:]), func(n string) bool { return isTool(n) || n == "setuptools" || n == "wheel" })
	have, _ := e.read(to)
	yml, _ := e.read(path.Join(e.folder(env), "environment.yml"))
	left := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return asks(have, n) || asks(yml, n) })
	switch {
	case slices.ContainsFunc(left, func(n string) bool {
		return n == "." || strings.HasPrefix(n, "./") || strings.HasPrefix(n, "/") || strings.HasPrefix(n, "$")
	}):
		return verdict{kind: other, name: "pip", parts: parts}
	case len(left) > 0:
		parts = append(parts, Part{Line: line, Result: Write, File: to, Text: "packages of PyPI, locked with the environment", Write: strings.Join(left, "\n")})
	case len(names) > 0:
		done("corn installs what " + e.folder(env) + " asks for")
	case len(parts) == 0:
		parts = append(parts, Part{Line: line, Result: Needless, Text: "tools that install are not needed in the image"})
	}
	return verdict{kind: settled, parts: parts}
}

// envOfPath is the env that a program's path names: .../envs/team-a/bin/pip.
func envOfPath(name string) string {
	dir := path.Dir(name)
	if path.Base(dir) != "bin" {
		return ""
	}
	dir = path.Dir(dir)
	if path.Base(path.Dir(dir)) == "envs" || strings.HasPrefix(dir, "$") {
		return path.Base(dir)
	}
	return ""
}
