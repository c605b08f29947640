package image

import (
	"encoding/json"
	"path"
	"strings"

	"github.com/nasa-openscapes/corn/filetree"
)

// libraryDirs is where a distribution has its C library, in the order of the loader's
// own search on Debian, Fedora and their like.
func libraryDirs(t *tree) []string {
	var dirs []string
	for _, parent := range []string{"lib", "usr/lib"} {
		for _, name := range t.names(parent) {
			if strings.HasSuffix(name, "-linux-gnu") {
				dirs = append(dirs, parent+"/"+name)
			}
		}
	}
	return append(dirs, "lib64", "usr/lib64", "lib", "usr/lib")
}

// libc returns the version of glibc, and whether there is a musl.
func libc(t *tree) (glibc string, musl bool) {
	for _, dir := range libraryDirs(t) {
		if _, n := t.find(dir + "/libc.so.6"); n != nil && n.glibc != "" {
			glibc = n.glibc
			break
		}
	}
	for _, name := range t.names("lib") {
		musl = musl || strings.HasPrefix(name, "ld-musl-")
	}
	return glibc, musl
}

// osRelease reads ID, VERSION_ID and PRETTY_NAME of os-release(5).
func osRelease(t *tree) map[string]string {
	data := t.bytes("etc/os-release")
	if data == nil {
		data = t.bytes("usr/lib/os-release")
	}
	out := map[string]string{}
	for line := range strings.Lines(string(data)) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch k {
		case "ID", "VERSION_ID", "PRETTY_NAME":
			out[k] = strings.Trim(v, `"'`)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// envs lists the conda environments in a folder, by name.
func envs(t *tree, dir string) []EnvFact {
	var out []EnvFact
	for _, name := range t.names(dir) {
		if e, ok := env(t, dir+"/"+name); ok {
			out = append(out, e)
		}
	}
	return out
}

// env describes the environment at prefix. A folder with neither conda-meta nor a Python
// is none: pangeo's base image ships an empty envs/.
func env(t *tree, prefix string) (EnvFact, bool) {
	e := EnvFact{Name: path.Base(prefix), Prefix: prefix}
	e.Python = t.isProgram(prefix+"/bin/python") || t.isProgram(prefix+"/bin/python3")
	if !e.Python && !t.isDir(prefix+"/conda-meta") {
		return e, false
	}
	e.Singleuser = t.isProgram(prefix + "/bin/jupyterhub-singleuser")
	for _, name := range t.names(prefix + "/conda-meta") {
		rest, ok := strings.CutPrefix(name, "nb_conda_kernels-")
		e.NBCondaKernels = e.NBCondaKernels || ok && rest != "" && rest[0] >= '0' && rest[0] <= '9'
	}
	e.Kernels = kernels(t, prefix+"/share/jupyter/kernels")
	return e, true
}

// kernels lists the kernelspecs in a folder, by name.
func kernels(t *tree, dir string) []KernelFact {
	var out []KernelFact
	for _, name := range t.names(dir) {
		real, n := t.find(dir + "/" + name + "/kernel.json")
		if n == nil || n.kind != filetree.File {
			continue
		}
		k := KernelFact{Name: name, Dir: path.Dir(real)}
		var spec struct {
			DisplayName string `json:"display_name"`
			Language    string `json:"language"`
		}
		if json.Unmarshal(n.data, &spec) == nil {
			k.DisplayName, k.Language = spec.DisplayName, spec.Language
		}
		out = append(out, k)
	}
	return out
}
