package sqlitestore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

const (
	// stepSize is how many people one transaction of Enroll, Resync, Withdraw
	// and Replay looks at: Apply waits for one of them at the most.
	stepSize = 2000
	// stepPause lets other processes have a turn between two steps, since
	// SQLite's locks know none.
	stepPause = 10 * time.Millisecond
)

const (
	enrolledSQL      = "SELECT name FROM backends WHERE job != 'withdraw'"
	selectBackendSQL = "SELECT job, cursor_channel, cursor_user_id, total FROM backends WHERE name = ?"
)

// A job is what is under way with all people of a backend, in steps. It is kept
// in the file with how far it came, so that any process can go on with it.
type job string

const (
	jobNone     job = ""
	jobEnroll   job = "enroll"
	jobResync   job = "resync"
	jobWithdraw job = "withdraw" // whose backend counts as not enrolled
)

// progress is how far the job of a backend came.
type progress struct {
	job    job
	cursor store.Key
	total  int64
}

var errNotEnrolled = fmt.Errorf("the backend is not enrolled: %w", store.ErrNotFound)

// enrolled returns the names of the backends.
func enrolled(w *conn) (names []string, err error) {
	dest := make([]driver.Value, 1)
	err = w.rows(enrolledSQL, dest, func() error {
		name, _ := dest[0].(string)
		names = append(names, name)
		return nil
	})
	return names, err
}

// requireEnrolled returns errNotEnrolled for an unknown backend.
func requireEnrolled(w *conn, backend string) error {
	p, found, err := readProgress(w, backend)
	if err == nil && (!found || p.job == jobWithdraw) {
		return errNotEnrolled
	}
	return err
}

func readProgress(w *conn, backend string) (p progress, found bool, err error) {
	dest := make([]driver.Value, 4)
	found, err = w.row(selectBackendSQL, dest, backend)
	if err != nil || !found {
		return p, found, err
	}
	text := func(i int) string { t, _ := dest[i].(string); return t }
	p.job = job(text(0))
	p.cursor = store.Key{Channel: text(1), UserID: text(2)}
	p.total, _ = dest[3].(int64)
	switch p.job {
	case jobNone, jobEnroll, jobResync, jobWithdraw:
		return p, true, nil
	}
	return p, true, fmt.Errorf("%w: the backend %q has an unknown job", ErrCorrupt, backend)
}

// Enroll implements [store.Outbox]. It goes on with whatever a process that was
// killed left undone, a Resync too.
func (s *Store) Enroll(ctx context.Context, backend string) error {
	s.calls.RLock()
	defer s.calls.RUnlock()
	if err := s.enroll(ctx, backend); err != nil {
		return s.fail(ctx, fmt.Sprintf("enroll %q", backend), err)
	}
	return nil
}

func (s *Store) enroll(ctx context.Context, backend string) error {
	for withdrawn := false; !withdrawn; {
		err := s.write(ctx, func(w *conn) error {
			p, found, err := readProgress(w, backend)
			if err != nil {
				return err
			}
			if found && p.job == jobWithdraw {
				return nil
			}
			withdrawn = true
			if found {
				return nil
			}
			return begin(w, backend, jobEnroll)
		})
		if err == nil && !withdrawn {
			err = s.run(ctx, backend)
		}
		if err != nil {
			return err
		}
	}
	return s.run(ctx, backend)
}

// Resync implements [store.Outbox].
func (s *Store) Resync(ctx context.Context, backend string) error {
	return s.start(ctx, "resync", backend, jobResync)
}

// Withdraw implements [store.Outbox]. Nothing more is owed from its first step
// on; where it was cut short, what is left in the file goes when it is called
// again.
func (s *Store) Withdraw(ctx context.Context, backend string) error {
	err := s.start(ctx, "withdraw", backend, jobWithdraw)
	if errors.Is(err, errNotEnrolled) {
		return nil
	}
	return err
}

func (s *Store) start(ctx context.Context, doing, backend string, j job) error {
	s.calls.RLock()
	defer s.calls.RUnlock()
	err := s.write(ctx, func(w *conn) error {
		p, found, err := readProgress(w, backend)
		switch {
		case err != nil:
			return err
		case !found, p.job == jobWithdraw && j != jobWithdraw:
			return errNotEnrolled
		}
		return begin(w, backend, j)
	})
	if err == nil {
		err = s.run(ctx, backend)
	}
	if err != nil {
		return s.fail(ctx, fmt.Sprintf("%s %q", doing, backend), err)
	}
	return nil
}

// begin puts a backend at the start of a job.
func begin(w *conn, backend string, j job) error {
	return w.exec("INSERT OR REPLACE INTO backends (name, job, cursor_channel, cursor_user_id, began, total) VALUES (?, ?, '', '', ?, 0)",
		backend, string(j), time.Now().UnixMilli())
}

// run does the steps of a backend's job until there is none any more. Others may
// do some of them.
func (s *Store) run(ctx context.Context, backend string) error {
	for {
		var p progress
		err := s.write(ctx, func(w *conn) (err error) {
			p, err = step(w, backend, s.step)
			return err
		})
		if err != nil || p.job == jobNone {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.closing:
			return store.ErrClosed
		case <-time.After(stepPause):
		}
	}
}

// step does a backend's job for the next people, and returns what is left to do.
func step(w *conn, backend string, size int) (progress, error) {
	p, found, err := readProgress(w, backend)
	if err != nil {
		return p, err
	}
	if !found {
		return progress{}, nil // somebody withdrew it meanwhile
	}
	var table string
	switch p.job {
	case jobNone:
		return p, nil
	case jobWithdraw:
		table = "standings"
	default:
		table = "profiles"
	}
	keys, err := keysAfter(w, table, p.cursor, size)
	if err != nil {
		return p, err
	}
	now := time.Now()
	for _, key := range keys {
		if err := p.do(w, backend, key, now); err != nil {
			return p, err
		}
	}
	if len(keys) < size {
		if p.job == jobWithdraw {
			return progress{}, w.exec("DELETE FROM backends WHERE name = ?", backend)
		}
		p.job = jobNone
	} else {
		p.cursor = keys[len(keys)-1]
	}
	return p, w.exec("UPDATE backends SET job = ?, cursor_channel = ?, cursor_user_id = ?, total = ? WHERE name = ?",
		string(p.job), p.cursor.Channel, p.cursor.UserID, p.total, backend)
}

// do does the job for one person. Who has a standing when a backend is enrolled
// got it by a change since, and all of them is owed.
func (p *progress) do(w *conn, backend string, key store.Key, now time.Time) error {
	if p.job == jobWithdraw {
		return w.exec(dropStandingSQL, key.Channel, key.UserID, backend)
	}
	p.total++
	s, found, err := standingWith(w, backend, key)
	if err != nil || found && p.job == jobEnroll {
		return err
	}
	s.Backend, s.Key = backend, key
	return putStanding(w, s.Bulked(now))
}

// keysAfter returns the next people of a table, in order.
func keysAfter(w *conn, table string, cursor store.Key, size int) (keys []store.Key, err error) {
	dest := make([]driver.Value, 2)
	err = w.rows("SELECT DISTINCT channel, user_id FROM "+table+
		" WHERE (channel, user_id) > (?, ?) ORDER BY channel, user_id LIMIT ?", dest, func() error {
		var key store.Key
		key.Channel, _ = dest[0].(string)
		key.UserID, _ = dest[1].(string)
		keys = append(keys, key)
		return nil
	}, cursor.Channel, cursor.UserID, int64(size))
	return keys, err
}
