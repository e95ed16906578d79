package middleware

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/rollcall-go/rollcall/store"
)

// A Middleware keeps the profiles of the people that adapters observe. All its
// methods may be called from many goroutines at once.
type Middleware struct {
	store     store.Store
	log       *zap.Logger
	onSuccess func(context.Context, Outcome)
	onFailure func(context.Context, Outcome, error)
	onOutcome func(context.Context, Outcome)
	who       func(Sender) bool
	when      When
	custom    store.CustomFields
	seenEvery int64 // seconds
	attempts  int

	seen        *seenTable
	late        *lateTable
	pending     *pending
	counts      counts
	outcomes    chan *Outcome
	barriers    chan chan struct{}
	lastRefusal atomic.Pointer[error]

	closing     atomic.Bool
	hurry       chan struct{} // holds a token when the next attempt is wanted now
	stopCommits context.CancelFunc
	committed   chan struct{} // closed when the committer has returned
	stopHooks   chan struct{}
	cancelHooks context.CancelFunc
	hooked      chan struct{} // closed when the hook goroutine has returned
}

// New returns a Middleware that saves to st. st stays the caller's, to be closed
// after Middleware.Close. The Middleware runs two goroutines until then. o may
// be nil. The error wraps store.ErrInvalid: st is nil, or an option cannot be.
func New(st store.Store, o *Options) (*Middleware, error) {
	if st == nil {
		return nil, fmt.Errorf("middleware: new: the store is nil: %w", store.ErrInvalid)
	}
	if o == nil {
		o = &Options{}
	}
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("middleware: new: %w", err)
	}
	commitCtx, stopCommits := context.WithCancel(context.Background())
	hookCtx, cancelHooks := context.WithCancel(context.Background())
	m := &Middleware{
		store:     st,
		log:       o.logger(),
		onSuccess: o.OnSuccess,
		onFailure: o.OnFailure,
		onOutcome: o.OnOutcome,
		who:       o.Who,
		when:      o.When,
		custom:    o.CustomFields,
		seenEvery: o.seenEvery(),
		attempts:  o.attempts(),

		seen:     newSeenTable(o.expectedPeople()),
		late:     new(lateTable),
		pending:  newPending(),
		outcomes: make(chan *Outcome, hookQueue),
		barriers: make(chan chan struct{}),

		hurry:       make(chan struct{}, 1),
		stopCommits: stopCommits,
		committed:   make(chan struct{}),
		stopHooks:   make(chan struct{}),
		cancelHooks: cancelHooks,
		hooked:      make(chan struct{}),
	}
	go func() {
		defer close(m.committed)
		c := committer{m: m}
		c.run(commitCtx)
	}()
	go func() {
		defer close(m.hooked)
		m.runHooks(hookCtx, m.stopHooks)
	}()
	return m, nil
}

// Get returns the profile of one person, with what was observed and is not
// saved yet. It asks the store, so a handler calls it only when it wants the
// profile. The error wraps store.ErrNotFound where nothing is known,
// store.ErrSuppressed too where the person was forgotten. When the store cannot
// answer, the profile holds what waits in memory, beside the error.
func (m *Middleware) Get(ctx context.Context, key store.Key) (store.Profile, error) {
	waiting := m.pending.peek(key) // before the store: what is saved meanwhile is then seen at least once
	kept, err := m.store.Get(ctx, key)
	if err == nil {
		return store.Merge(kept, waiting).Profile(), nil
	}
	if errors.Is(err, store.ErrSuppressed) || waiting.Key.IsZero() {
		return store.Profile{}, fmt.Errorf("middleware: get %s: %w", key, err)
	}
	if errors.Is(err, store.ErrNotFound) {
		return waiting.Profile(), nil
	}
	return waiting.Profile(), fmt.Errorf("middleware: get %s: %w", key, err)
}

// Set states the fields of p that are not zero, and returns when that is
// durable. source is store.Declared for what the person told the bot, and
// store.Pinned for what the bot's owner decides. It also makes the profile of
// somebody who was never seen.
//
// Values are validated and refused, never repaired: the error then wraps
// store.ErrInvalid, is a *store.FieldError to errors.As, and nothing was
// changed. It wraps store.ErrSuppressed for a person who was forgotten, and
// store.ErrUnavailable when the store cannot be reached.
func (m *Middleware) Set(ctx context.Context, key store.Key, source store.Source, p store.Profile) error {
	if err := m.set(ctx, key, source, p); err != nil {
		return fmt.Errorf("middleware: set %s: %w", key, err)
	}
	return nil
}

func (m *Middleware) set(ctx context.Context, key store.Key, source store.Source, p store.Profile) error {
	if !p.Key.IsZero() && p.Key != key {
		return fmt.Errorf("the profile is of another person: %w", store.ErrInvalid)
	}
	patch, err := store.PatchOf(key, source, time.Now(), p)
	if err != nil {
		return err
	}
	return m.state(ctx, patch)
}

// Unset takes back what source stated of these fields, so that what lies under
// it shows again, and returns when that is durable. Errors are those of Set.
func (m *Middleware) Unset(ctx context.Context, key store.Key, source store.Source, fields ...store.Field) error {
	if err := m.state(ctx, store.Patch{Key: key, Source: source, At: time.Now(), Clear: fields}); err != nil {
		return fmt.Errorf("middleware: unset %s: %w", key, err)
	}
	return nil
}

// state makes a Declared or Pinned patch durable.
func (m *Middleware) state(ctx context.Context, patch store.Patch) error {
	if patch.Source != store.Declared && patch.Source != store.Pinned {
		return fmt.Errorf("the source must be Declared or Pinned: %w", store.ErrInvalid)
	}
	if len(patch.Set)+len(patch.Clear) == 0 {
		return fmt.Errorf("no field is stated: %w", store.ErrInvalid)
	}
	if err := patch.Validate(m.custom); err != nil {
		return err
	}
	kept, err := m.store.Get(ctx, patch.Key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	patch.At = afterAll(kept, patch)
	changes, err := m.store.Apply(ctx, []store.Record{patch.Record()})
	if err != nil {
		return err
	}
	if changes[0].Suppressed {
		return store.ErrSuppressed
	}
	return nil
}

// afterAll returns a time at which patch is the last word of its source, also
// when this machine's clock was set back since the word before.
func afterAll(kept store.Record, patch store.Patch) time.Time {
	at := patch.At
	for _, r := range kept.Registers {
		if r.Source == patch.Source && !r.At.Before(at) {
			at = r.At.Add(time.Nanosecond)
		}
	}
	return at
}

// Forget erases one person and leaves a tombstone, so that nothing brings them
// back until Readmit. It returns when that is durable. What waited in memory is
// dropped with the rest. The error wraps store.ErrUnavailable when the store
// cannot be reached; then call it again.
func (m *Middleware) Forget(ctx context.Context, key store.Key) error {
	if over, tell := m.pending.forget(key); over != nil {
		m.endForgotten(over, tell)
	}
	defer m.unsee(key)
	if err := m.store.Forget(ctx, key, true); err != nil {
		return fmt.Errorf("middleware: forget %s: %w", key, err)
	}
	return nil
}

// Readmit lets a forgotten person in again: their next event makes a new
// profile. Somebody who was not forgotten is left as they are.
func (m *Middleware) Readmit(ctx context.Context, key store.Key) error {
	if err := m.store.Readmit(ctx, key); err != nil {
		return fmt.Errorf("middleware: readmit %s: %w", key, err)
	}
	m.unsee(key)
	return nil
}

// unsee makes the next event of a person go to the store.
func (m *Middleware) unsee(key store.Key) {
	person := keySlot(key.Channel, key.UserID)
	m.seen.drop(person)
	for _, f := range store.Fields() {
		m.seen.drop(fieldSlot(person, f))
	}
}
