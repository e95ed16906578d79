package middleware

import (
	"context"

	"github.com/rollcall-go/rollcall/store"
)

// Forget erases one person and leaves a tombstone, so that nothing brings them
// back until Readmit. It returns when that is durable. What waited in memory is
// dropped with the rest. The error is the store's own, and wraps
// store.ErrUnavailable when it cannot be reached; then call it again.
//
// Every backend that may hold something of the person is owed the erasure, by
// the same transaction. What became of it tell the hooks, as Erased or as Failed
// with store.ErrCannotErase, and for good store.Outbox.Standings.
//
// Outcomes of before that wait for a slow hook are still told after it, with the
// profile, and so is a delivery that was under way: a hook that keeps something of
// its own asks Get first.
func (m *Middleware) Forget(ctx context.Context, key store.Key) error {
	m.takeOut(key)
	// For the slots of nicks and custom fields. A record that cannot be read must
	// not keep the person from being forgotten.
	kept, _ := contained(m, func() (store.Record, error) { return m.store.Get(ctx, key) })
	err := m.containStore(func() error { return m.store.Forget(ctx, key, true) })
	m.takeOut(key) // what came, and may have landed, before the tombstone
	m.unsee(key, kept)
	m.nudge()
	return err
}

func (m *Middleware) takeOut(key store.Key) {
	if over, tell := m.pending.forget(key); over != nil {
		m.endForgotten(over, tell)
	}
}

// Readmit lets a forgotten person in again: their next event makes a new
// profile. Somebody who was not forgotten is left as they are. Other processes, which
// may remember something else, notice within Options.SeenEvery; with a negative one
// not before they end. What is not in all events of the person, such as a nick, can be
// missing for 24 times as long. The error is the store's own.
func (m *Middleware) Readmit(ctx context.Context, key store.Key) error {
	if err := m.containStore(func() error { return m.store.Readmit(ctx, key) }); err != nil {
		return err
	}
	m.pending.unsure(key)
	m.unsee(key, store.Record{})
	return nil
}

// unsee makes the next event of a person go to the store.
func (m *Middleware) unsee(key store.Key, kept store.Record) {
	person := keySlot(key.Channel, key.UserID)
	m.seen.Drop(person)
	m.seen.Drop(coreSlot(person))
	for _, f := range store.Fields() {
		m.seen.Drop(fieldSlot(person, f))
	}
	for _, r := range kept.Registers {
		m.seen.Drop(fieldSlot(person, r.Field))
	}
}
