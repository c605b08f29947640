package kernel

import (
	"path"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/store"
)

// A Variable is one of environment.yml's variables.
type Variable struct{ Name, Value string }

// An Env is an environment whose kernels are to be registered.
type Env struct {
	Slug        string // names the kernel: [a-z0-9._-]+
	DisplayName string
	Prefix      string // real path in the image without the leading slash
	UID, GID    int    // whom its files belong to
	// Files are all paths of the env relative to the prefix, in any order. They decide
	// which resources a kernelspec has and where argv[0] is.
	Files []string
	// Data holds, by path relative to the prefix, kernel.json of every kernelspec and
	// etc/conda/env_vars.d/*.json, as they stand in the env: see Kept.
	Data map[string][]byte
	// Variables are those of environment.yml, in its order.
	Variables []Variable
}

// Options say where kernels go. The zero value is not useful: Dir is required.
type Options struct {
	// Dir is the folder for kernelspecs, in the image and without the leading slash:
	// <notebook prefix>/share/jupyter/kernels, else usr/local/share/jupyter/kernels.
	Dir            string
	DirUID, DirGID int
	// Taken are names of kernels that Jupyter finds already, such as python3.
	Taken []string
	// NBCondaKernels says that the notebook env has nb_conda_kernels.
	NBCondaKernels bool
}

// A Kernel is one registered kernelspec.
type Kernel struct {
	Name        string // the folder's: what the API of Jupyter calls it
	DisplayName string
	Language    string // as the kernelspec says: "python", "R"
	Env         string // slug
	Prefix      string // of the env
	Dir         string // path of the kernelspec's folder
	Argv        []string
}

// A Result is what registering made.
type Result struct {
	Kernels []Kernel // in the order of the envs, an env's main kernel first
	// Entries are directories before what is in them. They begin below Options.Dir and
	// below each prefix: those and their parents are the caller's.
	Entries []filetree.Entry
	Data    map[string][]byte // of files, by Entry.Path
	Notices []string          // sentences for the user
}

// Register makes the kernelspecs and launchers of envs. Every kernelspec that an env's
// packages bring is registered: the main one under the env's slug and display name, the
// others as "slug-language", "NAME (Language)". The env's own kernelspecs stay as they are.
//
// Errors: *NoKernelError, *SpecError, *VariableError, *NameError.
func Register(envs []Env, o Options) (*Result, error) {
	r := &Result{Data: map[string][]byte{}}
	names := map[string]bool{}
	for _, n := range o.Taken {
		names[strings.ToLower(n)] = true
	}
	for _, e := range envs {
		if names[strings.ToLower(e.Slug)] {
			return nil, &NameError{e.DisplayName, e.Slug}
		}
		names[strings.ToLower(e.Slug)] = true
	}
	if o.NBCondaKernels && len(envs) > 0 {
		r.Notices = append(r.Notices, "nb_conda_kernels is in the notebook env: it lists every environment a second time, without activation by corn's launcher")
	}
	for i := range envs {
		if err := r.env(&envs[i], o, names); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// env registers one environment.
func (r *Result) env(e *Env, o Options, names map[string]bool) error {
	specs, notices, err := readSpecs(e)
	if err != nil {
		return err
	}
	r.Notices = append(r.Notices, notices...)
	if len(specs) == 0 {
		return noKernel(e)
	}
	script, notices, err := Launcher(e)
	if err != nil {
		return err
	}
	r.Notices = append(r.Notices, notices...)
	for _, s := range nameSpecs(e, specs, names) {
		k, data, notice, err := s.rewrite(e, o)
		if err != nil {
			return err
		}
		if notice != "" {
			r.Notices = append(r.Notices, notice)
		}
		r.Kernels = append(r.Kernels, k)
		r.dir(k.Dir, o.DirUID, o.DirGID)
		r.file(k.Dir+"/kernel.json", data, 0o644, o.DirUID, o.DirGID)
		for _, name := range s.resources(e) {
			at := k.Dir + "/" + name
			r.Entries = append(r.Entries, filetree.Entry{
				Path: at, Type: filetree.Symlink, UID: o.DirUID, GID: o.DirGID, ModTime: filetree.Epoch1980,
				Link: filetree.Relative(at, e.Prefix+"/"+s.dir+"/"+name),
			})
		}
	}
	r.dir(e.Prefix+"/libexec", e.UID, e.GID)
	r.dir(e.Prefix+"/"+path.Dir(LauncherPath), e.UID, e.GID)
	r.file(e.Prefix+"/"+LauncherPath, script, 0o755, e.UID, e.GID)
	return nil
}

func (r *Result) dir(p string, uid, gid int) {
	r.Entries = append(r.Entries, filetree.Entry{Path: p, Type: filetree.Dir, Mode: 0o755, UID: uid, GID: gid, ModTime: filetree.Epoch1980})
}

func (r *Result) file(p string, data []byte, mode uint32, uid, gid int) {
	r.Entries = append(r.Entries, filetree.Entry{
		Path: p, Type: filetree.File, Mode: mode, UID: uid, GID: gid, ModTime: filetree.Epoch1980, SizeBytes: int64(len(data)),
	})
	r.Data[p] = data
}

// noKernel explains why there is none, from what is in the env's bin.
func noKernel(e *Env) error {
	for _, l := range []struct{ file, language, pkg string }{
		{"bin/python", "python", "ipykernel"},
		{"bin/python3", "python", "ipykernel"},
		{"bin/R", "r", "r-irkernel"},
		{"bin/julia", "julia", "the IJulia kernel (in postBuild: julia -e 'using Pkg; Pkg.add(\"IJulia\")')"},
	} {
		if slices.Contains(e.Files, l.file) {
			return &NoKernelError{e.DisplayName, l.language, l.pkg}
		}
	}
	return &NoKernelError{Env: e.DisplayName}
}

// Kept returns, of what one artifact brings into an env, the bytes that Env.Data wants: by
// the path that they have there, with the prefix placeholder rewritten. prefix is without
// the leading slash.
func Kept(f *artifact.Facts, items []store.Item, prefix string) map[string][]byte {
	out := map[string][]byte{}
	for i := range items {
		it := &items[i]
		if it.Type != filetree.File || !isSpec(it.Path) && !isEnvVars(it.Path) {
			continue
		}
		data := it.Data
		if !it.Generated {
			var ok bool
			if data, ok = f.Kept[it.Member]; !ok {
				continue
			}
			if it.Prefix != nil {
				data = []byte(strings.ReplaceAll(string(data), it.Prefix.Placeholder, "/"+prefix))
			}
		}
		out[it.Path] = data
	}
	return out
}

const kernelsDir = "share/jupyter/kernels/"

// isSpec matches share/jupyter/kernels/<name>/kernel.json.
func isSpec(p string) bool {
	rest, ok := strings.CutPrefix(p, kernelsDir)
	return ok && path.Base(p) == "kernel.json" && strings.Count(rest, "/") == 1
}

const envVarsDir = "etc/conda/env_vars.d"

func isEnvVars(p string) bool { return path.Dir(p) == envVarsDir && strings.HasSuffix(p, ".json") }
