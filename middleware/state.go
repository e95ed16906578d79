package middleware

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// Set states the fields of p that are not zero, and returns when that is
// durable. source is store.Declared for what the person told the bot, and
// store.Pinned for what the bot's owner decides. It also makes the profile of
// somebody who was never seen. The Key of p is key or zero; FirstSeen and LastSeen
// of it do not count.
//
// Values are validated and refused, never repaired: the error then wraps
// store.ErrInvalid, is a *store.FieldError to errors.As, and nothing was
// changed. It wraps store.ErrSuppressed for a person who was forgotten, and
// store.ErrUnavailable when the store cannot be reached.
func (m *Middleware) Set(ctx context.Context, key store.Key, source store.Source, p store.Profile) error {
	if err := m.set(ctx, key, source, p); err != nil {
		return fmt.Errorf("middleware: set%s: %w", named(key), err)
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
// it shows again, and returns when that is durable. Of somebody of whom nothing is
// kept it makes a profile without a value, as what was said is kept with its time.
// Errors are those of Set.
func (m *Middleware) Unset(ctx context.Context, key store.Key, source store.Source, fields ...store.Field) error {
	if err := m.state(ctx, store.Patch{Key: key, Source: source, At: time.Now(), Clear: fields}); err != nil {
		return fmt.Errorf("middleware: unset%s: %w", named(key), err)
	}
	return nil
}

// named is a space and the key, for an error's text. What is none could be as long as
// it likes, and look like further lines of a log.
func named(key store.Key) string {
	if key.Validate() != nil {
		return ""
	}
	return " " + key.String()
}

// state makes a Declared or Pinned patch durable.
func (m *Middleware) state(ctx context.Context, patch store.Patch) error {
	if patch.Source != store.Declared && patch.Source != store.Pinned {
		return fmt.Errorf("the source must be Declared or Pinned: %w", store.ErrInvalid)
	}
	if len(patch.Set)+len(patch.Clear) == 0 {
		return fmt.Errorf("no field is stated: %w", store.ErrInvalid)
	}
	if err := patch.Validate(m.repairer.custom); err != nil {
		return err
	}
	kept, err := contained(m, func() (store.Record, error) { return m.store.Get(ctx, patch.Key) })
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	patch.At = afterAll(kept, patch)
	changes, err := contained(m, func() ([]store.Change, error) {
		return m.store.Apply(ctx, []store.Record{patch.Record()})
	})
	if changes, err = answered(changes, err, 1); err != nil {
		return err
	}
	if changes[0].Suppressed {
		return store.ErrSuppressed
	}
	m.nudge()
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
