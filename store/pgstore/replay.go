package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// waitingQuery locks what waits for another try and what nobody else is about to
// change. What was replayed is not among it any more, so it needs no cursor; and if there
// are fewer than a step there are no more, but those that were tried in vain meanwhile.
func waitingQuery(backend string, bulk bool, key store.Key) (query string, args []any) {
	query = "SELECT " + standingList + ` FROM rollcall.standings AS s
		WHERE s.state = 'owed' AND s.backend = $1 AND s.bulk = $2 AND s.due > statement_timestamp() AND s.token = 0`
	args = []any{backend, bulk, stepSize}
	if !key.IsZero() {
		query += " AND s.channel = $4 AND s.user_id = $5"
		args = append(args, key.Channel, key.UserID)
	}
	return query + " ORDER BY s.due, s.channel, s.user_id LIMIT $3 FOR UPDATE SKIP LOCKED", args
}

// Replay implements [store.Outbox]. All of a backend are replayed in steps; the
// number returned is right also beside an error.
func (s *Store) Replay(ctx context.Context, backend string, key store.Key) (int, error) {
	total, err := s.replayDead(ctx, backend, key)
	for _, bulk := range []bool{false, true} {
		query, args := waitingQuery(backend, bulk, key)
		for n := stepSize; n == stepSize && err == nil; {
			n, _, err = s.replayStep(ctx, backend, query, args...)
		}
	}
	if err != nil {
		return total, s.fail(ctx, fmt.Sprintf("replay %q", backend), err)
	}
	return total, nil
}

func (s *Store) replayDead(ctx context.Context, backend string, key store.Key) (total int, err error) {
	f := store.StandingFilter{Backend: backend, Key: key, State: store.StateDead}
	for cursor := (store.Key{}); ; {
		query, args := standingsQuery(f, cursor, stepSize)
		n, last, err := s.replayStep(ctx, backend, query+" FOR UPDATE", args...)
		if err != nil || n == 0 {
			return total, err
		}
		total += n
		cursor = last
	}
}

// replayStep replays what a query locks, and returns how many there are and the
// last of their keys.
func (s *Store) replayStep(ctx context.Context, backend, query string, args ...any) (n int, last store.Key, err error) {
	err = s.transact(ctx, func(tx *transaction) error {
		var now time.Time
		tx.clock(&now)
		tx.requireEnrolled(backend)
		st := tx.lockStandings(query, args...)
		if err := tx.send(ctx); err != nil {
			return err
		}
		n = len(st.kept)
		for at, waiting := range st.kept {
			st.put(waiting.Replayed(now))
			if at.key.Compare(last) > 0 {
				last = at.key
			}
		}
		return tx.putStandings(st)
	})
	return n, last, err
}
