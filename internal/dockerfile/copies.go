package dockerfile

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// copies explains COPY and ADD.
func (e *explainer) copies(in *Instruction) []Part {
	if from, ok := in.Flag("from"); ok {
		return one(in, Manual, "copies out of %s: take the files from a conda package, or build them into the base image", shorten(from))
	}
	words := in.List
	if words == nil {
		for _, w := range splitWords(in.Args, in.escape) {
			words = append(words, e.expand(w))
		}
	}
	if len(words) < 2 {
		return one(in, Manual, "%s wants a source and a destination", in.Keyword)
	}
	sources, dest := words[:len(words)-1], words[len(words)-1]
	if len(in.Heredocs) > 0 {
		return []Part{e.runPart(in.Line, "files", true, heredocCommands(in, dest), "writes the file while the image is built")}
	}
	var parts []Part
	var left []string
	for _, s := range sources {
		if in.Keyword == "ADD" && (strings.Contains(s, "://") || strings.HasPrefix(s, "git@")) {
			parts = append(parts, e.runPart(in.Line, "download", true, "curl -fsSL -o "+quoteAll([]string{target(dest, s), s}), "fetches while the image is built; it needs curl, which apt.txt can bring"))
			continue
		}
		if text, ok := e.reads(s); ok {
			parts = append(parts, Part{Line: in.Line, Result: Done, Text: text})
			continue
		}
		left = append(left, s)
	}
	if len(left) == 0 {
		return unique(parts)
	}
	if e.inHome(dest) {
		text := "the home is a volume of the hub's, which hides what the image has there; steps begin in the project's folder and find it"
		if slices.Contains(left, ".") {
			return []Part{{
				Line: in.Line, Result: Needless, File: "corn.yaml", Write: "copy_project: true",
				Text: "corn reads the project itself, and steps begin in its folder; below the home a hub's volume hides it. copy_project copies it all the same",
			}}
		}
		return unique(append(parts, Part{Line: in.Line, Result: Needless, Text: strings.Join(left, ", ") + ": " + text}))
	}
	return unique(append(parts, e.runPart(in.Line, "files", true, e.copyCommand(in, left, dest), "copies while the image is built: steps begin in the project's folder")))
}

// reads tells whether corn reads a file of the project itself.
func (e *explainer) reads(source string) (string, bool) {
	at := path.Join(e.p.Context, source)
	rel, ok := strings.CutPrefix(at, e.p.Config+"/")
	if e.p.Config == "." {
		rel, ok = at, true
	}
	if !ok || !e.exists(at) {
		return "", false
	}
	switch first, _, _ := strings.Cut(rel, "/"); first {
	case "environments":
		return "corn reads the environments from " + path.Join(e.p.Config, "environments"), true
	case "environment.yml", "environment.yaml", "conda-lock.yml", "conda-linux-64.lock", "pixi.lock", "requirements.txt", "apt.txt", "postBuild":
		return "corn reads " + at + " itself", true
	case "start":
		return at + " runs before the base's entrypoint", true
	case "jupyter_notebook_config.py":
		return at + " is put into /etc/jupyter", true
	}
	return "", false
}

// inHome tells whether a path is below the home, or relative where the base's folder or the
// home is the one to begin in.
func (e *explainer) inHome(dest string) bool {
	if !strings.HasPrefix(dest, "/") && !strings.HasPrefix(dest, "$") && !strings.HasPrefix(dest, "~") {
		if e.dir == "" { // the base's folder, which is the home in pangeo's and Jupyter's images
			return true
		}
		dest = path.Join(e.dir, dest)
	}
	for _, home := range []string{"/home/", "$HOME", "${HOME}", "~", "${HOME", "/root"} {
		if strings.HasPrefix(dest+"/", home) {
			return true
		}
	}
	return false
}

func target(dest, source string) string {
	if strings.HasSuffix(dest, "/") {
		return dest + path.Base(source)
	}
	return dest
}

// copyCommand is a command for what COPY does.
func (e *explainer) copyCommand(in *Instruction, sources []string, dest string) string {
	if !strings.HasPrefix(dest, "/") && !strings.HasPrefix(dest, "$") {
		dest = path.Join(e.dir, dest)
	}
	folder := dest
	if !strings.HasSuffix(dest, "/") && len(sources) == 1 {
		folder = path.Dir(dest)
	}
	var lines []string
	if folder != "/" {
		lines = append(lines, "mkdir -p "+quoteAll([]string{folder}))
	}
	from := make([]string, len(sources))
	for i, s := range sources {
		from[i] = path.Join(e.p.Context, s) // steps begin at the top of the project
	}
	verb := "cp -r "
	if in.Keyword == "ADD" && isArchive(sources[0]) {
		verb, dest = "tar -xf ", "-C "+quoteAll([]string{dest})
	} else {
		dest = quoteAll([]string{dest})
	}
	if strings.ContainsAny(strings.Join(sources, ""), "*?[") {
		lines = append(lines, verb+strings.Join(from, " ")+" "+dest)
	} else {
		lines = append(lines, verb+quoteAll(from)+" "+dest)
	}
	if mode, ok := in.Flag("chmod"); ok && verb == "cp -r " {
		lines = append(lines, "chmod -R "+quoteAll([]string{mode})+" "+dest)
	}
	if owner, ok := in.Flag("chown"); ok && verb == "cp -r " {
		lines = append(lines, "chown -R "+quoteAll([]string{e.expand(owner)})+" "+dest)
	}
	return strings.Join(lines, "\n")
}

func isArchive(name string) bool {
	for _, ext := range []string{".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst"} {
		if strings.HasSuffix(name, ext) {
			return true
		}
	}
	return false
}

// heredocCommands writes the texts below a COPY.
func heredocCommands(in *Instruction, dest string) string {
	var lines []string
	for _, h := range in.Heredocs {
		text, dash := h.Text, ""
		if h.Chomp {
			dash = "-"
		}
		end := h.Name
		if h.Quoted {
			end = "'" + h.Name + "'"
		}
		lines = append(lines, fmt.Sprintf("cat > %s <<%s%s\n%s%s", quoteAll([]string{target(dest, h.Name)}), dash, end, text, h.Name))
	}
	return strings.Join(lines, "\n")
}

// unique leaves out parts that say what another one of the instruction said.
func unique(parts []Part) []Part {
	var out []Part
	for _, p := range parts {
		if !slices.ContainsFunc(out, func(o Part) bool {
			return o.Result == p.Result && o.Text == p.Text && o.File == p.File && o.Write == p.Write
		}) {
			out = append(out, p)
		}
	}
	return out
}
