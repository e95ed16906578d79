package store

import (
	"errors"
	"fmt"
)

// The categories of error that a Store and the middleware return. Each is
// wrapped once with the operation and the [Key]; test with errors.Is. The cause
// of a driver stays reachable with errors.As. No error holds a profile's values.
var (
	// ErrInvalid means that what was given can never be accepted: a malformed
	// Key, a value that fails validation, an undefined custom field. Trying
	// again is useless. The details are a *FieldError where one field is at
	// fault.
	ErrInvalid = errors.New("invalid")

	// ErrNotFound means that nothing is kept of this Key.
	ErrNotFound = errors.New("not found")

	// ErrUnavailable means that the store could not be reached or could not
	// write: down, locked, read-only, disk full. Nothing was changed, except
	// that Store.Forget may have done part of its work; trying again later may
	// succeed.
	ErrUnavailable = errors.New("unavailable")

	// ErrSuppressed means that the person was forgotten with a tombstone, so
	// nothing may be kept of them until Store.Readmit.
	ErrSuppressed = errors.New("suppressed: the person was forgotten")

	// ErrClosed means that the store or the middleware was closed before the
	// call.
	ErrClosed = errors.New("closed")
)

// A FieldError says which field of a profile cannot be accepted, and what a
// value must look like. It wraps ErrInvalid and never holds the value itself.
type FieldError struct {
	Field   Field
	Problem string // what is wrong and what to do, e.g. "is not an https URL"
}

func (e *FieldError) Error() string { return fmt.Sprintf("%s %s", e.Field, e.Problem) }

// Unwrap returns ErrInvalid.
func (e *FieldError) Unwrap() error { return ErrInvalid }
