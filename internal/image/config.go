package image

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/nasa-openscapes/corn/filetree"
)

// An EnvVar is a variable of an image's config.
type EnvVar struct{ Name, Value string }

// ConfigOptions say what a finished image's config has beyond its base's.
type ConfigOptions struct {
	// NotebookPrefix is the notebook env's, "srv/conda/envs/notebook"; empty if the
	// image has none. Its bin is put in front of PATH where PATH lacks it.
	NotebookPrefix string
	// Env is set in this order; a variable of the base with the same name is replaced
	// in its place. ${NAME} in a value is the base's variable or one set before, empty where
	// there is none, as in a Dockerfile; $${ is ${.
	Env []EnvVar
	// Labels are added to the base's, and replace those of the same name.
	Labels map[string]string
	// Start is the project's start: it becomes StartPath, which runs before what the base
	// starts. Nil: none. JupyterConfig becomes JupyterConfigPath; nil: none. The folders of
	// both have to be among FactsOptions.Paths.
	Start, JupyterConfig []byte
}

// Where the files of ConfigOptions are put, as pangeo's base image puts them.
const (
	StartPath         = "srv/start"
	JupyterConfigPath = "etc/jupyter/jupyter_notebook_config.py"
)

// A ConfigPlan is what is done to a base's config, and the files that this needs.
type ConfigPlan struct {
	Env        []EnvVar
	Labels     map[string]string
	Entrypoint string // absolute path of the entrypoint that Entries bring; "" if none was missing
	// Before stands before the base's entrypoint; nil: nothing does.
	Before []string
	// Entries and Data (by Entry.Path) go to the metadata layer: the entrypoint and its
	// folders.
	Entries []filetree.Entry
	Data    map[string][]byte
	Notices []string // sentences for the user
}

// minimalEntrypoint runs the command it is given, which is all that a hub needs.
const minimalEntrypoint = "#!/bin/sh\nexec \"$@\"\n"

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// PlanConfig decides on the config. It fails where an entrypoint is missing and cannot be
// placed: without /bin/sh, or below a file.
func PlanConfig(f *Facts, o ConfigOptions) (*ConfigPlan, error) {
	p := &ConfigPlan{Env: slices.Clone(o.Env), Labels: o.Labels, Data: map[string][]byte{}}
	for _, v := range o.Env {
		if !envName.MatchString(v.Name) || strings.ContainsRune(v.Value, 0) {
			return nil, fmt.Errorf("image variable %q: want a name of letters, digits and _, and a value without NUL", v.Name)
		}
	}
	env := Environment(f.Env, o.Env)
	for i := range p.Env { // the last one of a name counts
		p.Env[i].Value = getenv(env, p.Env[i].Name)
	}
	if o.NotebookPrefix != "" {
		bin := "/" + o.NotebookPrefix + "/bin"
		i := slices.IndexFunc(p.Env, func(v EnvVar) bool { return v.Name == "PATH" })
		if dirs := searchPath(env); !slices.Contains(dirs, bin) {
			v := EnvVar{"PATH", strings.Join(append([]string{bin}, dirs...), ":")}
			if i >= 0 {
				p.Env[i] = v
			} else {
				p.Env = append(p.Env, v)
			}
		}
	}
	if f.MissingEntrypoint != "" && (o.Start == nil || cleanPath(f.MissingEntrypoint) != StartPath) {
		if err := p.addEntrypoint(f); err != nil {
			return nil, err
		}
	}
	if o.Start != nil {
		if err := p.place(f, StartPath, 0o755, o.Start); err != nil {
			return nil, err
		}
		if len(f.Entrypoint) == 0 || cleanPath(f.Entrypoint[0]) != StartPath {
			p.Before = []string{"/" + StartPath}
		}
	}
	if o.JupyterConfig != nil {
		if err := p.place(f, JupyterConfigPath, 0o644, o.JupyterConfig); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// place puts a file of root's into the image, in the place of what the base has there.
func (p *ConfigPlan) place(f *Facts, at string, mode uint32, data []byte) error {
	dir, parents, err := f.ResolveDir(path.Dir(at))
	if err != nil {
		return fmt.Errorf("place /%s: %w", at, err)
	}
	file := path.Join(dir, path.Base(at))
	p.Entries = append(p.Entries, parents...)
	p.Entries = append(p.Entries, filetree.Entry{Path: file, Type: filetree.File, Mode: mode, ModTime: filetree.Epoch1980, SizeBytes: int64(len(data))})
	p.Data[file] = data
	return nil
}

func (p *ConfigPlan) addEntrypoint(f *Facts) error {
	if !slices.Contains(f.Files, "/bin/sh") {
		return fmt.Errorf("entrypoint %s of the base image is missing, and without /bin/sh none can be made", f.MissingEntrypoint)
	}
	dir, parents, err := f.ResolveDir(cleanPath(path.Dir(f.MissingEntrypoint)))
	if err != nil {
		return fmt.Errorf("place entrypoint %s: %w", f.MissingEntrypoint, err)
	}
	file := path.Join(dir, path.Base(f.MissingEntrypoint))
	p.Entrypoint = f.MissingEntrypoint
	p.Entries = append(parents, filetree.Entry{
		Path: file, Type: filetree.File, Mode: 0o755,
		ModTime: filetree.Epoch1980, SizeBytes: int64(len(minimalEntrypoint)),
	})
	p.Data[file] = []byte(minimalEntrypoint)
	p.Notices = append(p.Notices, fmt.Sprintf("the base image starts %s, which it does not have: the image gets one that runs its command", f.MissingEntrypoint))
	return nil
}

// apply makes the config of the finished image out of the base's.
func (p *ConfigPlan) apply(base *v1.ConfigFile) *v1.ConfigFile {
	c := base.DeepCopy()
	// What names a machine or a moment, and what only a docker build would act on.
	c.Container, c.DockerVersion = "", ""
	c.Created = created()
	c.Config.Hostname, c.Config.Domainname, c.Config.Image, c.Config.MacAddress = "", "", "", ""
	c.Config.AttachStdin, c.Config.AttachStdout, c.Config.AttachStderr = false, false, false
	c.Config.OnBuild = nil
	if p == nil {
		return c
	}
	c.Config.Entrypoint = append(slices.Clone(p.Before), c.Config.Entrypoint...)
	for _, v := range p.Env {
		c.Config.Env = setenv(c.Config.Env, v)
	}
	for k, v := range p.Labels {
		if c.Config.Labels == nil {
			c.Config.Labels = map[string]string{}
		}
		c.Config.Labels[k] = v
	}
	return c
}

// Environment is a base's environment with variables set as ConfigOptions.Env says.
func Environment(base []string, set []EnvVar) []string {
	env := slices.Clone(base)
	for _, v := range set {
		env = setenv(env, EnvVar{v.Name, expandEnv(v.Value, env)})
	}
	return env
}

var envReference = regexp.MustCompile(`\$?\$\{[A-Za-z_][A-Za-z0-9_]*\}`)

// expandEnv fills in variables.
func expandEnv(value string, env []string) string {
	return envReference.ReplaceAllStringFunc(value, func(ref string) string {
		if strings.HasPrefix(ref, "$$") {
			return ref[1:]
		}
		return getenv(env, ref[2:len(ref)-1])
	})
}

func setenv(env []string, v EnvVar) []string {
	out, done := make([]string, 0, len(env)+1), false
	for _, e := range env {
		if name, _, _ := strings.Cut(e, "="); name == v.Name {
			if done {
				continue
			}
			e, done = v.Name+"="+v.Value, true
		}
		out = append(out, e)
	}
	if !done {
		out = append(out, v.Name+"="+v.Value)
	}
	return out
}
