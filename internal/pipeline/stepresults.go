package pipeline

import (
	"slices"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/projectlock"
	"github.com/nasa-openscapes/corn/oci/frame"
	"github.com/nasa-openscapes/corn/oci/layer"
	"github.com/nasa-openscapes/corn/oci/plan"
)

// The same step need not give the same twice: apt takes what the archive has that day. So
// corn.lock remembers what came of it, and a build prefers that result to any other: this
// machine's, or the previous image's. Where neither has it, the step runs, and what it gives is
// used, with a warning if it is something else.

// recordedStep is the diff id that corn.lock has for a step; zero: none.
func (b *builder) recordedStep(s *step) digest.SHA256 {
	if b.cornLock == nil {
		return digest.SHA256{}
	}
	return b.cornLock.Step(b.platform.Subdir, s.id, s.key)
}

// chooseResult decides between the results of a step that are there: mine is the cache's, taken
// the previous image's; both may be nil.
func (b *builder) chooseResult(s *step, mine *layer.Layer, taken *image.PreviousLayer) (*layer.Layer, *image.PreviousLayer) {
	want := b.recordedStep(s)
	switch {
	case mine != nil && (want.IsZero() || mine.DiffSHA256() == want):
		return mine, nil
	case taken != nil && (want.IsZero() || taken.Recorded.DiffID == want):
		return nil, taken
	case mine != nil:
		return mine, nil
	}
	return nil, taken
}

// warnOfResult tells where a step's result is not the one of corn.lock.
func (b *builder) warnOfResult(s *step, got digest.SHA256) {
	if want := b.recordedStep(s); !want.IsZero() && got != want {
		b.warn("%s: corn.lock has another result of it (%s, got %s), so that this image has another digest; build with --from an image that has that one, or remove the line from corn.lock and run corn lock", s.name, want.OCI(), got.OCI())
	}
}

// stepResults are the results that corn.lock is to remember: those it has, else those of this
// machine's cache, else the previous image's.
func (l *locker) stepResults() (base []projectlock.Step, byEnv map[string][]projectlock.Step, err error) {
	byEnv = map[string][]projectlock.Step{}
	for _, s := range l.steps {
		got := l.recordedStep(s)
		if got.IsZero() && !l.req.Check { // which speaks for every machine
			if got, err = l.knownResult(s); err != nil {
				return nil, nil, err
			}
		}
		if got.IsZero() {
			continue
		}
		r := projectlock.Step{ID: s.id, Key: s.key, DiffID: got}
		if s.env == "" {
			base = append(base, r)
		} else {
			byEnv[s.env] = append(byEnv[s.env], r)
		}
	}
	return base, byEnv, nil
}

// kindStep is the cache's kind for what came of steps, by their key: builds note it for corn lock,
// also where the layer is the previous image's.
const kindStep = "step"

// noteResults keeps what came of the steps of an image.
func (b *builder) noteResults(v *variant) error {
	for i, spec := range v.specs {
		if spec.Kind != string(plan.ExecStep) {
			continue
		}
		var got digest.SHA256
		if t := v.taken[i]; t != nil {
			got = t.Recorded.DiffID
		} else {
			got = v.layers[i].DiffSHA256()
		}
		s := b.stepByID(spec.ID)
		b.warnOfResult(s, got)
		if old, err := b.cache.GetBytes(kindStep, s.key); err == nil && string(old) == got.String() {
			continue
		}
		if err := b.cache.PutBytes(kindStep, s.key, []byte(got.String())); err != nil {
			return err
		}
	}
	return nil
}

// knownResult finds a step's result without running it; zero: there is none.
func (b *builder) knownResult(s *step) (digest.SHA256, error) {
	if data, err := b.cache.GetBytes(kindStep, s.key); err == nil {
		if d, err := digest.Parse(string(data)); err == nil {
			return d, nil
		}
	}
	for _, c := range []frame.Compression{frame.Zstd, frame.Gzip} {
		spec := layer.Spec{ID: s.id, Kind: string(plan.ExecStep), Compression: c, Frames: []layer.Frame{{Key: frameKey(s.key, c)}}}
		if taken, err := b.takeOver(&spec); err != nil {
			return digest.SHA256{}, err
		} else if taken != nil {
			return taken.Recorded.DiffID, nil
		}
	}
	return digest.SHA256{}, nil
}

// stepChanges says which results are new to corn.lock, and which are gone from it.
func stepChanges(old, next *projectlock.Lock, subdir string, say func(string, ...any)) {
	a, b := stepsOn(old, subdir), stepsOn(next, subdir)
	for _, s := range b {
		if !slices.Contains(a, s) {
			say("step %s: its result is %s", s.ID, s.DiffID.OCI())
		}
	}
	for _, s := range a {
		if !slices.ContainsFunc(b, func(o projectlock.Step) bool { return o.ID == s.ID }) {
			say("step %s: there is no result of what it is now", s.ID)
		}
	}
}

func stepsOn(l *projectlock.Lock, subdir string) []projectlock.Step {
	var out []projectlock.Step
	if p := l.Base.For(subdir); p != nil {
		out = append(out, p.Steps...)
	}
	for _, e := range l.Envs {
		if p := e.For(subdir); p != nil {
			out = append(out, p.Steps...)
		}
	}
	return out
}
