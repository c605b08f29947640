package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/conda/link"
	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/projectlock"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/lock"
)

// One interpreter compiles for all environments of an X.Y, so that those with different
// patch levels share content: the compiler is in the content's key, because a patch level
// changes bytes, and Python takes bytecode of any patch level of its X.Y. corn.lock says
// which; without it, it is the newest that the project has. docs/design/interpreters.md has
// the reasons and figures.

// chooseCompilers settles what compiles for every env. It follows from the locks and
// corn.lock, so it may be asked before anything is known of an archive.
func (b *builder) chooseCompilers() {
	b.interpreters = map[string]projectlock.Python{}
	owns := make([]projectlock.Python, len(b.envs))
	for i, e := range b.envs {
		e.compiler = digest.SHA256{}
		if b.settings.pycShipped {
			continue
		}
		own, ok := b.lockedPython(e)
		if !ok {
			continue
		}
		owns[i] = own
		if best, ok := b.interpreters[own.Short]; !ok || newerPython(&own, &best) {
			b.interpreters[own.Short] = own
		}
	}
	if b.cornLock != nil {
		for short := range b.interpreters {
			if py := b.cornLock.Python(b.platform.Subdir, short, newerPython); py != nil {
				b.interpreters[short] = *py
			}
		}
	}
	for i, e := range b.envs {
		e.compiler = b.interpreters[owns[i].Short].SHA256
	}
}

// lockedPython is the python package of an env as its lock names it; ok is false where it is
// none for which another patch level may compile.
func (b *builder) lockedPython(e *env) (out projectlock.Python, ok bool) {
	for _, p := range e.packages {
		version, build, ok := pythonFile(p.locked.FileName)
		if !ok || p.locked.Manager != lock.Conda {
			continue
		}
		py, ok, err := link.PythonOf(&artifact.Facts{Kind: artifact.Conda, Name: "python", FileName: p.locked.FileName, Version: version, Build: build})
		if err != nil || !ok || !sharesCompiler(py) {
			return out, false
		}
		out = projectlock.Python{
			Short: py.Short, FileName: p.locked.FileName, URL: shownURL(p.locked.URL),
			SHA256: p.locked.SHA256, MD5: p.locked.MD5, SizeBytes: p.locked.SizeBytes,
		}
		if p.facts != nil {
			out.SHA256, out.MD5, out.SizeBytes = p.facts.SHA256, p.facts.MD5, p.facts.SizeBytes
		} else if out.SHA256.IsZero() { // known after the first download
			out.SHA256, _ = b.cache.ByMD5(out.MD5)
		}
		return out, true
	}
	return out, false
}

// pythonFile reads "python-3.12.7-h2628c8c_0_cpython.conda".
func pythonFile(fileName string) (version, build string, ok bool) {
	rest, ok := strings.CutPrefix(fileName, "python-")
	if !ok {
		return "", "", false
	}
	rest = strings.TrimSuffix(strings.TrimSuffix(rest, ".conda"), ".tar.bz2")
	parts := strings.Split(rest, "-")
	if len(parts) != 2 {
		return "", "", false // another package, python-dateutil among them
	}
	return parts[0], parts[1], true
}

// sharesCompiler tells whether another patch level's interpreter may compile for a Python:
// a release of CPython whose magic number is known, so that it can be checked. Pre-releases
// change it, and a free-threaded build is another program.
func sharesCompiler(py *link.Python) bool {
	return py != nil && !py.PyPy && !py.FreeThreading && py.Magic != 0 && strings.Trim(py.Version, "0123456789.") == ""
}

var variable = regexp.MustCompile(`\$(\w+|\{\w+\})`)

// shownURL is a URL that may be committed: secrets are hidden, but $NAMES of variables stay.
func shownURL(url string) string {
	url = strings.ReplaceAll(url, " ", "%20")
	redacted := record.Redact(url)
	if variable.ReplaceAllLiteralString(url, "***") == redacted {
		return url
	}
	return redacted
}

// newerPython tells whether a is of a later version than b; where they are equal, names and
// hashes decide, so that one is always the newest.
func newerPython(a, b *projectlock.Python) bool {
	return cmp.Or(slices.Compare(versionOf(a), versionOf(b)), cmp.Compare(a.FileName, b.FileName), compareDigests(a.SHA256, b.SHA256)) > 0
}

// versionOf reads the numbers of the version.
func versionOf(py *projectlock.Python) []int {
	version, _, _ := pythonFile(py.FileName)
	var out []int
	for s := range strings.SplitSeq(version, ".") {
		n, err := strconv.Atoi(s)
		if err != nil {
			break
		}
		out = append(out, n)
	}
	return out
}

// bringInterpreter returns the python package that compiles, with its archive: one of the
// envs', else the one that corn.lock names.
func (b *builder) bringInterpreter(ctx context.Context, sum digest.SHA256) (*pkg, error) {
	for _, e := range b.envs {
		for _, q := range e.packages {
			if q.facts.SHA256 == sum {
				own := *q // its frames may be made meanwhile, from its own blob
				return &own, b.bring(ctx, []*pkg{&own})
			}
		}
	}
	var py projectlock.Python
	for _, have := range b.interpreters {
		if have.SHA256 == sum {
			py = have
		}
	}
	p := &pkg{locked: lock.Package{
		Manager: lock.Conda, Name: "python", URL: py.URL, FileName: py.FileName, MD5: py.MD5, SHA256: py.SHA256, SizeBytes: py.SizeBytes,
	}}
	if err := p.request(projectlock.FileName); err != nil {
		return nil, err
	}
	if err := b.bring(ctx, []*pkg{p}); err != nil {
		return nil, report.Hinted(report.Fetch, "corn.lock names this interpreter, and no environment has it any more: look at the network and at --channel-alias; where the channel no longer has the file, \"corn lock --relayout\" chooses another one",
			fmt.Errorf("the interpreter that compiles for Python %s: %w", py.Short, err))
	}
	var err error
	if p.facts, err = b.cachedFacts(ctx, p.blob, artifact.Conda, p.locked.FileName); b.suspects.note(p.blob, err) != nil {
		return nil, err
	}
	return p, nil
}
