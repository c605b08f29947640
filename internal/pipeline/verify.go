package pipeline

import (
	"fmt"
	"strings"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/oci/plan"
)

// A VerifyError reports layers of the previous image that are not what their keys promise.
type VerifyError struct {
	Ref         string // the previous image
	Differences []Difference
}

// A Difference is one layer whose digest here is not the one that was recorded.
type Difference struct {
	ID       string
	Key      digest.SHA256
	Recorded digest.SHA256 // of the blob in the previous image
	Made     digest.SHA256 // of the blob as the project gives it
}

func (e *VerifyError) Error() string {
	lines := []string{fmt.Sprintf("%s of %s: not what the project gives; nothing is written", report.Count(len(e.Differences), "layer"), e.Ref)}
	for _, d := range e.Differences {
		lines = append(lines, fmt.Sprintf("layer %s with key %s is recorded as %s, made here it is %s", d.ID, d.Key, d.Recorded.OCI(), d.Made.OCI()))
	}
	return strings.Join(lines, "\n")
}

// Hint says what it can mean.
func (e *VerifyError) Hint() string {
	return "one of the two machines, its cache, or the image was tampered with or is broken: build again with an empty --cache-dir, and if it stays so, push without this previous image and report it"
}

// verify compares the layers that were made with those of the previous image that have their
// keys.
func (b *builder) verify(v *variant) error {
	if !b.req.Verify {
		return nil
	}
	if b.previous == nil {
		b.warn("there is no previous image to verify")
		return nil
	}
	e := &VerifyError{Ref: b.previous.Ref}
	same := 0
	for i, l := range v.layers {
		if v.taken[i] != nil || v.specs[i].Kind == string(plan.ExecStep) {
			continue // what a step gives need not be the same twice
		}
		was, err := b.takeOver(&v.specs[i])
		switch {
		case err != nil:
			return err
		case was == nil:
		case was.Recorded.Digest != l.SHA256() || was.Recorded.DiffID != l.DiffSHA256():
			e.Differences = append(e.Differences, Difference{v.specs[i].ID, l.Key(), was.Recorded.Digest, l.SHA256()})
		default:
			same++
		}
	}
	if len(e.Differences) > 0 {
		return report.In(report.Registry, e)
	}
	b.talk.Say("verify     %s of %s: made here, they are the same", report.Count(same, "layer"), b.previous.Ref)
	return nil
}
