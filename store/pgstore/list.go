package pgstore

import (
	"context"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-go/rollcall/store"
)

// pageSize is how many rows List and Standings have in memory at once.
const pageSize = 500

// List implements [store.Store]. It reads page by page, and holds no connection
// while the caller works on a page, however long that takes.
func (s *Store) List(ctx context.Context, f store.Filter) iter.Seq2[store.Profile, error] {
	return store.Pages(f, pageSize, func(f store.Filter, size int) ([]store.Record, error) {
		page, err := s.page(ctx, f, size)
		if err != nil {
			err = s.fail(ctx, "list", err)
		}
		return page, err
	})
}

// page returns the next profiles, also those in front of one that is damaged.
func (s *Store) page(ctx context.Context, f store.Filter, size int) (page []store.Record, err error) {
	if err := f.Validate(); err != nil {
		return nil, err
	}
	exact := searchable(f)
	for more := true; more && len(page) < size; {
		want := size - len(page)
		found, err := s.scan(ctx, f, want)
		for _, r := range found {
			if exact || f.Match(r.Profile()) {
				page = append(page, r)
			}
		}
		if err != nil {
			return page, err
		}
		if more = len(found) == want; more {
			f.After = found[want-1].Key
		}
	}
	return page, nil
}

// searchable reports whether the server can look for what f searches. It cannot where
// that is no text to it.
func searchable(f store.Filter) bool {
	search := store.FoldSearch(f.Search)
	return search == storable(search)
}

// scan is page, as far as the server can tell who matches.
func (s *Store) scan(ctx context.Context, f store.Filter, size int) (page []store.Record, err error) {
	query, args := pageQuery(f, size)
	err = s.read(ctx, func(c *pgxpool.Conn) error {
		page = page[:0]
		rows, err := c.Query(ctx, s.sql(query), args...)
		if err != nil {
			return err
		}
		var key store.Key
		var blob []byte
		_, err = pgx.ForEachRow(rows, []any{&key.Channel, &key.UserID, &blob}, func() error {
			r, err := decode(blob, key)
			if err != nil {
				return &store.DamagedError{Key: key, Err: err}
			}
			page = append(page, r)
			return nil
		})
		return err
	})
	return page, err
}

func pageQuery(f store.Filter, size int) (query string, args []any) {
	where := []string{"NOT forgotten", "(channel, user_id) > ($1, $2)"}
	args = []any{f.After.Channel, f.After.UserID}
	add := func(condition string, arg any) {
		args = append(args, arg)
		where = append(where, strings.ReplaceAll(condition, "?", "$"+strconv.Itoa(len(args))))
	}
	if f.Channel != "" {
		add("channel = ?", f.Channel)
	}
	if f.Status != "" {
		add("status = ?", string(f.Status))
	}
	if !f.SeenSince.IsZero() {
		add("last_seen >= ?", bound(f.SeenSince))
	}
	if !f.SeenBefore.IsZero() {
		add("(last_seen < ? OR last_seen IS NULL)", bound(f.SeenBefore))
	}
	if !f.CreatedSince.IsZero() {
		add("first_seen >= ?", bound(f.CreatedSince))
	}
	if f.Search != "" && searchable(f) {
		add("strpos(search, ?) > 0", store.FoldSearch(f.Search))
	}
	args = append(args, size)
	return "SELECT channel, user_id, record FROM rollcall.people WHERE " + strings.Join(where, " AND ") +
		" ORDER BY channel, user_id LIMIT $" + strconv.Itoa(len(args)), args
}

// bound returns the earliest time that the columns can hold and that is not before
// t. They hold whole seconds; a timestamptz holds microseconds, in fewer years than
// a time.Time.
func bound(t time.Time) time.Time {
	t = t.UTC()
	if t.Nanosecond() > 0 {
		t = t.Truncate(time.Second).Add(time.Second)
	}
	if first := time.Unix(0, 0).UTC(); t.Before(first) {
		return first
	}
	if last := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC); t.After(last) {
		return last
	}
	return t
}
