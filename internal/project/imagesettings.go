package project

import (
	"regexp"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/yamltree"
)

// An EnvVar is a variable, or a label, of the image.
type EnvVar struct{ Name, Value string }

var envVarName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// decodeEnv reads a mapping of names to values.
func decodeEnv(f *yamltree.File, v *yamltree.Value, s *Settings) (err error) {
	s.Env, err = decodePairs(f, v, "env", envVarName, "want letters, digits and _")
	return err
}

var labelName = regexp.MustCompile(`^[!-~]+$`)

func decodeLabels(f *yamltree.File, v *yamltree.Value, s *Settings) (err error) {
	s.Labels, err = decodePairs(f, v, "labels", labelName, "want a name without blanks, as org.opencontainers.image.title")
	return err
}

func decodePairs(f *yamltree.File, v *yamltree.Value, what string, name *regexp.Regexp, want string) ([]EnvVar, error) {
	if v.Kind == yamltree.Nothing {
		return nil, nil
	}
	if v.Kind != yamltree.Mapping {
		return nil, f.Fail(v, "%s is %s: want %s of names to values", what, v.Kind, yamltree.Mapping)
	}
	var out []EnvVar
	for i, key := range v.Keys {
		if !name.MatchString(key) {
			return nil, f.FailAt(v.KeyPlaces[i].WholeLine(), what+": the name "+key+" cannot be used: "+want)
		}
		text, err := f.Text(v.Values[i], key)
		if err != nil {
			return nil, err
		}
		if strings.ContainsRune(text, 0) {
			return nil, f.Fail(v.Values[i], "%s: the value of %s has a NUL, which none can have", what, key)
		}
		out = append(out, EnvVar{key, text})
	}
	return slices.Clip(out), nil
}
