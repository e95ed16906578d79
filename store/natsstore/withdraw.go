package natsstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/rollcall-go/rollcall/store"
)

// A withdrawal is of an enrolment that is no more, while there may be something of it
// in the bucket.
type withdrawal struct {
	Backend string `json:"backend"`
	Number  uint64 `json:"number"`
}

// Withdraw implements [store.Outbox]. Nothing is owed to the backend from its first
// step on. Where it is cut short, another Withdraw or a Scrub removes what is left.
func (s *Store) Withdraw(ctx context.Context, backend string) error {
	if err := s.withdraw(ctx, backend); err != nil {
		return s.fail(ctx, fmt.Sprintf("withdraw %q", backend), err)
	}
	return nil
}

func (s *Store) withdraw(ctx context.Context, backend string) error {
	left, err := update(ctx, s, nil, func(t *tx) ([]withdrawal, error) {
		if e, found := t.registry.Backends[backend]; found {
			delete(t.registry.Backends, backend)
			t.registry.Withdrawn = append(t.registry.Withdrawn, withdrawal{Backend: backend, Number: e.Number})
			t.enrolled, t.enrols = true, true
		}
		return slices.Clone(t.registry.Withdrawn), nil
	})
	if err != nil || len(left) == 0 {
		return err
	}
	s.forgetQueue(backend)
	return s.removeWithdrawn(ctx, left)
}

// removeWithdrawn removes what is left of backends.
func (s *Store) removeWithdrawn(ctx context.Context, left []withdrawal) error {
	var all []purge
	for _, w := range left {
		all = append(all, purge{Filter: s.owed(w.Backend, w.Number) + ">"}, purge{Filter: s.gone(w.Backend, w.Number) + ">"})
	}
	purgeAll := func() error { return s.purge(ctx, all) }
	if err := retry(ctx, purgeAll); err != nil {
		return err
	}
	if err := s.dropLeftovers(ctx); err != nil {
		return err
	}
	// Once more, for what was written until everybody was.
	if err := s.settleDown(ctx); err != nil {
		return err
	}
	if err := retry(ctx, purgeAll); err != nil {
		return err
	}
	return s.update(ctx, nil, func(t *tx) error {
		t.registry.Withdrawn = slices.DeleteFunc(t.registry.Withdrawn, func(w withdrawal) bool {
			removed := slices.Contains(left, w)
			t.enrolled = t.enrolled || removed
			return removed
		})
		return nil
	})
}

// dropLeftovers writes everybody who has a standing with a backend that was withdrawn.
func (s *Store) dropLeftovers(ctx context.Context) error {
	for keys, err := range s.keys(ctx, "", store.Key{}) {
		if err != nil {
			return err
		}
		for step := range slices.Chunk(keys, stepSize) {
			err := s.update(ctx, step, func(t *tx) error {
				for _, p := range t.people {
					p.dirty = p.leftovers
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
