package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nasa-openscapes/corn/internal/project"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/internal/target"
)

// An AddRequest describes a new kernel.
type AddRequest struct {
	Project      string
	Name         string   // the display name
	Specs        []string // MatchSpecs; none: python
	Channels     []string // none: those of the other environments, then corn.yaml's, then conda-forge
	Platform     string
	ChannelAlias string
	Offline      bool
	CacheDir     string
}

// An AddResult is what `corn add --json` prints. docs/formats/add-json.md describes it.
type AddResult struct {
	Format      int      `json:"format"` // 1
	Name        string   `json:"name"`   // slug
	DisplayName string   `json:"display_name"`
	Files       []string `json:"files"`
	Channels    []string `json:"channels"`
	Specs       []string `json:"specs"`
	Packages    int      `json:"packages"` // that a solve gives
	Size        int64    `json:"size_bytes"`
	Added       []string `json:"added"` // kernels that corn lock will ask for besides
}

// Add makes the folder of a new kernel: environment.yml and name.txt. Nothing is written unless
// the request can be solved.
func Add(ctx context.Context, req AddRequest, talk *report.Printer) (*AddResult, error) {
	b := &builder{
		req:  BuildRequest{Project: req.Project, Platform: req.Platform, ChannelAlias: req.ChannelAlias, Offline: req.Offline, CacheDir: req.CacheDir},
		talk: talk, jobs: 1, timings: map[string]time.Duration{},
	}
	err := b.readProject()
	if isA[*project.EmptyError](err) { // the first kernel of a new project
		err = b.emptyProject()
	}
	if err != nil {
		return nil, report.In(report.Project, err)
	}
	name := strings.TrimSpace(req.Name)
	slug, err := b.project.NewKernel(name)
	if err != nil {
		return nil, report.In(report.Project, err)
	}
	res := &AddResult{Format: 1, Name: slug, DisplayName: name, Channels: req.Channels, Specs: req.Specs, Added: []string{}}
	if len(res.Channels) == 0 {
		res.Channels = b.usualChannels()
	}
	if len(res.Specs) == 0 {
		res.Specs = []string{"python"}
	}
	dir := filepath.Join(b.project.Dir, b.project.Config, "environments", slug)
	if _, err := os.Lstat(dir); err == nil {
		return nil, report.Hinted(report.Project, "take another name, or edit its environment.yml", fmt.Errorf("%s is there already", filepath.ToSlash(dir)))
	}
	if err := b.tryNew(ctx, slug, res); err != nil {
		return nil, err
	}
	return res, b.writeNew(dir, res)
}

// emptyProject is a project before its first environment: in the folder environments.
func (b *builder) emptyProject() error {
	b.project = &project.Project{Dir: b.req.Project, Config: "."}
	if b.platform.IsZero() {
		b.platform = target.Default()
	}
	if info, err := os.Stat(b.req.Project); err != nil || !info.IsDir() {
		return fmt.Errorf("open project: %s is no folder", b.req.Project)
	}
	return b.settle()
}

// usualChannels are those that the most environments have.
func (b *builder) usualChannels() []string {
	count := map[string]int{}
	lists := map[string][]string{}
	best := ""
	for _, e := range b.environments() {
		if len(e.Channels) == 0 {
			continue
		}
		key := strings.Join(e.Channels, "\x00")
		count[key]++
		lists[key] = e.Channels
		if count[key] > count[best] || count[key] == count[best] && key < best {
			best = key
		}
	}
	switch {
	case best != "":
		return slices.Clone(lists[best])
	case len(b.project.Settings.Solve.Channels) > 0:
		return slices.Clone(b.project.Settings.Solve.Channels)
	}
	return []string{defaultChannel}
}

// tryNew solves the new kernel's environment.
func (b *builder) tryNew(ctx context.Context, slug string, res *AddResult) error {
	if err := b.openCache(); err != nil {
		return err
	}
	defer b.cache.Close()
	l, err := b.newEnvLocker()
	if err != nil {
		return err
	}
	e := &project.Environment{Slug: slug, Dir: ".", Channels: res.Channels}
	for _, s := range res.Specs {
		e.Dependencies = append(e.Dependencies, project.Requirement{Text: s})
	}
	w, err := l.want(e, b.platform.Subdir)
	if err != nil {
		return err
	}
	answers, err := l.solve(ctx, []*wanted{w})
	if err != nil {
		return err
	}
	s := answers[0]
	res.Packages = len(s.solution.Packages)
	for _, r := range s.solution.Records() {
		res.Size += r.SizeBytes
	}
	for _, spec := range s.added {
		res.Added = append(res.Added, spec.Text)
	}
	return nil
}

// writeNew writes the two files into a folder that appears when both are there.
func (b *builder) writeNew(dir string, res *AddResult) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return fmt.Errorf("make %s: %w", filepath.ToSlash(dir), err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".new-")
	if err != nil {
		return fmt.Errorf("make %s: %w", filepath.ToSlash(dir), err)
	}
	var y strings.Builder
	fmt.Fprintf(&y, "name: %s\nchannels:\n", yamlText(res.Name))
	for _, c := range res.Channels {
		fmt.Fprintf(&y, "  - %s\n", yamlText(c))
	}
	y.WriteString("dependencies:\n")
	for _, s := range res.Specs {
		fmt.Fprintf(&y, "  - %s\n", yamlText(s))
	}
	err = errors.Join(
		os.WriteFile(filepath.Join(tmp, "environment.yml"), []byte(y.String()), 0o644),
		os.WriteFile(filepath.Join(tmp, "name.txt"), []byte(res.DisplayName+"\n"), 0o644),
		os.Chmod(tmp, 0o755),
	)
	if err == nil {
		err = os.Rename(tmp, dir)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", filepath.ToSlash(dir), err), os.RemoveAll(tmp))
	}
	for _, f := range []string{"environment.yml", "name.txt"} {
		res.Files = append(res.Files, filepath.ToSlash(filepath.Join(dir, f)))
	}
	return nil
}

var yamlPlain = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.<>=!~,|*+/ ()-]*$`)

// yamlText writes a text that every YAML reader takes for that text.
func yamlText(s string) string {
	switch strings.ToLower(s) {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null":
	default:
		if yamlPlain.MatchString(s) && !strings.HasSuffix(s, " ") {
			return s
		}
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}
