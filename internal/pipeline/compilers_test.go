package pipeline

import (
	"context"
	"errors"
	"testing"

	"github.com/nasa-openscapes/corn/conda/link"
	"github.com/nasa-openscapes/corn/internal/exec"
)

// A build that failed and is tried again must not find the failure of before: it may have been
// the end of a context, for another archive's sake.
func TestCompilersAreMadeAgainAfterAFailure(t *testing.T) {
	made := 0
	cs := compilers{make: func(ctx context.Context, _ *link.Python) (*exec.Compiler, error) {
		if made++; made == 1 {
			return nil, context.Canceled
		}
		return exec.NewCompiler(&exec.Interpreter{}), nil
	}}
	defer cs.close()
	py := &link.Python{}
	if _, err := cs.get(t.Context(), py); !errors.Is(err, context.Canceled) {
		t.Fatalf("first: %v, want the error of make", err)
	}
	first, err := cs.get(t.Context(), py)
	if err != nil || first == nil {
		t.Fatalf("again: %v, want a compiler", err)
	}
	if second, err := cs.get(t.Context(), py); err != nil || second != first || made != 2 {
		t.Errorf("third: %v, made %d times, want the compiler of before", err, made)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	other := compilers{make: func(context.Context, *link.Python) (*exec.Compiler, error) {
		t.Error("made for a context that has ended")
		return nil, nil
	}}
	if _, err := other.get(ended, py); !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v, want the context's error", err)
	}
}
