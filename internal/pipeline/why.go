package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/conda/matchspec"
	"github.com/nasa-openscapes/corn/internal/project"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/lock"
	"github.com/nasa-openscapes/corn/pypi/wheel"
)

// A WhyRequest asks who wants a package.
type WhyRequest struct {
	Project  string
	Package  string
	Envs     []string // none: all
	Platform string
}

// A WhyResult is what `corn why --json` prints. docs/formats/why-json.md describes it.
type WhyResult struct {
	Format       int      `json:"format"` // 1
	Package      string   `json:"package"`
	Platform     string   `json:"platform"`
	Environments []WhyEnv `json:"environments"` // those that have it
	Without      []string `json:"without"`      // those that have not
}

// WhyEnv is one environment that has the package.
type WhyEnv struct {
	Name      string     `json:"name"`
	Manager   string     `json:"manager"`
	Version   string     `json:"version"`
	Build     string     `json:"build,omitempty"`
	Lock      string     `json:"lock"` // file and line
	Requested []WhyAsk   `json:"requested"`
	Chains    [][]string `json:"chains"` // from a package that was asked for, down to this one
}

// WhyAsk is a line that asks for the package by name.
type WhyAsk struct {
	Spec string `json:"spec"`
	File string `json:"file"`
	Line int    `json:"line"`
}

// maxChains is how many ways are shown: one for each package that needs it directly.
const maxChains = 20

// Why tells from the locks who asked for a package, in which kernel. It needs no network.
func Why(req WhyRequest, talk *report.Printer) (*WhyResult, error) {
	b := &builder{req: BuildRequest{Project: req.Project, Platform: req.Platform}, talk: talk}
	if err := b.load(); err != nil {
		return nil, report.In(report.Project, err)
	}
	l := &envLocker{builder: b, only: req.Envs}
	if err := l.checkNames(); err != nil {
		return nil, err
	}
	res := &WhyResult{Format: 1, Package: req.Package, Platform: b.platform.String(), Environments: []WhyEnv{}, Without: []string{}}
	var near []string
	for _, e := range b.environments() {
		if len(req.Envs) > 0 && !slices.Contains(req.Envs, envID(e)) {
			continue
		}
		if e.Lock == nil {
			return nil, report.Hinted(report.Lock, "run \"corn lock\" first", fmt.Errorf("environment %q has no lock, and so no reasons", envID(e)))
		}
		packages := packagesFor(e.Lock, b.platform.Subdir)
		p := findPackage(packages, req.Package)
		if p == nil {
			res.Without = append(res.Without, envID(e))
			near = append(near, containing(packages, req.Package)...)
			continue
		}
		res.Environments = append(res.Environments, whyIn(e, packages, p))
	}
	if len(res.Environments) == 0 {
		hint := "run \"corn search " + req.Package + "\" for what channels have"
		slices.Sort(near)
		if near = slices.Compact(near); len(near) > 0 {
			hint = "the locks have " + joinOr(near[:min(len(near), 5)])
		}
		return nil, report.Hinted(report.Lock, hint, fmt.Errorf("no environment has a package %s", req.Package))
	}
	return res, nil
}

func findPackage(packages []lock.Package, name string) *lock.Package {
	for i := range packages {
		p := &packages[i]
		if strings.EqualFold(p.Name, name) || p.Manager == lock.Pip && wheel.NormalizeName(p.Name) == wheel.NormalizeName(name) {
			return p
		}
	}
	return nil
}

func containing(packages []lock.Package, part string) []string {
	var out []string
	for _, p := range packages {
		if strings.Contains(p.Name, strings.ToLower(part)) {
			out = append(out, p.Name)
		}
	}
	return out
}

func whyIn(e *project.Environment, packages []lock.Package, p *lock.Package) WhyEnv {
	w := WhyEnv{
		Name: envID(e), Manager: string(p.Manager), Version: p.Version, Build: p.Build, Lock: fmt.Sprintf("%s:%d", e.Lock.Path, p.Line),
		Requested: []WhyAsk{}, Chains: [][]string{},
	}
	roots := rootsOf(e, p, &w)
	// Who needs whom, backwards, from p on: the first way that is found is a shortest one.
	needs := map[string][]string{} // of a name, those that depend on it
	text := map[[2]string]string{} // the words of a dependency
	for _, q := range packages {
		for _, d := range q.Depends {
			name := d.Name
			if q.Manager == lock.Pip {
				name = wheel.NormalizeName(name)
			}
			needs[name] = append(needs[name], q.Name)
			text[[2]string{q.Name, name}] = d.String()
		}
	}
	for _, direct := range needs[p.Name] {
		if len(w.Chains) == maxChains {
			break
		}
		if way := wayUp(direct, p.Name, needs, roots); way != nil {
			chain := []string{}
			for i, name := range way {
				if i == 0 {
					chain = append(chain, roots[name])
					continue
				}
				chain = append(chain, text[[2]string{way[i-1], name}])
			}
			w.Chains = append(w.Chains, append(chain, text[[2]string{way[len(way)-1], p.Name}]))
		}
	}
	slices.SortStableFunc(w.Chains, func(a, b []string) int { return len(a) - len(b) })
	return w
}

// rootsOf are the packages that the environment asks for, with the words and place of the
// request; requests of p itself go to w.
func rootsOf(e *project.Environment, p *lock.Package, w *WhyEnv) map[string]string {
	roots := map[string]string{}
	add := func(name, spec, file string, line int) {
		if strings.EqualFold(name, p.Name) {
			w.Requested = append(w.Requested, WhyAsk{Spec: spec, File: file, Line: line})
		}
		if roots[name] == "" {
			roots[name] = fmt.Sprintf("%s (%s:%d)", spec, file, line)
		}
	}
	for _, d := range e.Dependencies {
		if spec, err := matchspec.Parse(d.Text); err == nil {
			if name, ok := spec.ExactName(); ok {
				add(name, d.Text, d.File, d.Line)
			}
		}
	}
	for _, r := range e.Pip {
		add(wheel.NormalizeName(r.Name), r.Text, r.File, r.Line)
	}
	return roots
}

// wayUp is a shortest way from a package that was asked for down to from, without going
// through avoid; nil: from is needed by nobody who was asked for.
func wayUp(from, avoid string, needs map[string][]string, roots map[string]string) []string {
	before := map[string]string{from: ""}
	queue := []string{from}
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		if roots[name] != "" {
			var way []string
			for n := name; n != ""; n = before[n] {
				way = append(way, n)
			}
			return way
		}
		for _, up := range needs[name] {
			if _, seen := before[up]; !seen && up != avoid {
				before[up] = name
				queue = append(queue, up)
			}
		}
	}
	return nil
}
