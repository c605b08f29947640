package report

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
)

type hinted struct{}

func (hinted) Error() string { return "no such thing" }
func (hinted) Hint() string  { return "make one" }

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		why   string
		err   error
		class Class
		hint  string
	}{
		{"nobody gave it a class", errors.New("x"), Unexpected, ""},
		{"a class through a wrapper", fmt.Errorf("build: %w", In(Lock, errors.New("x"))), Lock, ""},
		{"the inner class counts: it knows more", In(Package, fmt.Errorf("y: %w", In(Fetch, errors.New("x")))), Fetch, ""},
		{"a type that knows its hint", In(Project, fmt.Errorf("y: %w", hinted{})), Project, "make one"},
		{"a given hint wins", Hinted(Project, "do that", hinted{}), Project, "do that"},
		{"a full disk is a full disk wherever it shows", In(Fetch, &os.PathError{Op: "write", Path: "p", Err: syscall.ENOSPC}), Disk,
			"free space, or point CORN_CACHE_DIR or the output at another disk; the cache and the last good image are intact"},
		{"and so is a full quota", In(Base, &os.PathError{Op: "write", Path: "p", Err: syscall.EDQUOT}), Disk,
			"free space, or point CORN_CACHE_DIR or the output at another disk; the cache and the last good image are intact"},
		{"^C", In(Fetch, fmt.Errorf("get: %w", context.Canceled)), Interrupted, "nothing is lost: what was fetched and computed is in the cache"},
		{"usage", In(Usage, &UsageError{Command: "corn build", Err: errors.New("unknown flag")}), Usage, `run "corn build --help" for the flags and examples`},
	} {
		class, hint := Explain(c.err)
		if class != c.class || hint != c.hint {
			t.Errorf("%s: Explain = %d, %q, want %d, %q", c.why, class, hint, c.class, c.hint)
		}
	}
	if In(Lock, nil) != nil {
		t.Error("In(nil) is not nil")
	}
}

func TestErrorIsPrintedWithItsHint(t *testing.T) {
	var talk bytes.Buffer
	code := New(nil, &talk, Options{}).Error(In(Project, fmt.Errorf("load project:\nsecond line: %w", hinted{})))
	want := "corn: error: load project:\n  second line: no such thing\ncorn: hint: make one\n"
	if talk.String() != want || code != 3 {
		t.Errorf("printed %q with code %d, want %q with 3", talk.String(), code, want)
	}
}
