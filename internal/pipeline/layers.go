package pipeline

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/conda/link"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/oci/frame"
	"github.com/nasa-openscapes/corn/oci/layer"
	"github.com/nasa-openscapes/corn/oci/plan"
	"github.com/nasa-openscapes/corn/store"
)

// A content is one artifact's share of the store.
type content struct {
	key    digest.SHA256
	env    *env // one of those that have it: all give the same content
	pkg    *pkg
	python *link.Python
	users  map[string]bool // env ids

	files, compiles int // as shipped, and to be compiled
}

// A placed is one artifact in one env.
type placed struct {
	key digest.SHA256
	env *env
	pkg *pkg
}

// collect gathers what the image needs to hold: each content once, and every placement in
// the order of envs and packages.
func (b *builder) collect() error {
	b.contents = map[digest.SHA256]*content{}
	for _, e := range b.envs {
		for _, p := range e.packages {
			b.placements = append(b.placements, &placed{key: p.place, env: e, pkg: p})
			if e.layout == store.Copies {
				continue
			}
			c := b.contents[p.content]
			if c == nil {
				if e.planned {
					pl, err := store.Content(p.facts, p.items, p.content)
					if err != nil {
						return fmt.Errorf("environment %q: %w", e.id, err)
					}
					p.files, p.compiles = len(pl.Fed), len(pl.Compiles())
				}
				c = &content{key: p.content, env: e, pkg: p, python: e.python, users: map[string]bool{}, files: p.files, compiles: p.compiles}
				b.contents[p.content] = c
			}
			p.files, p.compiles = c.files, c.compiles
			c.users[e.id] = true
		}
	}
	// Metapackages have nothing to share.
	maps.DeleteFunc(b.contents, func(_ digest.SHA256, c *content) bool {
		return c.files == 0 && c.compiles == 0
	})
	return nil
}

// frameKey names a frame: what it holds and how it is compressed.
func frameKey(what digest.SHA256, c frame.Compression) digest.SHA256 {
	return digest.NewKey("frame").Sum("what", what).Str("format", frame.Format(c)).Key()
}

// planLayers decides which frames share a layer.
func (b *builder) planLayers() error {
	req := b.planRequest(b.layoutState())
	var err error
	b.layout, err = plan.New(req)
	if isA[*plan.BudgetError](err) {
		return report.Hinted(report.Base, "use a base image of fewer layers: docker export and docker import make one of one layer", fmt.Errorf("base image %s: %w", b.settings.base, err))
	}
	if b.layout.Relaid {
		b.talk.Say("layout     the layers of corn.lock are too many for this base: laid out anew")
	}
	return err
}

// planRequest is what the image is to hold, and the layout of before; nil: none.
func (b *builder) planRequest(before *plan.State) plan.Request {
	below := b.base.LayerCount()
	if b.copied != nil {
		below++ // a layer that the layout does not know
	}
	req := plan.Request{First: notebookID, Params: plan.Params{BaseLayers: below}, Previous: before, Execs: b.planExecs()}
	for _, c := range b.contents {
		req.Contents = append(req.Contents, plan.Content{
			Key: c.key, Name: c.pkg.facts.Name, Dist: store.Dist(c.pkg.facts),
			SizeBytes: c.pkg.facts.SizeBytes, Users: slices.Sorted(maps.Keys(c.users)),
		})
	}
	for _, p := range b.placements {
		req.Placements = append(req.Placements, plan.Placement{
			Key: p.key, Env: p.env.id, Name: p.pkg.facts.Name, Dist: store.Dist(p.pkg.facts),
		})
	}
	return req
}

// A variant is the image in one compression.
type variant struct {
	compression frame.Compression
	specs       []layer.Spec           // of all planned layers but the metadata's
	layers      []*layer.Layer         // nil where taken has the layer
	taken       []*image.PreviousLayer // nil where the layer was made here
}

// newVariant turns the layout into layers of frames that need not exist yet.
func (b *builder) newVariant(c frame.Compression) *variant {
	v := &variant{compression: c}
	opaque := b.replaceNotebook
	for _, l := range b.layout.Layers {
		if l.Kind == plan.Meta {
			continue
		}
		spec := layer.Spec{ID: l.ID, Kind: string(l.Kind), Compression: c}
		switch l.Kind {
		case plan.ExecStep:
			spec.Frames = []layer.Frame{b.lazyFrame(frameKey(b.stepByID(l.ID).key, c))}
		case plan.Placements:
			for _, id := range l.Envs {
				e := b.envByID(id)
				spec.Prelude = append(append(spec.Prelude, e.parents...), b.envDirs(e)...)
				if id == notebookID && opaque {
					opaque = false // the lowest layer with the env hides what the base has there
					spec.Frames = append(spec.Frames, b.lazyFrame(frameKey(b.opaqueKey(e), c)))
				}
			}
			spec.Prelude = uniqueEntries(spec.Prelude)
		default:
			spec.Prelude = b.storeParents
		}
		for _, k := range l.Frames {
			spec.Frames = append(spec.Frames, b.lazyFrame(frameKey(k, c)))
		}
		v.specs = append(v.specs, spec)
	}
	if b.copied != nil {
		v.specs = append(v.specs, b.copySpec(c))
	}
	return v
}

// lazyFrame is a frame that is looked for when it is read: an output may have the layer.
func (b *builder) lazyFrame(key digest.SHA256) layer.Frame {
	return layer.Frame{Key: key, Open: func() (io.ReadCloser, error) { return b.cache.Get(layer.KindFrame, key) }}
}

// hasFrames tells whether the cache still holds the bytes of a layer whose digests are known.
func (b *builder) hasFrames(s layer.Spec) bool {
	return !slices.ContainsFunc(s.Frames, func(f layer.Frame) bool { return !b.cache.Has(layer.KindFrame, f.Key) })
}

// envDirs lists every directory of an env, its prefix first. Those that only bytecode needs
// are among them, whether or not it compiles: the layer's key must follow from facts.
func (b *builder) envDirs(e *env) []filetree.Entry {
	out := make([]filetree.Entry, 0, len(e.sum.dirs)+1)
	out = append(out, b.envDir(e.root))
	for _, d := range e.sum.dirs {
		out = append(out, b.envDir(e.root+"/"+d))
	}
	return out
}

// envDir is a directory of an env.
func (b *builder) envDir(p string) filetree.Entry {
	return filetree.Entry{Path: p, Type: filetree.Dir, Mode: 0o755, UID: b.uid, GID: b.gid, ModTime: filetree.Epoch1980}
}

func addParents(dirs map[string]bool, p string) {
	for d := parent(p); d != "" && !dirs[d]; d = parent(d) {
		dirs[d] = true
	}
}

func (b *builder) envByID(id string) *env {
	i := slices.IndexFunc(b.envs, func(e *env) bool { return e.id == id })
	return b.envs[i]
}

// uniqueEntries sorts by path; of entries of one path the first stays.
func uniqueEntries(entries []filetree.Entry) []filetree.Entry {
	slices.SortStableFunc(entries, func(x, y filetree.Entry) int { return strings.Compare(x.Path, y.Path) })
	return slices.CompactFunc(entries, func(x, y filetree.Entry) bool { return x.Path == y.Path })
}

// opaqueKey names the frame that hides the base's notebook env.
func (b *builder) opaqueKey(e *env) digest.SHA256 {
	return digest.NewKey("opaque").Str("root", e.root).Key()
}

// storeOpaque makes that frame: OCI image-spec layer.md, "Opaque Whiteout".
func (b *builder) storeOpaque(e *env, c frame.Compression) error {
	w, err := layer.CreateFrame(b.cache, frameKey(b.opaqueKey(e), c), c, frame.Options{Pool: &b.encoders})
	if err != nil {
		return err
	}
	defer w.Abort()
	if err := w.Add(filetree.Entry{Path: e.root + "/.wh..wh..opq", Type: filetree.File, Mode: 0o644, ModTime: filetree.Epoch1980}, nil); err != nil {
		return err
	}
	_, err = w.Commit()
	return err
}

// build makes the layers of a variant: those that are known as they are, the others from
// frames, which are made where the cache lacks them.
func (b *builder) build(ctx context.Context, v *variant) error {
	v.layers = make([]*layer.Layer, len(v.specs))
	v.taken = make([]*image.PreviousLayer, len(v.specs))
	var missing, steps []int
	wanted := map[digest.SHA256]bool{}
	for i := range v.specs {
		isStep := v.specs[i].Kind == string(plan.ExecStep)
		l, err := layer.Known(b.cache, v.specs[i])
		known := err == nil && b.hasFrames(v.specs[i])
		if known && !isStep {
			v.layers[i] = l
			continue
		}
		if v.taken[i], err = b.takeOver(&v.specs[i]); err != nil {
			return err
		}
		if isStep {
			if !known {
				l = nil
			}
			v.layers[i], v.taken[i] = b.chooseResult(b.stepByID(v.specs[i].ID), l, v.taken[i])
			if v.layers[i] == nil && v.taken[i] == nil {
				steps = append(steps, i)
			}
			continue
		}
		if v.taken[i] != nil && !b.req.Verify {
			continue
		}
		v.taken[i] = nil
		missing = append(missing, i)
		if v.specs[i].Kind == projectID {
			if err := b.storeCopy(ctx, v.compression); err != nil {
				return err
			}
			continue
		}
		for _, f := range v.specs[i].Frames {
			wanted[f.Key] = true
		}
	}
	b.compression = v.compression
	if err := b.buildMissing(ctx, v, missing, wanted); err != nil {
		return err
	}
	if err := b.runSteps(ctx, v, steps); err != nil {
		return err
	}
	if err := b.noteResults(v); err != nil {
		return err
	}
	return b.verify(v)
}

// buildMissing makes layers of frames.
func (b *builder) buildMissing(ctx context.Context, v *variant, missing []int, wanted map[digest.SHA256]bool) error {
	if len(missing) == 0 {
		return nil
	}
	if err := b.makeFrames(ctx, v, wanted); err != nil {
		return err
	}
	stage := b.talk.Stage("assemble", int64(len(missing)), report.Things)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(b.jobs)
	for _, i := range missing {
		g.Go(func() error {
			spec := v.specs[i]
			known, err := b.findFrames(&spec)
			if err != nil {
				return err
			}
			v.layers[i], err = layer.Assemble(gctx, known, spec)
			stage.Add(1)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		stage.Abort()
		return err
	}
	b.timings["assemble"] += stage.Done("%s of %d", report.Count(len(missing), "new layer"), len(v.specs))
	return nil
}

// makeFrames makes the wanted frames that the cache lacks.
func (b *builder) makeFrames(ctx context.Context, v *variant, wanted map[digest.SHA256]bool) error {
	before, err := frame.Prelude(b.storeParents, v.compression)
	if err != nil {
		return err
	}
	jobs := map[digest.SHA256]*job{}
	var order []*job
	need := func(p *pkg, f *frameJob) {
		j := jobs[p.facts.SHA256]
		if j == nil {
			j = &job{pkg: p, facts: p.facts}
			jobs[p.facts.SHA256] = j
			order = append(order, j)
		}
		j.frames = append(j.frames, f)
	}
	contentNeeded := map[digest.SHA256]bool{}
	lacks := func(key digest.SHA256) bool {
		return wanted[key] && !b.reused.has(key) && !b.cache.Has(layer.KindFrame, key)
	}
	if err := b.reuse(ctx, v.compression, lacks); err != nil {
		return err
	}
	var placements []*placed
	for _, p := range b.placements {
		if !lacks(frameKey(p.key, v.compression)) {
			continue
		}
		placements = append(placements, p)
		if c := b.contents[p.pkg.content]; c != nil && c.compiles > 0 {
			if _, known := b.missingBytecode(c.key); !known {
				contentNeeded[c.key] = true
			}
		}
	}
	var envs []*env // whose plans it takes
	var contents []digest.SHA256
	for _, key := range slices.SortedFunc(maps.Keys(b.contents), compareDigests) {
		if lacks(frameKey(key, v.compression)) || contentNeeded[key] {
			contents = append(contents, key)
			envs = append(envs, b.contents[key].env)
		}
	}
	for _, p := range placements {
		envs = append(envs, p.env)
	}
	if err := b.unfold(ctx, envs); err != nil {
		return report.In(report.Package, err)
	}
	// Content goes first: placements need to know which bytecode exists.
	for _, key := range contents {
		c := b.contents[key]
		need(c.pkg, &frameJob{key: frameKey(key, v.compression), content: key, python: c.python, before: before.Raw, planned: func() (*store.Plan, error) {
			return store.Content(c.pkg.facts, c.pkg.items, key)
		}})
	}
	for _, p := range placements {
		need(p.pkg, b.placementJob(p, v.compression))
	}
	if b.replaceNotebook {
		e := b.envByID(notebookID)
		if lacks(frameKey(b.opaqueKey(e), v.compression)) {
			if err := b.storeOpaque(e, v.compression); err != nil {
				return err
			}
		}
	}
	if len(order) == 0 {
		return nil
	}
	var total int64
	frames := 0
	pkgs := make([]*pkg, len(order))
	for i, j := range order {
		total += j.facts.SizeBytes
		frames += len(j.frames)
		pkgs[i] = j.pkg
	}
	if err := b.bring(ctx, pkgs); err != nil {
		return err
	}
	stage := b.talk.Stage("link", total, report.Bytes)
	if err := b.buildFrames(ctx, order, stage.Add); err != nil {
		stage.Abort()
		return report.In(report.Package, err)
	}
	b.timings["link"] += stage.Done("%s from %s", report.Count(frames, "frame"), report.Count(len(order), "archive"))
	return nil
}

func compareDigests(x, y digest.SHA256) int { return strings.Compare(string(x[:]), string(y[:])) }

func (b *builder) placementJob(p *placed, c frame.Compression) *frameJob {
	return &frameJob{
		key: frameKey(p.key, c), content: p.pkg.content, python: p.env.python, prefix: p.env.prefix,
		planned: func() (*store.Plan, error) {
			pl, err := store.Place(p.pkg.facts, p.pkg.share, p.pkg.content, p.pkg.options)
			if err != nil {
				return nil, fmt.Errorf("environment %q: %w", p.env.id, err)
			}
			return pl, nil
		},
		record: func(learnt link.Learnt) ([]byte, error) {
			if p.pkg.facts.Kind != artifact.Conda {
				return nil, nil
			}
			return link.Record(p.pkg.facts, p.pkg.items, p.pkg.origin, &learnt)
		},
	}
}

// added lists the layers for the image, the metadata layer last.
func (v *variant) added(meta *layer.Layer) []image.AddedLayer {
	var out []image.AddedLayer
	for i, l := range v.layers {
		a := image.AddedLayer{Kind: v.specs[i].Kind, ID: v.specs[i].ID}
		if t := v.taken[i]; t != nil {
			a.Layer, a.Key = t.Layer, t.Recorded.Key
		} else {
			a.Layer, a.Key = l, l.Key()
		}
		out = append(out, a)
	}
	return append(out, image.AddedLayer{Layer: meta, Key: meta.Key(), Kind: string(plan.Meta), ID: metaID})
}

const metaID = "meta"
