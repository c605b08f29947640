package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/oci/frame"
	"github.com/nasa-openscapes/corn/oci/layer"
	"github.com/nasa-openscapes/corn/oci/plan"
	"github.com/nasa-openscapes/corn/store"
)

// A PlanResult is what `corn build --plan --json` prints. docs/formats/plan-json.md describes it.
type PlanResult struct {
	Format      int             `json:"format"` // 1
	Platform    string          `json:"platform"`
	Base        BaseResult      `json:"base"`
	Previous    *PreviousResult `json:"previous,omitempty"`
	Compression string          `json:"compression"`
	Steps       []PlannedStep   `json:"steps"`  // in the order in which they would run
	Layers      []PlannedLayer  `json:"layers"` // lowest first
	Warnings    []string        `json:"warnings"`
}

// What a build would do for a layer.
const (
	actKeep = "keep" // the cache has it
	actTake = "take" // the previous image has it
	actMake = "make" // of packages, or of files
	actRun  = "run"  // by running a step
)

// A PlannedLayer is one layer of the image.
type PlannedLayer struct {
	ID       string `json:"id"`
	Kind     string `json:"kind"`
	Key      string `json:"key,omitempty"` // of the metadata, which describes the others, there is none yet
	Action   string `json:"action"`        // "keep", "take", "make", "run"
	Reason   string `json:"reason"`
	Packages int    `json:"packages"`
}

// A PlannedStep is one step.
type PlannedStep struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Key      string   `json:"key"`
	User     string   `json:"user"`    // "root", "image"
	Network  string   `json:"network"` // "host", "none"
	Timeout  int64    `json:"timeout_s"`
	Sees     []string `json:"sees"` // what its key is made of
	Recorded string   `json:"recorded,omitempty"`
	Action   string   `json:"action"`
	Reason   string   `json:"reason"`
}

// Plan says what Build would do, and does nothing of it. What is in packages has to be known: facts
// that neither the cache nor the previous image has are learnt by fetching archives.
func Plan(ctx context.Context, req BuildRequest, talk *report.Printer) (*PlanResult, error) {
	b := newBuilder(req, talk)
	defer b.close()
	if err := b.open(ctx); err != nil {
		return nil, err
	}
	if err := b.layOut(ctx); err != nil {
		return nil, err
	}
	v := b.newVariant(b.settings.compression)
	if len(b.outputs) > 0 && !slices.ContainsFunc(b.outputs, func(o image.Output) bool { return o.Kind != image.DockerArchive }) {
		v = b.newVariant(frame.Gzip)
	}
	res := &PlanResult{
		Format: 1, Platform: b.platform.String(), Compression: v.compression.String(), Steps: []PlannedStep{}, Layers: []PlannedLayer{},
		Base: BaseResult{Ref: b.settings.base, Digest: b.base.Digest().OCI(), Layers: b.base.LayerCount(), Glibc: b.baseFacts.Glibc},
	}
	if b.previous != nil {
		res.Previous = &PreviousResult{Ref: b.previous.Ref, Digest: b.previous.Digest.OCI()}
	}
	for i := range v.specs {
		l, err := b.planLayer(&v.specs[i])
		if err != nil {
			return nil, err
		}
		res.Layers = append(res.Layers, l)
		if l.Kind == string(plan.ExecStep) {
			res.Steps = append(res.Steps, b.planStep(b.stepByID(l.ID), l))
		}
	}
	res.Layers = append(res.Layers, PlannedLayer{ID: metaID, Kind: string(plan.Meta), Action: actMake, Reason: "it describes the others"})
	res.Warnings = append([]string{}, b.warned...)
	return res, nil
}

func (b *builder) planStep(s *step, l PlannedLayer) PlannedStep {
	p := PlannedStep{ID: s.id, Name: s.name, Key: s.key.String(), User: "image", Network: "none", Timeout: int64(s.timeout.Seconds()), Action: l.Action, Reason: l.Reason}
	if s.root {
		p.User = "root"
	}
	if s.network {
		p.Network = "host"
	}
	for _, in := range s.inputs {
		p.Sees = append(p.Sees, in.Name)
	}
	if d := b.recordedStep(s); !d.IsZero() {
		p.Recorded = d.OCI()
	}
	return p
}

// planLayer decides as build does.
func (b *builder) planLayer(spec *layer.Spec) (PlannedLayer, error) {
	key, err := spec.Key()
	if err != nil {
		return PlannedLayer{}, err
	}
	p := PlannedLayer{ID: spec.ID, Kind: spec.Kind, Key: key.String()}
	names := b.frameNames(spec.Compression)
	for _, f := range spec.Frames {
		if names[f.Key] != "" {
			p.Packages++
		}
	}
	l, err := layer.Known(b.cache, *spec)
	if err != nil || !b.hasFrames(*spec) {
		l = nil
	}
	taken, err := b.takeOver(spec)
	if err != nil {
		return p, err
	}
	isStep := spec.Kind == string(plan.ExecStep)
	if isStep {
		l, taken = b.chooseResult(b.stepByID(spec.ID), l, taken)
	}
	switch {
	case l != nil:
		p.Action, p.Reason = actKeep, "it is in the cache"
	case taken != nil && (!b.req.Verify || isStep):
		p.Action, p.Reason = actTake, "the previous image has it"
	case isStep:
		p.Action, p.Reason = b.planRun(b.stepByID(spec.ID), spec)
	case spec.Kind == projectID:
		p.Action, p.Reason = actMake, "the project's folder is not what it was"
	default:
		p.Action, p.Reason = actMake, b.whyMade(spec, names)
	}
	return p, nil
}

// planRun is about a step whose layer is nowhere in this compression.
func (b *builder) planRun(s *step, spec *layer.Spec) (action, reason string) {
	for _, c := range []frame.Compression{spec.Compression, frame.Zstd, frame.Gzip} {
		if b.cache.Has(layer.KindFrame, frameKey(s.key, c)) || b.takenStep(frameKey(s.key, c)) != nil {
			return actMake, "its result is known in another compression"
		}
	}
	if b.previous == nil {
		return actRun, "the cache has no result of it, and no previous image is known"
	}
	i := slices.IndexFunc(b.previous.Metadata.Layers, func(l image.LayerMetadata) bool { return l.ID == s.id })
	if i < 0 {
		return actRun, "the previous image has no such step"
	}
	was := map[string]digest.SHA256{}
	for _, in := range b.previous.Metadata.Layers[i].Inputs {
		was[in.Name] = in.Sum
	}
	var changed []string
	for _, in := range s.inputs {
		if was[in.Name] != in.Sum {
			changed = append(changed, in.Name)
		}
		delete(was, in.Name)
	}
	switch {
	case len(changed) > 0:
		return actRun, "other than in the previous image: " + strings.Join(changed, ", ")
	case len(was) > 0:
		return actRun, "it saw more in the previous image"
	}
	return actRun, "the previous image's result of it cannot be taken over"
}

// frameNames are what people call the frames of packages.
func (b *builder) frameNames(c frame.Compression) map[digest.SHA256]string {
	names := map[digest.SHA256]string{}
	for _, e := range b.envs {
		for _, p := range e.packages {
			names[frameKey(p.place, c)] = store.Dist(p.facts)
		}
	}
	for key, ct := range b.contents {
		names[frameKey(key, c)] = store.Dist(ct.pkg.facts)
	}
	return names
}

// whyMade says which packages of a layer are new.
func (b *builder) whyMade(spec *layer.Spec, names map[digest.SHA256]string) string {
	have := map[digest.SHA256]bool{}
	if b.previous != nil {
		for _, l := range b.previous.Layers {
			for _, f := range l.Recorded.Frames {
				have[f.Key] = true
			}
		}
	}
	var fresh []string
	for _, f := range spec.Frames {
		if name := names[f.Key]; name != "" && !have[f.Key] && !b.cache.Has(layer.KindFrame, f.Key) {
			fresh = append(fresh, name)
		}
	}
	slices.Sort(fresh)
	switch {
	case b.req.Verify:
		return "asked for with --verify"
	case len(fresh) == 0:
		return "its packages are known, in other layers or beside others"
	}
	return fmt.Sprintf("new: %s", few(fresh))
}
