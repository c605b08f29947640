package pipeline

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/conda/matchspec"
	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/conda/solve"
	"github.com/nasa-openscapes/corn/internal/project"
	"github.com/nasa-openscapes/corn/lock"
	"github.com/nasa-openscapes/corn/pypi/requirements"
)

// A wanted is what one environment asks of the solver on one platform.
type wanted struct {
	id       string // slug, or notebookID
	env      *project.Environment
	platform string // subdir
	dir      string // the environment's folder

	specs    []solve.Spec
	pip      []lock.Ask
	channels []string // as the environment writes them, without nodefaults
	urls     []string // base URLs of channels, in order
	priority solve.ChannelPriority
	virtual  []*record.Record
	locked   []*record.Record // to be kept where that is possible
}

// looseID is the id of what a command line asks for. No kernel can be called so.
const looseID = "the request"

// defaultSpec is what an environment without any file asks for: what the base image's
// own build installs then.
const defaultSpec = "pangeo-notebook"

// defaultChannel is the channel of environments that name none.
const defaultChannel = "conda-forge"

// wantedOf reads what an environment asks for. Notes are for the user.
func wantedOf(e *project.Environment, id, platform string, s *project.SolveSettings) (w *wanted, notes []string) {
	w = &wanted{id: id, env: e, platform: platform, priority: priorities[s.Priority]}
	for _, d := range e.Dependencies {
		w.specs = append(w.specs, solve.Spec{Text: d.Text, Origin: solve.Origin{File: d.File, Line: d.Line}})
	}
	for _, r := range e.Pip {
		w.pip = append(w.pip, lock.Ask{Text: r.Text, File: r.File, Line: r.Line, Name: r.Name})
	}
	for _, c := range e.Channels {
		if c != "nodefaults" {
			w.channels = append(w.channels, c)
		}
	}
	if len(w.specs) == 0 && len(w.pip) == 0 && e.SpecFile == "" {
		w.specs = []solve.Spec{{Text: defaultSpec, Origin: solve.Origin{Note: "taken for an environment without files"}}}
		notes = append(notes, fmt.Sprintf("%s: no environment.yml: %s is taken", id, defaultSpec))
	}
	if len(w.channels) == 0 {
		w.channels = s.Channels
		if len(w.channels) == 0 {
			w.channels = []string{defaultChannel}
		}
		notes = append(notes, fmt.Sprintf("%s: no channels: %s taken", id, strings.Join(w.channels, ", ")))
	}
	return w, notes
}

var priorities = map[string]solve.ChannelPriority{
	"": solve.StrictPriority, "strict": solve.StrictPriority, "flexible": solve.FlexiblePriority, "disabled": solve.NoPriority,
}

// request is the solver's.
func (w *wanted) request() solve.Request {
	return solve.Request{Specs: w.specs, Virtual: w.virtual, Channels: w.urls, ChannelPriority: w.priority, Locked: w.locked}
}

// check is what a lock of w has to satisfy.
func (w *wanted) check(exact bool) lock.Request {
	req := lock.Request{Platform: w.platform, Pip: w.pip, Channels: w.urls, Virtual: w.virtual, Exact: exact}
	for _, c := range w.lockChannels() {
		req.Written = append(req.Written, c.URL)
	}
	for _, c := range w.channels {
		if !strings.Contains(c, "://") && !strings.HasPrefix(c, ".") && !strings.HasPrefix(c, "/") {
			req.Channels = append(slices.Clip(req.Channels), c)
		}
	}
	for _, s := range w.specs {
		req.Conda = append(req.Conda, lock.Ask{Text: s.Text, File: s.Origin.File, Line: s.Origin.Line})
	}
	if set := w.env.Requirements; set != nil {
		for _, r := range set.Constraints {
			req.Limits = append(req.Limits, lock.Ask{Text: r.Text, File: r.File, Line: r.Line, Name: r.Name})
		}
		for _, list := range [][]requirements.Requirement{set.Requirements, set.Constraints} {
			for i := range list {
				for _, h := range list[i].Hashes {
					if req.Hashes == nil {
						req.Hashes = map[string][]string{}
					}
					req.Hashes[list[i].Key()] = append(req.Hashes[list[i].Key()], h.Algorithm+":"+h.Hex)
				}
			}
		}
	}
	return req
}

// inputs are what conda-lock would hash: the lines of the file, without what corn added.
func (w *wanted) inputs() lock.Inputs {
	in := lock.Inputs{Channels: w.lockChannels()}
	for _, d := range w.env.Dependencies {
		in.Conda = append(in.Conda, d.Text)
	}
	for _, r := range w.env.Pip {
		in.Pip = append(in.Pip, r.Text)
	}
	return in
}

// lockChannels are the channels as the lock has them: with $NAMES of secrets, without secrets.
func (w *wanted) lockChannels() []lock.Channel {
	var out []lock.Channel
	for _, c := range w.channels {
		ch := lock.Channel{URL: c}
		for _, m := range channelVariable.FindAllString(c, -1) {
			ch.UsedEnvVars = append(ch.UsedEnvVars, strings.Trim(m, "${}"))
		}
		slices.Sort(ch.UsedEnvVars)
		if len(ch.UsedEnvVars) == 0 && record.Redact(c) != c { // conda-lock would look for a variable with that value
			ch.URL = withoutSecrets(c)
		}
		out = append(out, ch)
	}
	return out
}

// withoutSecrets takes user info, the token and the query off a channel's URL.
func withoutSecrets(url string) string {
	url, _, _ = strings.Cut(record.Redact(url), "?")
	return strings.Replace(strings.Replace(url, "***@", "", 1), "/t/***", "", 1)
}

// sources are the files that w was read from, relative to its folder.
func (w *wanted) sources() []string {
	var out []string
	if w.env.SpecFile != "" {
		out = append(out, filepath.Base(w.env.SpecFile))
	}
	if w.env.Requirements == nil {
		return out
	}
	for _, f := range w.env.Requirements.Files {
		rel, err := filepath.Rel(filepath.FromSlash(w.env.Dir), filepath.FromSlash(f))
		if err != nil {
			rel = f // both are relative to the project, so there is a way
		}
		out = append(out, filepath.ToSlash(rel))
	}
	return out
}

// needsKernel tells whether a kernel is to be added where there is none.
func (w *wanted) needsKernel() bool { return w.id != notebookID && w.id != looseID }

// names are the packages that w asks for by name.
func (w *wanted) names() (map[string]bool, error) {
	names := map[string]bool{}
	for _, s := range w.specs {
		name, err := specName(s)
		if err != nil {
			return nil, err
		}
		names[name] = true
	}
	return names, nil
}

func specName(s solve.Spec) (string, error) {
	spec, err := matchspec.Parse(s.Text)
	if err != nil {
		return "", &solve.SpecError{Spec: s, Err: err}
	}
	name, _ := spec.ExactName()
	return name, nil
}
