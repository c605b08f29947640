package lock

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/conda/matchspec"
	"github.com/nasa-openscapes/corn/conda/record"
)

// A Request is what an environment asks of its lock.
type Request struct {
	Platform string
	Conda    []Ask // MatchSpecs
	Pip      []Ask // requirements; options such as -r do not count
	Limits   []Ask // constraints: they hold for what is there for another reason
	// Hashes are those that a wheel may have ("sha256:0123..."), by its normal name; none: any.
	Hashes map[string][]string
	// Brings are distributions, by normal name, and the conda packages that are known to bring them.
	// Besides, names tell.
	Brings map[string]string
	// Channels are where packages may come from: base URLs, or names, which fit every
	// URL that ends in them, so that a mirror's lock is one of the channel; empty: any. A
	// package whose own spec names another channel may come from there.
	Channels []string
	// Written are the channels in order as the environment writes them, for Exact.
	Written []string
	// Virtual are the virtual packages of the target. Only those whose name is here are
	// looked at: what nothing is known of is not a reason.
	Virtual []*record.Record
	// Exact asks for more: that the lock has nothing that nobody needs any more, and was
	// made with the channels of Written. A lock that is not exact still builds what is asked for.
	Exact bool
}

// An Ask is one line that asks for a package.
type Ask struct {
	Text string
	File string // empty: no file asked, Text says who
	Line int
	Name string // of a requirement whose text does not begin with it: a path, a URL; may be empty
}

// Check tells whether the packages of l for req.Platform are an answer to req: a package for
// each spec, every dependency there, from the channels, on the target. A lock that is none
// is a *StaleError with every reason; one without the platform a *PlatformError; a MatchSpec
// of the request that cannot be read is a *AskError.
//
// Explicit locks know no dependencies, so theirs are not looked at. Categories other than
// main do not count. conda's constrains are in no lock.
func (l *Lock) Check(req Request) error {
	packages, err := l.For(req.Platform)
	if err != nil {
		return err
	}
	c := newChecker(l, &req, packages)
	if err := c.asks(); err != nil {
		return err
	}
	for i := range packages {
		c.depends(&packages[i])
		c.channel(&packages[i])
	}
	if req.Exact {
		c.leftOver(packages)
		c.order()
	}
	if len(c.reasons) == 0 {
		return nil
	}
	return &StaleError{Path: l.Path, Platform: req.Platform, Reasons: c.reasons}
}

func newChecker(l *Lock, req *Request, packages []Package) *checker {
	c := &checker{
		lock: l, req: req, conda: map[string]*Package{}, pip: map[string]*Package{}, dists: map[string]*Package{}, allowed: map[string]bool{},
	}
	for i := range packages {
		p := &packages[i]
		if p.Manager == Pip {
			c.pip[normalName(p.Name)] = p
			continue
		}
		c.conda[strings.ToLower(p.Name)] = p
	}
	for i := range packages {
		if p := &packages[i]; p.Manager == Conda {
			for _, alias := range aliases(p.Name) {
				if c.dists[alias] == nil {
					c.dists[alias] = p
				}
			}
		}
	}
	for i := range packages {
		if p := &packages[i]; p.Manager == Conda {
			c.dists[DistName(p.Name)] = p // what is called so counts before what may be
		}
	}
	for dist, name := range req.Brings {
		if p := c.conda[name]; p != nil {
			c.dists[dist] = p
		}
	}
	return c
}

// A checker collects reasons.
type checker struct {
	lock    *Lock
	req     *Request
	conda   map[string]*Package // by name
	pip     map[string]*Package // by normal name
	dists   map[string]*Package // conda packages by the normal name of what they bring
	allowed map[string]bool     // names whose spec names a channel
	reasons []Reason
}

func (c *checker) because(a Ask, lockLine int, format string, args ...any) {
	c.reasons = append(c.reasons, Reason{Ask: a, LockLine: lockLine, Text: fmt.Sprintf(format, args...)})
}

// asks looks at what the environment asks for by name.
func (c *checker) asks() error {
	for _, a := range c.req.Conda {
		spec, err := matchspec.Parse(a.Text)
		if err != nil {
			return &AskError{Ask: a, Err: err}
		}
		name, ok := spec.ExactName()
		if !ok {
			return &AskError{Ask: a, Err: errors.New("the spec names no package")}
		}
		p := c.conda[name]
		switch {
		case p == nil && strings.HasPrefix(name, "__"):
			c.virtual(name, spec, a, 0)
			continue
		case p == nil:
			c.because(a, 0, "the lock has no %s", name)
			continue
		case !spec.Match(p.record()):
			c.because(a, p.Line, "the lock has %s", p.dist())
		}
		if !spec.Channel.IsAny() {
			c.allowed[p.Name] = true
		}
	}
	c.requirements()
	return nil
}

// record is what a lock knows of a package, as specs look at it.
func (p *Package) record() *record.Record {
	return &record.Record{
		Name: p.Name, Version: p.Version, Build: p.Build, BuildNumber: buildNumber(p.Build), Subdir: record.Subdir(p.Subdir), Channel: p.Channel,
		FileName: p.FileName, URL: p.URL, MD5: p.MD5, SHA256: p.SHA256, SizeBytes: p.SizeBytes,
	}
}

// buildNumber reads the number from the end of a build string, where conda-build puts it.
func buildNumber(build string) int64 {
	digits := build[strings.LastIndexByte(build, '_')+1:]
	var n int64
	for _, r := range digits {
		if r < '0' || r > '9' || n > 1<<40 {
			return 0
		}
		n = 10*n + int64(r-'0')
	}
	return n
}

// depends looks at what a locked package itself depends on.
func (c *checker) depends(p *Package) {
	for _, d := range p.Depends {
		if p.Manager == Pip {
			continue // markers decide whether a wheel's requirement counts, and locks drop them
		}
		spec, err := matchspec.Parse(d.String())
		if err != nil {
			c.because(Ask{}, p.Line, "%s depends on %q, which cannot be read: %v", p.Name, d, err)
			continue
		}
		name, _ := spec.ExactName()
		to := c.conda[name]
		switch {
		case to == nil && strings.HasPrefix(name, "__"):
			c.virtual(name, spec, Ask{Text: p.dist() + " depends on " + d.String()}, p.Line)
		case to == nil:
			c.because(Ask{}, p.Line, "%s depends on %s, and the lock has no %s", p.dist(), d, name)
		case !spec.Match(to.record()):
			c.because(Ask{}, p.Line, "%s depends on %s, and the lock has %s (line %d)", p.dist(), d, to.dist(), to.Line)
		}
	}
}

// virtual compares a spec with the target.
func (c *checker) virtual(name string, spec *matchspec.Spec, a Ask, lockLine int) {
	i := slices.IndexFunc(c.req.Virtual, func(r *record.Record) bool { return r.Name == name })
	if i < 0 {
		return
	}
	r := c.req.Virtual[i]
	if !spec.Match(r) {
		c.because(a, lockLine, "the target has %s %s", r.Name, r.Version)
	}
}

// channel looks at where a package comes from. A URL that holds variables or no subdir says
// nothing.
func (c *checker) channel(p *Package) {
	if p.Manager == Pip || p.Channel == "" || len(c.req.Channels) == 0 || c.allowed[p.Name] {
		return
	}
	if !slices.ContainsFunc(c.req.Channels, func(ch string) bool { return isChannel(ch, p.Channel) }) {
		c.because(Ask{}, p.Line, "%s comes from %s, and the environment's channels are %s", p.dist(), Redact(p.Channel), Redact(strings.Join(c.req.Channels, ", ")))
	}
}

// isChannel tells whether a channel, a URL or a name, has the base URL.
func isChannel(channel, url string) bool {
	channel = strings.TrimRight(channel, "/")
	return channel == url || !strings.Contains(channel, "://") && strings.HasSuffix(url, "/"+channel)
}

// leftOver finds packages that nothing asks for.
func (c *checker) leftOver(packages []Package) {
	if c.lock.Kind == Explicit {
		return
	}
	needed := map[*Package]bool{}
	var todo []*Package
	need := func(p *Package) {
		if p != nil && !needed[p] {
			needed[p] = true
			todo = append(todo, p)
		}
	}
	for _, a := range c.req.Conda {
		need(c.named(a.Text))
	}
	for _, a := range c.req.Pip {
		p, _ := c.distribution(normalName(cmp.Or(a.Name, requirementName(a.Text))))
		need(p)
	}
	for len(todo) > 0 {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, d := range p.Depends {
			if p.Manager == Pip {
				to, _ := c.distribution(normalName(d.Name))
				need(to)
				continue
			}
			need(c.named(d.String()))
		}
	}
	for i := range packages {
		p := &packages[i]
		byName := c.conda[strings.ToLower(p.Name)]
		if p.Manager == Pip {
			byName = c.pip[normalName(p.Name)]
		}
		if !needed[byName] {
			c.because(Ask{}, p.Line, "nothing asks for %s any more", p.dist())
		}
	}
}

// named returns the package that a spec names, or nil.
func (c *checker) named(text string) *Package {
	spec, err := matchspec.Parse(text)
	if err != nil {
		return nil
	}
	name, _ := spec.ExactName()
	return c.conda[name]
}

// order compares the channels that the lock was made with.
func (c *checker) order() {
	if len(c.lock.Channels) == 0 || len(c.req.Written) == 0 {
		return
	}
	var made []string
	for _, ch := range c.lock.Channels {
		made = append(made, ch.URL)
	}
	if !slices.EqualFunc(made, c.req.Written, func(a, b string) bool { return isChannel(a, b) || isChannel(b, a) }) {
		c.because(Ask{}, 0, "it was made with the channels %s, and the environment's are %s", Redact(strings.Join(made, ", ")), Redact(strings.Join(c.req.Written, ", ")))
	}
}

func (p *Package) dist() string {
	if p.Manager == Pip || p.Build == "" {
		return p.Name + " " + p.Version
	}
	return p.Name + " " + p.Version + " " + p.Build
}

// A StaleError reports a lock that is no answer to what its environment asks for.
type StaleError struct {
	Path     string
	Platform string
	Reasons  []Reason
}

// A Reason is one difference.
type Reason struct {
	Ask      Ask    // who asked; zero: the lock is at odds with itself
	LockLine int    // of the package; 0: there is none
	Text     string // "the lock has numpy 1.26.4 py312h0_0"
}

// maxReasons is how many an error tells: the first few say what was changed.
const maxReasons = 5

func (e *StaleError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s is not what the environment asks for", e.Path)
	for i, r := range e.Reasons {
		if i == maxReasons {
			fmt.Fprintf(&b, "\nand %d more", len(e.Reasons)-i)
			break
		}
		b.WriteString("\n" + r.in(e.Path))
	}
	return b.String()
}

// String is the reason in words, without the lock's name.
func (r Reason) String() string { return r.in("") }

func (r Reason) in(lock string) string {
	var parts []string
	switch a := r.Ask; {
	case a.File != "":
		parts = append(parts, fmt.Sprintf("%s asks %s", where(a.File, a.Line, 0), a.Text))
	case a.Text != "":
		parts = append(parts, a.Text)
	}
	text := r.Text
	switch {
	case r.LockLine == 0:
	case lock == "":
		text += fmt.Sprintf(" (line %d of the lock)", r.LockLine)
	default:
		text += " (" + where(lock, r.LockLine, 0) + ")"
	}
	return strings.Join(append(parts, text), ": ")
}

// Hint says what to do.
func (e *StaleError) Hint() string {
	return `run "corn lock" and commit the lock, or build what is locked with --locked=false`
}

// An AskError reports a line of an environment that cannot be read.
type AskError struct {
	Ask Ask
	Err error
}

func (e *AskError) Error() string {
	return fmt.Sprintf("%s: %v", cmp.Or(where(e.Ask.File, e.Ask.Line, 0), e.Ask.Text), e.Err)
}

// Unwrap returns the parser's error.
func (e *AskError) Unwrap() error { return e.Err }
