package middleware

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// Get returns the profile of one person, with what was observed and is not
// saved yet. It asks the store, so a handler calls it only when it wants the
// profile. The error is the store's own, and wraps store.ErrNotFound where nothing is known,
// store.ErrSuppressed too where the person was forgotten. When the store cannot
// answer, the profile holds what waits in memory, beside the error.
func (m *Middleware) Get(ctx context.Context, key store.Key) (store.Profile, error) {
	r, err := m.record(ctx, key)
	return r.Profile(), err
}

// Profile returns the profile of a sender with what s itself says, whether that
// is saved, waits, or never will be. It is what adapters offer to handlers, which
// may run before the observation of their own event does. Nothing is saved.
//
// Beside an error, which is that of Get, the profile holds what s says and what
// waits in memory, so that a bot can greet people by name while its store is
// away. That nothing is kept yet of somebody whom s makes a profile of is no
// error. Of nobody, a nil Sender among them, and of an id that cannot be a Key it
// wraps store.ErrInvalid, and the profile is zero.
func (m *Middleware) Profile(ctx context.Context, s *Sender) (store.Profile, error) {
	if s == nil {
		s = new(Sender)
	}
	key := s.Key()
	if err := key.Validate(); err != nil {
		return store.Profile{}, fmt.Errorf("middleware: profile of a sender: %w", err)
	}
	kept, err := m.record(ctx, key)
	now := time.Now()
	_, stated := m.observation(s, s.sighting(plausible(s.At, now)), now)
	stated.late = false
	p := store.Merge(kept, stated.delta(key, m.repairer)).Profile()
	if s.Drop == "" && absent(err) {
		err = nil
	}
	return p, err
}

// record returns what is kept of a person, joined with what waits; the latter
// alone where the store gives an error.
func (m *Middleware) record(ctx context.Context, key store.Key) (store.Record, error) {
	waiting := m.pending.peek(key) // before the store: what is saved meanwhile is then seen at least once
	kept, err := contained(m, func() (store.Record, error) { return m.store.Get(ctx, key) })
	switch {
	case err == nil:
		return store.Merge(kept, waiting), nil
	case errors.Is(err, store.ErrSuppressed):
		return store.Record{}, err
	case absent(err) && !waiting.Key.IsZero():
		return waiting, nil
	default:
		return waiting, err
	}
}

// absent reports whether a store has simply nothing of a person.
func absent(err error) bool {
	return errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrSuppressed)
}
