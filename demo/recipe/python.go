package recipe

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

var pythonShebang = regexp.MustCompile(`^#! ?/usr/bin/(env )?python3?(\.\d+)?\b`)

// scripts gives the programs of the package a first line that names the prefix.
func (d *draft) scripts() error {
	interpreter := "#!" + Placeholder + "/bin/python"
	if d.recipe.Python != "" {
		interpreter += d.recipe.Python
	}
	for _, p := range sortedKeys(d.files) {
		f := d.files[p]
		if path.Dir(p) != "bin" || f.Link != "" {
			continue
		}
		data, err := content(f)
		if err != nil {
			return err
		}
		if pythonShebang.Match(data) {
			if err := d.set(p, pythonShebang.ReplaceAll(data, []byte(interpreter))); err != nil {
				return err
			}
		}
	}
	return nil
}

// modules does what packages of Python modules need: distributions, requirements and
// commands.
func (d *draft) modules() error {
	if d.recipe.Kind != pure && d.recipe.Kind != compiled {
		return nil
	}
	if err := d.commandsAside(); err != nil {
		return err
	}
	dists, err := d.distributions()
	if err != nil {
		return err
	}
	if err := d.follows(dists); err != nil {
		return err
	}
	d.about(dists[0].metadata)
	commands, err := d.consoleScripts(dists)
	if err != nil {
		return err
	}
	for _, c := range commands {
		name, _, _ := strings.Cut(c, " = ")
		delete(d.files, "python-scripts/"+name) // the installer makes this one
		if d.recipe.Kind == compiled {
			if err := d.command(c); err != nil {
				return err
			}
		}
	}
	if d.recipe.Kind == pure {
		d.pkg.EntryPoints = commands
	}
	d.dists = dists
	return nil
}

// commandsAside moves programs to where a noarch package keeps them.
func (d *draft) commandsAside() error {
	if d.recipe.Kind != pure {
		return nil
	}
	for _, p := range sortedKeys(d.files) {
		name, ok := strings.CutPrefix(p, "bin/")
		if !ok {
			continue
		}
		f := d.files[p]
		if f.Link != "" {
			return fmt.Errorf("%s is a link; noarch packages have no place for it", p)
		}
		delete(d.files, p)
		f.Path = "python-scripts/" + name
		d.files[f.Path] = f
	}
	return nil
}

// command writes the program of an entry point as conda-build does in packages for one
// version of Python.
func (d *draft) command(entry string) error {
	name, target, _ := strings.Cut(entry, " = ")
	module, function, _ := strings.Cut(target, ":")
	first, _, _ := strings.Cut(function, ".")
	text := fmt.Sprintf("#!%s/bin/python%s\n# -*- coding: utf-8 -*-\nimport re\nimport sys\n\nfrom %s import %s\n\n"+
		"if __name__ == '__main__':\n    sys.argv[0] = re.sub(r'(-script\\.pyw?|\\.exe)?$', '', sys.argv[0])\n    sys.exit(%s())\n",
		Placeholder, d.recipe.Python, module, first, function)
	p := "bin/" + name
	src, err := d.works.keep([]byte(text))
	d.files[p] = channeltest.File{Path: p, Mode: 0o755, Src: src}
	return err
}

// follows adds the requirements of the distributions to the dependencies.
func (d *draft) follows(dists []dist) error {
	python := ">=3.8"
	inside := map[string]bool{}
	for _, it := range dists {
		inside[condaName(it.name)] = true
	}
	known := map[string]bool{}
	for _, r := range All() {
		known[r.Name] = true
	}
	forgotten := map[string]bool{}
	for i, it := range dists {
		if v := field(it.metadata, "Requires-Python"); v != "" && i == 0 {
			python = strings.ReplaceAll(v, " ", "")
		}
		for _, text := range fields(it.metadata, "Requires-Dist") {
			spec, old, err := toSpec(text, d.recipe.Python)
			if err != nil {
				return err
			}
			if old {
				python += ",>=3.11"
			}
			name, _, _ := strings.Cut(spec, " ")
			if spec == "" || inside[name] {
				continue
			}
			if slices.Contains(d.recipe.Forget, name) {
				forgotten[name] = true
				continue
			}
			if !known[name] {
				return fmt.Errorf("requirement %q: no recipe makes %s; forget it, or add one", text, name)
			}
			d.requires = append(d.requires, spec)
		}
	}
	for _, name := range d.recipe.Forget {
		if !forgotten[name] {
			return fmt.Errorf("%s is to be forgotten, but nothing asks for it", name)
		}
	}
	if d.recipe.Kind == pure {
		if d.recipe.Suite == bookworm {
			python += ",<3.12.0a0" // what bookworm was tried with ends at 3.11
		}
		d.requires = append(d.requires, "python "+tidy(python))
	}
	return nil
}

// about takes over what the distribution says of itself.
func (d *draft) about(metadata string) {
	d.pkg.Summary = field(metadata, "Summary")
	d.pkg.Home = field(metadata, "Home-page")
	for _, u := range fields(metadata, "Project-URL") {
		if label, url, ok := strings.Cut(u, ","); ok && d.pkg.Home == "" && strings.EqualFold(label, "homepage") {
			d.pkg.Home = strings.TrimSpace(url)
		}
	}
	license := field(metadata, "License-Expression")
	if license == "" {
		license = field(metadata, "License")
	}
	if license == "" || len(license) > 60 {
		for _, c := range fields(metadata, "Classifier") {
			if rest, ok := strings.CutPrefix(c, "License :: OSI Approved :: "); ok {
				license = rest
			}
		}
	}
	if len(license) <= 60 {
		d.pkg.License = license
	}
}

// tidy leaves one lower bound in a version range, and out of it what speaks of Pythons
// before 3.8: ">=2.7,!=3.0.*,!=3.1.*" is ">=3.8".
func tidy(bounds string) string {
	var out []string
	least := "0"
	raise := func(v string) {
		if compareReleases(v, least) > 0 {
			least = v
		}
	}
	for _, b := range strings.Split(bounds, ",") {
		v, lower := strings.CutPrefix(b, ">=")
		old, excluded := strings.CutPrefix(b, "!=3.")
		switch {
		case lower:
			raise(v)
		case excluded && compareReleases(strings.TrimSuffix(old, ".*"), "8") < 0:
			raise("3.8")
		case b != "<4":
			out = append(out, b)
		}
	}
	return strings.Join(append([]string{">=" + least}, out...), ",")
}
