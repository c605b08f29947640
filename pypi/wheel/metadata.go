package wheel

import (
	"strings"
	"unicode/utf8"

	"github.com/nasa-openscapes/corn/pypi/tags"
)

// metadata is what .dist-info says.
type metadata struct {
	name, version  string
	purelib        bool
	tags           []string
	requires       []string
	requiresPython string
	console, gui   []string
}

func (w *Wheel) readMetadata() error {
	text, ok, err := w.read("WHEEL")
	if err != nil {
		return err
	}
	if !ok {
		return w.bad("", "no %s/WHEEL", w.info)
	}
	headers, err := w.headers("WHEEL", text)
	if err != nil {
		return err
	}
	version := first(headers, "wheel-version")
	major, _, _ := strings.Cut(version, ".")
	if major != "1" {
		return w.bad(w.info+"/WHEEL", "has Wheel-Version %q: want 1.x", version)
	}
	w.meta.purelib = strings.EqualFold(first(headers, "root-is-purelib"), "true")
	for _, h := range headers {
		if h.name == "tag" {
			all, err := tags.Expand(h.value)
			if err != nil {
				return w.bad(w.info+"/WHEEL", "Tag: %v", err)
			}
			w.meta.tags = append(w.meta.tags, all...)
		}
	}
	if len(w.meta.tags) == 0 {
		w.meta.tags = w.name.Tags
	}
	if err := w.readProject(); err != nil {
		return err
	}
	return w.readEntryPoints()
}

func (w *Wheel) readProject() error {
	text, ok, err := w.read("METADATA")
	if err != nil {
		return err
	}
	if !ok {
		return w.bad("", "no %s/METADATA", w.info)
	}
	headers, err := w.headers("METADATA", text)
	if err != nil {
		return err
	}
	w.meta.name, w.meta.version = first(headers, "name"), first(headers, "version")
	if w.meta.name == "" || w.meta.version == "" {
		return w.bad(w.info+"/METADATA", "has no Name or no Version")
	}
	if NormalizeName(w.meta.name) != w.name.Normalized() {
		return w.bad(w.info+"/METADATA", "is of another project, %q", w.meta.name)
	}
	for _, h := range headers {
		switch h.name {
		case "requires-dist":
			w.meta.requires = append(w.meta.requires, h.value)
		case "requires-python":
			w.meta.requiresPython = h.value
		}
	}
	return nil
}

type header struct{ name, value string }

func first(headers []header, name string) string {
	for _, h := range headers {
		if h.name == name {
			return h.value
		}
	}
	return ""
}

func (w *Wheel) headers(file string, text []byte) ([]header, error) {
	out, reason := parseHeaders(text)
	if reason != "" {
		return nil, w.bad(w.info+"/"+file, "%s", reason)
	}
	return out, nil
}

// readEntryPoints reads the console and GUI scripts of entry_points.txt. Other groups are
// for the project's own use.
func (w *Wheel) readEntryPoints() error {
	text, ok, err := w.read("entry_points.txt")
	if err != nil || !ok {
		return err
	}
	if !utf8.Valid(text) {
		return w.bad(w.info+"/entry_points.txt", "is no UTF-8")
	}
	group := ""
	for _, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if line[0] == '[' && line[len(line)-1] == ']' {
			group = strings.TrimSpace(line[1 : len(line)-1])
			continue
		}
		if group != "console_scripts" && group != "gui_scripts" {
			continue
		}
		ep, err := parseEntryPoint(line)
		if err != nil {
			return &EntryPointError{Wheel: w.file, Line: line, Reason: err.Error()}
		}
		if group == "gui_scripts" {
			w.meta.gui = append(w.meta.gui, ep.String())
		} else {
			w.meta.console = append(w.meta.console, ep.String())
		}
	}
	return nil
}
