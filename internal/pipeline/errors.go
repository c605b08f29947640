package pipeline

import (
	"errors"

	"github.com/nasa-openscapes/corn/internal/project"
)

// isA tells whether err is or wraps a T.
func isA[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

// isNoLock tells whether the problem of a lock is that there is none.
func isNoLock(err error) bool { return isA[*project.LockError](err) }
