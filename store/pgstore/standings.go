package pgstore

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-go/rollcall/store"
)

// Standings implements [store.Outbox], page by page as List does.
func (s *Store) Standings(ctx context.Context, f store.StandingFilter) iter.Seq2[store.Standing, error] {
	return func(yield func(store.Standing, error) bool) {
		backends, err := s.backendsOf(ctx, f)
		for _, name := range backends {
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

// backendsOf returns the enrolled backends that f asks for.
func (s *Store) backendsOf(ctx context.Context, f store.StandingFilter) ([]string, error) {
	if err := f.Validate(); err != nil {
		return nil, err
	}
	backends, err := s.enrolled(ctx)
	switch {
	case err != nil || f.Backend == "":
		return backends, err
	case !slices.Contains(backends, f.Backend):
		return nil, fmt.Errorf("%q: %w", f.Backend, errNotEnrolled)
	}
	return []string{f.Backend}, nil
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
func (s *Store) standingsPage(ctx context.Context, f store.StandingFilter, cursor store.Key) (page []store.Standing, err error) {
	query, args := standingsQuery(f, cursor, pageSize)
	err = s.read(ctx, func(c *pgxpool.Conn) error {
		page = page[:0]
		rows, err := c.Query(ctx, s.sql(query), args...)
		if err != nil {
			return err
		}
		return eachStanding(rows, func(st store.Standing, _ string, err error) error {
			if err == nil {
				page = append(page, st)
			}
			return err
		})
	})
	return page, err
}

// standingsQuery asks for the next standings of f.Backend, in the order of keys.
func standingsQuery(f store.StandingFilter, cursor store.Key, size int) (query string, args []any) {
	query = "SELECT " + standingList + " FROM rollcall.standings AS s WHERE s.backend = $1 AND (s.channel, s.user_id) > ($2, $3)"
	args = []any{f.Backend, cursor.Channel, cursor.UserID, size}
	if !f.Key.IsZero() {
		query += " AND s.channel = $5 AND s.user_id = $6"
		args = append(args, f.Key.Channel, f.Key.UserID)
	}
	switch f.State {
	case "":
	case store.StateDead:
		query += " AND s.state = 'dead'" // not as an argument, so that the index standings_dead is used
	default:
		args = append(args, string(f.State))
		query += " AND s.state = $" + strconv.Itoa(len(args))
	}
	return query + " ORDER BY s.channel, s.user_id LIMIT $4", args
}

const backlogsSQL = `SELECT b.name, b.job = '', b.total, b.began, clock_timestamp(),
	(SELECT count(*) FROM rollcall.standings AS s WHERE s.state = 'owed' AND s.backend = b.name),
	(SELECT count(*) FROM rollcall.standings AS s WHERE s.state = 'owed' AND s.backend = b.name AND s.bulk),
	(SELECT count(*) FROM rollcall.standings AS s WHERE s.state = 'dead' AND s.backend = b.name)
	FROM rollcall.backends AS b WHERE b.job <> 'withdraw' ORDER BY b.name`

// Backlogs implements [store.Outbox]. It counts what is owed and what is dead, by
// indexes that hold nothing else.
func (s *Store) Backlogs(ctx context.Context) ([]store.Backlog, error) {
	var backlogs []store.Backlog
	err := s.read(ctx, func(c *pgxpool.Conn) error {
		backlogs = nil
		rows, err := c.Query(ctx, s.sql(backlogsSQL))
		if err != nil {
			return err
		}
		var b store.Backlog
		var began, now time.Time
		_, err = pgx.ForEachRow(rows, []any{&b.Backend, &b.Complete, &b.Total, &began, &now, &b.Owed, &b.Bulk, &b.Dead}, func() error {
			b.Elapsed = now.Sub(began)
			backlogs = append(backlogs, b)
			return nil
		})
		return err
	})
	if err != nil {
		return nil, s.fail(ctx, "backlogs", err)
	}
	return backlogs, nil
}

func (s *Store) enrolled(ctx context.Context) (names []string, err error) {
	err = s.read(ctx, func(c *pgxpool.Conn) error {
		rows, err := c.Query(ctx, s.sql(enrolledSQL))
		if err != nil {
			return err
		}
		names, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return names, err
}
