package locks

import (
	"fmt"
	"os"

	"github.com/goccy/go-yaml"
)

// Environment is as much of environment.yml as a lock is made from.
type Environment struct {
	Name     string
	Channels []string
	// Specs are the dependencies, in the order of the file.
	Specs []string
}

// ReadEnvironment reads an environment.yml. A pip list is an error: nothing here
// resolves one.
func ReadEnvironment(file string) (Environment, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return Environment{}, fmt.Errorf("read environment: %w", err)
	}
	var doc struct {
		Name         string   `yaml:"name"`
		Channels     []string `yaml:"channels"`
		Dependencies []any    `yaml:"dependencies"`
	}
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return Environment{}, fmt.Errorf("read %s: %w", file, err)
	}
	env := Environment{Name: doc.Name}
	for _, ch := range doc.Channels {
		if ch != "nodefaults" {
			env.Channels = append(env.Channels, ch)
		}
	}
	for _, d := range doc.Dependencies {
		text, ok := d.(string)
		if !ok {
			return env, fmt.Errorf("read %s: dependency %v is no MatchSpec: pip lists cannot be locked here", file, d)
		}
		env.Specs = append(env.Specs, text)
	}
	if len(env.Specs) == 0 {
		return env, fmt.Errorf("read %s: no dependencies", file)
	}
	return env, nil
}
