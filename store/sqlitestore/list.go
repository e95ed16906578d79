package sqlitestore

import (
	"context"
	"database/sql"
	"iter"
	"strings"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// pageSize is how many profiles List has in memory at once.
const pageSize = 500

// List implements [store.Store]. It reads page by page, and holds no transaction
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
func (s *Store) page(ctx context.Context, f store.Filter, size int) ([]store.Record, error) {
	s.calls.RLock()
	defer s.calls.RUnlock()
	query, args := pageQuery(f, size)
	var page []store.Record
	err := s.patiently(ctx, func() error {
		rows, err := s.readers.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		page = page[:0]
		for rows.Next() {
			var key store.Key
			var blob sql.RawBytes
			if err := rows.Scan(&key.Channel, &key.UserID, &blob); err != nil {
				return err
			}
			r, err := decode(blob, key)
			if err != nil {
				return err
			}
			page = append(page, r)
		}
		return rows.Err()
	})
	return page, err
}

func pageQuery(f store.Filter, size int) (query string, args []any) {
	where := []string{"(channel, user_id) > (?, ?)"}
	args = []any{f.After.Channel, f.After.UserID}
	add := func(condition string, arg any) {
		where = append(where, condition)
		args = append(args, arg)
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
	if f.Search != "" {
		add("instr(search, ?) > 0", store.FoldSearch(f.Search))
	}
	return "SELECT channel, user_id, record FROM profiles WHERE " + strings.Join(where, " AND ") +
		" ORDER BY channel, user_id LIMIT ?", append(args, size)
}

// bound writes the earliest time that the columns can hold and that is not before
// t. Beyond these years a time would not sort as text.
func bound(t time.Time) string {
	if t = t.UTC(); t.Nanosecond() > 0 {
		t = t.Truncate(time.Second).Add(time.Second)
	}
	if t.Year() < 1 {
		t = time.Time{}
	}
	if t.Year() > 9999 {
		t = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	}
	return t.Format(timeFormat)
}
