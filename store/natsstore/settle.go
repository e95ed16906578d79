package natsstore

import (
	"context"
	"fmt"

	"github.com/rollcall-go/rollcall/store"
)

// Settle implements [store.Outbox], for up to 999 people at once, as Apply.
func (s *Store) Settle(ctx context.Context, backend string, settlements []store.Settlement) error {
	keys := make([]store.Key, len(settlements))
	for i, x := range settlements {
		keys[i] = x.Key
	}
	err := s.update(ctx, keys, func(t *tx) error {
		if _, err := t.backend(backend); err != nil {
			return err
		}
		for _, x := range settlements {
			p := t.people[x.Key]
			if st, _, found := p.standing(backend); found && st.Token != 0 && st.Token == x.Token {
				t.put(p, st.Settled(x, t.now))
			}
		}
		return nil
	})
	if err != nil {
		return s.fail(ctx, fmt.Sprintf("settle with %q", backend), err)
	}
	return nil
}
