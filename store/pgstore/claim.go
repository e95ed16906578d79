package pgstore

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-go/rollcall/store"
)

// claimSQL locks what is due and what nobody else is about to claim, lane by lane,
// each as a range of the index standings_owed. Two ranges of a lane are due, see
// store.Standing.DueAt; what waits lies between them.
var claimSQL = func() string {
	const (
		owed    = "SELECT " + standingList + " FROM rollcall.standings AS s WHERE s.state = 'owed' AND s.backend = $1"
		due     = " AND s.due <= statement_timestamp()"
		ahead   = " AND s.due > statement_timestamp() + interval '15 minutes'" // store.MaxWait
		inOrder = " ORDER BY s.due, s.channel, s.user_id LIMIT $2::bigint"
		locking = " FOR UPDATE SKIP LOCKED"
	)
	var parts, taken, all []string
	for i, where := range []string{" AND NOT s.bulk" + due, " AND NOT s.bulk" + ahead, " AND s.bulk" + due, " AND s.bulk" + ahead} {
		name := string(rune('a' + i))
		parts = append(parts, name+" AS ("+owed+where+inOrder+strings.Join(taken, "")+locking+")")
		taken = append(taken, " - (SELECT count(*) FROM "+name+")")
		all = append(all, "SELECT * FROM "+name)
	}
	return "WITH " + strings.Join(parts, ", ") + " " + strings.Join(all, " UNION ALL ")
}()

// nextSQL asks when something of a lane will be due.
const nextSQL = `SELECT min(due), clock_timestamp() FROM rollcall.standings WHERE state = 'owed' AND backend = $1 AND bulk = $2`

var recordsSQL, recordsPlain = lookup{columns: "s.channel, s.user_id, s.record", table: "people", condition: " AND NOT s.forgotten"}.texts()

// lockedWait is how long to wait for what is due and being claimed or changed by
// somebody else at this moment.
const lockedWait = 50 * time.Millisecond

// Claim implements [store.Outbox]. What is due, and when a lease ends, is told by
// the server's clock, so that those of the deliverers do not matter.
func (s *Store) Claim(ctx context.Context, backend string, limit int, lease time.Duration) ([]store.Claim, time.Duration, error) {
	var claims []store.Claim
	var wait time.Duration
	err := s.transact(ctx, func(tx *transaction) (err error) {
		claims, wait, err = claim(ctx, tx, backend, max(limit, 0), lease)
		return err
	})
	if err != nil {
		return nil, 0, s.fail(ctx, fmt.Sprintf("claim from %q", backend), err)
	}
	return claims, wait, nil
}

func claim(ctx context.Context, tx *transaction, backend string, limit int, lease time.Duration) ([]store.Claim, time.Duration, error) {
	var now time.Time
	st := newStandings()
	var due []store.Standing
	damaged := make(map[store.Key]bool)
	tx.clock(&now)
	tx.requireEnrolled(backend)
	tx.queue(claimSQL, backend, limit).Query(func(rows pgx.Rows) error {
		return eachStanding(rows, func(s store.Standing, tid string, err error) error {
			st.keep(s, tid)
			due = append(due, s)
			if err != nil {
				damaged[s.Key] = true
			}
			return nil
		})
	})
	if err := tx.send(ctx); err != nil {
		return nil, 0, err
	}
	if len(due) == 0 {
		wait, err := untilNext(ctx, tx, backend)
		return nil, wait, err
	}
	records, err := tx.recordsOf(ctx, due, damaged)
	if err != nil {
		return nil, 0, err
	}
	var claims []store.Claim
	for _, s := range due {
		if damaged[s.Key] {
			st.put(letDie(s, now))
			continue
		}
		claimed := s.Claimed(1+rand.Int64N(math.MaxInt64), now, lease)
		st.put(claimed)
		claims = append(claims, store.Claim{Standing: claimed, Record: records[s.Key], Waited: s.Overdue(now)})
	}
	if len(claims) == 0 {
		return nil, lockedWait, tx.putStandings(st) // there may be more behind the damaged
	}
	return claims, 0, tx.putStandings(st)
}

// recordsOf returns what is kept of those whose standings are locked, and adds to
// damaged who cannot be read. It does so in a statement of its own: the one that
// locks could still see records from before a change that it waited for.
func (tx *transaction) recordsOf(ctx context.Context, due []store.Standing, damaged map[store.Key]bool) (map[store.Key]store.Record, error) {
	keys := make([]store.Key, len(due))
	for i, s := range due {
		keys[i] = s.Key
	}
	records := make(map[store.Key]store.Record, len(due))
	channels, userIDs := split(keys)
	tx.queue(recordsSQL, channels, userIDs).Query(func(rows pgx.Rows) error {
		var key store.Key
		var blob []byte
		_, err := pgx.ForEachRow(rows, []any{&key.Channel, &key.UserID, &blob}, func() error {
			if r, err := decode(blob, key); err == nil {
				records[key] = r
			} else {
				damaged[key] = true
			}
			return nil
		})
		return err
	})
	return records, tx.send(ctx)
}

// untilNext returns how long until something can be claimed, 0 where nothing is
// owed at all.
func untilNext(ctx context.Context, tx *transaction, backend string) (wait time.Duration, err error) {
	for _, bulk := range []bool{false, true} {
		tx.queue(nextSQL, backend, bulk).QueryRow(func(row pgx.Row) error {
			var due *time.Time
			var now time.Time
			if err := row.Scan(&due, &now); err != nil || due == nil {
				return err
			}
			if d := min(max(due.Sub(now), lockedWait), store.MaxWait); wait == 0 || d < wait {
				wait = d
			}
			return nil
		})
	}
	return wait, tx.send(ctx)
}

// Settle implements [store.Outbox].
func (s *Store) Settle(ctx context.Context, backend string, settlements []store.Settlement) error {
	keys := make([]store.Key, len(settlements))
	for i, x := range settlements {
		keys[i] = x.Key
	}
	slices.SortFunc(keys, store.Key.Compare) // as everybody locks them
	channels, userIDs := split(keys)
	err := s.transact(ctx, func(tx *transaction) error {
		var now time.Time
		tx.clock(&now)
		tx.requireEnrolled(backend)
		st := tx.lockStandings(lockStandingsWithSQL, channels, userIDs, backend)
		if err := tx.send(ctx); err != nil {
			return err
		}
		for _, x := range settlements {
			if s, found := st.at(place{x.Key, backend}); found {
				st.put(s.Settled(x, now))
			}
		}
		return tx.putStandings(st)
	})
	if err != nil {
		return s.fail(ctx, fmt.Sprintf("settle with %q", backend), err)
	}
	return nil
}
