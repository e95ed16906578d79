package natsstore

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/rollcall-go/rollcall/store"
)

// Settle implements [store.Outbox], for up to 1000 people at once, as Apply.
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

// Replay implements [store.Outbox]. All of a backend are replayed in steps; the
// number returned is right also beside an error.
func (s *Store) Replay(ctx context.Context, backend string, key store.Key) (int, error) {
	n, err := s.replay(ctx, backend, key)
	if err != nil {
		return n, s.fail(ctx, fmt.Sprintf("replay %q", backend), err)
	}
	return n, nil
}

func (s *Store) replay(ctx context.Context, backend string, key store.Key) (int, error) {
	if !key.IsZero() {
		return s.replayThese(ctx, backend, []candidate{{key: key}})
	}
	e, err := s.enrolment(ctx, backend)
	if err != nil {
		return 0, err
	}
	owed := s.owed(backend, e.Number)
	for total := 0; ; {
		var dead map[string]uint64
		err := retry(ctx, func() (err error) {
			dead, _, err = s.page(ctx, owed+string(laneDead)+".>", 0)
			return err
		})
		if err != nil {
			return total, err
		}
		var candidates []candidate
		for _, subject := range slices.Sorted(maps.Keys(dead)) {
			x, err := s.candidate(owed, subject)
			if err != nil {
				return total, err
			}
			candidates = append(candidates, x)
		}
		replayed := 0
		for step := range slices.Chunk(candidates, stepSize) {
			n, err := s.replayThese(ctx, backend, step)
			replayed += n
			if err != nil {
				return total + replayed, err
			}
		}
		total += replayed
		if replayed == 0 {
			return total, nil
		}
	}
}

func (s *Store) replayThese(ctx context.Context, backend string, candidates []candidate) (int, error) {
	keys := make([]store.Key, len(candidates))
	for i, x := range candidates {
		keys[i] = x.key
	}
	n, err := update(ctx, s, keys, func(t *tx) (n int, err error) {
		if _, err := t.backend(backend); err != nil {
			return 0, err
		}
		for _, x := range candidates {
			p := t.people[x.key]
			st, at, _ := p.standing(backend)
			if x.place != "" && x.place != at {
				t.clear(p, backend, x)
			}
			if st.State == store.StateDead {
				t.put(p, st.Replayed(t.now))
				n++
			}
		}
		return n, nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// Standings implements [store.Outbox]. Without a Key it reads everybody, once for
// each backend.
func (s *Store) Standings(ctx context.Context, f store.StandingFilter) iter.Seq2[store.Standing, error] {
	return func(yield func(store.Standing, error) bool) {
		r, err := s.backends(ctx)
		for _, name := range r.names() {
			if err != nil || f.Backend != "" && f.Backend != name {
				continue
			}
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
