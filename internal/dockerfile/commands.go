package dockerfile

import (
	"path"
	"slices"
	"strings"
)

// command explains one command by its words.
func (e *explainer) command(s *script, words []string, line int) verdict {
	name, rest := words[0], words[1:]
	base := path.Base(name)
	said := func(r Result, text string) verdict {
		return verdict{kind: settled, parts: []Part{{Line: line, Result: r, Text: text}}}
	}
	switch base {
	case "sudo", "exec", "time", "command", "nice", "env", "nohup":
		for i, w := range rest {
			if !strings.HasPrefix(w, "-") && !strings.Contains(w, "=") {
				return e.command(s, rest[i:], line)
			}
		}
		return verdict{}
	case "xargs":
		return e.xargs(s, rest, line)
	case "bash", "sh", "dash", "zsh":
		if v, ok := e.shell(s, rest, line); ok {
			return v
		}
	case "apt-get", "apt", "aptitude":
		return e.apt(rest, line)
	case "conda", "mamba", "micromamba":
		return e.conda(s, base, rest, line)
	case "conda-lock":
		if slices.Contains(rest, "install") {
			return said(Done, "corn installs what the lock names")
		}
		return said(Done, "corn lock makes and renews locks")
	case "pip", "pip3":
		return e.pip(s, envOfPath(name), rest, line)
	case "uv":
		if len(rest) > 1 && rest[0] == "pip" {
			return e.pip(s, "", rest[1:], line)
		}
	case "python", "python3":
		if len(rest) > 1 && rest[0] == "-m" {
			switch rest[1] {
			case "pip":
				return e.pip(s, envOfPath(name), rest[2:], line)
			case "ipykernel", "ipykernel_launcher":
				return said(Done, "corn registers a kernel for each environment, with its activation")
			case "compileall":
				return said(Done, "corn compiles bytecode")
			}
		}
	case "ipython", "jupyter", "jupyter-kernelspec", "R", "Rscript":
		text := base + " " + strings.Join(rest, " ")
		if strings.HasPrefix(text, "ipython kernel install") || strings.HasPrefix(text, "jupyter kernelspec install") ||
			strings.HasPrefix(text, "jupyter-kernelspec install") || strings.Contains(text, "IRkernel::installspec") {
			return said(Done, "corn registers a kernel for each environment, with its activation")
		}
		if strings.HasPrefix(text, "jupyter lab clean") {
			return verdict{}
		}
	case "fix-permissions":
		return said(Done, "corn gives files their owners and modes itself")
	case "find":
		return e.find(rest, line)
	case "rm":
		return e.rm(rest)
	case "chmod":
		if len(rest) > 1 && !slices.ContainsFunc(rest[1:], func(f string) bool { return !e.exists(path.Join(e.p.Context, f)) }) {
			return verdict{kind: context}
		}
	case "npm", "yarn":
		if strings.Contains(strings.Join(rest, " "), "cache clean") {
			return verdict{}
		}
	case "source", ".":
		if len(rest) > 1 && rest[0] == "activate" {
			s.active = rest[1]
		}
		return verdict{kind: context}
	case "cd", "pushd":
		if len(rest) == 1 && e.inHome(rest[0]) && strings.ContainsAny(rest[0][:1], "/$~") {
			return verdict{name: "cd"} // where COPY has put the project; steps begin there
		}
		return verdict{kind: context}
	case "popd", "export", "set", "unset", "shopt", "ldconfig", "umask", "trap", "eval", "hash", "ulimit", "local", "shift":
		return verdict{kind: context}
	case "echo", "printf", "true", "false", ":", "[", "test", "ls", "cat", "date", "pwd", "which", "type", "sleep", "id", "whoami", "grep", "head",
		"tail", "sort", "wc", "cut", "sed", "awk", "tr", "basename", "dirname", "uname", "exit", "return", "read", "wait", "break", "continue", "sync":
		if (base == "sed" || base == "sort") && slices.ContainsFunc(rest, func(w string) bool { return strings.HasPrefix(w, "-i") || w == "-o" || w == "--in-place" }) {
			return verdict{kind: other, name: "edit"}
		}
		return verdict{}
	}
	if v, ok := e.calls(s, name, rest, line); ok {
		return v
	}
	switch base {
	case "mkdir", "cp", "mv", "ln", "install", "chmod", "chown", "tar", "unzip", "touch": // what it makes says more
		if n := len(rest); n > 0 && path.Base(rest[n-1]) != "." && path.Base(rest[n-1]) != "/" {
			base = path.Base(rest[n-1])
		}
	}
	return verdict{kind: other, name: slug(strings.TrimSuffix(base, path.Ext(base)))}
}

// xargs explains what it runs: the names come from a file or through a pipe.
func (e *explainer) xargs(s *script, rest []string, line int) verdict {
	file := ""
	for i := 0; i < len(rest); i++ {
		switch w := rest[i]; {
		case w == "-a" && i+1 < len(rest):
			i++
			file = rest[i]
		case slices.Contains([]string{"-n", "-L", "-I", "-P", "-d", "-E", "-s"}, w):
			i++
		case strings.HasPrefix(w, "-"):
		default:
			words := slices.Clone(rest[i:])
			if file != "" {
				words = append(words, "$(cat "+file+")")
			} else {
				words = append(words, "$(cat)")
			}
			return e.command(s, words, line)
		}
	}
	return verdict{}
}

// shell explains bash -c TEXT and bash FILE.
func (e *explainer) shell(s *script, rest []string, line int) (verdict, bool) {
	for i, w := range rest {
		switch {
		case strings.HasPrefix(w, "-") && !strings.HasPrefix(w, "--") && strings.HasSuffix(w, "c") && i+1 < len(rest):
			stmts, err := parseShell(rest[i+1])
			if err != nil || s.depth > 2 {
				return verdict{}, false
			}
			inner := &script{text: rest[i+1], line: func(int) int { return line }, depth: s.depth + 1}
			return e.inner(inner, stmts), true
		case !strings.HasPrefix(w, "-"):
			return e.calls(s, w, rest[i+1:], line)
		}
	}
	return verdict{}, false
}

// find explains deletions.
func (e *explainer) find(rest []string, line int) verdict {
	said := func(r Result, text string) verdict {
		return verdict{kind: settled, parts: []Part{{Line: line, Result: r, Text: text}}}
	}
	text := strings.Join(rest, " ")
	if !slices.Contains(rest, "-delete") && !strings.Contains(text, "-exec") {
		return verdict{}
	}
	if slices.Contains(rest, "-exec") && !strings.Contains(text, "-exec rm ") {
		return verdict{kind: other, name: "find"}
	}
	var names []string
	for i, w := range rest {
		if w == "-name" && i+1 < len(rest) && (i == 0 || rest[i-1] != "!") {
			names = append(names, rest[i+1])
		}
	}
	bytecode := func(n string) bool { return n == "*.pyc" || n == "__pycache__" || n == "*.pyo" }
	switch {
	case len(names) == 0 || strings.Contains(text, "! ") || !strings.Contains(text, "CONDA") && !strings.Contains(text, "conda") && !strings.Contains(text, "NB_PYTHON_PREFIX"):
		return verdict{kind: other, name: "find"}
	case !slices.ContainsFunc(names, func(n string) bool { return !bytecode(n) }):
		return said(Needless, "bytecode makes the first import fast, and corn has it once for all kernels")
	}
	names = slices.DeleteFunc(names, bytecode)
	if !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(e.p.Strip, n) }) {
		return said(Done, "strip of corn.yaml")
	}
	return verdict{kind: settled, parts: []Part{setting(line, settings{strip: names}, "left out of every environment")}}
}

// rm tells whether what is removed matters to anybody.
func (e *explainer) rm(rest []string) verdict {
	for _, w := range rest {
		switch {
		case strings.HasPrefix(w, "-"), strings.HasPrefix(w, "/tmp"), strings.HasPrefix(w, "/var/lib/apt"), strings.HasPrefix(w, "/var/cache"),
			strings.HasPrefix(w, "/home/"), strings.HasPrefix(w, "$HOME"), strings.HasPrefix(w, "${HOME}"), strings.HasPrefix(w, "~"), strings.HasPrefix(w, "/root/"):
		case !strings.HasPrefix(w, "/") && !strings.HasPrefix(w, "$"): // what a step made in its folder
		default:
			return verdict{kind: other, name: "remove"}
		}
	}
	return verdict{kind: context}
}
