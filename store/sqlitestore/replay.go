package sqlitestore

import (
	"context"
	"database/sql/driver"
	"fmt"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// What waits for another try comes from the index standings_owed, lane by lane.
// Where there are many, a step goes on behind the last one.
const waitingSQL = "SELECT " + standingColumns + owedSQL + " AND (due, channel, user_id) > (?, ?, ?)" +
	" AND token = 0 ORDER BY due, channel, user_id LIMIT ?"

// Replay implements [store.Outbox]. All of a backend are replayed in steps; the
// number returned is right also beside an error.
func (s *Store) Replay(ctx context.Context, backend string, key store.Key) (int, error) {
	s.calls.RLock()
	defer s.calls.RUnlock()
	n, err := s.replay(ctx, backend, key)
	if err != nil {
		return n, s.fail(ctx, fmt.Sprintf("replay %q", backend), err)
	}
	return n, nil
}

func (s *Store) replay(ctx context.Context, backend string, key store.Key) (total int, err error) {
	if !key.IsZero() {
		_, total, err = s.replayThese(ctx, backend, func(time.Time) (string, []driver.Value) {
			return selectStandingSQL, []driver.Value{key.Channel, key.UserID, backend}
		})
		return total, err
	}
	dead := store.StandingFilter{Backend: backend, State: store.StateDead}
	total, err = s.replayInSteps(ctx, backend, func(last store.Standing, _ time.Time) (string, []driver.Value) {
		return standingsQuery(dead, last.Key, s.step)
	})
	for _, bulk := range []int64{0, 1} {
		if err != nil {
			break
		}
		_, err = s.replayInSteps(ctx, backend, func(last store.Standing, now time.Time) (string, []driver.Value) {
			if !last.Due.After(now) {
				last = store.Standing{Due: now.Add(time.Millisecond)}
			}
			return waitingSQL, []driver.Value{backend, bulk, last.Due.UnixMilli(), last.Key.Channel, last.Key.UserID, int64(s.step)}
		})
	}
	return total, err
}

// replayInSteps replays up to s.step standings at a time. next makes the query of
// those behind the last one of the step before.
func (s *Store) replayInSteps(ctx context.Context, backend string, next func(last store.Standing, now time.Time) (string, []driver.Value)) (total int, err error) {
	var last store.Standing
	for {
		replayed, n, err := s.replayThese(ctx, backend, func(now time.Time) (string, []driver.Value) { return next(last, now) })
		total += n
		if err != nil || len(replayed) < s.step {
			return total, err
		}
		last = replayed[len(replayed)-1]
		select {
		case <-ctx.Done():
			return total, ctx.Err()
		case <-s.closing:
			return total, store.ErrClosed
		case <-time.After(stepPause):
		}
	}
}

// replayThese replays what a query returns. It returns that as it was, and how
// many were dead letters.
func (s *Store) replayThese(ctx context.Context, backend string, query func(now time.Time) (string, []driver.Value)) (before []store.Standing, dead int, err error) {
	err = s.write(ctx, func(w *conn) error {
		if err := requireEnrolled(w, backend); err != nil {
			return err
		}
		now := time.Now()
		q, args := query(now)
		var err error
		if before, err = selectReadable(w, q, args...); err != nil {
			return err
		}
		for _, st := range before {
			if st.State == store.StateDead {
				dead++
			}
			if err := putStanding(w, st.Replayed(now)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	return before, dead, nil
}
