package natsstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/rollcall-go/rollcall/store"
)

// Apply implements [store.Store]. It takes up to 999 people at once, which is
// what the server takes in one transaction; the error wraps store.ErrInvalid for
// more.
func (s *Store) Apply(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
	keys := make([]store.Key, len(deltas))
	for i, d := range deltas {
		if err := d.Key.Validate(); err != nil {
			return nil, fmt.Errorf("natsstore: apply: delta %d: %w", i, err)
		}
		keys[i] = d.Key
	}
	if len(deltas) == 0 {
		if err := s.usable(ctx); err != nil {
			return nil, s.fail(ctx, "apply", err)
		}
		return nil, nil
	}
	changes, err := update(ctx, s, keys, func(t *tx) (changes []store.Change, err error) {
		for _, d := range deltas {
			p := t.people[d.Key]
			if err := p.usable(); err != nil {
				return nil, err
			}
			changes = append(changes, t.apply(p, d))
		}
		return changes, nil
	})
	if err != nil {
		return nil, s.fail(ctx, "apply", err)
	}
	return changes, nil
}

// apply joins d to what is kept of p, and makes it owed.
func (t *tx) apply(p *person, d store.Record) store.Change {
	if p.suppressed {
		return store.Change{Suppressed: true}
	}
	merged, c := p.record.Apply(d)
	if !c.Same || !p.kept {
		merged.Registers = slices.Clone(merged.Registers)
		p.record, p.kept, p.dirty = merged, true, true
	}
	if c.Owes() {
		for _, name := range t.registry.names() {
			st, _, _ := p.standing(name)
			t.put(p, st.Changed(c.Fields, t.now))
		}
	}
	return c
}

// Get implements [store.Store]. It asks the leader of the bucket.
func (s *Store) Get(ctx context.Context, key store.Key) (store.Record, error) {
	if err := key.Validate(); err != nil {
		return store.Record{}, fmt.Errorf("natsstore: get: %w", err)
	}
	e, err := s.get(ctx, key)
	switch {
	case err != nil:
	case e.damaged:
		err = e.usable()
	case e.kept:
		return e.record, nil
	case e.suppressed:
		err = fmt.Errorf("%w: %w", store.ErrNotFound, store.ErrSuppressed)
	default:
		err = store.ErrNotFound
	}
	return store.Record{}, s.fail(ctx, "get "+key.String(), err)
}

func (s *Store) get(ctx context.Context, key store.Key) (e entry, err error) {
	err = retry(ctx, func() error {
		if err := s.usable(ctx); err != nil {
			return err
		}
		m, _, err := s.last(ctx, s.person(key))
		if err == nil {
			e = decodeEntry(key, m.data)
		}
		return err
	})
	return e, err
}

// Forget implements [store.Store]. See the package's comment for what stays in
// the server's files.
func (s *Store) Forget(ctx context.Context, key store.Key, suppress bool) error {
	return s.change(ctx, "forget", key, func(t *tx, p *person) {
		t.erase(p)
		if suppress && !p.suppressed {
			p.suppressed, p.dirty = true, true
		}
	})
}

// Readmit implements [store.Store].
func (s *Store) Readmit(ctx context.Context, key store.Key) error {
	return s.change(ctx, "readmit", key, func(_ *tx, p *person) {
		if p.suppressed {
			p.suppressed, p.dirty = false, true
		}
	})
}

func (s *Store) change(ctx context.Context, doing string, key store.Key, change func(t *tx, p *person)) error {
	if err := key.Validate(); err != nil {
		return fmt.Errorf("natsstore: %s: %w", doing, err)
	}
	err := s.update(ctx, []store.Key{key}, func(t *tx) error {
		change(t, t.people[key])
		return nil
	})
	if err != nil {
		return s.fail(ctx, doing+" "+key.String(), err)
	}
	return nil
}
