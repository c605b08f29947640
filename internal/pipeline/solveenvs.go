package pipeline

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/conda/solve"
	"github.com/nasa-openscapes/corn/lock"
)

// A solved is the answer to a wanted.
type solved struct {
	*wanted
	solution *solve.Solution
	added    []solve.Spec // kernels that corn asked for
	// lowered are packages that sharing made older than they need be, "numpy 2.1 to 2.0".
	lowered []string
	wheels  []lock.Package    // of PyPI
	brings  map[string]string // distributions that wheels find in conda packages, by normal name
}

// An index is all that a wanted may choose from.
type index interface {
	solve.Index
	solve.NameLister
}

// solveAll answers wants side by side, each alone: what one environment gets does not depend
// on its siblings but for what share decides. The first want's error is told, whichever
// comes first.
func solveAll(ctx context.Context, wants []*wanted, of func(*wanted) index, jobs int) ([]*solved, error) {
	out, errs := make([]*solved, len(wants)), make([]error, len(wants))
	var g errgroup.Group
	g.SetLimit(jobs)
	for i, w := range wants {
		g.Go(func() error {
			out[i], errs[i] = solveOne(ctx, w, of(w))
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs
	for i, err := range errs {
		if err != nil {
			return nil, inEnvironment(wants[i], err)
		}
	}
	return out, nil
}

// solveGarbage is the garbage, in percent of what lives, that may stand while packages are chosen. The whole
// program keeps it small, for what it streams; a search makes many small things that live to its end,
// and looking for garbage among them took a third of the time.
const solveGarbage = 200

// roomy lets garbage grow until the function that it returns is called.
func roomy() (end func()) {
	before := debug.SetGCPercent(solveGarbage)
	return func() { debug.SetGCPercent(before) }
}

// solveOne solves, and again with a kernel where the answer has none.
func solveOne(ctx context.Context, w *wanted, idx index) (*solved, error) {
	s := &solved{wanted: w}
	var err error
	if s.solution, err = solve.Solve(ctx, idx, w.request()); err != nil {
		return nil, err
	}
	has := map[string]bool{}
	for _, p := range s.solution.Packages {
		has[p.Record.Name] = true
	}
	if s.added = missingPython(w, has); len(s.added) > 0 {
		has["python"] = true // a kernel may be wanted for it
	}
	kernels, err := missingKernels(w, has)
	s.added = append(s.added, kernels...)
	if err != nil || len(s.added) == 0 {
		return s, err
	}
	w.specs = append(slices.Clip(w.specs), s.added...)
	s.solution, err = solve.Solve(ctx, idx, w.request())
	return s, err
}

// inEnvironment says which environment an error is about.
func inEnvironment(w *wanted, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &SolveError{Environment: w.id, Platform: w.platform, Err: err}
}

// A SolveError is a failed solve of one environment.
type SolveError struct {
	Environment string
	Platform    string
	Err         error
}

func (e *SolveError) Error() string {
	return fmt.Sprintf("environment %q for %s: %s", e.Environment, e.Platform, e.Err)
}

// Unwrap returns the solver's error.
func (e *SolveError) Unwrap() error { return e.Err }

// share solves again for artifacts in common, and keeps of each answer what it may. Of the
// artifacts that environments chose for one name and version, one is favored in all.
//
// With "builds" no version changes: an answer that would, is not taken. With "prefer"
// packages that nobody asked for by name may become older, and lowered lists them. Either
// way an answer is taken only if all environments together need fewer archives then.
func share(ctx context.Context, alone []*solved, of func(*wanted) index, mode string, jobs int) ([]*solved, error) {
	out := slices.Clone(alone)
	if mode == "off" || len(alone) < 2 {
		return out, nil
	}
	favored := favorites(alone, mode)
	offers, errs := make([]*solved, len(alone)), make([]error, len(alone))
	var g errgroup.Group
	g.SetLimit(jobs)
	for i, s := range alone {
		if !mayGain(s, favored, mode) {
			continue
		}
		g.Go(func() error {
			offers[i], errs[i] = s.sharing(ctx, of(s.wanted), favored, mode)
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	best := archives(out)
	for i, offer := range offers {
		if offer == nil {
			continue
		}
		keep := out[i]
		out[i] = offer
		if n := archives(out); n < best {
			best = n
		} else {
			out[i] = keep
		}
	}
	return out, nil
}

// archives counts the different ones of all environments.
func archives(all []*solved) int {
	seen := map[string]bool{}
	for _, s := range all {
		for _, r := range s.solution.Records() {
			seen[artifactKey(r)] = true
		}
	}
	return len(seen)
}

// mayGain tells whether an environment chose another artifact where it might have had the
// favored one.
func mayGain(s *solved, favored []*record.Record, mode string) bool {
	own := map[string]string{}
	for _, r := range s.solution.Records() {
		own[shareGroup(r, mode)] = artifactKey(r)
	}
	return slices.ContainsFunc(favored, func(r *record.Record) bool {
		key, there := own[shareGroup(r, mode)]
		return there && key != artifactKey(r)
	})
}

// shareGroup is equal for records that may stand for one another in an environment: of a name
// and built for the same interpreter; with "builds" of one version, too.
func shareGroup(r *record.Record, mode string) string {
	key := r.Name + "\x00" + builtFor(r.Build)
	if mode != "prefer" {
		key += "\x00" + r.Version
	}
	return key
}

// sharing is what an environment would be with favored artifacts; nil: nothing that may be taken.
func (s *solved) sharing(ctx context.Context, idx index, favored []*record.Record, mode string) (*solved, error) {
	req := s.request()
	req.Favored = favored
	if mode == "prefer" {
		req.Favor = solve.FavorVersions
	} else { // what is shared already, or by nobody, stays: few choices are left, and no version moves
		want := map[string]string{}
		for _, r := range favored {
			want[shareGroup(r, mode)] = artifactKey(r)
		}
		req.Locked = nil
		for _, r := range s.solution.Records() {
			if want[shareGroup(r, mode)] == artifactKey(r) {
				req.Locked = append(req.Locked, r)
			}
		}
	}
	sol, err := solve.Solve(ctx, idx, req)
	if err != nil {
		return nil, inEnvironment(s.wanted, err)
	}
	next := &solved{wanted: s.wanted, solution: sol, added: s.added}
	moves, err := versionMoves(s, next)
	if err != nil {
		return nil, err
	}
	if mode != "prefer" && len(moves) > 0 {
		return nil, nil
	}
	next.lowered = moves
	return next, nil
}

// versionMoves lists packages of which next has another version than s, without those that
// only one of them has: a variant may need other packages.
func versionMoves(s, next *solved) ([]string, error) {
	before := map[string]*record.Record{}
	for _, r := range s.solution.Records() {
		before[r.Name] = r
	}
	var moves []string
	for _, r := range next.solution.Records() {
		old := before[r.Name]
		if old == nil {
			continue
		}
		if compareVersions(old.Version, r.Version) != 0 {
			moves = append(moves, fmt.Sprintf("%s %s to %s", r.Name, old.Version, r.Version))
		}
	}
	slices.Sort(moves)
	return moves, nil
}

// artifactKey is equal for records of one archive.
func artifactKey(r *record.Record) string {
	return r.Channel + "/" + string(r.Subdir) + "/" + r.FileName
}

// favorites chooses an artifact of each group of records that might be one: of a name, and
// with "builds" of a version, built for the same interpreter. It is the one that most
// environments chose; of those with equally many the newer build. With "prefer" it is of
// the lowest version first: who chose it could not have a newer one, and the others may.
func favorites(all []*solved, mode string) []*record.Record {
	type group struct {
		count map[string]int
		recs  map[string]*record.Record
	}
	groups := map[string]*group{}
	for _, s := range all {
		for _, r := range s.solution.Records() {
			key := shareGroup(r, mode)
			g := groups[key]
			if g == nil {
				g = &group{map[string]int{}, map[string]*record.Record{}}
				groups[key] = g
			}
			g.count[artifactKey(r)]++
			g.recs[artifactKey(r)] = r
		}
	}
	var out []*record.Record
	for _, g := range groups {
		var best *record.Record
		for key, r := range g.recs {
			if best == nil || betterFavorite(r, best, g.count[key], g.count[artifactKey(best)]) {
				best = r
			}
		}
		out = append(out, best)
	}
	slices.SortFunc(out, func(a, b *record.Record) int { return strings.Compare(artifactKey(a), artifactKey(b)) })
	return out
}

func betterFavorite(a, b *record.Record, countA, countB int) bool {
	switch c := compareVersions(a.Version, b.Version); {
	case c != 0:
		return c < 0
	case countA != countB:
		return countA > countB
	case a.BuildNumber != b.BuildNumber:
		return a.BuildNumber > b.BuildNumber
	case a.TimestampMillis != b.TimestampMillis:
		return a.TimestampMillis > b.TimestampMillis
	}
	return artifactKey(a) > artifactKey(b)
}

// builtFor is the part of a build string that names an interpreter: "py312", "r44", "cp312",
// "pl5321", or nothing. Environments with different ones cannot share the artifact.
func builtFor(build string) string {
	for _, prefix := range []string{"py", "cp", "r", "pl"} {
		if rest, ok := strings.CutPrefix(build, prefix); ok && len(rest) > 1 && rest[0] >= '0' && rest[0] <= '9' {
			end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
			if end < 0 {
				end = len(rest)
			}
			return prefix + rest[:end]
		}
	}
	return ""
}
