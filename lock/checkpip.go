package lock

import (
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/conda/version"
	"github.com/nasa-openscapes/corn/pypi/pep440"
	"github.com/nasa-openscapes/corn/pypi/pep508"
	"github.com/nasa-openscapes/corn/pypi/wheel"
)

func normalName(name string) string { return wheel.NormalizeName(name) }

// requirementName is the name at the front of a requirement, or "".
func requirementName(text string) string {
	r, err := pep508.Parse(strings.TrimSpace(text))
	if err != nil {
		return ""
	}
	return r.Name
}

// requirements looks at all that is said of PyPI.
func (c *checker) requirements() {
	for _, a := range c.req.Pip {
		c.requirement(a)
	}
	for _, a := range c.req.Limits {
		c.limit(a)
	}
	for key, allowed := range c.req.Hashes {
		p := c.pip[key]
		if p == nil || p.SHA256.IsZero() || slices.Contains(allowed, "sha256:"+p.SHA256.String()) ||
			!slices.ContainsFunc(allowed, func(h string) bool { return strings.HasPrefix(h, "sha256:") }) {
			continue
		}
		c.because(Ask{}, p.Line, "%s has a sha256 that its requirement does not allow", p.dist())
	}
}

// wheelFile looks for a wheel that a path or a URL names.
func (c *checker) wheelFile(a Ask) {
	file, _, marked := strings.Cut(a.Text, ";")
	file, _, _ = strings.Cut(strings.TrimSpace(file), "#")
	file = file[strings.LastIndexByte(file, '/')+1:]
	if i := strings.IndexByte(file, '['); i > 0 {
		file = file[:i]
	}
	if a.Name == "" || !strings.HasSuffix(file, ".whl") {
		return
	}
	switch p := c.pip[normalName(a.Name)]; {
	case p == nil && !marked:
		c.because(a, 0, "the lock has no wheel of %s", a.Name)
	case p != nil && p.FileName != file:
		c.because(a, p.Line, "the lock has %s", p.FileName)
	}
}

// limit looks at what a constraint says of a package that is there.
func (c *checker) limit(a Ask) {
	r, err := pep508.Parse(strings.TrimSpace(a.Text))
	if err != nil || r.URL != "" {
		return
	}
	env, known := c.environment()
	if counts, err := r.Marker.Eval(env); !known && !r.Marker.IsAny() || err == nil && !counts {
		return
	}
	// What conda chose no constraint of pip's limits, as long as nothing of PyPI needs it.
	if p := c.pip[r.Key()]; p != nil && !covers(r.Specifiers, p.Version) {
		c.because(a, p.Line, "the lock has %s", p.dist())
	}
}

// requirement looks for what a line of pip's asks for. URLs and paths that are no wheel's, and what
// holds a variable, are not looked at, nor what a marker leaves out for the Python of the lock.
func (c *checker) requirement(a Ask) {
	r, err := pep508.Parse(strings.TrimSpace(a.Text))
	if err != nil {
		c.wheelFile(a)
		return
	}
	env, known := c.environment()
	if counts, err := r.Marker.Eval(env); known && err == nil && !counts {
		return
	}
	p, fromConda := c.distribution(r.Key())
	switch {
	case p == nil && !known && !r.Marker.IsAny():
	case p == nil:
		c.because(a, 0, "the lock has no wheel of %s", r.Name)
	case r.URL != "":
		before, _, _ := strings.Cut(r.URL, "#")
		if wanted := withoutUser(before); !fromConda && wanted != withoutUser(p.URL) && strings.HasSuffix(before, ".whl") {
			c.because(a, p.Line, "the lock has it from %s", Redact(p.URL))
		}
	case !covers(r.Specifiers, p.Version):
		c.because(a, p.Line, "the lock has %s", p.dist())
	}
}

// distribution is the package that brings a distribution, by its normal name: a wheel, or the
// conda package that is called so.
func (c *checker) distribution(key string) (p *Package, fromConda bool) {
	if p := c.pip[key]; p != nil {
		return p, false
	}
	if p := c.dists[key]; p != nil {
		return p, true
	}
	return nil, false
}

// environment is what markers are held against; known is false where the lock has no Python, or
// the platform is one of which nothing is known.
func (c *checker) environment() (env pep508.Environment, known bool) {
	python := c.conda["python"]
	m, ok := map[string][2]string{
		"linux-64": {"Linux", "x86_64"}, "linux-aarch64": {"Linux", "aarch64"}, "linux-ppc64le": {"Linux", "ppc64le"},
		"osx-64": {"Darwin", "x86_64"}, "osx-arm64": {"Darwin", "arm64"},
	}[c.req.Platform]
	if python == nil || !ok {
		return env, false
	}
	return pep508.CPython(python.Version, m[0], m[1]), true
}

// covers tells whether a version is one that specifiers allow. A prerelease that is there was
// wanted. Versions of conda that PEP 440 cannot read compare as conda has it.
func covers(s pep440.Specifiers, locked string) bool {
	v, err := pep440.Parse(locked)
	if err == nil {
		return s.Match(v)
	}
	own, err := version.Parse(strings.ToLower(locked))
	if err != nil {
		return false
	}
	for _, clause := range s.List() {
		spec, err := version.ParseSpec(strings.ToLower(strings.ReplaceAll(clause.String(), "===", "==")))
		if err != nil || !spec.Match(own) {
			return false
		}
	}
	return true
}

// withoutUser takes user info off a URL: locks have none.
func withoutUser(rawURL string) string {
	scheme, rest, ok := strings.Cut(rawURL, "://")
	if !ok {
		return rawURL
	}
	host, more, slash := strings.Cut(rest, "/")
	host = host[strings.LastIndexByte(host, '@')+1:]
	if slash {
		host += "/" + more
	}
	return scheme + "://" + host
}

// CheckPip tells whether the wheels of l for req.Platform, beside its conda packages, are an answer
// to req.Pip: one for each requirement, and what each of them depends on. It is stricter than
// Check, which takes locks of other tools as they are: these list dependencies that a marker
// leaves out. The errors are Check's.
func (l *Lock) CheckPip(req Request) error {
	packages, err := l.For(req.Platform)
	if err != nil {
		return err
	}
	c := newChecker(l, &req, packages)
	c.requirements()
	for i := range packages {
		if packages[i].Manager == Pip {
			c.wheelDepends(&packages[i])
		}
	}
	if len(c.reasons) == 0 {
		return nil
	}
	return &StaleError{Path: l.Path, Platform: req.Platform, Reasons: c.reasons}
}

func (c *checker) wheelDepends(p *Package) {
	for _, d := range p.Depends {
		to, _ := c.distribution(normalName(d.Name))
		if to == nil {
			c.because(Ask{}, p.Line, "%s depends on %s, and the lock has no %s", p.dist(), d, d.Name)
			continue
		}
		if d.Constraint == "" || d.Constraint == "*" || strings.HasPrefix(d.Constraint, "@") {
			continue
		}
		s, err := pep440.ParseSpecifiers(d.Constraint)
		if err != nil || !covers(s, to.Version) {
			c.because(Ask{}, p.Line, "%s depends on %s, and the lock has %s", p.dist(), d, to.dist())
		}
	}
}

// distNames are conda-forge's names for packages whose distribution is called otherwise on PyPI.
// Which distributions a package brings is written in it; a lock does not tell.
var distNames = map[string]string{
	"pytorch": "torch", "pytorch-cpu": "torch", "pytorch-gpu": "torch", "matplotlib-base": "matplotlib", "dask-core": "dask",
	"py-opencv": "opencv-python", "msgpack-python": "msgpack", "pytables": "tables", "python-graphviz": "graphviz",
	"python-blosc": "blosc", "brotli-python": "brotli", "python-flatbuffers": "flatbuffers", "python-xxhash": "xxhash",
	"py-xgboost": "xgboost", "py-lightgbm": "lightgbm", "tensorflow-base": "tensorflow", "jupyterhub-base": "jupyterhub",
	"pyqt": "pyqt5", "python-tzdata": "tzdata", "python-fastjsonschema": "fastjsonschema", "seaborn-base": "seaborn",
}

// DistName is the normal name of the distribution that a conda package brings, by its name alone.
func DistName(conda string) string {
	if n := distNames[conda]; n != "" {
		return n
	}
	return normalName(conda)
}

// aliases are the names of distributions that a conda package may bring, going by conda-forge's habits:
// "python-x" and "py-x" bring x, and so do parts of a project that has been split.
func aliases(conda string) []string {
	name := normalName(conda)
	var out []string
	for _, cut := range []string{"python-", "py-"} {
		if rest, ok := strings.CutPrefix(name, cut); ok {
			out = append(out, rest)
		}
	}
	for _, cut := range []string{"-python", "-py", "-base", "-core"} {
		if rest, ok := strings.CutSuffix(name, cut); ok {
			out = append(out, rest)
		}
	}
	return out
}
