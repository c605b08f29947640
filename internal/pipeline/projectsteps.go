package pipeline

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/internal/exec"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/kernel"
	"github.com/nasa-openscapes/corn/internal/project"
	"github.com/nasa-openscapes/corn/internal/projectlock"
	"github.com/nasa-openscapes/corn/internal/sandbox"
	"github.com/nasa-openscapes/corn/store"
)

// postBuild and the steps of corn.yaml's run see the project: its folder is where they work. What
// they change there is not kept; it is no part of the image.

// workDir is where it is, and REPO_DIR says so, as in repo2docker.
const workDir = "repo"

// activateAt is where the launcher of the notebook env is while they run.
const activateAt = "/run/corn/activate"

// A projectFolder is the project's folder as steps see it.
type projectFolder struct {
	*exec.Folder
	sum   digest.SHA256
	layer *sandbox.Layer // nil: not written yet
}

func (b *builder) hasProjectSteps() bool {
	return b.project.PostBuild != nil || len(b.project.Settings.Steps.Run) > 0
}

// openFolder reads the project, once.
func (b *builder) openFolder(ctx context.Context) (*projectFolder, error) {
	if b.folder != nil {
		return b.folder, nil
	}
	f, err := exec.OpenFolder(ctx, b.project.Dir, b.hiddenFromSteps, exec.FolderLimits{})
	if err != nil {
		return nil, err
	}
	if p := b.project.PostBuild; p != nil {
		i := slices.IndexFunc(f.Entries, func(e filetree.Entry) bool { return e.Path == p.Path })
		if i < 0 {
			_ = f.Close()
			return nil, &exec.FolderError{Path: p.Path, Reason: exec.IgnoreFile + " names it, so that it cannot run", Remedy: "take it out of " + exec.IgnoreFile + ", or remove the file"}
		}
		f.Entries[i].Mode = 0o755 // as the base's own rule does
	}
	sum, err := f.Sum(ctx)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	b.folder = &projectFolder{Folder: f, sum: sum}
	return b.folder, nil
}

// hiddenFromSteps leaves out what is about other kernels and about corn, so that a kernel's bump
// runs no step again.
func (b *builder) hiddenFromSteps(rel string) bool {
	return rel == project.SettingsFile || rel == projectlock.FileName || rel == path.Join(b.project.Config, "environments") || b.isOutput(rel)
}

// isOutput tells whether an output of this build lies at a path of the project.
func (b *builder) isOutput(rel string) bool {
	at, err := filepath.Abs(filepath.Join(b.project.Dir, filepath.FromSlash(rel)))
	if err != nil {
		return false
	}
	return slices.ContainsFunc(b.outputs, func(o image.Output) bool {
		out, err := filepath.Abs(o.Path)
		return o.Kind != image.Registry && err == nil && out == at
	})
}

func (b *builder) closeFolder() {
	if b.folder != nil {
		_ = b.folder.Close()
		b.folder = nil
	}
	if b.copied != nil {
		_ = b.copied.Close()
		b.copied = nil
	}
}

// folderLayer is the folder as a layer on top of the others, so that it has the owner that it
// should have however ids are mapped.
func (b *builder) folderLayer(ctx context.Context) (sandbox.Layer, error) {
	if b.folder.layer != nil {
		return *b.folder.layer, nil
	}
	file, err := os.CreateTemp(b.tempDir, "project-*.tar")
	if err != nil {
		return sandbox.Layer{}, err
	}
	defer file.Close()
	sum := newSummer(file)
	if err := b.folder.Tar(ctx, sum, workDir, b.uid, b.gid); err != nil {
		return sandbox.Layer{}, err
	}
	name := file.Name()
	b.folder.layer = &sandbox.Layer{DiffID: sum.sum(), Open: func(context.Context) (io.ReadCloser, error) { return os.Open(name) }}
	return *b.folder.layer, file.Close()
}

// projectStep is what postBuild and the steps of run have in common.
func (b *builder) projectStep(id, name string, rank int, after []*step, f *projectFolder) *step {
	s := &step{id: id, name: name, rank: rank, folder: true}
	if b.hasNotebook() {
		s.env = notebookID
		b.seesLayers(s, after, notebookID)
		e := b.envByID(notebookID)
		k := digest.NewKey("variables")
		for _, v := range e.variables {
			k.Str(v.Name, v.Value)
		}
		s.input("the variables of environment notebook", k.Key())
	} else {
		b.seesLayers(s, after)
	}
	b.inputVariables(s)
	s.input("the project's folder", f.sum)
	s.keep = func(c *filetree.Entry, _ io.Reader) (bool, error) {
		switch {
		case c.Path == workDir || strings.HasPrefix(c.Path, workDir+"/") || c.Path == ".wh."+workDir:
			return false, nil
		case strings.HasPrefix(c.Path, store.Root+"/"):
			if c.Type == filetree.Dir {
				return false, nil
			}
			return false, storeError(s, c)
		case strings.HasPrefix(c.Path, strings.TrimPrefix(b.base.NotebookPrefix(), "/")+"/share/jupyter/lab/staging/"):
			return false, nil // what JupyterLab was built in; the base's own rule removes it, too
		case c.Type == filetree.File && !s.root && c.Mode&0o6000 != 0:
			c.Mode &^= 0o6000 // the user's own files give nobody the user's rights
		}
		return true, nil
	}
	return s
}

// postBuild is the step that runs the project's postBuild.
func (b *builder) postBuild(after []*step, f *projectFolder) (*step, error) {
	p := b.project.PostBuild
	s := b.projectStep("postBuild", p.Path, 1, after, f)
	s.kind, s.network = "postBuild", true
	args := []string{"./" + path.Base(p.Path)}
	if !p.HasInterpreter() {
		args = []string{b.shell(), args[0]} // as a shell does with a file that the system cannot start
	}
	s.commands = func(context.Context) ([]sandbox.Command, error) {
		c, err := b.inNotebook(args)
		c.Dir = path.Join("/", workDir, b.project.Config)
		return []sandbox.Command{c}, err
	}
	return s, nil
}

// runStepOf is the step of an item of run.
func (b *builder) runStepOf(r *project.RunStep, i int, after []*step, f *projectFolder) *step {
	s := b.projectStep("run:"+r.Name, "run "+r.Name, 2+i, after, f)
	s.kind, s.root, s.network, s.timeout = "run", r.Root, !r.NoNetwork, r.Timeout
	who := "image"
	if r.Root {
		who = "root"
	}
	s.input("the script", digest.NewKey("run").Str("script", r.Script).Str("user", who).Str("network", fmt.Sprint(s.network)).Key())
	s.commands = func(context.Context) ([]sandbox.Command, error) {
		c, err := b.inNotebook([]string{b.shell(), "-e", "-c", r.Script})
		c.Dir = "/" + workDir
		if r.Root {
			c.Env = exec.Env(c.Env, "", "HOME=/root", "USER=root")
		}
		return []sandbox.Command{c}, err
	}
	return s
}

// inNotebook is a command in the notebook env. Where the env has scripts that activate it, the
// launcher of kernels sources them.
func (b *builder) inNotebook(args []string) (sandbox.Command, error) {
	prefix := "/" + strings.TrimPrefix(b.base.NotebookPrefix(), "/")
	env := exec.Env(b.imageEnv(), b.baseFacts.User.Home, "REPO_DIR=/"+workDir)
	if !b.hasNotebook() && b.baseFacts.Notebook == nil {
		return sandbox.Command{Args: args, Env: env}, nil
	}
	dirs := slices.DeleteFunc(strings.Split(exec.Getenv(env, "PATH"), ":"), func(d string) bool { return d == prefix+"/bin" })
	env = exec.Env(env, "", "PATH="+strings.Join(append([]string{prefix + "/bin"}, dirs...), ":"), "CONDA_PREFIX="+prefix, "CONDA_DEFAULT_ENV=notebook")
	c := sandbox.Command{Args: args, Env: env}
	if !b.hasNotebook() {
		return c, nil
	}
	e := b.envByID(notebookID)
	activates := slices.ContainsFunc(e.sum.files, func(p string) bool { return strings.HasPrefix(p, "etc/conda/activate.d/") })
	if !activates && len(e.variables) == 0 {
		return c, nil
	}
	script, _, err := kernel.Launcher(&kernel.Env{Slug: e.id, DisplayName: e.displayName, Prefix: e.root, Data: e.sum.Kept, Variables: e.variables})
	if err != nil {
		return c, err
	}
	file := filepath.Join(b.tempDir, "activate-notebook")
	if err := os.WriteFile(file, script, 0o755); err != nil { //nolint:gosec // the image's user runs it
		return c, err
	}
	c.Args = append([]string{activateAt}, args...)
	c.Mounts = []sandbox.Mount{activateMount(file)}
	return c, nil
}

// activateMount puts the launcher in a file where steps run it.
func activateMount(file string) sandbox.Mount {
	return sandbox.Mount{Kind: sandbox.Bind, Source: file, Target: activateAt, ReadOnly: true}
}

// programName is what a message calls the program of a step: not the launcher or the shell that
// runs it.
func (b *builder) programName(args []string) string {
	if args[0] == activateAt {
		args = args[1:]
	}
	switch {
	case args[0] != b.shell() || len(args) == 1:
		return args[0]
	case args[1] == "-e":
		return "its script"
	}
	return args[1]
}
