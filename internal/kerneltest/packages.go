package kerneltest

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/nasa-openscapes/corn/artifact"
)

const importsStep = "imports"

// packages imports what the environment asks for and compares versions.
func (k *kernelTest) packages(ctx context.Context) {
	imports, versions := Step{Name: importsStep, Result: Passed}, Step{Name: "versions", Result: Passed}
	skip := func(why string) {
		imports.Result, imports.Detail, versions.Result, versions.Detail = Skipped, why, Skipped, why
	}
	switch {
	case k.gone != nil:
		skip("the kernel is gone")
	case k.env == nil:
		skip("the image does not say what is in the kernel's environment")
	case k.lang == nil || k.lang.probe == nil:
		skip("how to import in " + k.report.Language + " is not known here")
	case len(k.env.Packages)+len(k.env.Missing) == 0:
		skip("the environment asks for no package")
	default:
		began := time.Now()
		k.importAll(ctx, &imports, &versions)
		imports.Millis = time.Since(began).Milliseconds()
	}
	k.report.Steps = append(k.report.Steps, imports, versions)
}

func (k *kernelTest) importAll(ctx context.Context, imports, versions *Step) {
	fail := func(s *Step, text string) {
		s.Result = Failed
		s.Detail = strings.TrimPrefix(s.Detail+"\n"+text, "\n")
	}
	for _, name := range k.env.Missing {
		fail(imports, name+" is asked for, and the environment has no such package")
	}
	checked := 0
	for i := range k.env.Packages {
		p := &k.env.Packages[i]
		r := PackageReport{Name: p.Name, Locked: p.Version, Modules: []string{}, Result: Skipped, Detail: "the kernel is gone"}
		if k.gone == nil {
			began := time.Now()
			r.Result, r.Detail = k.within(ctx, k.t.limits.Import, func(ctx context.Context) (string, error) { return k.importOne(ctx, p, &r) })
			r.Millis = time.Since(began).Milliseconds()
		}
		if r.Result == Failed {
			fail(imports, r.Name+": "+r.Detail)
		}
		if wrong := wrongVersion(p, r.Found); wrong != "" {
			fail(versions, wrong)
			if r.Result == Passed {
				r.Result, r.Detail = Failed, wrong
			}
		}
		if r.Found != "" {
			checked++
		}
		k.report.Packages = append(k.report.Packages, r)
	}
	if versions.Result == Passed && checked == 0 {
		versions.Result, versions.Detail = Skipped, "no package tells its version"
	}
}

// importOne imports one package by its importable names, and asks for its version.
func (k *kernelTest) importOne(ctx context.Context, p *Package, r *PackageReport) (string, error) {
	python := k.report.Language != "r"
	if interpreter(p, python) {
		r.Found = k.report.Version
		return "", nil
	}
	r.Modules = append(r.Modules, p.Modules...)
	args := []string{"imports"}
	if python {
		args = append(args, p.Dist)
	} else {
		r.Modules = append([]string{}, p.RPackages...)
	}
	if own, ok := k.t.rules.modules(p.Name); ok {
		r.Modules = append([]string{}, own...)
	}
	if k.t.rules.skips(p.Name) {
		r.Modules = []string{}
		note := "corn.yaml's skip_imports"
		if !python || p.Dist == "" {
			return note, errSkip
		}
		res, err := k.probe(ctx, args...) // the version needs no import
		if err != nil {
			return "", err
		}
		for _, a := range answers(res.Stdout) {
			if a[0] == "dist" && len(a) == 2 {
				r.Found = a[1]
			}
		}
		return note, errSkip
	}
	if len(r.Modules) == 0 {
		switch {
		case python && len(p.RPackages) > 0:
			return "nothing to import: it is a package of R", errSkip
		case !python && len(p.Modules) > 0:
			return "nothing to import: it is a package of Python", errSkip
		}
		return "nothing to import: its archive has no module", errSkip
	}
	res, err := k.probe(ctx, append(args, r.Modules...)...)
	if res == nil {
		return "", err
	}
	for _, a := range answers(res.Stdout) {
		switch {
		case a[0] == "dist" && len(a) == 2:
			r.Found = a[1]
		case a[0] == "module" && len(a) == 3 && a[2] != "" && err == nil && !inside(a[2], k.env.Prefix) && !inside(a[2], "/opt/corn/store"):
			err = failf("%s comes from %s, outside of the environment", a[1], a[2])
		}
	}
	return "", err
}

// inside tells whether a file is below a folder. xeus-python calls its prefix "//srv/...".
func inside(file, dir string) bool { return strings.HasPrefix(path.Clean(file), dir+"/") }

// interpreter tells whether a package is what runs the kernel's code: its version is the
// language's.
func interpreter(p *Package, python bool) bool {
	if p.Kind != artifact.Conda {
		return false
	}
	return python && p.Name == "python" || !python && p.Name == "r-base"
}

// wrongVersion compares what a package says of itself with what its locked archive holds.
func wrongVersion(p *Package, found string) string {
	want := p.Version
	if p.DistVersion != "" {
		want = p.DistVersion
	}
	if found == "" || sameVersion(found, want) {
		return ""
	}
	return fmt.Sprintf("%s is %s, and the locked %s holds %s", p.Name, found, p.FileName, want)
}

// sameVersion compares versions as ecosystems write them: 2023.01.0 is 2023.1.0, R's 7.3-60
// is conda's 7.3_60, and 1.0.0 and 1.0 are as good as the same.
func sameVersion(x, y string) bool {
	norm := func(v string) string {
		parts := strings.FieldsFunc(strings.ToLower(v), func(r rune) bool { return strings.ContainsRune(".-_+", r) })
		for i, p := range parts {
			parts[i] = strings.TrimLeft(p, "0")
		}
		return strings.TrimRight(strings.Join(parts, "."), ".")
	}
	return norm(x) == norm(y)
}
