package image

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
)

// factsVersion changes whenever the facts of one base would come out differently. It is
// part of the cache's key.
const factsVersion = 2

// StoreDir is where the content of packages lies in every image that corn makes.
const StoreDir = "opt/corn/store"

// SharedKernelsDir takes the kernelspecs of an image without a notebook env. Jupyter
// searches it whatever its own prefix is.
const SharedKernelsDir = "usr/local/share/jupyter/kernels"

// Facts are what a build needs to know of its base. They follow from the base's config
// and layers, and from the paths asked for, alone.
type Facts struct {
	Version int           `json:"version"`
	Config  digest.SHA256 `json:"config"` // digest of the base's config

	OS           string            `json:"os"`
	Architecture string            `json:"architecture"`
	User         User              `json:"user"`
	Env          []string          `json:"env,omitempty"`
	Entrypoint   []string          `json:"entrypoint,omitempty"`
	Cmd          []string          `json:"cmd,omitempty"`
	WorkingDir   string            `json:"workdir,omitempty"`
	Labels       map[string]string `json:"labels,omitempty"`
	OnBuild      []string          `json:"onbuild,omitempty"`

	Glibc     string            `json:"glibc,omitempty"` // "2.41"; "" if there is no glibc
	Musl      bool              `json:"musl,omitempty"`
	OSRelease map[string]string `json:"os_release,omitempty"` // os-release(5): ID, VERSION_ID, PRETTY_NAME

	CondaDir       string `json:"conda_dir"`       // "srv/conda"
	NotebookPrefix string `json:"notebook_prefix"` // "srv/conda/envs/notebook"

	// Envs are the environments that the base brings in <CondaDir>/envs, by name.
	Envs []EnvFact `json:"envs,omitempty"`
	// Notebook is the env at NotebookPrefix; nil if the base has none.
	Notebook *EnvFact `json:"notebook,omitempty"`
	// Kernels are those that Jupyter would find outside of envs, by path.
	Kernels []KernelFact `json:"kernels,omitempty"`

	// Programs maps a name to its absolute path on the config's PATH, for
	// jupyterhub-singleuser, jupyter, python3, bash, sh and env; what is missing is absent.
	Programs map[string]string `json:"programs,omitempty"`
	// Files are those of /bin/sh, /bin/bash and /usr/bin/env that exist.
	Files []string `json:"files,omitempty"`
	// MissingEntrypoint is the absolute path of the program that the config's entrypoint
	// starts and that no layer has; "" if it is there, or if there is no entrypoint.
	MissingEntrypoint string `json:"missing_entrypoint,omitempty"`

	// Runtime is what ExtractRuntime takes out of the layers: with it, it need not look
	// for it.
	Runtime []RuntimeFile `json:"runtime,omitempty"`

	// Nodes are the paths that ResolveDir walks, by real path; "" is the root.
	Nodes map[string]Node `json:"nodes"`
}

// An EnvFact describes a conda environment of the base.
type EnvFact struct {
	Name           string       `json:"name"`
	Prefix         string       `json:"prefix"` // "srv/conda/envs/notebook"
	Python         bool         `json:"python,omitempty"`
	NBCondaKernels bool         `json:"nb_conda_kernels,omitempty"` // lists every env as a kernel by itself
	Singleuser     bool         `json:"singleuser,omitempty"`       // has bin/jupyterhub-singleuser
	Kernels        []KernelFact `json:"kernels,omitempty"`
}

// A KernelFact is a kernelspec of the base. DisplayName and Language are empty where
// kernel.json could not be read.
type KernelFact struct {
	Name        string `json:"name"` // the folder's
	Dir         string `json:"dir"`
	DisplayName string `json:"display_name,omitempty"`
	Language    string `json:"language,omitempty"`
}

// A Node is one path of the base on the way to where corn writes.
type Node struct {
	Type   filetree.Type     `json:"type,omitempty"` // zero: nothing is there
	Mode   uint32            `json:"mode,omitempty"`
	UID    int               `json:"uid,omitempty"`
	GID    int               `json:"gid,omitempty"`
	Link   string            `json:"link,omitempty"`
	Xattrs map[string][]byte `json:"xattrs,omitempty"`
	// Listed: every directory and link in this directory is in Nodes too.
	Listed bool `json:"listed,omitempty"`
}

// A FactsCache keeps facts between builds. Get tells whether there are any; an error
// of either fails the scan. Implementations are safe for concurrent use.
type FactsCache interface {
	Get(key digest.SHA256) (data []byte, found bool, err error)
	Put(key digest.SHA256, data []byte) error
}

// FactsOptions say what to find out. The zero value is useful.
type FactsOptions struct {
	// Cache may be nil.
	Cache FactsCache
	// Paths are directories that ResolveDir will be asked for, besides those below
	// StoreDir, SharedKernelsDir, <CondaDir>/envs/<any name> and the notebook env's
	// kernelspecs, which are always known. Slash paths without the leading slash, or HomePath.
	Paths []string
}

// HomePath stands among FactsOptions.Paths for the home of the image's user, which is known only
// when the facts are.
const HomePath = "~"

// Facts reads every layer of the base once, unless the cache has the answer.
func (b *Base) Facts(ctx context.Context, o FactsOptions) (*Facts, error) {
	anchors := b.anchors(o.Paths)
	key := digest.NewKey("base-facts").Int("version", factsVersion).Sum("config", b.ConfigDigest()).Strs("paths", anchors).Key()
	if o.Cache != nil {
		data, found, err := o.Cache.Get(key)
		if err != nil {
			return nil, fmt.Errorf("read cached facts of base image: %w", err)
		}
		var f Facts
		// What does not decode was written by something else: scan again.
		if found && json.Unmarshal(data, &f) == nil && f.Version == factsVersion && f.Config == b.ConfigDigest() {
			b.knowRuntime(f.Runtime)
			return &f, nil
		}
	}
	t, err := scan(ctx, b.image.layers)
	if err != nil {
		return nil, err
	}
	f, err := b.facts(t, anchors)
	if err != nil {
		return nil, err
	}
	b.knowRuntime(f.Runtime)
	if o.Cache != nil {
		data, err := marshalJSON(f)
		if err != nil {
			return nil, fmt.Errorf("encode facts of base image: %w", err)
		}
		if err := o.Cache.Put(key, data); err != nil {
			return nil, fmt.Errorf("cache facts of base image: %w", err)
		}
	}
	return f, nil
}

func (b *Base) anchors(paths []string) []string {
	a := []string{StoreDir, SharedKernelsDir, b.CondaDir() + "/envs", b.NotebookPrefix() + "/share/jupyter/kernels", b.NotebookPrefix()}
	for _, p := range paths {
		a = append(a, cleanPath(p))
	}
	slices.Sort(a)
	return slices.Compact(a)
}

func (b *Base) facts(t *tree, anchors []string) (*Facts, error) {
	c := b.image.config
	f := &Facts{
		Version: factsVersion, Config: b.ConfigDigest(),
		OS: c.OS, Architecture: c.Architecture,
		Env: c.Config.Env, Entrypoint: c.Config.Entrypoint, Cmd: c.Config.Cmd,
		WorkingDir: c.Config.WorkingDir, Labels: c.Config.Labels, OnBuild: c.Config.OnBuild,
		CondaDir: b.CondaDir(), NotebookPrefix: b.NotebookPrefix(),
		Nodes: map[string]Node{},
	}
	var err error
	if f.User, err = resolveUser(c.Config.User, t.bytes("etc/passwd"), t.bytes("etc/group")); err != nil {
		return nil, err
	}
	f.Glibc, f.Musl = libc(t)
	f.OSRelease = osRelease(t)
	f.Programs, f.Files = programs(t, f.Env)
	f.MissingEntrypoint = missingEntrypoint(t, f.Entrypoint, f.WorkingDir, f.Env)
	f.Envs = envs(t, f.CondaDir+"/envs")
	if e, ok := env(t, f.NotebookPrefix); ok {
		f.Notebook = &e
	}
	for _, dir := range []string{SharedKernelsDir, "usr/share/jupyter/kernels", f.CondaDir + "/share/jupyter/kernels"} {
		f.Kernels = append(f.Kernels, kernels(t, dir)...)
	}
	f.Runtime = runtimeFiles(t)
	if f.MissingEntrypoint != "" { // PlanConfig will put it there
		anchors = append(slices.Clone(anchors), cleanPath(path.Dir(f.MissingEntrypoint)))
	}
	for _, a := range anchors {
		if a == HomePath {
			if a = cleanPath(f.User.Home); a == "" {
				continue
			}
		}
		if err := f.record(t, a); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// bytes returns a kept file's content, through links.
func (t *tree) bytes(p string) []byte {
	if _, n := t.find(p); n != nil {
		return n.data
	}
	return nil
}

// isProgram tells whether p leads to a file that may be executed.
func (t *tree) isProgram(p string) bool {
	_, n := t.find(p)
	return n != nil && n.kind == filetree.File && n.mode&0o111 != 0
}

func (t *tree) isDir(p string) bool {
	_, n := t.find(p)
	return n != nil && n.kind == filetree.Dir
}

// names lists what is in a directory, sorted.
func (t *tree) names(p string) []string {
	_, n := t.find(p)
	if n == nil {
		return nil
	}
	var out []string
	for name := range n.children {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func programs(t *tree, env []string) (map[string]string, []string) {
	found := map[string]string{}
	for _, name := range []string{"jupyterhub-singleuser", "jupyter", "python3", "bash", "sh", "env"} {
		if p := onPath(t, name, env); p != "" {
			found[name] = p
		}
	}
	var files []string
	for _, p := range []string{"/bin/sh", "/bin/bash", "/usr/bin/env"} {
		if t.isProgram(p[1:]) {
			files = append(files, p)
		}
	}
	return found, files
}

// defaultPath is what engines set where a config has no PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func searchPath(env []string) []string {
	p := getenv(env, "PATH")
	if p == "" {
		p = defaultPath
	}
	return strings.Split(p, ":")
}

func onPath(t *tree, name string, env []string) string {
	for _, dir := range searchPath(env) {
		if strings.HasPrefix(dir, "/") && t.isProgram(cleanPath(dir)+"/"+name) {
			return "/" + cleanPath(dir) + "/" + name
		}
	}
	return ""
}

// missingEntrypoint looks for the program of an entrypoint, and for the one that an init
// such as tini starts.
func missingEntrypoint(t *tree, entrypoint []string, workingDir string, env []string) string {
	if len(entrypoint) == 0 {
		return ""
	}
	if p := missingProgram(t, entrypoint[0], workingDir, env); p != "" {
		return p
	}
	if i := slices.Index(entrypoint, "--"); i > 0 && i+1 < len(entrypoint) && strings.HasPrefix(entrypoint[i+1], "/") {
		return missingProgram(t, entrypoint[i+1], workingDir, env)
	}
	return ""
}

func missingProgram(t *tree, name, workingDir string, env []string) string {
	if strings.Contains(name, "/") {
		p := name
		if !strings.HasPrefix(name, "/") {
			p = path.Join("/", workingDir, name)
		}
		if _, n := t.find(cleanPath(p)); n != nil {
			return ""
		}
		return "/" + cleanPath(p)
	}
	if onPath(t, name, env) != "" {
		return ""
	}
	dirs := searchPath(env)
	if slices.Contains(dirs, "/usr/local/bin") {
		return "/usr/local/bin/" + name
	}
	for _, d := range dirs {
		if strings.HasPrefix(d, "/") {
			return "/" + cleanPath(d) + "/" + name
		}
	}
	return "/usr/local/bin/" + name
}
