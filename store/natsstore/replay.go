package natsstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

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
	total := 0
	for more := true; more; {
		noted := len(s.notedBefore(backend, e.Number, laneDead))
		dead, next, err := s.candidates(ctx, backend, e.Number, laneDead, 0)
		if err != nil {
			return total, err
		}
		n, err := s.replayThese(ctx, backend, dead)
		total += n
		if err != nil {
			return total, err
		}
		// Again where there are more dead letters than one list holds, and not for those
		// that died meanwhile. And a stray is known when it is listed again, and Claim does
		// not list this lane.
		more = next > 0 && n > 0 || len(s.notedBefore(backend, e.Number, laneDead)) > noted
	}
	for _, l := range []lane{laneLive, laneBulk} {
		waiting, err := s.waiting(ctx, backend, e.Number, l)
		if err == nil {
			_, err = s.replayThese(ctx, backend, waiting)
		}
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// waiting lists what of a lane is not due yet.
func (s *Store) waiting(ctx context.Context, backend string, number uint64, l lane) (waiting []candidate, err error) {
	now := time.Now().UnixMilli()
	for offset, more := 0, true; more; more = offset > 0 {
		var listed []candidate
		if listed, offset, err = s.candidates(ctx, backend, number, l, offset); err != nil {
			return nil, err
		}
		waiting = append(waiting, slices.DeleteFunc(listed, func(x candidate) bool { return x.due <= now })...)
	}
	return waiting, nil
}

// replayThese replays what is at these places, in steps, and counts the dead
// letters.
func (s *Store) replayThese(ctx context.Context, backend string, places []candidate) (total int, err error) {
	for step := range slices.Chunk(places, stepSize) {
		keys := make([]store.Key, len(step))
		for i, x := range step {
			keys[i] = x.key
		}
		n, err := update(ctx, s, keys, func(t *tx) (n int, err error) {
			if _, err := t.backend(backend); err != nil {
				return 0, err
			}
			for _, x := range step {
				n += t.replay(t.people[x.key], backend, x)
			}
			return n, nil
		})
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}

// replay returns 1 for a dead letter and 0 for all others.
func (t *tx) replay(p *person, backend string, x candidate) (dead int) {
	st, at, _ := p.standing(backend)
	if x.place != "" && x.place != at {
		t.clear(p, backend, x)
	}
	replayed := st.Replayed(t.now)
	if st.State == store.StateDead {
		dead = 1
	}
	if dead == 1 || !replayed.Due.Equal(st.Due) {
		t.put(p, replayed)
	}
	return dead
}
