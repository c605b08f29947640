package pipeline

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/internal/exec"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/internal/sandbox"
	"github.com/nasa-openscapes/corn/oci/plan"
	"github.com/nasa-openscapes/corn/store"
)

// A step is what programs of the image do. Its changes are one layer, whose key is made of
// what the step sees: as long as that stays, the step does not run again.
type step struct {
	id     string // of the layer
	name   string // for messages: "apt.txt"
	env    string // the layer stands above this env's placements; empty: above the base
	rank   int    // order among those of one env
	kind   string
	inputs []image.StepInput
	key    digest.SHA256 // over kind and inputs

	after   []*step // whose layers it sees besides the base
	envs    []string
	root    bool // runs as root, not as the image's user
	network bool
	folder  bool // the project's folder is there
	timeout time.Duration

	// commands are run in this order.
	commands func(ctx context.Context) ([]sandbox.Command, error)
	// keep decides what becomes of a change; exec.Clean was asked before.
	keep func(e *filetree.Entry, r io.Reader) (bool, error)
}

// stepsFormat is the number of the rules by which steps run and their changes become
// layers. It is raised when the same step would give other bytes.
const stepsFormat = 2

const (
	// stepTimeout bounds each step where corn.yaml says nothing.
	stepTimeout = time.Hour
	// stepDiskBytes bounds what a step may write where corn.yaml says nothing.
	stepDiskBytes = 40 << 30
)

// planSteps finds out which steps the image needs, each after those that it sees.
func (b *builder) planSteps(ctx context.Context) error {
	b.steps = nil
	add := func(s *step) *step {
		if s == nil {
			return nil
		}
		s.timeout = cmp.Or(s.timeout, b.project.Settings.Steps.Timeout, stepTimeout)
		k := digest.NewKey("step "+s.kind).Int("format", stepsFormat).Int("image", image.FormatVersion)
		for _, in := range s.inputs {
			k.Sum(in.Name, in.Sum)
		}
		s.key = k.Key()
		b.steps = append(b.steps, s)
		return s
	}
	var base []*step
	if s := add(b.aptStep()); s != nil {
		base = append(base, s)
	}
	below := slices.Clone(base) // what postBuild and run see
	for _, e := range b.envs {
		if s := add(b.linkScripts(e, base)); s != nil && e.id == notebookID {
			below = append(below, s)
		}
	}
	if !b.hasProjectSteps() {
		return nil
	}
	folder, err := b.openFolder(ctx)
	if err != nil {
		return report.In(report.Project, err)
	}
	if b.project.PostBuild != nil {
		s, err := b.postBuild(below, folder)
		if err != nil {
			return report.In(report.Project, err)
		}
		below = append(below, add(s))
	}
	for i := range b.project.Settings.Steps.Run {
		below = append(below, add(b.runStepOf(&b.project.Settings.Steps.Run[i], i, below, folder)))
	}
	return nil
}

// seesLayers gives a step what it sees of the image: the base, the layers of other steps, and the
// packages of environments.
func (b *builder) seesLayers(s *step, after []*step, envs ...string) {
	s.after, s.envs = slices.Clone(after), envs
	s.input("the base image", b.base.ConfigDigest())
	for _, a := range after {
		s.input("the result of "+a.name, a.key)
	}
	for _, id := range envs {
		e := b.envByID(id)
		k := digest.NewKey("packages").Str("env", e.root)
		for _, p := range e.packages {
			k.Sum("placement", p.place) // which has the key of the content
		}
		s.input("the packages of environment "+id, k.Key())
	}
}

func (s *step) input(name string, sum digest.SHA256) {
	s.inputs = append(s.inputs, image.StepInput{Name: name, Sum: sum})
}

// linkScripts is the step that runs the post-link scripts of an env's packages, in the order
// in which they are linked; nil: there are none.
func (b *builder) linkScripts(e *env, base []*step) *step {
	s := &step{id: "post-link:" + e.id, name: "post-link of " + e.id, env: e.id, kind: "post-link"}
	type script struct {
		pkg  *pkg
		path string
	}
	var scripts []script
	for _, p := range e.packages {
		for _, at := range p.scripts {
			if strings.HasSuffix(at, "-post-link.sh") {
				scripts = append(scripts, script{p, at})
			}
		}
	}
	if len(scripts) == 0 {
		return nil
	}
	b.seesLayers(s, base, e.id)
	k := digest.NewKey("link scripts")
	for _, x := range scripts {
		k.Str("script", x.path) // its text is in the package's key
	}
	s.input("the list of scripts", k.Key())
	s.commands = func(ctx context.Context) ([]sandbox.Command, error) {
		var out []sandbox.Command
		for _, x := range scripts {
			number, err := b.buildNumber(ctx, x.pkg)
			if err != nil {
				return nil, err
			}
			env := exec.Env(b.baseFacts.Env, b.baseFacts.User.Home, "PREFIX="+e.prefix, "CONDA_PREFIX="+e.prefix, "ROOT_PREFIX=/"+b.base.CondaDir(),
				"PKG_NAME="+x.pkg.facts.Name, "PKG_VERSION="+x.pkg.facts.Version, "PKG_BUILDNUM="+number)
			env = exec.Env(env, "", "PATH="+e.prefix+"/bin:"+exec.Getenv(env, "PATH"))
			out = append(out, sandbox.Command{Args: []string{b.shell(), e.prefix + "/" + x.path}, Env: env, Dir: e.prefix})
		}
		return out, nil
	}
	stray := ""
	s.keep = func(c *filetree.Entry, r io.Reader) (bool, error) {
		switch {
		case c.Path == e.root+"/.messages.txt":
			text, err := io.ReadAll(io.LimitReader(r, 1<<20))
			for line := range strings.Lines(string(text)) {
				b.talk.Say("%s | %s", s.name, strings.TrimRight(line, "\r\n"))
			}
			return false, err
		case c.Path == e.root+"/.wh..messages.txt":
			return false, nil
		case strings.HasPrefix(c.Path, e.root+"/"), c.Path == e.root:
			return true, nil
		case c.Type == filetree.Dir:
			// Folders above the env are repeated with what they have in the layers below.
			return strings.HasPrefix(e.root, c.Path+"/"), nil
		case strings.HasPrefix(c.Path, store.Root+"/"):
			return false, storeError(s, c)
		}
		if stray == "" {
			stray = c.Path
			b.warn("%s: what it changed outside of the environment is not kept: /%s", s.name, stray)
		}
		return false, nil
	}
	return s
}

// storeError tells of a step that changed the shared store.
func storeError(s *step, c *filetree.Entry) error {
	return &exec.StoreError{Step: s.name, Path: strings.Replace(c.Path, "/.wh.", "/", 1)}
}

// buildNumber is what conda calls PKG_BUILDNUM.
func (b *builder) buildNumber(ctx context.Context, p *pkg) (string, error) {
	f, err := b.wholeFacts(ctx, p)
	if err != nil {
		return "", err
	}
	var index struct {
		Number json.Number `json:"build_number"`
	}
	if f.Conda != nil {
		if err := json.Unmarshal(f.Conda.Index, &index); err != nil {
			return "", fmt.Errorf("package %s: info/index.json: %w", f.FileName, err)
		}
	}
	if index.Number == "" {
		return "0", nil
	}
	return index.Number.String(), nil
}

// shell is the image's, as conda runs link scripts with bash.
func (b *builder) shell() string {
	if p := b.baseFacts.Programs["bash"]; p != "" {
		return p
	}
	return "/bin/sh"
}

// aptStep installs the packages of apt.txt; nil: there are none.
func (b *builder) aptStep() *step {
	if len(b.project.Apt) == 0 {
		return nil
	}
	var names []string
	for _, p := range b.project.Apt {
		names = append(names, p.Name)
	}
	s := &step{id: "apt", name: path.Join(b.project.Config, "apt.txt"), kind: "apt", root: true, network: true}
	b.seesLayers(s, nil)
	s.input("the list of packages", digest.NewKey("apt packages").Strs("packages", names).Key())
	s.commands = func(context.Context) ([]sandbox.Command, error) {
		var out []sandbox.Command
		for _, args := range exec.AptCommands(names) {
			out = append(out, sandbox.Command{Args: args, Env: exec.Env(b.baseFacts.Env, "/root", "HOME=/root", "DEBIAN_FRONTEND=noninteractive")})
		}
		return out, nil
	}
	return s
}

// planExecs are the layers of the steps.
func (b *builder) planExecs() []plan.Exec {
	var out []plan.Exec
	for _, s := range b.steps {
		out = append(out, plan.Exec{ID: s.id, Env: s.env, Rank: s.rank})
	}
	return out
}

func (b *builder) stepByID(id string) *step {
	return b.steps[slices.IndexFunc(b.steps, func(s *step) bool { return s.id == id })]
}
