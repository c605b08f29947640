package attest

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/nasa-openscapes/corn/digest"
)

// Types of statements. docs/formats/provenance.md describes what stands in one.
const (
	StatementType = "application/vnd.in-toto+json"    // media type
	ProvenanceID  = "https://slsa.dev/provenance/v1"  // predicateType
	statementID   = "https://in-toto.io/Statement/v1" // _type
	buildType     = "https://github.com/nasa-openscapes/corn/blob/main/docs/formats/provenance.md#v1"
)

// A Statement says of which image it speaks, and how that was made.
type Statement struct {
	Type          string     `json:"_type"`
	Subject       []Resource `json:"subject"`
	PredicateType string     `json:"predicateType"`
	Predicate     Provenance `json:"predicate"`
}

// A Resource is a thing with a digest (in-toto's ResourceDescriptor).
type Resource struct {
	Name        string            `json:"name,omitempty"`
	URI         string            `json:"uri,omitempty"`
	Digest      map[string]string `json:"digest,omitempty"` // by algorithm: "sha256", "gitCommit"
	Annotations map[string]any    `json:"annotations,omitempty"`
}

// SHA256 is the digest of a resource.
func SHA256(d digest.SHA256) map[string]string { return map[string]string{"sha256": d.String()} }

// Provenance is SLSA's predicate, version 1, as far as corn fills it. It has no times.
type Provenance struct {
	BuildDefinition BuildDefinition `json:"buildDefinition"`
	RunDetails      RunDetails      `json:"runDetails"`
}

// BuildDefinition says what was to be built.
type BuildDefinition struct {
	BuildType            string         `json:"buildType"`
	ExternalParameters   map[string]any `json:"externalParameters"`
	InternalParameters   map[string]any `json:"internalParameters,omitempty"`
	ResolvedDependencies []Resource     `json:"resolvedDependencies"`
}

// RunDetails says who built it.
type RunDetails struct {
	Builder    Builder        `json:"builder"`
	Metadata   map[string]any `json:"metadata,omitempty"`
	Byproducts []Resource     `json:"byproducts,omitempty"`
}

// Builder names who built it.
type Builder struct {
	ID      string            `json:"id"`
	Version map[string]string `json:"version,omitempty"`
}

// New makes a statement about an image.
func New(name string, image digest.SHA256, p Provenance) *Statement {
	p.BuildDefinition.BuildType = buildType
	return &Statement{Type: statementID, Subject: []Resource{{Name: name, Digest: SHA256(image)}}, PredicateType: ProvenanceID, Predicate: p}
}

// Encode writes the statement as JSON.
func (s *Statement) Encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return nil, fmt.Errorf("encode provenance: %w", err)
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// Parse reads a statement of provenance about an image; one about another image, or of another
// kind, is an error.
func Parse(data []byte, image digest.SHA256) (*Statement, error) {
	var s Statement
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("provenance: %w", err)
	}
	if s.Type != statementID || s.PredicateType != ProvenanceID {
		return nil, fmt.Errorf("provenance: it is of type %q, %q: want %s", s.Type, s.PredicateType, ProvenanceID)
	}
	for _, r := range s.Subject {
		if r.Digest["sha256"] == image.String() {
			return &s, nil
		}
	}
	return nil, fmt.Errorf("provenance: it is about another image than %s", image.OCI())
}

// Made tells whether corn wrote the statement in this form.
func (s *Statement) Made() bool { return s.Predicate.BuildDefinition.BuildType == buildType }
