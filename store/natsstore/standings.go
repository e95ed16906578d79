package natsstore

import (
	"context"
	"fmt"
	"iter"

	"github.com/rollcall-go/rollcall/store"
)

// Standings implements [store.Outbox]. Without a Key it reads everybody, once for
// each backend.
func (s *Store) Standings(ctx context.Context, f store.StandingFilter) iter.Seq2[store.Standing, error] {
	return func(yield func(store.Standing, error) bool) {
		names, err := s.backendsOf(ctx, f)
		for _, name := range names {
			for p, err := range s.peopleOf(ctx, f.Key) {
				if err != nil {
					yield(store.Standing{}, s.fail(ctx, "standings", err))
					return
				}
				if st, _, found := p.standing(name); found && f.Match(st) && !yield(clone(st), nil) {
					return
				}
			}
		}
		if err != nil {
			yield(store.Standing{}, s.fail(ctx, "standings", err))
		}
	}
}

// backendsOf returns the enrolled backends that f asks for.
func (s *Store) backendsOf(ctx context.Context, f store.StandingFilter) ([]string, error) {
	if err := f.Validate(); err != nil {
		return nil, err
	}
	r, err := s.backends(ctx)
	if err != nil || f.Backend == "" {
		return r.names(), err
	}
	if _, err := (&tx{registry: r}).backend(f.Backend); err != nil {
		return nil, fmt.Errorf("%q: %w", f.Backend, err)
	}
	return []string{f.Backend}, nil
}

// peopleOf yields the person of key, or everybody for the zero Key.
func (s *Store) peopleOf(ctx context.Context, key store.Key) iter.Seq2[*person, error] {
	if key.IsZero() {
		return s.everybody(ctx, "", key)
	}
	return func(yield func(*person, error) bool) {
		var t *tx
		err := key.Validate()
		if err == nil {
			err = retry(ctx, func() (err error) {
				t, err = s.begin(ctx, []store.Key{key})
				return err
			})
		}
		if err != nil {
			yield(nil, err)
			return
		}
		yield(t.people[key], nil)
	}
}
