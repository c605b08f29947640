package image

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
)

// Where the metadata layer has its two files. docs/formats/image-json.md describes them.
const (
	MetadataDir  = "opt/corn"
	MetadataPath = MetadataDir + "/image.json"
	FactsPath    = MetadataDir + "/facts.jsonl"
)

// MetadataKind is the AddedLayer.Kind of the metadata layer, by which it is found.
const MetadataKind = "meta"

// MetadataVersion is the number of the format of image.json. Readers refuse a higher one.
const MetadataVersion = 1

// Metadata is what an image says about itself: what is in every layer below the metadata
// layer, so that a later build can take layers, and single frames, over from it.
//
// Its order is its maker's, which makes it a function of the inputs alone; it has no
// maps, times or names of machines.
type Metadata struct {
	Version   int                `json:"corn_image"` // MetadataVersion
	Format    int                `json:"format"`     // FormatVersion that made the layers
	Platform  string             `json:"platform"`   // "linux/amd64"
	Base      BaseMetadata       `json:"base"`
	CondaDir  string             `json:"conda_dir"` // "srv/conda"
	Notebook  string             `json:"notebook_prefix,omitempty"`
	UID       int                `json:"uid"` // owner of envs
	GID       int                `json:"gid"`
	Layers    []LayerMetadata    `json:"layers"`
	Envs      []EnvMetadata      `json:"envs"`
	Kernels   []KernelMetadata   `json:"kernels"`
	Artifacts []ArtifactMetadata `json:"artifacts"`
	// Facts is the SHA-256 of facts.jsonl, absent if the image has none.
	Facts digest.SHA256 `json:"facts,omitzero"`
}

// BaseMetadata names the base image.
type BaseMetadata struct {
	Manifest digest.SHA256 `json:"manifest"` // Base.Digest
	Config   digest.SHA256 `json:"config"`
	Layers   int           `json:"layers"`
	Glibc    string        `json:"glibc,omitempty"`
}

// LayerMetadata is one of corn's layers, lowest first. The metadata layer itself is not
// among them: it cannot know its own digest.
type LayerMetadata struct {
	Key       digest.SHA256   `json:"key"`
	Kind      string          `json:"kind"`
	ID        string          `json:"id,omitempty"`
	Digest    digest.SHA256   `json:"digest"`
	DiffID    digest.SHA256   `json:"diff_id"`
	SizeBytes int64           `json:"size"`
	MediaType string          `json:"media_type"`
	Frames    []FrameMetadata `json:"frames"`
	Inputs    []StepInput     `json:"inputs,omitempty"` // of an exec layer
}

// StepInput is one thing that a step saw: what its layer's key is made of.
type StepInput struct {
	Name string        `json:"name"` // "the list of packages"
	Sum  digest.SHA256 `json:"sum"`
}

// FrameMetadata is one frame of a layer: the bytes from Offset to Offset+SizeBytes of the
// compressed layer are its own, and can be read without the rest.
type FrameMetadata struct {
	Key       digest.SHA256 `json:"key"`
	Kind      string        `json:"kind"` // "prelude", "content", "placement", "exec", "metadata", "end"
	Artifact  digest.SHA256 `json:"artifact,omitzero"`
	Env       string        `json:"env,omitempty"`  // slug, of a placement
	Path      string        `json:"path,omitempty"` // of a content frame: its folder in the store
	Offset    int64         `json:"offset"`
	SizeBytes int64         `json:"size"`
	TarBytes  int64         `json:"tar_size"` // decompressed
}

// EnvMetadata is one environment of the image.
type EnvMetadata struct {
	Name      string          `json:"name"` // slug
	Prefix    string          `json:"prefix"`
	Python    string          `json:"python,omitempty"` // "3.13"
	Layout    string          `json:"layout"`           // "links" or "copies"
	Artifacts []digest.SHA256 `json:"artifacts"`        // in link order
	// Requested and RequestedPip are the names of the packages that the project asks for,
	// conda's and PyPI's, sorted; the other artifacts came along. Empty where it does not say.
	Requested    []string `json:"requested,omitempty"`
	RequestedPip []string `json:"requested_pip,omitempty"`
}

// KernelMetadata is one registered kernelspec.
type KernelMetadata struct {
	Name        string `json:"name"`
	DisplayName string `json:"display_name"`
	Language    string `json:"language"`
	Env         string `json:"env"`
	Dir         string `json:"dir"`
}

// ArtifactMetadata is one archive whose files the image has.
type ArtifactMetadata struct {
	SHA256    digest.SHA256 `json:"sha256"`
	FileName  string        `json:"fn"`
	Kind      artifact.Kind `json:"kind"`
	Name      string        `json:"name"`
	Version   string        `json:"version"`
	Build     string        `json:"build,omitempty"`
	SizeBytes int64         `json:"size"`
	// Channel is where a conda package comes from, "conda-forge" or a URL without secrets;
	// empty where the lock does not say.
	Channel string `json:"channel,omitempty"`
}

// DescribeArtifact takes from facts what image.json says of an artifact.
func DescribeArtifact(f *artifact.Facts) ArtifactMetadata {
	return ArtifactMetadata{
		SHA256: f.SHA256, FileName: f.FileName, Kind: f.Kind, Name: f.Name,
		Version: f.Version, Build: f.Build, SizeBytes: f.SizeBytes,
	}
}

// Files returns the entries of opt/corn, image.json and, unless facts is empty,
// facts.jsonl, with their data by path. facts are artifact.Encode's, a line each. m.Facts is set. The parent of opt/corn is the
// prelude's. All are root's and readable by everybody.
func (m *Metadata) Files(facts [][]byte) ([]filetree.Entry, map[string][]byte, error) {
	data := map[string][]byte{}
	dir := filetree.Entry{Path: MetadataDir, Type: filetree.Dir, Mode: 0o755, ModTime: filetree.Epoch1980}
	entries := []filetree.Entry{dir}
	if len(facts) > 0 {
		var b bytes.Buffer
		for _, line := range facts {
			b.Write(line)
			b.WriteByte('\n')
		}
		m.Facts = digest.Sum(b.Bytes())
		data[FactsPath] = b.Bytes()
		entries = append(entries, metadataFile(FactsPath, b.Bytes()))
	}
	text, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return nil, nil, fmt.Errorf("encode %s: %w", MetadataPath, err)
	}
	text = append(text, '\n')
	data[MetadataPath] = text
	return append(entries, metadataFile(MetadataPath, text)), data, nil
}

func metadataFile(p string, data []byte) filetree.Entry {
	return filetree.Entry{Path: p, Type: filetree.File, Mode: 0o644, ModTime: filetree.Epoch1980, SizeBytes: int64(len(data))}
}

// A MetadataError reports an image.json that this corn cannot use.
type MetadataError struct {
	Reason string
	Newer  bool // it is of a later version than this corn reads
}

func (e *MetadataError) Error() string { return MetadataPath + ": " + e.Reason }

// ParseMetadata reads an image.json. One of a newer version, or whose frames do not fill
// their layers from the first byte to the last, is a *MetadataError.
func ParseMetadata(data []byte) (*Metadata, error) {
	var m Metadata
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, &MetadataError{Reason: err.Error()}
	}
	if m.Version < 1 || m.Version > MetadataVersion {
		return nil, &MetadataError{fmt.Sprintf("has version %d, this corn reads 1 to %d", m.Version, MetadataVersion), m.Version > MetadataVersion}
	}
	for i, l := range m.Layers {
		var at int64
		for _, f := range l.Frames {
			if f.Offset != at || f.SizeBytes < 0 || at+f.SizeBytes < at {
				return nil, &MetadataError{Reason: fmt.Sprintf("layer %d: frame %s is said to begin at %d, want %d", i, f.Key, f.Offset, at)}
			}
			at += f.SizeBytes
		}
		if at != l.SizeBytes {
			return nil, &MetadataError{Reason: fmt.Sprintf("layer %d: its frames have %d bytes, the layer %d", i, at, l.SizeBytes)}
		}
	}
	return &m, nil
}
