package project

import (
	"path"
	"regexp"
	"strings"
)

// variableName is what every shell takes.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// spec reads environment.yml and requirements.txt of an environment and returns the name
// that environment.yml gives.
func (l *loader) spec(e *Environment) (name string, err error) {
	for _, file := range []string{"environment.yml", "environment.yaml"} {
		data, shown, err := l.read(e.Dir, file)
		if err != nil {
			return "", err
		}
		if shown == "" {
			continue
		}
		if e.SpecFile != "" {
			l.notice(path.Join(e.Dir, file), "ignored: environment.yml stands beside it")
			continue
		}
		e.SpecFile = shown
		if name, err = e.parseSpec(shown, data); err != nil {
			return "", err
		}
	}
	data, shown, err := l.read(e.Dir, "requirements.txt")
	if err != nil {
		return "", err
	}
	if shown != "" {
		e.Pip = append(e.Pip, requirementLines(string(data), shown)...)
	}
	return name, nil
}

// parseSpec reads what is needed of an environment.yml (CEP 24): name, channels,
// dependencies with their pip: list, variables. Requirements stay raw text.
func (e *Environment) parseSpec(file string, data []byte) (name string, err error) {
	f, root, err := parseYAML(file, data)
	if err != nil {
		return "", err
	}
	if root.kind == nothing {
		return "", nil
	}
	if root.kind != mapping {
		return "", f.fail(root, "the file is %s: want %s with name, channels and dependencies", root.kind, mapping)
	}
	for i, key := range root.keys {
		v := root.vals[i]
		switch key {
		case "name":
			if v.kind != nothing {
				name, err = f.text(v, "name")
			}
		case "channels":
			e.Channels, err = f.texts(v, "channels")
		case "dependencies":
			err = e.parseDependencies(f, v)
		case "variables":
			err = e.parseVariables(f, v)
		}
		if err != nil {
			return "", err
		}
	}
	return name, nil
}

func (e *Environment) parseDependencies(f *yamlFile, v *value) error {
	if v.kind == nothing {
		return nil
	}
	if v.kind != list {
		return f.fail(v, "dependencies is %s: want %s", v.kind, list)
	}
	for _, item := range v.vals {
		switch item.kind {
		case scalar:
			e.Dependencies = append(e.Dependencies, Requirement{Text: item.text, File: f.name, Line: item.line})
		case mapping:
			for i, key := range item.keys {
				if key != "pip" {
					return f.failAt(item.keyLines[i], 0, "dependencies of "+key+" are not known: want pip")
				}
				if err := e.parsePip(f, item.vals[i]); err != nil {
					return err
				}
			}
		default:
			return f.fail(item, "a dependency is %s: want %s or pip:", item.kind, scalar)
		}
	}
	return nil
}

func (e *Environment) parsePip(f *yamlFile, v *value) error {
	if v.kind == nothing {
		return nil
	}
	if v.kind != list {
		return f.fail(v, "pip is %s: want %s", v.kind, list)
	}
	for _, item := range v.vals {
		text, err := f.text(item, "a requirement")
		if err != nil {
			return err
		}
		e.Pip = append(e.Pip, Requirement{Text: strings.TrimSpace(text), File: f.name, Line: item.line})
	}
	return nil
}

func (e *Environment) parseVariables(f *yamlFile, v *value) error {
	if v.kind == nothing {
		return nil
	}
	if v.kind != mapping {
		return f.fail(v, "variables is %s: want %s", v.kind, mapping)
	}
	for i, name := range v.keys {
		text, err := f.text(v.vals[i], "variable "+name)
		if err != nil {
			return err
		}
		if !variableName.MatchString(name) {
			return f.failAt(v.keyLines[i], 0, "variable "+name+": want letters, digits and underscores")
		}
		if strings.ContainsRune(text, 0) {
			return f.fail(v.vals[i], "variable %s holds a NUL byte", name)
		}
		e.Variables = append(e.Variables, Variable{Name: name, Value: text, Line: v.keyLines[i]})
	}
	return nil
}
