package pipeline

import (
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/image"
)

// variables are corn.yaml's env, as it stands there.
func (b *builder) variables() []image.EnvVar {
	var out []image.EnvVar
	for _, v := range b.project.Settings.Env {
		out = append(out, image.EnvVar{Name: v.Name, Value: v.Value})
	}
	return out
}

// imageEnv is the environment of the image: the base's, and corn.yaml's env. What steps install
// may need it, as with ENV above RUN.
func (b *builder) imageEnv() []string { return image.Environment(b.baseFacts.Env, b.variables()) }

// inputVariables makes them an input of a step.
func (b *builder) inputVariables(s *step) {
	if len(b.project.Settings.Env) == 0 {
		return
	}
	k := digest.NewKey("env")
	for _, v := range b.project.Settings.Env {
		k.Str(v.Name, v.Value)
	}
	s.input("env of corn.yaml", k.Key())
}
