package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/conda/link"
	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/internal/fetch"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/kernel"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/lock"
	"github.com/nasa-openscapes/corn/oci/frame"
	"github.com/nasa-openscapes/corn/oci/layer"
	"github.com/nasa-openscapes/corn/oci/plan"
	"github.com/nasa-openscapes/corn/store"
)

// write builds the image in each compression that the outputs want and writes it.
func (b *builder) write(ctx context.Context) (*BuildResult, error) {
	kernels, config, err := b.metadataFiles()
	if err != nil {
		return nil, report.In(report.Project, err)
	}
	b.kernels = kernels
	res := b.newResult(kernels)
	byCompression := map[frame.Compression][]image.Output{}
	var order []frame.Compression
	for _, o := range b.outputs {
		c := b.settings.compression
		if o.Kind == image.DockerArchive {
			c = frame.Gzip // `docker load` of engines before 23 knows nothing else
		}
		if byCompression[c] == nil {
			order = append(order, c)
		}
		byCompression[c] = append(byCompression[c], o)
	}
	for n, c := range order {
		v := b.newVariant(c)
		if err := b.build(ctx, v); err != nil {
			return nil, err
		}
		meta, err := b.metadataLayer(ctx, v, kernels, config)
		if err != nil {
			return nil, err
		}
		layers := v.added(meta)
		for _, o := range byCompression[c] {
			img, err := image.Compose(image.Composition{Base: b.base, Config: config, Layers: layers, Annotations: b.annotations(o.Kind)})
			if err != nil {
				return nil, report.In(report.Base, err)
			}
			written, err := b.writeTo(ctx, img, o, v, res)
			if err != nil {
				return nil, err
			}
			if n == 0 && res.Digest == "" {
				res.Digest, res.ImageID, res.Size = written.Digest.OCI(), written.ConfigDigest.OCI(), written.SizeBytes
				res.Layers = b.layerResults(v, meta)
			}
		}
	}
	for _, w := range b.workerWarnings() {
		b.warn("%s", w)
	}
	res.Warnings = append(res.Warnings, b.warned...)
	return res, nil
}

// readOutputs reads where the image goes and what it is called there.
func (b *builder) readOutputs() error {
	refs := slices.Clone(b.req.Outputs)
	for _, r := range b.req.Push {
		refs = append(refs, pushPrefix+strings.TrimPrefix(r, pushPrefix))
	}
	if len(refs) == 0 {
		refs = []string{"oci:" + filepath.Join(b.project.Dir, "dist", "image")}
	}
	var bare []string
	asked := "" // the repository that the tags name
	for _, t := range b.req.Tags {
		repo, tag := splitTag(t)
		if repo != "" {
			if asked != "" && asked != repo {
				return fmt.Errorf("tags name two repositories, %q and %q", asked, repo)
			}
			asked = repo
		}
		bare = append(bare, tag)
	}
	name := cmp.Or(asked, b.settings.name)
	for _, r := range refs {
		o, err := image.ParseOutput(r)
		if err != nil {
			return err
		}
		o.Name, o.Tags, o.Registries = name, bare, b.registries
		if o.Kind == image.DockerArchive && len(bare) > 0 && name == "" {
			o.Name = strings.ToLower(filepath.Base(b.project.Dir))
		}
		if err := o.Check(); err != nil {
			return err
		}
		if slices.ContainsFunc(b.outputs, func(other image.Output) bool { return other.String() == o.String() }) {
			continue // twice the same
		}
		b.outputs = append(b.outputs, o)
	}
	return nil
}

// pushPrefix makes an output of what --push names.
const pushPrefix = string(image.Registry) + "://"

// splitTag parts "quay.io/team/image:tag" and "tag". A colon before a slash is a port.
func splitTag(s string) (repo, tag string) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 || strings.Contains(s[i:], "/") {
		if strings.Contains(s, "/") {
			return s, "latest"
		}
		return "", s
	}
	return s[:i], s[i+1:]
}

// metadataFiles plans kernels and config. They depend on no layer.
func (b *builder) metadataFiles() (*kernel.Result, *image.ConfigPlan, error) {
	opts := kernel.Options{Dir: image.SharedKernelsDir, Taken: b.otherKernels()}
	var o image.ConfigOptions
	notebook := b.baseFacts.NotebookPrefix
	switch {
	case b.hasNotebook():
		e := b.envByID(notebookID)
		opts.Dir, opts.DirUID, opts.DirGID = e.root+"/share/jupyter/kernels", b.uid, b.gid
		opts.NBCondaKernels = slices.ContainsFunc(e.packages, func(p *pkg) bool { return p.facts.Name == "nb_conda_kernels" })
		o.NotebookPrefix = notebook
	case b.baseFacts.Notebook != nil:
		real, _, err := b.baseFacts.ResolveDir(notebook + "/share/jupyter/kernels")
		if err != nil {
			return nil, nil, err
		}
		opts.Dir, opts.DirUID, opts.DirGID = real, b.uid, b.gid
		opts.NBCondaKernels = b.baseFacts.Notebook.NBCondaKernels
		o.NotebookPrefix = notebook
	}
	var envs []kernel.Env
	for _, e := range b.envs {
		if e.id != notebookID {
			envs = append(envs, kernel.Env{
				Slug: e.id, DisplayName: e.displayName, Prefix: e.root, UID: b.uid, GID: b.gid,
				Files: e.sum.files, Data: e.sum.Kept, Variables: e.variables,
			})
		}
	}
	kernels, err := kernel.Register(envs, opts)
	if err != nil {
		return nil, nil, err
	}
	for _, n := range kernels.Notices {
		b.warn("%s", n)
	}
	o.Env = b.variables()
	for _, l := range b.project.Settings.Labels {
		if o.Labels == nil {
			o.Labels = map[string]string{}
		}
		o.Labels[l.Name] = l.Value
	}
	if f := b.project.Start; f != nil {
		o.Start = f.Data
	}
	if f := b.project.JupyterConfig; f != nil {
		o.JupyterConfig = f.Data
	}
	config, err := image.PlanConfig(b.baseFacts, o)
	if err != nil {
		return nil, nil, err
	}
	for _, n := range config.Notices {
		b.talk.Say("%s", n)
	}
	return kernels, config, nil
}

// metadataLayer makes the last layer: kernelspecs, launchers, history, the entrypoint where
// it was missing, and what the image says of itself.
func (b *builder) metadataLayer(ctx context.Context, v *variant, kernels *kernel.Result, config *image.ConfigPlan) (*layer.Layer, error) {
	facts, err := b.factsLines(ctx)
	if err != nil {
		return nil, err
	}
	self, selfData, err := b.describe(v, kernels).Files(facts)
	if err != nil {
		return nil, err
	}
	entries := slices.Concat(kernels.Entries, config.Entries, self)
	data := []map[string][]byte{kernels.Data, config.Data, selfData}
	for _, e := range b.envs {
		path := e.root + "/conda-meta/history"
		text := e.history()
		entries = append(entries, b.envDir(e.root), b.envDir(e.root+"/conda-meta"), filetree.Entry{
			Path: path, Type: filetree.File, Mode: 0o644, UID: b.uid, GID: b.gid, ModTime: filetree.Epoch1980, SizeBytes: int64(len(text)),
		})
		data = append(data, map[string][]byte{path: text})
	}
	prelude, err := b.parentsOf(entries)
	if err != nil {
		return nil, err
	}
	entries = uniqueEntries(entries)
	// The prelude stands first, so what both have has to be there: its folders need it.
	entries = slices.DeleteFunc(entries, func(e filetree.Entry) bool {
		return slices.ContainsFunc(prelude, func(o filetree.Entry) bool { return o.Path == e.Path })
	})
	key := digest.NewKey("metadata").Str("format", frame.Format(v.compression))
	content := func(p string) []byte {
		for _, m := range data {
			if d, ok := m[p]; ok {
				return d
			}
		}
		return nil
	}
	for _, e := range entries {
		key.Str("path", e.Path).Int("type", int64(e.Type)).Int("mode", int64(e.Mode)).Int("uid", int64(e.UID)).
			Int("gid", int64(e.GID)).Int("mtime", e.ModTime).Str("link", e.Link).Sum("data", digest.Sum(content(e.Path)))
	}
	b.metaFrame = key.Key()
	assemble := func(f layer.Frame) (*layer.Layer, error) {
		return layer.Assemble(ctx, b.cache, layer.Spec{ID: metaID, Kind: string(plan.Meta), Compression: v.compression, Prelude: prelude, Frames: []layer.Frame{f}})
	}
	f, err := layer.CachedFrame(b.cache, b.metaFrame)
	if err == nil {
		l, err := assemble(f)
		if !isA[*layer.FrameError](err) { // damaged, and removed: it is made anew, like one that is not there
			return l, err
		}
	} else if !cache.IsMiss(err) {
		return nil, err
	}
	if f, err = b.metadataFrame(b.metaFrame, v.compression, entries, content); err != nil {
		return nil, err
	}
	return assemble(f)
}

func (b *builder) metadataFrame(key digest.SHA256, c frame.Compression, entries []filetree.Entry, content func(string) []byte) (layer.Frame, error) {
	w, err := layer.CreateFrame(b.cache, key, c, frame.Options{Pool: &b.encoders})
	if err != nil {
		return layer.Frame{}, err
	}
	defer w.Abort()
	for _, e := range entries {
		if err := w.Add(e, bytes.NewReader(content(e.Path))); err != nil {
			return layer.Frame{}, fmt.Errorf("metadata layer: %w", err)
		}
	}
	return w.Commit()
}

// parentsOf returns the directories above entries that are not among them, as the base has them.
func (b *builder) parentsOf(entries []filetree.Entry) ([]filetree.Entry, error) {
	var out []filetree.Entry
	for _, e := range b.envs {
		out = append(out, e.parents...)
	}
	have := map[string]bool{}
	for _, e := range entries {
		have[e.Path] = true
	}
	for _, e := range entries {
		dir := parent(e.Path)
		if dir == "" || have[dir] {
			continue
		}
		have[dir] = true
		if b.inEnv(dir) {
			for d := dir; b.inEnv(d); d = parent(d) {
				out = append(out, b.envDir(d))
			}
			continue
		}
		_, parents, err := b.baseFacts.ResolveDir(dir)
		if scanned, ok := errors.AsType[*image.NotScannedError](err); ok {
			return nil, fmt.Errorf("metadata layer: %w", scanned)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, parents...)
	}
	return uniqueEntries(out), nil
}

func parent(p string) string {
	i := strings.LastIndexByte(p, '/')
	if i < 0 {
		return ""
	}
	return p[:i]
}

// inEnv tells whether a path is an env's prefix or below it.
func (b *builder) inEnv(p string) bool {
	return slices.ContainsFunc(b.envs, func(e *env) bool { return p == e.root || strings.HasPrefix(p, e.root+"/") })
}

// history is the env's conda-meta/history.
func (e *env) history() []byte {
	var linked, specs []string
	for _, p := range e.sum.Packages {
		if p.Facts.Kind != artifact.Conda {
			continue
		}
		linked = append(linked, p.Linked)
		if e.lockKind == lock.Explicit { // micromamba notes them for explicit installs only
			specs = append(specs, p.Requested)
		}
	}
	return link.History(linked, specs)
}

// describe makes image.json.
func (b *builder) describe(v *variant, kernels *kernel.Result) *image.Metadata {
	m := &image.Metadata{
		Version: image.MetadataVersion, Format: image.FormatVersion, Platform: b.platform.String(),
		Base: image.BaseMetadata{
			Manifest: b.base.Digest(), Config: b.base.ConfigDigest(), Layers: b.base.LayerCount(), Glibc: b.baseFacts.Glibc,
		},
		CondaDir: b.base.CondaDir(), UID: b.uid, GID: b.gid,
	}
	if b.hasNotebook() || b.baseFacts.Notebook != nil {
		m.Notebook = b.base.NotebookPrefix()
	}
	frames := b.frameIndex(v.compression)
	for i, l := range v.layers {
		if t := v.taken[i]; t != nil {
			lm := t.Recorded // equal to what follows: equal keys are equal bytes
			lm.Kind, lm.ID, lm.Inputs = v.specs[i].Kind, v.specs[i].ID, b.inputsOf(v.specs[i])
			m.Layers = append(m.Layers, lm)
			continue
		}
		lm := image.LayerMetadata{
			Key: l.Key(), Kind: v.specs[i].Kind, ID: v.specs[i].ID, Digest: l.SHA256(), DiffID: l.DiffSHA256(),
			SizeBytes: l.SizeBytes(), MediaType: mediaType(v.compression), Inputs: b.inputsOf(v.specs[i]),
		}
		at := int64(0)
		var rawAt int64
		end := func(kind string, to, rawTo int64) {
			if to > at {
				lm.Frames = append(lm.Frames, image.FrameMetadata{Kind: kind, Offset: at, SizeBytes: to - at, TarBytes: rawTo - rawAt})
			}
		}
		for _, s := range l.Spans() {
			end("prelude", s.Offset, s.RawOffset)
			f := frames[s.Key]
			f.Key, f.Offset, f.SizeBytes, f.TarBytes = s.Key, s.Offset, s.Bytes, s.RawBytes
			lm.Frames = append(lm.Frames, f)
			at, rawAt = s.Offset+s.Bytes, s.RawOffset+s.RawBytes
		}
		end("end", l.SizeBytes(), l.RawBytes())
		m.Layers = append(m.Layers, lm)
	}
	for _, e := range b.envs {
		em := image.EnvMetadata{Name: e.id, Prefix: e.root, Layout: e.layout.String(), Requested: e.requested, RequestedPip: e.requestedPip}
		if e.python != nil {
			em.Python = e.python.Short
		}
		for _, p := range e.packages {
			em.Artifacts = append(em.Artifacts, p.facts.SHA256)
		}
		m.Envs = append(m.Envs, em)
	}
	for _, p := range b.artifacts() {
		a := image.DescribeArtifact(p.facts)
		if p.locked.Channel != "" {
			a.Channel = record.ChannelName(fetch.DefaultAlias, p.locked.Channel)
		}
		m.Artifacts = append(m.Artifacts, a)
	}
	for _, k := range kernels.Kernels {
		m.Kernels = append(m.Kernels, image.KernelMetadata{Name: k.Name, DisplayName: k.DisplayName, Language: k.Language, Env: k.Env, Dir: k.Dir})
	}
	return m
}

// inputsOf is what the step of a layer sees; nil: no step makes it.
func (b *builder) inputsOf(spec layer.Spec) []image.StepInput {
	if spec.Kind != string(plan.ExecStep) {
		return nil
	}
	return b.stepByID(spec.ID).inputs
}

func mediaType(c frame.Compression) string {
	if c.IsZstd() {
		return "application/vnd.oci.image.layer.v1.tar+zstd"
	}
	return "application/vnd.oci.image.layer.v1.tar+gzip"
}

// frameIndex says what each frame is.
func (b *builder) frameIndex(c frame.Compression) map[digest.SHA256]image.FrameMetadata {
	out := map[digest.SHA256]image.FrameMetadata{}
	for key, ct := range b.contents {
		out[frameKey(key, c)] = image.FrameMetadata{Kind: "content", Artifact: ct.pkg.facts.SHA256, Path: store.ContentDir(ct.pkg.facts, key)}
	}
	for _, p := range b.placements {
		out[frameKey(p.key, c)] = image.FrameMetadata{Kind: "placement", Artifact: p.pkg.facts.SHA256, Env: p.env.id}
	}
	for _, s := range b.steps {
		out[frameKey(s.key, c)] = image.FrameMetadata{Kind: "exec", Env: s.env}
	}
	if b.copied != nil {
		out[frameKey(b.copied.key, c)] = image.FrameMetadata{Kind: projectID}
	}
	if b.replaceNotebook {
		out[frameKey(b.opaqueKey(b.envByID(notebookID)), c)] = image.FrameMetadata{Kind: "opaque", Env: notebookID}
	}
	return out
}

func (b *builder) newResult(kernels *kernel.Result) *BuildResult {
	res := &BuildResult{
		Format: 1, Platform: b.platform.String(), Tags: append([]string{}, b.req.Tags...), Timings: map[string]int64{},
		Base:     BaseResult{Ref: b.settings.base, Digest: b.base.Digest().OCI(), Layers: b.base.LayerCount(), Glibc: b.baseFacts.Glibc},
		Clobbers: append([]ClobberResult{}, b.clobbers...), Warnings: []string{}, Kernels: []KernelResult{},
	}
	if b.previous != nil {
		res.Previous = &PreviousResult{Ref: b.previous.Ref, Digest: b.previous.Digest.OCI()}
	}
	for _, k := range kernels.Kernels {
		e := b.envByID(k.Env)
		res.Kernels = append(res.Kernels, KernelResult{
			Name: k.Name, DisplayName: k.DisplayName, Language: k.Language, Environment: k.Env, Prefix: e.prefix, Packages: len(e.packages),
		})
	}
	return res
}

func (b *builder) layerResults(v *variant, meta *layer.Layer) []LayerResult {
	names := map[digest.SHA256]string{}
	for _, e := range b.envs {
		for _, p := range e.packages {
			names[frameKey(p.place, v.compression)] = e.id + ": " + store.Dist(p.facts)
		}
	}
	for key, c := range b.contents {
		names[frameKey(key, v.compression)] = store.Dist(c.pkg.facts)
	}
	var out []LayerResult
	for i, l := range v.layers {
		r := LayerResult{ID: v.specs[i].ID, Kind: v.specs[i].Kind, Artifacts: []string{}}
		if t := v.taken[i]; t != nil {
			r.Key, r.Digest, r.DiffID, r.Size, r.TakenOver = t.Recorded.Key.String(), t.Recorded.Digest.OCI(), t.Recorded.DiffID.OCI(), t.Recorded.SizeBytes, true
		} else {
			r.Key, r.Digest, r.DiffID, r.Size = l.Key().String(), l.SHA256().OCI(), l.DiffSHA256().OCI(), l.SizeBytes()
		}
		for _, f := range v.specs[i].Frames {
			if n, ok := names[f.Key]; ok {
				r.Artifacts = append(r.Artifacts, n)
			}
		}
		out = append(out, r)
	}
	return append(out, LayerResult{
		ID: metaID, Kind: string(plan.Meta), Key: meta.Key().String(), Digest: meta.SHA256().OCI(), DiffID: meta.DiffSHA256().OCI(), Size: meta.SizeBytes(), Artifacts: []string{},
	})
}
