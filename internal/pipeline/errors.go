package pipeline

import "errors"

// isA tells whether err is or wraps a T.
func isA[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}
