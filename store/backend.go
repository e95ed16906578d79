package store

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// A Backend is a foreign system that is kept in step with a store. Its methods
// are called from several goroutines at once, for different people: of one
// person one delivery runs at a time.
//
// What Deliver's error wraps decides what becomes of the delivery; nothing is
// lost in any case:
//
//   - [ErrInvalid]: this person can never be accepted as they are. The delivery
//     becomes a dead letter, and is owed again when the person changes.
//   - [ErrDenied]: the backend does not let anybody in, for its credentials, its
//     certificate or the account's plan. All deliveries pause and then one is
//     tried, until that is let in.
//   - a *[ThrottledError]: too many calls. All deliveries pause.
//   - [ErrUnanswered], or a deadline: it may have been carried out or not. It is
//     sent again once it can no longer land late.
//   - anything else: it is tried again, after a random and growing pause.
//
// The text of an error is logged and kept with dead letters. It holds no secret,
// no URL beyond the host, and no value of the profile.
//
// A Backend that can erase people also implements [Eraser], and one that takes
// several in one call [Batcher].
type Backend interface {
	// Name is what the store knows the backend by: 1 to 64 of a-z, 0-9, '-',
	// '_' and '.', and not "store". It must stay the same, or the backend is a
	// new one, which is owed everybody.
	Name() string

	// Traits says what the backend can do. It returns the same each time.
	Traits() Traits

	// Deliver brings one person up to date. It must be idempotent: what it has
	// done before may be asked of it again. It returns when the backend has
	// accepted, and heeds ctx, whose deadline is Traits.Timeout away.
	Deliver(ctx context.Context, d Delivery) (Receipt, error)
}

// An Eraser is a Backend that can erase a person.
type Eraser interface {
	Backend

	// Erase removes all that the backend holds of this person. That there is
	// nobody to erase is no error. remote is what the last Receipt said, and ""
	// where there was none: something may have got there all the same. Errors
	// mean what those of Deliver do.
	Erase(ctx context.Context, key Key, remote string) error
}

// A Batcher is a Backend that takes several people in one call. Where
// Traits.Batch is above 1, DeliverBatch is called in the place of Deliver.
type Batcher interface {
	Backend

	// DeliverBatch brings up to Traits.Batch people up to date. Result i tells
	// of delivery i; the errors mean what those of Deliver do.
	DeliverBatch(ctx context.Context, ds []Delivery) []BatchResult
}

// A BatchResult is what became of one delivery of a batch.
type BatchResult struct {
	Receipt Receipt
	Err     error
}

// Traits say what a backend can do, and how much of it. The zero Traits take
// every field, leave alone what is not mentioned, can clear, and have no limits.
type Traits struct {
	// Takes reports whether the backend has a place for a field. A change in
	// others is not delivered. nil: it takes all.
	Takes func(f Field) bool
	// Serves reports whether the backend is for a person at all: one may be for a
	// single channel. Nothing is delivered or erased of others, and nobody told.
	// nil: for everybody.
	Serves func(key Key) bool
	// Replaces means that the backend forgets what a delivery does not mention.
	// Delivery.Fields then always names every field that has a value.
	Replaces bool
	// CannotClear means that the backend cannot take a value away again.
	// Delivery.Fields then never names a field without a value, and the Outcome
	// tells what stayed there.
	CannotClear bool

	// Batch is how many people a [Batcher] takes in one call, up to 500. 0: 1.
	Batch int
	// InFlight is how many calls one process may run at once, up to 500. 0: 4.
	InFlight int
	// Rate bounds the calls of one process, each batch being one. Zero: no bound.
	Rate Rate
	// Timeout is how long one call may take, up to one minute. 0: 20 seconds.
	Timeout time.Duration
}

// A Rate is so many calls in so much time, spread evenly.
type Rate struct {
	Calls int
	Per   time.Duration
}

// A Delivery is what a backend is to do for one person.
type Delivery struct {
	// Profile is the person as they are now. It is the backend's own.
	Profile Profile
	// Fields are those to bring up to date, sorted, the ones that Traits.Takes. One
	// that has no value in Profile is to be cleared. All others are not to be
	// touched: somebody may have corrected them in the foreign system.
	Fields []Field
	// All is true when Fields names every field that has a value: the first
	// delivery of this person, a resync, or a backend that Replaces. After the
	// first one, Fields may also name fields that are to be cleared.
	All bool
	// Remote is what the last Receipt of this person said, "" for none.
	Remote string
	// Version is that of the person at this backend: it grows with each change,
	// and is the same when a delivery is made again.
	Version int64
	// Attempt counts the tries of this delivery, from 1, whatever they failed for.
	// After an outage it is large: who gives up after some refusals of one kind
	// counts these in Receipt.Remote.
	Attempt int
}

// Has reports whether f is to be brought up to date.
func (d Delivery) Has(f Field) bool {
	_, found := slices.BinarySearch(d.Fields, f)
	return found
}

// Cleared returns the fields that are to be cleared.
func (d Delivery) Cleared() []Field {
	var cleared []Field
	for _, f := range d.Fields {
		if d.Profile.Value(f) == "" {
			cleared = append(cleared, f)
		}
	}
	return cleared
}

// A Receipt is what a backend says of a delivery that it accepted, or of what
// arrived of one that failed.
type Receipt struct {
	// Remote is the backend's own id of the person, or whatever else the next
	// delivery should know. It is kept in the store, up to 512 bytes, until
	// the person is erased. "" leaves what is kept as it is.
	Remote string
	// Refused goes with an error that wraps ErrInvalid, where all else has
	// arrived: the fields that this person's delivery failed for. They alone are
	// in the dead letter, and are tried with the next change. nil: nothing
	// arrived.
	Refused []Field
	// Answer is the backend's answer, decoded, for the hooks (Outcome.Remote).
	// It is not kept. May be nil.
	Answer any
}

// BackendFunc makes a Backend of one function, with zero Traits: Delivery.Profile
// has the whole person each time. It cannot erase, which only a type with the
// method of [Eraser] can.
func BackendFunc(name string, deliver func(ctx context.Context, d Delivery) error) Backend {
	return backendFunc{name: name, deliver: deliver}
}

type backendFunc struct {
	name    string
	deliver func(ctx context.Context, d Delivery) error
}

func (b backendFunc) Name() string   { return b.name }
func (b backendFunc) Traits() Traits { return Traits{} }

func (b backendFunc) Deliver(ctx context.Context, d Delivery) (Receipt, error) {
	return Receipt{}, b.deliver(ctx, d)
}

// ValidateBackend returns nil for a Backend that may be used, or an error that
// wraps ErrInvalid and says what to change.
func ValidateBackend(b Backend) error {
	if err := validateBackendIsThere(b); err != nil {
		return err
	}
	name := b.Name()
	if problem := backendNameProblem(name); problem != "" {
		return fmt.Errorf("backend %q: its name %s: %w", name, problem, ErrInvalid)
	}
	t := b.Traits()
	_, batches := b.(Batcher)
	switch {
	case t.Batch < 0, t.InFlight < 0, t.Rate.Calls < 0, t.Rate.Per < 0, t.Timeout < 0:
		return fmt.Errorf("backend %q: a number of its Traits is negative: %w", name, ErrInvalid)
	case t.Batch > maxAtOnce, t.InFlight > maxAtOnce:
		return fmt.Errorf("backend %q: Traits.Batch or Traits.InFlight is above %d: %w", name, maxAtOnce, ErrInvalid)
	case t.Timeout > maxTimeout:
		return fmt.Errorf("backend %q: Traits.Timeout is above one minute: %w", name, ErrInvalid)
	case (t.Rate.Calls == 0) != (t.Rate.Per == 0):
		return fmt.Errorf("backend %q: Traits.Rate needs both Calls and Per: %w", name, ErrInvalid)
	case t.Batch > 1 && !batches:
		return fmt.Errorf("backend %q: Traits.Batch is %d and it has no DeliverBatch: %w", name, t.Batch, ErrInvalid)
	}
	return nil
}

func validateBackendIsThere(b Backend) error {
	if isNil(b) {
		return fmt.Errorf("the backend is nil; did its New return an error? %w", ErrInvalid)
	}
	if f, ok := b.(backendFunc); ok && f.deliver == nil {
		return fmt.Errorf("backend %q: BackendFunc was given no function: %w", f.name, ErrInvalid)
	}
	return nil
}

// isNil also knows the nil that a New or Open returned beside its error.
func isNil(v any) bool {
	r := reflect.ValueOf(v)
	return v == nil || r.Kind() == reflect.Pointer && r.IsNil()
}

const (
	maxTimeout = time.Minute
	maxAtOnce  = 500
)

// backendNameProblem says what is wrong with the name of a backend.
func backendNameProblem(name string) string {
	switch {
	case name == "store":
		return "is that of the store's own outcomes"
	case name == "" || len(name) > 64 || strings.ContainsFunc(name, notInBackendName):
		return "is not 1 to 64 of a-z, 0-9, '-', '_' and '.'"
	}
	return ""
}

func notInBackendName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
}
