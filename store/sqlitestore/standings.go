package sqlitestore

import (
	"context"
	"database/sql/driver"
	"iter"
	"slices"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// Standings implements [store.Outbox], page by page as List does.
func (s *Store) Standings(ctx context.Context, f store.StandingFilter) iter.Seq2[store.Standing, error] {
	return func(yield func(store.Standing, error) bool) {
		backends, err := s.backendNames(ctx)
		if err == nil {
			err = check(f, backends)
		}
		if err != nil {
			backends = nil
		}
		for _, name := range backends {
			if f.Backend != "" && f.Backend != name {
				continue
			}
			f := f
			f.Backend = name
			var more bool
			if more, err = s.standingsWith(ctx, f, yield); !more || err != nil {
				break
			}
		}
		if err != nil {
			yield(store.Standing{}, s.fail(ctx, "standings", err))
		}
	}
}

// check returns an error for a filter that is none.
func check(f store.StandingFilter, backends []string) error {
	if err := f.Validate(); err != nil {
		return err
	}
	if f.Backend != "" && !slices.Contains(backends, f.Backend) {
		return errNotEnrolled
	}
	return nil
}

// standingsWith yields those of one backend. more is false when the caller of the
// sequence has enough.
func (s *Store) standingsWith(ctx context.Context, f store.StandingFilter, yield func(store.Standing, error) bool) (more bool, err error) {
	for cursor := (store.Key{}); ; {
		page, err := s.standingsPage(ctx, f, cursor)
		for _, st := range page {
			if !yield(st, nil) {
				return false, nil
			}
		}
		if err != nil || len(page) < pageSize {
			return true, err
		}
		cursor = page[len(page)-1].Key
	}
}

// standingsPage returns the next standings, also those in front of one that is
// damaged.
func (s *Store) standingsPage(ctx context.Context, f store.StandingFilter, cursor store.Key) ([]store.Standing, error) {
	s.calls.RLock()
	defer s.calls.RUnlock()
	query, values := standingsQuery(f, cursor, pageSize)
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = v
	}
	var page []store.Standing
	err := s.patiently(ctx, func() error {
		rows, err := s.readers.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		page = page[:0]
		for rows.Next() {
			var row standingRow
			if err := rows.Scan(row.pointers()...); err != nil {
				return err
			}
			st, err := row.standing()
			if err != nil {
				return err
			}
			page = append(page, st)
		}
		return rows.Err()
	})
	return page, err
}

func (row *standingRow) pointers() []any {
	pointers := make([]any, len(row))
	for i := range row {
		pointers[i] = &row[i]
	}
	return pointers
}

// standingsQuery asks for the next standings of f.Backend, in the order of keys.
func standingsQuery(f store.StandingFilter, cursor store.Key, size int) (query string, args []driver.Value) {
	query = "SELECT " + standingColumns + " FROM standings WHERE backend = ? AND (channel, user_id) > (?, ?)"
	args = []driver.Value{f.Backend, cursor.Channel, cursor.UserID}
	if !f.Key.IsZero() {
		query += " AND channel = ? AND user_id = ?"
		args = append(args, f.Key.Channel, f.Key.UserID)
	}
	switch f.State {
	case "":
	case store.StateDead:
		query += " AND state = 'dead'" // not as an argument, so that the index standings_dead is used
	default:
		query += " AND state = ?"
		args = append(args, string(f.State))
	}
	return query + " ORDER BY channel, user_id LIMIT ?", append(args, int64(size))
}

func (s *Store) backendNames(ctx context.Context) (names []string, err error) {
	backlogs, err := s.backends(ctx)
	for _, b := range backlogs {
		names = append(names, b.Backend)
	}
	return names, err
}

// Backlogs implements [store.Outbox]. It counts what is owed and what is dead, by
// indexes that hold nothing else.
func (s *Store) Backlogs(ctx context.Context) ([]store.Backlog, error) {
	backlogs, err := s.backends(ctx)
	for i := range backlogs {
		if err == nil {
			err = s.count(ctx, &backlogs[i])
		}
	}
	if err != nil {
		return nil, s.fail(ctx, "backlogs", err)
	}
	return backlogs, nil
}

// backends returns the enrolled backends, sorted by name, with nothing counted.
func (s *Store) backends(ctx context.Context) ([]store.Backlog, error) {
	s.calls.RLock()
	defer s.calls.RUnlock()
	if err := s.open(); err != nil {
		return nil, err
	}
	var backlogs []store.Backlog
	err := s.patiently(ctx, func() error {
		rows, err := s.readers.QueryContext(ctx,
			"SELECT name, job = '', total, began FROM backends WHERE job != 'withdraw' ORDER BY name")
		if err != nil {
			return err
		}
		defer rows.Close()
		backlogs = backlogs[:0]
		for rows.Next() {
			var b store.Backlog
			var began int64
			if err := rows.Scan(&b.Backend, &b.Complete, &b.Total, &began); err != nil {
				return err
			}
			b.Elapsed = time.Since(time.UnixMilli(began))
			backlogs = append(backlogs, b)
		}
		return rows.Err()
	})
	return backlogs, err
}

const (
	countOwedSQL = "SELECT count(*), coalesce(sum(bulk), 0) FROM standings WHERE state = 'owed' AND backend = ?"
	countDeadSQL = "SELECT count(*) FROM standings WHERE state = 'dead' AND backend = ?"
)

func (s *Store) count(ctx context.Context, b *store.Backlog) error {
	s.calls.RLock()
	defer s.calls.RUnlock()
	return s.patiently(ctx, func() error {
		if err := s.readers.QueryRowContext(ctx, countOwedSQL, b.Backend).Scan(&b.Owed, &b.Bulk); err != nil {
			return err
		}
		return s.readers.QueryRowContext(ctx, countDeadSQL, b.Backend).Scan(&b.Dead)
	})
}
