package sqlitestore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// What is due comes from the index standings_owed, lane by lane. Two ranges of
// it are due, see store.Standing.DueAt; what waits lies between them.
const (
	owedSQL     = " FROM standings WHERE state = 'owed' AND backend = ? AND bulk = ?"
	dueSQL      = "SELECT " + standingColumns + owedSQL + " AND due <= ? ORDER BY due, channel, user_id LIMIT ?"
	farAheadSQL = "SELECT " + standingColumns + owedSQL + " AND due > ? ORDER BY due, channel, user_id LIMIT ?"
	nextSQL     = "SELECT min(due)" + owedSQL
)

// Claim implements [store.Outbox].
func (s *Store) Claim(ctx context.Context, backend string, limit int, lease time.Duration) ([]store.Claim, time.Duration, error) {
	s.calls.RLock()
	defer s.calls.RUnlock()
	var claims []store.Claim
	var wait time.Duration
	err := s.write(ctx, func(w *conn) (err error) {
		claims, wait, err = claim(w, backend, max(limit, 0), lease)
		return err
	})
	if err != nil {
		return nil, 0, s.fail(ctx, fmt.Sprintf("claim from %q", backend), err)
	}
	return claims, wait, nil
}

func claim(w *conn, backend string, limit int, lease time.Duration) (claims []store.Claim, wait time.Duration, err error) {
	if err := requireEnrolled(w, backend); err != nil {
		return nil, 0, err
	}
	now := time.Now()
	due, err := dueStandings(w, backend, limit, now)
	if err != nil {
		return nil, 0, err
	}
	for _, st := range due {
		var c store.Claim
		c.Record, err = recordOf(w, st.Key)
		switch {
		case st.damaged, errors.Is(err, ErrCorrupt):
			err = putStanding(w, letDie(st.Standing, now))
		case err == nil:
			c.Standing, c.Waited = st.Claimed(1+rand.Int64N(math.MaxInt64), now, lease), st.Overdue(now)
			claims = append(claims, c)
			err = putStanding(w, c.Standing)
		}
		if err != nil {
			return nil, 0, err
		}
	}
	if len(claims) > 0 {
		return claims, 0, nil
	}
	wait, err = untilNext(w, backend, now)
	if len(due) > 0 && wait < 0 { // all were damaged, and more are due
		wait = time.Millisecond
	}
	return nil, wait, err
}

// letDie makes a dead letter of what cannot be read, without handing it out.
func letDie(st store.Standing, now time.Time) store.Standing {
	dead := st.Claimed(1, now, 0).Settled(store.Settlement{
		Token: 1, Version: st.Version, Verdict: store.VerdictDead, Reason: unreadable,
	}, now)
	dead.Touched = st.Touched
	return dead
}

// A dueStanding is damaged where it had to be repaired.
type dueStanding struct {
	store.Standing
	damaged bool
}

func dueStandings(w *conn, backend string, limit int, now time.Time) (due []dueStanding, err error) {
	for _, bulk := range []int64{0, 1} {
		for _, part := range []struct {
			query string
			bound time.Time
		}{{dueSQL, now}, {farAheadSQL, now.Add(store.MaxWait)}} {
			if len(due) == limit {
				return due, nil
			}
			err := eachStanding(w, part.query, func(s store.Standing, damaged error) {
				due = append(due, dueStanding{s, damaged != nil})
			}, backend, bulk, part.bound.UnixMilli(), int64(limit-len(due)))
			if err != nil {
				return nil, err
			}
		}
	}
	return due, nil
}

// untilNext returns how long until something of what is not due will be.
func untilNext(w *conn, backend string, now time.Time) (time.Duration, error) {
	var wait time.Duration
	dest := make([]driver.Value, 1)
	for _, bulk := range []int64{0, 1} {
		if _, err := w.row(nextSQL, dest, backend, bulk); err != nil {
			return 0, err
		}
		if due, ok := dest[0].(int64); ok {
			if d := time.UnixMilli(due).Sub(now); wait == 0 || d < wait {
				wait = d
			}
		}
	}
	return wait, nil
}

// recordOf returns what is kept of a person, a zero Record where that is nothing.
func recordOf(w *conn, key store.Key) (store.Record, error) {
	dest := make([]driver.Value, 2)
	found, err := w.row(selectSQL, dest, key.Channel, key.UserID)
	if err != nil || !found {
		return store.Record{}, err
	}
	blob, _ := dest[1].([]byte)
	return decode(blob, key)
}

// Settle implements [store.Outbox].
func (s *Store) Settle(ctx context.Context, backend string, settlements []store.Settlement) error {
	s.calls.RLock()
	defer s.calls.RUnlock()
	err := s.write(ctx, func(w *conn) error { return settle(w, backend, settlements) })
	if err != nil {
		return s.fail(ctx, fmt.Sprintf("settle with %q", backend), err)
	}
	return nil
}

func settle(w *conn, backend string, settlements []store.Settlement) error {
	if err := requireEnrolled(w, backend); err != nil {
		return err
	}
	now := time.Now()
	for _, x := range settlements {
		st, found, err := standingWith(w, backend, x.Key)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		if err := putStanding(w, st.Settled(x, now)); err != nil {
			return err
		}
	}
	return nil
}
