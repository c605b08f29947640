package kernel

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// unsetMarker is the value by which conda's env_vars say that a variable is not set.
const unsetMarker = "***unset***"

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// variables merges what conda merges, in its order: etc/conda/env_vars.d/*.json sorted by
// file name, then environment.yml's. Of one name the last counts. The result is sorted.
func variables(e *Env) ([]Variable, []string, error) {
	merged := map[string]string{}
	var files, notices []string
	for p := range e.Data {
		if isEnvVars(p) {
			files = append(files, p)
		}
	}
	slices.Sort(files)
	set := func(source, name, value string) error {
		reason := ""
		switch {
		case !variableName.MatchString(name):
			reason = "has a name that no shell can set: want letters, digits and _"
		case strings.ContainsRune(value, 0):
			reason = "has a NUL byte in its value"
		case slices.Contains(ownVariables, name):
			reason = "belongs to the shell and cannot be set"
		case slices.Contains(activationVariables, name):
			notices = append(notices, fmt.Sprintf("environment %q: %s sets %s, which activation itself sets; it is left out", e.DisplayName, source, name))
			return nil
		case name == "PATH":
			notices = append(notices, fmt.Sprintf("environment %q: %s replaces PATH, taken literally: the environment's own programs may not be found", e.DisplayName, source))
		}
		if reason != "" {
			return &VariableError{e.DisplayName, source, name, reason}
		}
		merged[name] = value
		return nil
	}
	for _, p := range files {
		vars, err := parseEnvVars(e.Data[p])
		if err != nil {
			return nil, nil, &VariableError{e.DisplayName, p, "*", err.Error()}
		}
		for _, v := range vars {
			if err := set(path.Base(p), v.Name, v.Value); err != nil {
				return nil, nil, err
			}
		}
	}
	for _, v := range e.Variables {
		if err := set("environment.yml", v.Name, v.Value); err != nil {
			return nil, nil, err
		}
	}
	var out []Variable
	for name, value := range merged {
		if value != unsetMarker {
			out = append(out, Variable{name, value})
		}
	}
	slices.SortFunc(out, func(a, b Variable) int { return strings.Compare(a.Name, b.Name) })
	return out, notices, nil
}

// parseEnvVars reads a JSON object of texts. Numbers and truth values come out as Python
// prints them, because conda formats them so; null is left out.
func parseEnvVars(data []byte) ([]Variable, error) {
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("are no JSON object: %w", err)
	}
	var out []Variable
	for name, v := range m {
		switch v := v.(type) {
		case string:
			out = append(out, Variable{name, v})
		case json.Number:
			out = append(out, Variable{name, v.String()})
		case bool:
			text := "False"
			if v {
				text = "True"
			}
			out = append(out, Variable{name, text})
		case nil:
		default:
			return nil, fmt.Errorf("are no texts: %s is a list or an object", name)
		}
	}
	slices.SortFunc(out, func(a, b Variable) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}
