package middleware

import (
	"context"

	"github.com/rollcall-go/rollcall/store"
)

// A Middleware keeps the profiles of the people that adapters observe. All its
// methods may be called from many goroutines at once.
type Middleware struct {
}

// New returns a Middleware that saves to st, which stays the caller's to close,
// after Middleware.Close.
func New(st store.Store, o *Options) (*Middleware, error) { panic("next commit") }

// Observe takes note of a sender. It never blocks, never panics and does no
// I/O, so that it can stand in a bot's way of every event. It keeps no pointer
// to s. What became of the observation is told to the hooks.
func (m *Middleware) Observe(s *Sender) {}

// Get returns the profile of one person, with what was observed and is not saved
// yet. It asks the store. The error wraps store.ErrNotFound where nothing is
// known.
func (m *Middleware) Get(ctx context.Context, key store.Key) (store.Profile, error) {
	return store.Profile{}, nil
}

// Set states the fields of p that are not zero, and returns when that is
// durable. source is Declared for what the person told the bot, and Pinned for
// what the bot's owner decides. Values are validated: the error is or wraps a
// *store.FieldError, and then nothing was changed. It also creates the profile
// of somebody who was never seen.
func (m *Middleware) Set(ctx context.Context, key store.Key, source store.Source, p store.Profile) error {
	return nil
}

// Unset takes back what source stated of these fields, so that what lies under
// it shows again, and returns when that is durable.
func (m *Middleware) Unset(ctx context.Context, key store.Key, source store.Source, fields ...store.Field) error {
	return nil
}

// Forget erases one person everywhere and leaves a tombstone, so that nothing
// brings them back until Readmit.
func (m *Middleware) Forget(ctx context.Context, key store.Key) error { return nil }

// Readmit lets a forgotten person in again: their next event makes a new
// profile.
func (m *Middleware) Readmit(ctx context.Context, key store.Key) error { return nil }

// Flush returns when all that was observed before the call is durable and its
// hooks have run, or with an error when ctx ends before.
func (m *Middleware) Flush(ctx context.Context) error { return nil }

// Close stops the intake, saves what waits, lets the hooks finish, and returns.
// When ctx ends before that, the error says how many people were not saved.
// Close leaves the store open. A second Close returns nil.
func (m *Middleware) Close(ctx context.Context) error { return nil }
