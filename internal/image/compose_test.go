package image

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/internal/testkit/layertest"
)

func planOf(t *testing.T, b *Base, o ConfigOptions) *ConfigPlan {
	t.Helper()
	p, err := PlanConfig(factsOf(t, b), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func compose(t *testing.T, c Composition) v1.Image {
	t.Helper()
	img, err := Compose(c)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestMinimalEntrypoint(t *testing.T) {
	p := planOf(t, baseOf(t, pangeoConfig, debianish()...), ConfigOptions{})
	want := []filetree.Entry{
		{Path: "srv", Type: filetree.Dir, Mode: 0o775, GID: 100, ModTime: filetree.Epoch1980},
		{Path: "srv/start", Type: filetree.File, Mode: 0o755, ModTime: filetree.Epoch1980, SizeBytes: int64(len(minimalEntrypoint))},
	}
	if d := cmp.Diff(want, p.Entries); d != "" {
		t.Errorf("entries (-want +got):\n%s", d)
	}
	if string(p.Data["srv/start"]) != "#!/bin/sh\nexec \"$@\"\n" || p.Entrypoint != "/srv/start" || len(p.Notices) != 1 {
		t.Errorf("entrypoint %q with %q, notices %q", p.Entrypoint, p.Data["srv/start"], p.Notices)
	}
	there := planOf(t, baseOf(t, pangeoConfig, append(debianish(), layertest.Layer(h{Name: "srv/start", Mode: 0o755, Data: "x"}))...), ConfigOptions{})
	if len(there.Entries) != 0 || len(there.Notices) != 0 {
		t.Errorf("an entrypoint that is there is made again: %v", there.Entries)
	}
	noShell := baseOf(t, v1.ConfigFile{Config: v1.Config{Entrypoint: []string{"/srv/start"}}}, layertest.Layer(h{Name: "etc/passwd", Data: passwd}))
	if _, err := PlanConfig(factsOf(t, noShell), ConfigOptions{}); err == nil || !strings.Contains(err.Error(), "/bin/sh") {
		t.Errorf("missing entrypoint without a shell: %v, want an error that says so", err)
	}
	blocked := baseOf(t, v1.ConfigFile{Config: v1.Config{Entrypoint: []string{"/usr/bin/sh/start"}}}, debianish()...)
	var notDir *NotDirError
	if _, err := PlanConfig(factsOf(t, blocked), ConfigOptions{}); !errors.As(err, &notDir) {
		t.Errorf("entrypoint below a file: %v, want a *NotDirError", err)
	}
	for entrypoint, file := range map[string]string{"/entrypoint.sh": "entrypoint.sh", "/": "", "/../init": "init", "/here": "here"} {
		config := pangeoConfig
		config.Config.Entrypoint = []string{entrypoint}
		top := baseOf(t, config, append(debianish(), layertest.Layer(h{Name: "here", Mode: 0o755, Data: "x"}))...)
		p, err := PlanConfig(factsOf(t, top), ConfigOptions{})
		if file == "" || file == "here" { // the root is no program, and what is there stays
			if err == nil && len(p.Entries) > 0 {
				t.Errorf("entrypoint %s: made %v", entrypoint, p.Entries)
			}
			continue
		}
		if err != nil || len(p.Entries) != 1 || p.Entries[0].Path != file || string(p.Data[file]) != minimalEntrypoint {
			t.Errorf("missing entrypoint %s: entries %v, %v, want %s alone", entrypoint, p, err, file)
		}
	}
}

func TestPathHasTheNotebook(t *testing.T) {
	b := baseOf(t, pangeoConfig, debianish()...)
	if p := planOf(t, b, ConfigOptions{NotebookPrefix: "srv/conda/envs/notebook"}); len(p.Env) != 0 {
		t.Errorf("PATH has the notebook env already, yet Env = %v", p.Env)
	}
	if p := planOf(t, b, ConfigOptions{NotebookPrefix: "opt/nb"}); len(p.Env) != 1 || p.Env[0] != (EnvVar{"PATH", "/opt/nb/bin:/srv/conda/envs/notebook/bin:/srv/conda/bin:/usr/bin:/bin"}) {
		t.Errorf("Env = %v, want PATH with /opt/nb/bin in front", p.Env)
	}
	bare := baseOf(t, v1.ConfigFile{}, debianish()...)
	if p := planOf(t, bare, ConfigOptions{NotebookPrefix: "opt/nb"}); p.Env[0].Value != "/opt/nb/bin:"+defaultPath {
		t.Errorf("without a PATH: %v, want the default behind /opt/nb/bin", p.Env)
	}
	if p := planOf(t, bare, ConfigOptions{NotebookPrefix: "opt/nb", Env: []EnvVar{{"PATH", "/mine"}}}); len(p.Env) != 1 || p.Env[0].Value != "/opt/nb/bin:/mine" {
		t.Errorf("with a PATH of the project: %v", p.Env)
	}
	expanded := planOf(t, b, ConfigOptions{Env: []EnvVar{{"PATH", "/mine:${PATH}"}, {"A", "${PATH}-${NONE}-$${PATH}-$PATH-${"}, {"LANG", "${LANG}x"}}})
	if d := cmp.Diff([]EnvVar{
		{"PATH", "/mine:/srv/conda/envs/notebook/bin:/srv/conda/bin:/usr/bin:/bin"},
		{"A", "/mine:/srv/conda/envs/notebook/bin:/srv/conda/bin:/usr/bin:/bin--${PATH}-$PATH-${"}, {"LANG", "C.UTF-8x"},
	}, expanded.Env); d != "" {
		t.Errorf("variables (-want +got):\n%s", d)
	}
	if _, err := PlanConfig(factsOf(t, bare), ConfigOptions{Env: []EnvVar{{"A=B", "x"}}}); err == nil {
		t.Error("a variable with = in its name is accepted")
	}
}

func TestConfig(t *testing.T) {
	c := pangeoConfig
	c.Container, c.DockerVersion, c.Created = "abc", "20.10", v1.Time{Time: time.Unix(1700000000, 0)}
	c.Author = "somebody"
	c.Config.Hostname, c.Config.Image = "machine", "sha256:abc"
	c.Config.Healthcheck = &v1.HealthConfig{Test: []string{"NONE"}}
	c.History = []v1.History{{CreatedBy: "ADD"}, {CreatedBy: "ENV", EmptyLayer: true}, {CreatedBy: "RUN"}}
	b := baseOf(t, c, debianish()...)
	p := planOf(t, b, ConfigOptions{Env: []EnvVar{{"LANG", "en"}, {"NEW", "a=b"}}, Labels: map[string]string{"c": "d"}})
	layer := layertest.Layer(h{Name: "x", Data: "1"})
	img := compose(t, Composition{Base: b, Config: p, Layers: []AddedLayer{{Layer: layer, Kind: "content", ID: "numpy", Key: digest.Sum([]byte("k"))}, {Layer: layer, Kind: "metadata"}}})
	got, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if got.Container != "" || got.DockerVersion != "" || got.Config.Hostname != "" || got.Config.Image != "" || got.Config.OnBuild != nil {
		t.Errorf("machine's words or ONBUILD are left: %+v", got)
	}
	if !got.Created.Equal(time.Date(1980, 1, 2, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("created = %s, want 1980-01-02", got.Created)
	}
	if got.Author != "somebody" || got.Config.Healthcheck == nil || got.Config.User != "jovyan" || !slices.Equal(got.Config.Entrypoint, []string{"/srv/start"}) {
		t.Errorf("the base's config is not kept: %+v", got)
	}
	wantEnv := slices.Clone(pangeoConfig.Config.Env)
	wantEnv[3] = "LANG=en"
	if d := cmp.Diff(append(wantEnv, "NEW=a=b"), got.Config.Env); d != "" {
		t.Errorf("env (-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[string]string{"a": "b", "c": "d"}, got.Config.Labels); d != "" {
		t.Errorf("labels (-want +got):\n%s", d)
	}
	var by []string
	for _, h := range got.History {
		by = append(by, h.CreatedBy)
	}
	if want := []string{"ADD", "ENV", "RUN", "corn: content numpy", "corn: metadata"}; !slices.Equal(by, want) {
		t.Errorf("history = %q, want %q", by, want)
	}
	if len(got.RootFS.DiffIDs) != 4 {
		t.Errorf("%d diff ids, want 4", len(got.RootFS.DiffIDs))
	}
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{AnnotationLayerKey: digest.Sum([]byte("k")).String(), AnnotationLayerKind: "content", AnnotationLayerID: "numpy"}
	if d := cmp.Diff(want, m.Layers[2].Annotations); d != "" {
		t.Errorf("annotations of the layer (-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[string]string{AnnotationFormat: "1", AnnotationBase: b.Digest().OCI()}, m.Annotations); d != "" {
		t.Errorf("annotations of the manifest (-want +got):\n%s", d)
	}
	if m.Layers[0].Annotations != nil {
		t.Errorf("the base's layer has annotations: %v", m.Layers[0].Annotations)
	}
	// The base in memory is not changed by what is built on it.
	if b.Config().Config.OnBuild == nil || len(b.Config().RootFS.DiffIDs) != 2 {
		t.Error("composing changed the base")
	}
}

func TestAnnotationsDoNotChangeTheImageID(t *testing.T) {
	b := baseOf(t, pangeoConfig, debianish()...)
	one := compose(t, Composition{Base: b})
	two := compose(t, Composition{Base: b, Annotations: map[string]string{"org.opencontainers.image.revision": "abc"}})
	id1, err1 := one.ConfigName()
	id2, err2 := two.ConfigName()
	d1, err3 := one.Digest()
	d2, err4 := two.Digest()
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	if id1 != id2 || d1 == d2 {
		t.Errorf("image ids %s and %s want to be equal, digests %s and %s not", id1, id2, d1, d2)
	}
}

func TestHistoryThatDoesNotFit(t *testing.T) {
	c := pangeoConfig
	c.History = []v1.History{{CreatedBy: "only one"}}
	b := baseOf(t, c, debianish()...)
	got, err := compose(t, Composition{Base: b}).ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if len(got.History) != 2 || got.History[0].CreatedBy != "base image" {
		t.Errorf("history = %v, want one neutral line for each of two layers", got.History)
	}
}

func TestLayerBudget(t *testing.T) {
	b := baseOf(t, pangeoConfig, debianish()...)
	layer := layertest.Layer(h{Name: "x", Data: "1"})
	added := slices.Repeat([]AddedLayer{{Layer: layer, Kind: "content"}}, 125)
	compose(t, Composition{Base: b, Layers: added})
	_, err := Compose(Composition{Base: b, Layers: append(added, added[0])})
	var over *LayerBudgetError
	if !errors.As(err, &over) || *over != (LayerBudgetError{2, 126, 127}) {
		t.Errorf("128 layers: %v, want a *LayerBudgetError", err)
	}
	if _, err := Compose(Composition{Base: b, Layers: added[:5], MaxLayers: 6}); !errors.As(err, &over) {
		t.Errorf("7 layers of 6: %v, want a *LayerBudgetError", err)
	}
}

func TestMetadata(t *testing.T) {
	facts := []*artifact.Facts{
		{FactsVersion: 1, Kind: artifact.Conda, FileName: "a-1-0.conda", SHA256: digest.Sum([]byte("a")), Name: "a", Version: "1", Build: "0", SizeBytes: 5},
		{FactsVersion: 1, Kind: artifact.Wheel, FileName: "b-2-py3-none-any.whl", SHA256: digest.Sum([]byte("b")), Name: "b", Version: "2"},
	}
	m := Metadata{
		Version: MetadataVersion, Format: FormatVersion, Platform: "linux/amd64", Base: BaseMetadata{Manifest: digest.Sum([]byte("m")), Config: digest.Sum([]byte("c")), Layers: 2, Glibc: "2.41"},
		CondaDir: "srv/conda", Notebook: "srv/conda/envs/notebook", UID: 1000, GID: 100,
		Layers: []LayerMetadata{{Key: digest.Sum([]byte("k")), Kind: "content", ID: "a", Digest: digest.Sum([]byte("d")), DiffID: digest.Sum([]byte("i")), SizeBytes: 30, MediaType: "application/vnd.oci.image.layer.v1.tar+zstd",
			Frames: []FrameMetadata{{Key: digest.Sum([]byte("f")), Kind: "prelude", SizeBytes: 10, TarBytes: 512}, {Key: digest.Sum([]byte("g")), Kind: "content", Artifact: facts[0].SHA256, Path: "a-1-0-0123456789abcdef", Offset: 10, SizeBytes: 20, TarBytes: 2048}}}},
		Envs:      []EnvMetadata{{Name: "x", Prefix: "srv/conda/envs/x", Python: "3.13", Layout: "links", Artifacts: []digest.SHA256{facts[0].SHA256, facts[1].SHA256}}},
		Kernels:   []KernelMetadata{{Name: "x", DisplayName: "X <1>", Language: "python", Env: "x", Dir: "k/x"}},
		Artifacts: []ArtifactMetadata{DescribeArtifact(facts[0]), DescribeArtifact(facts[1])},
	}
	entries, data, err := m.Files(lines(t, facts...))
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, e := range entries {
		paths = append(paths, e.Path)
		if e.Type == filetree.File && e.SizeBytes != int64(len(data[e.Path])) {
			t.Errorf("%s has %d bytes, its entry says %d", e.Path, len(data[e.Path]), e.SizeBytes)
		}
	}
	if want := []string{"opt/corn", "opt/corn/facts.jsonl", "opt/corn/image.json"}; !slices.Equal(paths, want) {
		t.Errorf("paths = %v, want %v", paths, want)
	}
	got, err := ParseMetadata(data[MetadataPath])
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(&m, got); d != "" {
		t.Errorf("metadata (-before +after):\n%s", d)
	}
	if got.Facts != digest.Sum(data[FactsPath]) {
		t.Errorf("facts digest = %s, want that of facts.jsonl", got.Facts)
	}
	lines := strings.Split(strings.TrimSuffix(string(data[FactsPath]), "\n"), "\n")
	var f artifact.Facts
	if len(lines) != 2 || json.Unmarshal([]byte(lines[1]), &f) != nil || f.FileName != facts[1].FileName {
		t.Errorf("facts.jsonl has %d lines, the second of %q", len(lines), f.FileName)
	}
	without := m
	without.Facts = digest.SHA256{}
	if entries, data, err := without.Files(nil); err != nil || len(entries) != 2 || strings.Contains(string(data[MetadataPath]), `"facts"`) {
		t.Errorf("without facts: %d entries, %v", len(entries), err)
	}

	for name, change := range map[string]func(*Metadata){
		"newer":         func(m *Metadata) { m.Version = 2 },
		"no version":    func(m *Metadata) { m.Version = 0 },
		"gap":           func(m *Metadata) { m.Layers[0].Frames[1].Offset = 11 },
		"too short":     func(m *Metadata) { m.Layers[0].SizeBytes = 31 },
		"negative":      func(m *Metadata) { m.Layers[0].Frames[0].SizeBytes = -1 },
		"frame missing": func(m *Metadata) { m.Layers[0].Frames = nil },
	} {
		bad := *got
		bad.Layers = []LayerMetadata{got.Layers[0]}
		bad.Layers[0].Frames = slices.Clone(got.Layers[0].Frames)
		change(&bad)
		data, err := json.Marshal(bad)
		if err != nil {
			t.Fatal(err)
		}
		var e *MetadataError
		if _, err := ParseMetadata(data); !errors.As(err, &e) {
			t.Errorf("%s: %v, want a *MetadataError", name, err)
		}
	}
}

func TestStartRunsBeforeTheBase(t *testing.T) {
	for _, c := range []struct {
		why        string
		entrypoint []string
		files      []h
		want       []string
	}{
		{"pangeo's, whose program is the project's to bring", []string{"/srv/start"}, nil, []string{"/srv/start"}},
		{"one that would be in the way", []string{"/srv/start", "x"}, []h{{Name: "srv/start", Mode: 0o755, Data: "base"}}, []string{"/srv/start", "x"}},
		{"another program is what start is given", []string{"/usr/bin/tini", "--"}, []h{{Name: "usr/bin/tini", Mode: 0o755, Data: "tini"}}, []string{"/srv/start", "/usr/bin/tini", "--"}},
		{"none", nil, nil, []string{"/srv/start"}},
		{"another that is missing", []string{"/opt/init"}, nil, []string{"/srv/start", "/opt/init"}},
	} {
		config := pangeoConfig
		config.Config.Entrypoint = c.entrypoint
		b := baseOf(t, config, append(debianish(), layertest.Layer(c.files...))...)
		f, err := b.Facts(t.Context(), FactsOptions{Paths: []string{"srv", "etc/jupyter"}})
		if err != nil {
			t.Fatal(err)
		}
		p, err := PlanConfig(f, ConfigOptions{Start: []byte("#!/bin/sh\n"), JupyterConfig: []byte("c\n")})
		if err != nil {
			t.Errorf("%s: %v", c.why, err)
			continue
		}
		got := p.apply(b.Config())
		if !slices.Equal(got.Config.Entrypoint, c.want) {
			t.Errorf("%s: entrypoint %q, want %q", c.why, got.Config.Entrypoint, c.want)
		}
		if string(p.Data["srv/start"]) != "#!/bin/sh\n" || string(p.Data["etc/jupyter/jupyter_notebook_config.py"]) != "c\n" {
			t.Errorf("%s: files %q", c.why, p.Data)
		}
	}
}
