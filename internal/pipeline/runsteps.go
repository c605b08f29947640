package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/internal/exec"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/internal/sandbox"
	"github.com/nasa-openscapes/corn/oci/frame"
	"github.com/nasa-openscapes/corn/oci/layer"
	"github.com/nasa-openscapes/corn/oci/plan"
)

// runSteps makes the layers of steps, the lowest first. The layers below them are there.
func (b *builder) runSteps(ctx context.Context, v *variant, missing []int) error {
	for _, i := range missing {
		s := b.stepByID(v.specs[i].ID)
		began := time.Now()
		if err := b.makeStep(ctx, v, i, s); err != nil {
			return err
		}
		b.timings["steps"] += time.Since(began)
		f, err := layer.CachedFrame(b.cache, v.specs[i].Frames[0].Key)
		if err != nil {
			return fmt.Errorf("layer %s: %w", s.id, err)
		}
		spec := v.specs[i]
		spec.Frames = []layer.Frame{f}
		if v.layers[i], err = layer.Assemble(ctx, b.cache, spec); err != nil {
			return err
		}
	}
	return nil
}

// makeStep puts the frame of a step into the cache: the result that is known in another
// compression, else that of running it.
func (b *builder) makeStep(ctx context.Context, v *variant, i int, s *step) error {
	key := v.specs[i].Frames[0].Key
	if b.cache.Has(layer.KindFrame, key) {
		return nil
	}
	for _, c := range []frame.Compression{frame.Zstd, frame.Gzip} {
		if c == v.compression {
			continue
		}
		if rc, err := b.cache.Get(layer.KindFrame, frameKey(s.key, c)); err == nil {
			err = b.compressAnew(rc, c, v, i)
			return errors.Join(err, rc.Close())
		}
		if t := b.takenStep(frameKey(s.key, c)); t != nil {
			rc, err := t.Open(ctx)
			if err != nil {
				return err
			}
			err = b.compressAnew(rc, c, v, i)
			return errors.Join(err, rc.Close())
		}
	}
	w, err := layer.CreateFrame(b.cache, key, v.compression, frame.Options{Pool: &b.encoders})
	if err != nil {
		return err
	}
	defer w.Abort()
	if err := b.runStep(ctx, v, i, s, w); err != nil {
		return err
	}
	_, err = w.Commit()
	return err
}

// takenStep is the layer of the previous image that has a step's frame; nil: none.
func (b *builder) takenStep(key digest.SHA256) *image.PreviousLayer {
	if b.previous == nil {
		return nil
	}
	for _, l := range b.previous.Layers {
		for _, f := range l.Recorded.Frames {
			if f.Key == key {
				return l
			}
		}
	}
	return nil
}

// compressAnew copies a frame, or a layer of one frame.
func (b *builder) compressAnew(r io.Reader, c frame.Compression, v *variant, i int) error {
	in, err := frame.NewReader(r, c, frame.Limits{})
	if err != nil {
		return err
	}
	defer in.Close()
	w, err := layer.CreateFrame(b.cache, v.specs[i].Frames[0].Key, v.compression, frame.Options{Pool: &b.encoders})
	if err != nil {
		return err
	}
	defer w.Abort()
	for {
		e, err := in.Next()
		if err == io.EOF { //nolint:errorlint // see frame.Reader
			break
		}
		if err == nil {
			err = w.Add(e, in)
		}
		if err != nil {
			return err
		}
	}
	_, err = w.Commit()
	return err
}

// runStep runs a step in the sandbox, or in a container engine, and writes its changes.
func (b *builder) runStep(ctx context.Context, v *variant, i int, s *step, w *layer.FrameWriter) (err error) {
	fail := func(err error, last []string) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		failed := &exec.StepError{Step: s.name, Last: last, Err: err}
		if b.stepsInEngine() {
			failed.Engine = b.req.Exec
		}
		return report.In(report.Sandbox, failed)
	}
	if err := b.checkStepRoot(ctx); err != nil { // before layers are fetched for nothing
		return fail(err, nil)
	}
	commands, err := s.commands(ctx)
	if err != nil {
		return err
	}
	layers, err := b.seen(v, i, s)
	if err != nil {
		return err
	}
	if s.folder {
		folder, err := b.folderLayer(ctx)
		if err != nil {
			return report.In(report.Project, err)
		}
		layers = append(layers, folder)
	}
	b.talk.Say("step       %s: %s", s.name, report.Count(len(commands), "program"))
	if s.network && b.req.Offline {
		b.talk.Say("step       %s has no network: --offline", s.name)
	}
	root, err := b.openStepRoot(ctx, layers, commands)
	if err != nil {
		return fail(err, nil)
	}
	defer func() {
		if closeErr := root.Close(); closeErr != nil {
			err = errors.Join(err, fmt.Errorf("%s: remove what it ran in: %w", s.name, closeErr))
		}
	}()
	deadline := time.Now().Add(s.timeout)
	for _, c := range commands {
		b.confine(root, s, &c)
		out := &exec.Lines{Say: func(line string) { b.talk.Say("%s | %s", s.name, line) }}
		c.Stdout, c.Stderr, c.Timeout = out, out, max(time.Until(deadline), time.Millisecond)
		err := root.Run(ctx, c)
		if late, ok := errors.AsType[*sandbox.TimeoutError](err); ok {
			late.After, late.Program = s.timeout, b.programName(c.Args) // the whole step's time
		}
		if exit, ok := errors.AsType[*sandbox.ExitError](err); ok {
			exit.Program = b.programName(c.Args)
		}
		if r, ok := root.(*sandbox.Root); ok && err != nil && ctx.Err() == nil {
			b.keepFailed(r, layers, s, c)
		}
		if err != nil {
			return fail(err, out.Last())
		}
	}
	return b.keepChanges(ctx, root, s, w)
}

// confine gives a program of a step its user, network and limits.
func (b *builder) confine(root stepRoot, s *step, c *sandbox.Command) {
	own := b.project.Settings.Steps
	if c.Network = s.network && !b.req.Offline; c.Network {
		c.Env = exec.Env(c.Env, "", exec.Proxies(os.Environ())...)
	}
	c.Limits = sandbox.Limits{DiskBytes: cmp.Or(own.DiskBytes, stepDiskBytes), MemoryBytes: own.MemoryBytes, Processes: own.Processes}
	if s.root || b.uid == 0 {
		return
	}
	group, err := root.ReadFile("etc/group")
	if err != nil {
		group = nil // an image may have none
	}
	c.UID, c.GID, c.Groups = b.uid, b.gid, b.baseFacts.User.Groups(group)
}

// keepChanges writes what is to stay.
func (b *builder) keepChanges(ctx context.Context, root stepRoot, s *step, w *layer.FrameWriter) error {
	home := strings.TrimPrefix(b.baseFacts.User.Home, "/")
	err := root.Changes(ctx, func(e filetree.Entry, r io.Reader) error {
		if !exec.Clean(&e, home) {
			return nil
		}
		if s.keep != nil {
			if ok, err := s.keep(&e, r); !ok || err != nil {
				return err
			}
		}
		return w.Add(e, r)
	})
	if err != nil && ctx.Err() == nil {
		return report.In(report.Sandbox, fmt.Errorf("%s: %w", s.name, err))
	}
	return err
}

// seen lists the layers that the step of layer i sees, the lowest first.
func (b *builder) seen(v *variant, i int, s *step) ([]sandbox.Layer, error) {
	all, err := b.base.RootLayers()
	if err != nil {
		return nil, err
	}
	for j, l := range b.layout.Layers[:i] {
		if !b.sees(s, &l) {
			continue
		}
		var one image.RootLayer
		if t := v.taken[j]; t != nil {
			one, err = image.RootLayerOf(t.Layer)
		} else {
			one, err = image.RootLayerOf(v.layers[j])
		}
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	out := make([]sandbox.Layer, len(all))
	for j, l := range all {
		out[j] = sandbox.Layer{DiffID: l.DiffID, Open: l.Open}
	}
	return out, nil
}

// sees tells whether a step sees a layer: those of the steps before it, and those that hold
// something of its environments. What else is in such a layer is there, too.
func (b *builder) sees(s *step, l *plan.Layer) bool {
	mine := func(env string) bool { return slices.Contains(s.envs, env) }
	switch l.Kind {
	case plan.ExecStep:
		return slices.ContainsFunc(s.after, func(a *step) bool { return a.id == l.ID })
	case plan.Placements:
		return slices.ContainsFunc(l.Envs, mine)
	}
	for _, key := range l.Frames {
		if c := b.contents[key]; c != nil {
			for env := range c.users {
				if mine(env) {
					return true
				}
			}
		}
	}
	return false
}
