package store

import (
	"errors"
	"fmt"
	"time"
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
	// that Store.Forget may have done part of its work, and that a server whose
	// answer was lost may have done all of it; trying again later may succeed.
	ErrUnavailable = errors.New("unavailable")

	// ErrSuppressed means that the person was forgotten with a tombstone, so
	// nothing may be kept of them until Store.Readmit.
	ErrSuppressed = errors.New("suppressed: the person was forgotten")

	// ErrClosed means that the store or the middleware was closed before the
	// call.
	ErrClosed = errors.New("closed")

	// ErrDenied means that a backend lets nobody in: it refused the credentials,
	// has no certificate that can be trusted, is not the service that it was taken
	// for, or the account's plan or quota is used up. No person is at fault, and
	// none is given up for it.
	ErrDenied = errors.New("denied: check the credentials, the address and the account's plan")

	// ErrUnanswered means that no answer came from a backend after a request may
	// have reached it: it may have been carried out, or may be later.
	ErrUnanswered = errors.New("unanswered")

	// ErrCannotErase means that a backend has no way to erase a person. What it
	// holds has to be removed there by hand.
	ErrCannotErase = errors.New("the backend cannot erase")
)

// A ThrottledError means that a backend asks for a pause from everybody. It
// wraps ErrUnavailable.
type ThrottledError struct {
	// After is how long to wait. 0: the backend did not say. What is below one
	// second counts as one second, and what is above five minutes as five.
	After time.Duration
	// Err says who throttled. Not nil.
	Err error
}

// Error is that of Err.
func (e *ThrottledError) Error() string { return e.Err.Error() }

// Unwrap returns ErrUnavailable and e.Err.
func (e *ThrottledError) Unwrap() []error { return []error{ErrUnavailable, e.Err} }

// A FieldError says which field of a profile cannot be accepted, and what a
// value must look like. It wraps ErrInvalid and never holds the value itself.
type FieldError struct {
	Field   Field
	Problem string // what is wrong and what to do, e.g. "is not an https URL"
}

// Error says the field and the problem. What is no field, and could look like further
// lines of a log, is quoted and cut.
func (e *FieldError) Error() string {
	if !e.Field.Known() {
		return fmt.Sprintf("%.80q %s", string(e.Field), e.Problem)
	}
	return fmt.Sprintf("%s %s", e.Field, e.Problem)
}

// Unwrap returns ErrInvalid.
func (e *FieldError) Unwrap() error { return ErrInvalid }
