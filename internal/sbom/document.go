package sbom

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/github/go-spdx/v2/spdxexp"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/pypi/wheel"
)

// Subject says what a document is about.
type Subject struct {
	// Name is the image's repository, "quay.io/team/hub", if it is in a registry.
	Name string
	// Digest names the manifest.
	Digest digest.SHA256
	// Version is the image's annotation, may be empty; Created the date of the commit, or zero.
	Version string
	Created time.Time
	BaseRef string // name of the base in a registry; may be empty
	// Kernel narrows the document to the environment of a kernel; empty: the whole image.
	Kernel string
}

// A Document is the contents of an image, or of one kernel in it.
type Document struct {
	subject  Subject
	base     image.BaseMetadata
	kernels  []environment
	packages []component // by reference, each once
}

// An environment is a part of the image and the packages in it.
type environment struct {
	name     string
	about    string // display names of its kernels
	packages []int  // places among packages
}

// A component is one archive.
type component struct {
	ref      string // unique: the archive's SHA-256
	name     string
	version  string
	url      string
	file     string
	sha256   digest.SHA256
	md5      digest.MD5
	licence  string // as declared; empty: not known
	home     string
	summary  string
	inside   []distribution // Python distributions of a conda package
	requires []string       // refs that it needs in some environment, sorted
	conda    bool
}

// A distribution is what a PyPI package is called.
type distribution struct{ name, version string }

// condaPackage is what index.json and the image say of a conda package.
type condaPackage struct {
	channel string
	subdir  string
	licence string
	depends []string
}

// A NoKernelError reports a kernel that the image does not have.
type NoKernelError struct {
	Kernel string
	Have   []string
}

func (e *NoKernelError) Error() string {
	return fmt.Sprintf("there is no kernel %q: want one of %s", e.Kernel, strings.Join(e.Have, ", "))
}

// New collects the contents of an image. facts are those of its archives; of one whose facts are
// missing only the name is known. A kernel that it does not have is a *NoKernelError.
func New(m *image.Metadata, facts map[digest.SHA256]*artifact.Facts, s Subject) (*Document, error) {
	d := &Document{subject: s, base: m.Base}
	envs := m.Envs
	if s.Kernel != "" {
		i := slices.IndexFunc(m.Kernels, func(k image.KernelMetadata) bool { return k.Name == s.Kernel })
		if i < 0 {
			return nil, noKernel(m, s.Kernel)
		}
		envs = slices.Clone(envs)
		envs = slices.DeleteFunc(envs, func(e image.EnvMetadata) bool { return e.Name != m.Kernels[i].Env })
	}
	used := map[digest.SHA256]bool{}
	for _, e := range envs {
		for _, sum := range e.Artifacts {
			used[sum] = true
		}
	}
	needs := map[digest.SHA256][]string{} // names
	place := map[digest.SHA256]int{}
	for i := range m.Artifacts {
		a := &m.Artifacts[i]
		if !used[a.SHA256] {
			continue
		}
		var c component
		c, needs[a.SHA256] = describe(a, facts[a.SHA256])
		d.packages = append(d.packages, c)
	}
	slices.SortFunc(d.packages, func(a, b component) int { return cmp.Or(cmp.Compare(a.url, b.url), cmp.Compare(a.ref, b.ref)) })
	for i, c := range d.packages {
		place[c.sha256] = i
	}
	for _, e := range envs {
		d.addEnv(e, m, place, needs)
	}
	for i := range d.packages {
		slices.Sort(d.packages[i].requires)
		d.packages[i].requires = slices.Compact(d.packages[i].requires)
	}
	return d, nil
}

func noKernel(m *image.Metadata, name string) error {
	e := &NoKernelError{Kernel: name}
	for _, k := range m.Kernels {
		e.Have = append(e.Have, k.Name)
	}
	return e
}

// addEnv notes which packages an environment has, and what they need of one another in it.
func (d *Document) addEnv(e image.EnvMetadata, m *image.Metadata, place map[digest.SHA256]int, needs map[digest.SHA256][]string) {
	env := environment{name: e.Name}
	var called []string
	for _, k := range m.Kernels {
		if k.Env == e.Name {
			called = append(called, k.DisplayName)
		}
	}
	env.about = strings.Join(called, ", ")
	byName := map[string]int{}
	for _, sum := range e.Artifacts {
		if i, ok := place[sum]; ok {
			env.packages = append(env.packages, i)
			byName[nameKey(d.packages[i].conda, d.packages[i].name)] = i
		}
	}
	for _, i := range env.packages {
		c := &d.packages[i]
		for _, name := range needs[c.sha256] {
			at, ok := byName[nameKey(c.conda, name)]
			if !ok { // a wheel may need what conda installed
				at, ok = byName[nameKey(!c.conda, name)]
			}
			if ok && at != i {
				c.requires = append(c.requires, d.packages[at].ref)
			}
		}
	}
	slices.Sort(env.packages)
	d.kernels = append(d.kernels, env)
}

func nameKey(conda bool, name string) string {
	if conda {
		return "conda " + strings.ToLower(name)
	}
	return "pypi " + wheel.NormalizeName(name)
}

// describe makes the component of an archive, and the names of what it needs.
func describe(a *image.ArtifactMetadata, f *artifact.Facts) (component, []string) {
	c := component{
		ref: a.SHA256.String(), name: a.Name, version: a.Version, file: a.FileName, sha256: a.SHA256, conda: a.Kind == artifact.Conda,
	}
	if f != nil {
		c.md5 = f.MD5
	}
	if !c.conda {
		c.url = pypiURL(a.Name, a.Version)
		if f == nil || f.Wheel == nil {
			return c, nil
		}
		return c, leadingNames(f.Wheel.Requires)
	}
	p := condaPackage{channel: a.Channel}
	if f != nil && f.Conda != nil {
		p.read(f.Conda)
		c.home, c.summary = about(f.Conda.About)
		c.inside = distributions(f.Members)
	}
	c.licence = p.licence
	c.url = condaURL(&p, a.Name, a.Version, a.Build, a.FileName)
	return c, leadingNames(p.depends)
}

// read takes what is wanted of index.json. Fields of other types than they should be are as if
// they were not there.
func (p *condaPackage) read(f *artifact.CondaFacts) {
	fields := map[string]json.RawMessage{}
	_ = json.Unmarshal(f.Index, &fields) // was checked when the facts were made
	_ = json.Unmarshal(fields["subdir"], &p.subdir)
	_ = json.Unmarshal(fields["license"], &p.licence)
	_ = json.Unmarshal(fields["depends"], &p.depends)
	p.licence = strings.TrimSpace(p.licence)
}

// about takes the home page and the summary of about.json.
func about(raw json.RawMessage) (home, summary string) {
	fields := map[string]json.RawMessage{}
	_ = json.Unmarshal(raw, &fields)
	_ = json.Unmarshal(fields["summary"], &summary)
	if json.Unmarshal(fields["home"], &home) != nil { // some have a list
		var several []string
		_ = json.Unmarshal(fields["home"], &several)
		if len(several) > 0 {
			home = several[0]
		}
	}
	if !strings.HasPrefix(home, "https://") && !strings.HasPrefix(home, "http://") || strings.ContainsAny(home, " \t\r\n<>\"{}|\\^`") {
		home = ""
	}
	return home, strings.Join(strings.Fields(summary), " ")
}

// distributions finds the Python distributions of a conda package, by their folders.
func distributions(members []artifact.Member) []distribution {
	var out []distribution
	for i := range members {
		dir, ok := strings.CutSuffix(members[i].Path, ".dist-info/METADATA")
		if !ok {
			continue
		}
		name, version, ok := strings.Cut(dir[strings.LastIndexByte(dir, '/')+1:], "-")
		if ok && name != "" && version != "" {
			out = append(out, distribution{wheel.NormalizeName(name), version})
		}
	}
	slices.SortFunc(out, func(a, b distribution) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.version, b.version))
	})
	return slices.Compact(out)
}

// leadingNames cuts the names off the front of requirements.
func leadingNames(requirements []string) []string {
	var out []string
	for _, r := range requirements {
		r = strings.TrimSpace(r)
		if end := strings.IndexAny(r, " \t<>=!~;[(@"); end >= 0 {
			r = r[:end]
		}
		if r != "" && !strings.HasPrefix(r, "__") {
			out = append(out, r)
		}
	}
	return out
}

// expression returns the licence as an SPDX expression, or "".
func (c *component) expression() string {
	if c.licence == "" || len(c.licence) > 1000 {
		return ""
	}
	good, bad := spdxexp.ValidateAndNormalizeLicensesWithOptions([]string{c.licence}, spdxexp.ValidateLicensesOptions{})
	if len(bad) > 0 || len(good) != 1 || strings.Contains(good[0], "DocumentRef-") {
		return ""
	}
	return good[0]
}

// title is what the document is called.
func (d *Document) title() string {
	t := cmp.Or(d.subject.Name, "image")
	if d.subject.Kernel != "" {
		t += " kernel " + d.subject.Kernel
	}
	return t
}
