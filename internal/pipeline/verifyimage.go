package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/attest"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/report"
)

// A VerifyRequest says which image to verify.
type VerifyRequest struct {
	Image    string // as in InspectRequest
	Key      string // file of the public key that it has to be signed with; empty: no signature is asked for
	Layers   bool   // read every layer and compare its bytes
	Platform string
	CacheDir string
}

// A VerifyResult is what `corn verify --json` prints. docs/formats/verify-json.md describes it.
type VerifyResult struct {
	Format   int           `json:"format"` // 1
	Image    string        `json:"image"`
	Digest   string        `json:"digest"`
	Verified bool          `json:"verified"` // no check failed
	Checks   []VerifyCheck `json:"checks"`
}

// VerifyCheck is one thing that was looked at.
type VerifyCheck struct {
	Name   string `json:"name"`   // "signature", "provenance", "contents", "layers"
	Result string `json:"result"` // "passed", "failed", "skipped"
	Detail string `json:"detail"`
}

// Results of checks.
const (
	checkPassed  = "passed"
	checkFailed  = "failed"
	checkSkipped = "skipped"
)

// A NotVerifiedError reports an image that is not what it should be.
type NotVerifiedError struct {
	Image  string
	Failed []string // names of checks, with what is wrong
}

func (e *NotVerifiedError) Error() string {
	return fmt.Sprintf("verify %s: %s", e.Image, strings.Join(e.Failed, "\n"))
}

// Hint says what it can mean.
func (e *NotVerifiedError) Hint() string {
	return "do not use the image before you know why: another key, an image that was pushed again by another tool, or one that was tampered with"
}

// VerifyImage checks an image's signature, where it says it comes from, and that it is what it says
// of itself. A *NotVerifiedError comes with a result.
func VerifyImage(ctx context.Context, req VerifyRequest, talk *report.Printer) (*VerifyResult, error) {
	var key *attest.PublicKey
	if req.Key != "" {
		data, err := os.ReadFile(req.Key)
		if err != nil {
			return nil, report.In(report.Usage, fmt.Errorf("read the key to verify with: %w", err))
		}
		if key, err = attest.ParsePublicKey(req.Key, data); err != nil {
			return nil, report.In(report.Usage, err)
		}
	}
	d, err := openDescribed(ctx, req.Image, req.Platform, req.CacheDir, talk)
	if err != nil {
		return nil, err
	}
	defer d.close()
	res := &VerifyResult{Format: 1, Image: d.shown, Digest: d.source.Digest().OCI(), Checks: []VerifyCheck{}}
	check := func(name string, f func() (detail string, err error)) error {
		detail, err := f()
		c := VerifyCheck{name, checkPassed, detail}
		if skipped, ok := errors.AsType[*skippedError](err); ok {
			c.Result, c.Detail = checkSkipped, skipped.why
		} else if err != nil {
			c.Result, c.Detail = checkFailed, err.Error()
		}
		res.Checks = append(res.Checks, c)
		return ctx.Err()
	}
	for _, c := range []struct {
		name string
		f    func() (string, error)
	}{
		{"signature", func() (string, error) { return d.checkSignature(ctx, key) }},
		{"provenance", func() (string, error) { return d.checkProvenance(ctx, key) }},
		{"contents", d.checkContents},
		{"layers", func() (string, error) { return d.checkLayers(ctx, req.Layers, talk) }},
	} {
		if err := check(c.name, c.f); err != nil {
			return nil, err
		}
	}
	e := &NotVerifiedError{Image: d.shown}
	for _, c := range res.Checks {
		if c.Result == checkFailed {
			e.Failed = append(e.Failed, c.Name+": "+c.Detail)
		}
	}
	if res.Verified = len(e.Failed) == 0; !res.Verified {
		return res, report.In(report.Registry, e)
	}
	return res, nil
}

// A skippedError says why something was not looked at.
type skippedError struct{ why string }

func (e *skippedError) Error() string { return e.why }

func (d *describedImage) checkSignature(ctx context.Context, key *attest.PublicKey) (string, error) {
	at, ok := d.inRegistry()
	switch {
	case key == nil:
		return "", &skippedError{"no key was given: --key"}
	case !ok:
		return "", errors.New("signatures are in the registry, and the image is on this machine")
	}
	blobs, err := image.SignedBlobs(ctx, at, d.source.Digest(), image.SignatureTag)
	if err != nil {
		return "", err
	}
	if len(blobs) == 0 {
		return "", errors.New("the image is not signed")
	}
	var why error
	for _, b := range blobs {
		if why = key.VerifyImage(b.Data, b.Annotations[attest.SignatureAnnotation], d.source.Digest()); why == nil {
			return "signed with the key", nil
		}
	}
	return "", fmt.Errorf("%s, none counts: %w", report.Count(len(blobs), "signature"), why)
}

// checkProvenance checks the statement about the image against what the image has in it: its
// base, and every archive. With a key only a signed statement counts.
func (d *describedImage) checkProvenance(ctx context.Context, key *attest.PublicKey) (string, error) {
	at, ok := d.inRegistry()
	if !ok {
		return "", &skippedError{"provenance is attached in the registry, and the image is on this machine"}
	}
	texts, err := d.statements(ctx, at, key)
	if err != nil {
		return "", err
	}
	if len(texts) == 0 {
		if key != nil {
			return "", errors.New("there is no statement that is signed with the key")
		}
		return "", &skippedError{"none is attached"}
	}
	var last error
	for _, text := range texts {
		s, err := attest.Parse(text, d.source.Digest())
		if err == nil {
			err = d.fitsStatement(s)
		}
		if err == nil {
			words := statementWords(s)
			if key == nil {
				words += "; not signed, so anybody who may push can have written it"
			}
			return words, nil
		}
		last = err
	}
	return "", last
}

// statements are the texts of statements about the image: those that the key has signed, or
// without a key those that are attached.
func (d *describedImage) statements(ctx context.Context, at image.Output, key *attest.PublicKey) ([][]byte, error) {
	if key == nil {
		return image.Attached(ctx, at, d.source.Digest(), attest.StatementType)
	}
	blobs, err := image.SignedBlobs(ctx, at, d.source.Digest(), image.AttestationTag)
	if err != nil {
		return nil, err
	}
	var texts [][]byte
	for _, b := range blobs {
		if text, err := key.Open(b.Data); err == nil {
			texts = append(texts, text)
		}
	}
	return texts, nil
}

// fitsStatement tells whether the image is made of what a statement of corn's says.
func (d *describedImage) fitsStatement(s *attest.Statement) error {
	if !s.Made() || d.meta == nil {
		return nil // about the image, and no more can be said
	}
	said := map[string]bool{}
	for _, dep := range s.Predicate.BuildDefinition.ResolvedDependencies {
		said[dep.Digest["sha256"]] = true
	}
	if !said[d.meta.Base.Manifest.String()] {
		return fmt.Errorf("it knows nothing of the base %s that the image has", d.meta.Base.Manifest.OCI())
	}
	for _, a := range d.meta.Artifacts {
		if !said[a.SHA256.String()] {
			return fmt.Errorf("it knows nothing of %s with sha256 %s, which the image has", a.FileName, a.SHA256)
		}
	}
	return nil
}

// checkContents compares what the image says of its layers with manifest and config.
func (d *describedImage) checkContents() (string, error) {
	if d.meta == nil {
		return "", &skippedError{"corn did not make the image, or it was built upon: it does not say what is in it"}
	}
	manifest, err := d.img.Manifest()
	if err != nil {
		return "", err
	}
	config, err := d.img.ConfigFile()
	if err != nil {
		return "", err
	}
	if want := d.meta.Base.Layers + len(d.meta.Layers) + 1; len(manifest.Layers) != want {
		return "", fmt.Errorf("it has %s, its image.json says %d", report.Count(len(manifest.Layers), "layer"), want)
	}
	for i, l := range d.meta.Layers {
		at := d.meta.Base.Layers + i
		m := manifest.Layers[at]
		switch {
		case m.Digest.String() != l.Digest.OCI():
			return "", fmt.Errorf("layer %s: the manifest has %s, its image.json %s", l.ID, m.Digest, l.Digest.OCI())
		case m.Size != l.SizeBytes:
			return "", fmt.Errorf("layer %s: the manifest says %d bytes, its image.json %d", l.ID, m.Size, l.SizeBytes)
		case config.RootFS.DiffIDs[at].String() != l.DiffID.OCI():
			return "", fmt.Errorf("layer %s: the config has %s, its image.json %s", l.ID, config.RootFS.DiffIDs[at], l.DiffID.OCI())
		}
		if key := m.Annotations[image.AnnotationLayerKey]; key != "" && key != l.Key.String() {
			return "", fmt.Errorf("layer %s: it is annotated with key %s, its image.json has %s", l.ID, key, l.Key)
		}
	}
	if d.facts != nil && digest.Sum(d.facts) != d.meta.Facts {
		return "", fmt.Errorf("facts.jsonl is %s, its image.json says %s", digest.Sum(d.facts), d.meta.Facts)
	}
	return fmt.Sprintf("manifest, config and image.json agree on %s and %s", report.Count(len(d.meta.Layers), "layer"), report.Count(len(d.meta.Artifacts), "archive")), nil
}
