package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-go/rollcall/store"
)

// stepSize is how many people one transaction of Enroll, Resync, Withdraw and
// Replay looks at: Apply waits for one of them at the most.
const stepSize = 1000

const (
	lockBackendSQL = `SELECT job, cursor_channel, cursor_user_id, total FROM rollcall.backends WHERE name = $1 FOR UPDATE`
	backendSQL     = `SELECT job FROM rollcall.backends WHERE name = $1`
	addBackendSQL  = `INSERT INTO rollcall.backends (name, job, cursor_channel, cursor_user_id, began, total)
		VALUES ($1, $2, '', '', $3, 0)`
	beginJobSQL    = `UPDATE rollcall.backends SET job = $2, cursor_channel = '', cursor_user_id = '', began = $3, total = 0 WHERE name = $1`
	moveJobSQL     = `UPDATE rollcall.backends SET job = $2, cursor_channel = $3, cursor_user_id = $4, total = $5 WHERE name = $1`
	dropBackendSQL = `DELETE FROM rollcall.backends WHERE name = $1`

	lockNextPeopleSQL = `SELECT s.channel, s.user_id, ` + tid + ` FROM rollcall.people AS s
		WHERE NOT s.forgotten AND (s.channel, s.user_id) > ($1, $2) ORDER BY s.channel, s.user_id LIMIT $3 FOR UPDATE`
	lockNextStandingsSQL = `SELECT s.channel, s.user_id, ` + tid + ` FROM rollcall.standings AS s
		WHERE (s.channel, s.user_id) > ($1, $2) AND s.backend = $4 ORDER BY s.channel, s.user_id LIMIT $3 FOR UPDATE`
	dropStandingsSQL   = `DELETE FROM rollcall.standings AS s WHERE s.ctid = ANY($1::text[]::tid[])`
	dropStandingsPlain = `DELETE FROM rollcall.standings AS s USING unnest($1::text[], $2::text[]) AS k (channel, user_id)
		WHERE s.channel = k.channel AND s.user_id = k.user_id AND s.backend = $3`
)

// A job is what is under way with all people of a backend, in steps. It is kept
// with how far it came, so that any process can go on with it.
type job string

const (
	jobNone     job = ""
	jobEnroll   job = "enroll"
	jobResync   job = "resync"
	jobWithdraw job = "withdraw" // whose backend counts as not enrolled
)

// progress is how far the job of a backend came.
type progress struct {
	found  bool
	job    job
	cursor store.Key
	total  int64
}

var errNotEnrolled = fmt.Errorf("the backend is not enrolled: %w", store.ErrNotFound)

// Enroll implements [store.Outbox]. It goes on with whatever a process that was
// killed left undone, a Resync too.
func (s *Store) Enroll(ctx context.Context, backend string) error {
	err := s.enroll(ctx, backend)
	if err != nil {
		return s.fail(ctx, fmt.Sprintf("enroll %q", backend), err)
	}
	return nil
}

func (s *Store) enroll(ctx context.Context, backend string) error {
	if done, err := s.isEnrolled(ctx, backend); done || err != nil {
		return err
	}
	for {
		var before job
		err := s.begin(ctx, backend, func(p progress) (job, error) {
			before = p.job
			if p.found {
				return p.job, nil
			}
			return jobEnroll, nil
		})
		if err == nil {
			err = s.run(ctx, backend)
		}
		if err != nil || before != jobWithdraw {
			return err
		}
	}
}

// isEnrolled reports whether a backend is enrolled, with nothing left to do. To ask
// closes no gate, and every process does when it starts.
func (s *Store) isEnrolled(ctx context.Context, backend string) (bool, error) {
	var j job
	err := s.read(ctx, func(c *pgxpool.Conn) error { return c.QueryRow(ctx, s.sql(backendSQL), backend).Scan(&j) })
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil && j == jobNone, err
}

// Resync implements [store.Outbox].
func (s *Store) Resync(ctx context.Context, backend string) error {
	err := s.begin(ctx, backend, func(p progress) (job, error) {
		if !p.found || p.job == jobWithdraw {
			return p.job, errNotEnrolled
		}
		return jobResync, nil
	})
	if err == nil {
		err = s.run(ctx, backend)
	}
	if err != nil {
		return s.fail(ctx, fmt.Sprintf("resync %q", backend), err)
	}
	return nil
}

// Withdraw implements [store.Outbox]. Nothing more is owed from its first step
// on; where it was cut short, what is left goes when it is called again.
func (s *Store) Withdraw(ctx context.Context, backend string) error {
	err := s.begin(ctx, backend, func(p progress) (job, error) {
		if !p.found {
			return p.job, errNotEnrolled
		}
		return jobWithdraw, nil
	})
	if err == nil {
		err = s.run(ctx, backend)
	}
	if err != nil && !errors.Is(err, errNotEnrolled) {
		return s.fail(ctx, fmt.Sprintf("withdraw %q", backend), err)
	}
	return nil
}

// begin puts a backend at the start of the job that choose returns, unless it is
// at that job already. The gate is closed meanwhile: every Apply that read the old
// list of backends has ended before the first step looks at people.
func (s *Store) begin(ctx context.Context, backend string, choose func(p progress) (job, error)) error {
	return s.transact(ctx, func(tx *transaction) error {
		var now time.Time
		tx.passGate(gateSQL)
		tx.clock(&now)
		p := tx.lockBackend(backend)
		if err := tx.send(ctx); err != nil {
			return err
		}
		next, err := choose(*p)
		switch {
		case err != nil:
			return err
		case !p.found:
			tx.queue(addBackendSQL, backend, string(next), now)
		case next != p.job || next == jobResync:
			tx.queue(beginJobSQL, backend, string(next), now)
		}
		return nil
	})
}

// lockBackend queues to lock the row of a backend, and to read it into the
// returned progress.
func (tx *transaction) lockBackend(backend string) *progress {
	p := &progress{}
	tx.queue(lockBackendSQL, backend).QueryRow(func(row pgx.Row) error {
		err := row.Scan(&p.job, &p.cursor.Channel, &p.cursor.UserID, &p.total)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		p.found = err == nil
		if err == nil && !p.job.known() {
			return fmt.Errorf("%w: the backend %q has an unknown job", ErrCorrupt, backend)
		}
		return err
	})
	return p
}

func (j job) known() bool {
	return j == jobNone || j == jobEnroll || j == jobResync || j == jobWithdraw
}

// requireEnrolled queues to fail where a backend is not enrolled.
func (tx *transaction) requireEnrolled(backend string) {
	tx.queue(backendSQL, backend).QueryRow(func(row pgx.Row) error {
		var j job
		err := row.Scan(&j)
		if errors.Is(err, pgx.ErrNoRows) || err == nil && j == jobWithdraw {
			return errNotEnrolled
		}
		return err
	})
}

// run does the steps of a backend's job until there is none any more. Others may
// do some of them.
func (s *Store) run(ctx context.Context, backend string) error {
	for more := true; more; {
		err := s.transact(ctx, func(tx *transaction) (err error) {
			more, err = step(ctx, tx, backend)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// step does one step of a backend's job, and reports whether there is more to do.
func step(ctx context.Context, tx *transaction, backend string) (more bool, err error) {
	var now time.Time
	tx.clock(&now)
	p := tx.lockBackend(backend)
	if err := tx.send(ctx); err != nil || !p.found || p.job == jobNone {
		return false, err // not found: somebody withdrew it meanwhile
	}
	query, args := lockNextPeopleSQL, []any{p.cursor.Channel, p.cursor.UserID, stepSize}
	if p.job == jobWithdraw {
		query, args = lockNextStandingsSQL, append(args, backend)
	}
	var keys []store.Key
	var tids []string
	tx.queue(query, args...).Query(func(rows pgx.Rows) error {
		var key store.Key
		var tid string
		_, err := pgx.ForEachRow(rows, []any{&key.Channel, &key.UserID, &tid}, func() error {
			keys, tids = append(keys, key), append(tids, tid)
			return nil
		})
		return err
	})
	if err := tx.send(ctx); err != nil {
		return false, err
	}
	// Fewer than stepSize need not be the last: who was deleted while we waited
	// for the lock is left out after the LIMIT counted them.
	if len(keys) == 0 {
		if p.job == jobWithdraw {
			tx.queue(dropBackendSQL, backend)
		} else {
			tx.queue(moveJobSQL, backend, string(jobNone), p.cursor.Channel, p.cursor.UserID, p.total)
		}
		return false, nil
	}
	channels, userIDs := split(keys)
	if p.job == jobWithdraw {
		tx.change(dropStandingsSQL, tids, []any{channels, userIDs, backend}, nil)
	} else {
		st := tx.lockStandings(lockStandingsWithSQL, channels, userIDs, backend)
		if err := tx.send(ctx); err != nil {
			return false, err
		}
		for _, key := range keys {
			p.job.bulk(st, place{key, backend}, now)
		}
		p.total += int64(len(keys))
		if err := tx.putStandings(st); err != nil {
			return false, err
		}
	}
	last := keys[len(keys)-1]
	tx.queue(moveJobSQL, backend, string(p.job), last.Channel, last.UserID, p.total)
	return true, nil
}

// bulk makes one person owed. Who has a standing when a backend is enrolled got it
// by a change since, and all of them is owed.
func (j job) bulk(st *standings, at place, now time.Time) {
	if s, found := st.at(at); !found || j != jobEnroll {
		st.put(s.Bulked(now))
	}
}
