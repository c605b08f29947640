package pipeline

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/conda/channel"
	"github.com/nasa-openscapes/corn/conda/matchspec"
	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/conda/solve"
	"github.com/nasa-openscapes/corn/internal/fetch"
	"github.com/nasa-openscapes/corn/internal/project"
	"github.com/nasa-openscapes/corn/internal/report"
)

// channels is how this machine reaches channels: .condarc and credentials, and nothing that
// would change an answer.
type channels struct {
	config      channel.Config
	credentials channel.Credentials
	alias       string // stands in for conda.anaconda.org; locks never name it
	cache       *cache.Cache
	offline     bool
	refresh     bool
	jobs        int
	talk        *report.Printer
}

// newChannels reads the machine's files. An alias of the project or of the command line
// counts before .condarc's.
func newChannels(c *cache.Cache, alias string, offline bool, jobs int, talk *report.Printer) (*channels, error) {
	env := channel.Env{Getenv: os.Getenv}
	env.Home, _ = os.UserHomeDir() // empty: there are no files to read
	cs := &channels{alias: alias, cache: c, offline: offline, jobs: jobs, talk: talk}
	var err error
	if cs.config, err = channel.ReadConfig(env); err != nil {
		return nil, err
	}
	if cs.credentials, err = channel.ReadCredentials(env); err != nil {
		return nil, err
	}
	if cs.alias == "" {
		cs.alias = cs.config.ChannelAlias
	}
	// A name means the same channel on every machine; the alias only says where to get it.
	cs.config.ChannelAlias = ""
	return cs, nil
}

// reach finds out how this machine reaches channels, once.
func (b *builder) reach() error {
	if b.channels != nil {
		return nil
	}
	cs, err := newChannels(b.cache, b.settings.channelAlias, b.req.Offline, b.jobs, b.talk)
	if err != nil {
		return report.In(report.Fetch, err)
	}
	var own []channel.Credential // that stand in URLs of channels
	if b.project != nil {
		for _, e := range b.environments() {
			own = append(own, ownCredentials(e.Requirements)...)
			for _, text := range e.Channels {
				if _, creds, err := cs.config.Resolve(expandVariables(text), filepath.Join(b.project.Dir, e.Dir)); err == nil {
					own = append(own, creds...)
				}
			}
		}
	}
	c, err := channel.NewClient(channel.ClientOptions{Config: cs.config, Credentials: cs.credentials, Warn: b.talk.Warn}, own...)
	if err != nil {
		return report.In(report.Fetch, err)
	}
	b.channels, b.transport = cs, c.RoundTripper()
	return nil
}

// urls are the base URLs of channels as an environment writes them; dir is where relative
// paths start. An unknown form is a *record.NameError.
func (cs *channels) urls(names []string, dir string) ([]string, error) {
	var out []string
	for _, name := range names {
		all, _, err := cs.config.Resolve(expandVariables(name), dir)
		if err != nil {
			return nil, err
		}
		for _, ch := range all {
			if !slices.Contains(out, ch.URL) {
				out = append(out, ch.URL)
			}
		}
	}
	return out, nil
}

// mirrored lets the alias stand in for names below conda.anaconda.org.
func (cs *channels) mirrored(texts []string) channel.Config {
	c := cs.config
	if cs.alias == "" {
		return c
	}
	c.MirroredChannels = map[string][]string{}
	for name, urls := range cs.config.MirroredChannels {
		c.MirroredChannels[name] = urls
	}
	for _, text := range texts {
		name, ok := strings.CutPrefix(text, fetch.DefaultAlias+"/")
		if !ok && (strings.Contains(text, "://") || strings.HasPrefix(text, ".") || strings.HasPrefix(text, "/")) {
			continue
		}
		if c.MirroredChannels[name] == nil && c.CustomChannels[name] == "" {
			c.MirroredChannels[name] = []string{strings.TrimRight(cs.alias, "/") + "/" + name}
		}
	}
	return c
}

// A shelf is what the channels of all environments offer for one platform, opened once, so that
// all of them choose from one snapshot.
type shelf struct {
	platform string
	set      *channel.Set
	forbid   []project.Rule

	mu      sync.Mutex
	leftOut map[string]leftOut // by record, because of its license
}

type leftOut struct {
	rec  *record.Record
	rule project.Rule
}

// open opens the channels of wants of one platform and loads what they can come to need.
func (cs *channels) open(ctx context.Context, platform string, wants []*wanted, forbid []project.Rule) (*shelf, error) {
	var names []string
	for _, w := range wants {
		for _, s := range w.specs {
			name, err := specName(s)
			if err != nil {
				return nil, report.In(report.Project, inEnvironment(w, err))
			}
			names = append(names, name)
		}
		for _, r := range w.locked {
			names = append(names, r.Name)
		}
		if w.needsKernel() {
			names = append(names, "ipykernel", "r-irkernel")
		}
	}
	stage := cs.talk.Stage("channels", 0, report.Things)
	sh, err := cs.openAlone(ctx, platform, wants, forbid)
	if err != nil {
		stage.Abort()
		return nil, err
	}
	if err := sh.set.Closure(ctx, names...); err != nil {
		stage.Abort()
		sh.set.Close()
		return nil, err
	}
	stage.Done("%s for %s", report.Count(len(sh.set.Channels()), "channel"), platform)
	return sh, nil
}

// openAlone opens the channels and loads nothing.
func (cs *channels) openAlone(ctx context.Context, platform string, wants []*wanted, forbid []project.Rule) (*shelf, error) {
	var texts []string
	for _, w := range wants {
		for _, c := range append(slices.Clone(w.channels), w.specChannels()...) {
			if abs := absoluteChannel(expandVariables(c), w.dir); !slices.Contains(texts, abs) {
				texts = append(texts, abs)
			}
		}
	}
	set, err := channel.Open(ctx, cs.cache, texts, []record.Subdir{record.Subdir(platform), record.Noarch}, channel.Options{
		Config: cs.mirrored(texts), Credentials: cs.credentials, Offline: cs.offline, Refresh: cs.refresh, Warn: cs.talk.Warn,
	})
	if err != nil {
		return nil, err
	}
	return &shelf{platform: platform, set: set, forbid: forbid, leftOut: map[string]leftOut{}}, nil
}

// channelVariable is how environment.yml names a secret in a channel's URL, as conda-lock has it.
var channelVariable = regexp.MustCompile(`\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))`)

// expandVariables puts the values of variables into a channel's URL. One that is not set
// stays: the channel then says what is wrong.
func expandVariables(text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	return channelVariable.ReplaceAllStringFunc(text, func(m string) string {
		if v, ok := os.LookupEnv(strings.Trim(m, "${}")); ok {
			return v
		}
		return m
	})
}

// absoluteChannel takes a relative path from the environment's folder.
func absoluteChannel(text, dir string) string {
	if strings.HasPrefix(text, "./") || strings.HasPrefix(text, "../") || text == "." || text == ".." {
		if abs, err := filepath.Abs(filepath.Join(dir, text)); err == nil {
			return abs
		}
	}
	return text
}

// specChannels are the channels that specs name besides ("conda-forge::numpy").
func (w *wanted) specChannels() []string {
	var out []string
	for _, s := range w.specs {
		spec, err := matchspec.Parse(s.Text)
		if err != nil {
			continue // the solver says so
		}
		if c, ok := spec.Channel.Exact(); ok && c != "" && !slices.ContainsFunc(w.urls, func(u string) bool { return strings.HasSuffix(u, "/"+c) || u == c }) {
			out = append(out, c)
		}
	}
	return out
}

// view is what one environment may choose from: its own channels, and for names whose spec
// names another channel that one too.
func (s *shelf) view(w *wanted) index {
	return &shelfView{shelf: s, urls: w.urls, extra: w.specChannels()}
}

type shelfView struct {
	*shelf
	urls  []string
	extra []string
}

var (
	_ solve.NameLister = (*shelfView)(nil)
	_ solve.Grouper    = (*shelfView)(nil)
)

// Names leaves out those of which a license forbids every record.
func (v *shelfView) Names() []string {
	v.mu.Lock()
	gone := map[string]bool{}
	for _, o := range v.leftOut {
		gone[o.rec.Name] = true
	}
	v.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(v.set.Names()), func(name string) bool { return gone[name] && len(v.Records(name)) == 0 })
}

// shows tells whether records of a channel are for this environment.
func (v *shelfView) shows(channel string) bool {
	return slices.Contains(v.urls, channel) ||
		slices.ContainsFunc(v.extra, func(c string) bool { return channel == c || strings.HasSuffix(channel, "/"+c) })
}

// Groups gives Records' records, where no license has to be read to know them.
func (v *shelfView) Groups(name string) ([]record.Group, bool) {
	if len(v.forbid) > 0 {
		return nil, false
	}
	groups, ok := v.set.Groups(name)
	return slices.DeleteFunc(slices.Clone(groups), func(g record.Group) bool { return !v.shows(g.Channel) }), ok
}

// Records leaves out other channels and forbidden licenses.
func (v *shelfView) Records(name string) []*record.Record {
	all := v.set.Records(name)
	out := make([]*record.Record, 0, len(all))
	for _, r := range all {
		if !v.shows(r.Channel) {
			continue
		}
		if rule, ok := forbids(v.forbid, r.License); ok {
			v.mu.Lock()
			v.leftOut[artifactKey(r)] = leftOut{r, rule}
			v.mu.Unlock()
			continue
		}
		out = append(out, r)
	}
	return out
}

// forbids returns the rule that a text breaks. A license expression breaks one if any of its
// parts does: "MIT AND AGPL-3.0".
func forbids(rules []project.Rule, text string) (project.Rule, bool) {
	if text == "" {
		return project.Rule{}, false
	}
	parts := append(strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" ()/,;|", r) }), text)
	for _, rule := range rules {
		if slices.ContainsFunc(parts, rule.Match) {
			return rule, true
		}
	}
	return project.Rule{}, false
}

// forbiddenChannels refuses what the policy forbids, before anything is asked of it.
func forbiddenChannels(w *wanted, rules []project.Rule, settingsFile string) error {
	for _, c := range append(slices.Clone(w.channels), w.specChannels()...) {
		for _, rule := range rules {
			if rule.Match(c) {
				return &ForbiddenError{Environment: w.id, What: "channel " + record.Redact(c), File: settingsFile, Rule: rule}
			}
		}
	}
	for _, u := range w.urls {
		for _, rule := range rules {
			if rule.Match(u) {
				return &ForbiddenError{Environment: w.id, What: "channel " + record.Redact(u), File: settingsFile, Rule: rule}
			}
		}
	}
	return nil
}

// A ForbiddenError reports what the project's policy rules out.
type ForbiddenError struct {
	Environment string
	What        string
	File        string // corn.yaml
	Rule        project.Rule
}

func (e *ForbiddenError) Error() string {
	return fmt.Sprintf("environment %q: %s is forbidden by %s:%d (%s)", e.Environment, e.What, e.File, e.Rule.Line, e.Rule.Glob)
}

// Hint says what to do.
func (e *ForbiddenError) Hint() string {
	return "take another channel, or change forbid: in corn.yaml"
}
