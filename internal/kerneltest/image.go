package kerneltest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/pypi/wheel"
)

// An Image is what an image says of its kernels and environments.
type Image struct {
	Metadata *image.Metadata // nil: corn did not make the image
	Envs     []*Environment  // in the image's order
}

// An Environment is one environment and what is to be seen of it in its kernels.
type Environment struct {
	Name      string
	Prefix    string            // "/srv/conda/envs/team-a"
	Asked     bool              // the project says which packages it asks for; else they are those that no other needs
	Packages  []Package         // those asked for
	Missing   []string          // asked for, and no package of the environment has the name
	Variables map[string]string // of etc/conda/env_vars.d
}

// A Package is one that an environment asks for.
type Package struct {
	Name, Version, FileName string
	Kind                    artifact.Kind
	Importable
}

// ReadImage reads image.json and facts.jsonl of an image. An image without them is not
// corn's, and no error.
func ReadImage(ctx context.Context, r Runner) (*Image, error) {
	text, err := r.ReadFile(ctx, image.MetadataPath)
	if errors.Is(err, fs.ErrNotExist) {
		return &Image{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read /%s of the image: %w", image.MetadataPath, err)
	}
	m, err := image.ParseMetadata(text)
	if err != nil {
		return nil, err
	}
	lines, err := r.ReadFile(ctx, image.FactsPath)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read /%s of the image: %w", image.FactsPath, err)
	}
	facts := map[digest.SHA256]*artifact.Facts{}
	for line := range bytes.Lines(lines) {
		f, err := artifact.Decode(bytes.TrimSpace(line))
		if _, other := errors.AsType[*artifact.VersionError](err); other {
			continue // of another corn: as good as none
		}
		if err != nil {
			return nil, fmt.Errorf("read /%s of the image: %w", image.FactsPath, err)
		}
		facts[f.SHA256] = f
	}
	return Describe(m, facts), nil
}

// Describe works out what is to be tested, from what is known of the image's archives. What
// nothing is known of cannot be asked for.
func Describe(m *image.Metadata, facts map[digest.SHA256]*artifact.Facts) *Image {
	img := &Image{Metadata: m}
	for i := range m.Envs {
		img.Envs = append(img.Envs, describeEnv(&m.Envs[i], facts))
	}
	return img
}

func describeEnv(m *image.EnvMetadata, all map[digest.SHA256]*artifact.Facts) *Environment {
	e := &Environment{Name: m.Name, Prefix: "/" + m.Prefix, Variables: map[string]string{}}
	var facts []*artifact.Facts
	for _, sum := range m.Artifacts {
		f := all[sum]
		if f == nil {
			continue
		}
		facts = append(facts, f)
		for p, data := range f.Kept {
			if path.Dir(p) == "etc/conda/env_vars.d" {
				readVariables(data, e.Variables)
			}
		}
	}
	e.Asked = len(m.Requested)+len(m.RequestedPip) > 0
	wanted := func(f *artifact.Facts) bool {
		if f.Kind == artifact.Wheel {
			return slices.Contains(m.RequestedPip, wheel.NormalizeName(f.Name))
		}
		return slices.Contains(m.Requested, strings.ToLower(f.Name))
	}
	if !e.Asked {
		wanted = roots(facts)
	}
	have := map[string]bool{}
	for _, f := range facts {
		have[strings.ToLower(f.Name)], have[wheel.NormalizeName(f.Name)] = true, true
		if wanted(f) {
			e.Packages = append(e.Packages, Package{f.Name, f.Version, f.FileName, f.Kind, ImportableNames(f)})
		}
	}
	for _, name := range slices.Concat(m.Requested, m.RequestedPip) {
		if !have[name] && len(facts) == len(m.Artifacts) {
			e.Missing = append(e.Missing, name)
		}
	}
	slices.SortStableFunc(e.Packages, func(a, b Package) int { return strings.Compare(a.Name, b.Name) })
	return e
}

// roots tells which archives no other one of the environment needs: a stand-in for what was
// asked for, where only a lock says what is there.
func roots(facts []*artifact.Facts) func(*artifact.Facts) bool {
	needed := map[string]bool{}
	for _, f := range facts {
		if f.Conda != nil {
			var index struct{ Depends []string }
			_ = json.Unmarshal(f.Conda.Index, &index) // an index without depends needs nothing
			for _, d := range index.Depends {
				name, _, _ := strings.Cut(strings.TrimSpace(d), " ")
				needed[strings.ToLower(name)] = true
			}
		}
		if f.Wheel != nil {
			for _, d := range f.Wheel.Requires {
				end := strings.IndexAny(d, " ;[(<>=!~@")
				if end < 0 {
					end = len(d)
				}
				needed[wheel.NormalizeName(d[:end])] = true
			}
		}
	}
	return func(f *artifact.Facts) bool {
		return !needed[strings.ToLower(f.Name)] && !needed[wheel.NormalizeName(f.Name)]
	}
}

// readVariables adds the texts of a file of env_vars.d. What else it holds was reported when
// the image was built.
func readVariables(data []byte, into map[string]string) {
	var all map[string]any
	if json.Unmarshal(data, &all) != nil {
		return
	}
	for name, v := range all {
		if s, ok := v.(string); ok {
			into[name] = s
		}
	}
}

// byPrefix finds an environment by where it stands; nil: there is none.
func (img *Image) byPrefix(prefix string) *Environment {
	for _, e := range img.Envs {
		if e.Prefix == prefix {
			return e
		}
	}
	return nil
}

// ofKernel finds the environment of a kernel that corn registered; nil: corn did not.
func (img *Image) ofKernel(name string) *Environment {
	if img.Metadata == nil {
		return nil
	}
	for _, k := range img.Metadata.Kernels {
		if k.Name != name {
			continue
		}
		for _, e := range img.Envs {
			if e.Name == k.Env {
				return e
			}
		}
	}
	return nil
}
