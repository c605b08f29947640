package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/hub"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/report"
)

// A deployed is what deploying has to know of an image.
type deployed struct {
	ref      hub.Ref // of a registry, with the digest
	kernels  []hub.Kernel
	warnings []string          // of dask's workers
	prefixes map[string]string // of environments, by name, as the image has them: "/srv/conda/envs/a"
	sum      string            // SHA-256 of image.json, hexadecimal
}

// openDeployed reads an image. as names one that is not in a registry. An image that corn did not
// make has no kernels that are known.
func openDeployed(ctx context.Context, from, as, platform, cacheDir string, talk *report.Printer) (*deployed, error) {
	c, err := openCacheAt(cacheDir)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	tempDir, err := c.TempDir()
	if err != nil {
		return nil, err
	}
	o := image.OpenOptions{TempDir: tempDir, Registries: image.NewRegistries(image.RegistryOptions{})}
	source, _, err := openSource(ctx, TransferRequest{From: from, Platform: platform}, o, talk)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	d := &deployed{prefixes: map[string]string{}}
	switch at := source.Ref(); {
	case as != "":
		if d.ref, err = hub.ParseRef(as); err != nil {
			return nil, report.In(report.Usage, err)
		}
	case at.Kind != image.Registry:
		return nil, report.Hinted(report.Usage, "add --as REPOSITORY:TAG, where the image was or will be pushed to",
			fmt.Errorf("%s is on this machine, and a hub takes images of registries", from))
	default:
		d.ref = hub.Ref{Repository: at.Path, Tag: at.Tag}
		if !at.Digest.IsZero() {
			d.ref.Digest = at.Digest.OCI()
		}
	}
	if d.ref.Digest == "" {
		d.ref.Digest = source.Digest().OCI()
	}
	files, err := source.Described(ctx)
	if err != nil {
		return nil, classifyImage(err)
	}
	text, ok := files[image.MetadataPath]
	if !ok {
		talk.Warn("%s has no /%s, corn did not make it: its kernels are not known", from, image.MetadataPath)
		return d, nil
	}
	m, err := image.ParseMetadata(text)
	if err != nil {
		return nil, report.In(report.Registry, fmt.Errorf("%s: %w", from, err))
	}
	d.sum = digest.Sum(text).String()
	d.describe(m)
	return d, nil
}

func (d *deployed) describe(m *image.Metadata) {
	artifacts := map[digest.SHA256]*image.ArtifactMetadata{}
	for i := range m.Artifacts {
		artifacts[m.Artifacts[i].SHA256] = &m.Artifacts[i]
	}
	envs := map[string]*image.EnvMetadata{}
	var notebook *hub.Env
	var others []hub.Env
	for i := range m.Envs {
		e := &m.Envs[i]
		envs[e.Name] = e
		d.prefixes[e.Name] = "/" + e.Prefix
		worker := hub.Env{Name: e.Name, Versions: map[string]string{}}
		for _, sum := range e.Artifacts {
			if a := artifacts[sum]; a != nil && slices.Contains(hub.WorkerPackages, strings.ToLower(a.Name)) {
				worker.Versions[strings.ToLower(a.Name)] = a.Version
			}
		}
		if e.Prefix == m.Notebook {
			notebook = &worker
		} else {
			others = append(others, worker)
		}
	}
	d.warnings = hub.WorkerWarnings(notebook, others)
	for _, k := range m.Kernels {
		out := hub.Kernel{Name: k.Name, DisplayName: k.DisplayName, Language: k.Language, Env: k.Env, Packages: []hub.Package{}}
		if e := envs[k.Env]; e != nil {
			if strings.EqualFold(k.Language, "python") {
				out.Python = e.Python
			}
			for _, sum := range e.Artifacts {
				a := artifacts[sum]
				if a != nil && (slices.Contains(e.Requested, strings.ToLower(a.Name)) || slices.Contains(e.RequestedPip, strings.ToLower(a.Name))) {
					out.Packages = append(out.Packages, hub.Package{Name: a.Name, Version: a.Version})
				}
			}
		}
		slices.SortFunc(out.Packages, func(a, b hub.Package) int { return strings.Compare(a.Name, b.Name) })
		d.kernels = append(d.kernels, out)
	}
}

// workerWarnings says what dask's workers would have otherwise than the kernels of this build. Of a
// notebook environment that the base brings nothing is known, and nothing said.
func (b *builder) workerWarnings() []string {
	var notebook *hub.Env
	var others []hub.Env
	for _, e := range b.envs {
		worker := hub.Env{Name: e.id, Versions: map[string]string{}}
		for _, p := range e.packages {
			if name := strings.ToLower(p.locked.Name); slices.Contains(hub.WorkerPackages, name) {
				worker.Versions[name] = p.locked.Version
			}
		}
		if e.id == notebookID {
			notebook = &worker
		} else {
			others = append(others, worker)
		}
	}
	if notebook == nil {
		return nil
	}
	return hub.WorkerWarnings(notebook, others)
}
