package sqlitestore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

const (
	// pageSize is how many profiles List has in memory at once.
	pageSize = 500
	// scanSize is among how many people one statement looks for those who match.
	// While it runs the log cannot be emptied, which Forget waits for.
	scanSize = 5000
)

// List implements [store.Store]. It reads page by page, and holds no transaction
// while the caller works on a page, however long that takes, nor for as long as it
// takes to find a few people among millions. Where it comes to a row that is damaged its
// error is a [store.DamagedError] that wraps [ErrCorrupt]; damage of the file around the
// rows gives ErrCorrupt alone.
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
	if err := f.Validate(); err != nil {
		return nil, err
	}
	page := make([]store.Record, 0, size)
	for {
		until, err := s.scanEnd(ctx, f)
		if err != nil {
			return page, err
		}
		page, err = s.scan(ctx, f, until, size, page)
		if err != nil || until.IsZero() || len(page) == size {
			return page, err
		}
		f.After = until
	}
}

// scanEnd returns the last key that the next statement looks at, a zero Key where it
// may look at all.
func (s *Store) scanEnd(ctx context.Context, f store.Filter) (until store.Key, err error) {
	if f == (store.Filter{Channel: f.Channel, After: f.After, Limit: f.Limit}) {
		return store.Key{}, nil // everybody matches
	}
	s.calls.RLock()
	defer s.calls.RUnlock()
	where, args := among(f)
	query := "SELECT channel, user_id FROM profiles WHERE " + where + " ORDER BY channel, user_id LIMIT 1 OFFSET ?"
	err = s.patiently(ctx, func() error {
		return s.readers.QueryRowContext(ctx, query, append(args, s.scanSize-1)...).Scan(&until.Channel, &until.UserID)
	})
	if errors.Is(err, sql.ErrNoRows) {
		err = nil // fewer are left
	}
	return until, err
}

// among returns the condition that all of a listing meet, by the primary key.
func among(f store.Filter) (where string, args []any) {
	where, args = "(channel, user_id) > (?, ?)", []any{f.After.Channel, f.After.UserID}
	if f.Channel != "" {
		where, args = where+" AND channel = ?", append(args, f.Channel)
	}
	return where, args
}

// scan appends those up to until to page, until it has size of them.
func (s *Store) scan(ctx context.Context, f store.Filter, until store.Key, size int, page []store.Record) ([]store.Record, error) {
	s.calls.RLock()
	defer s.calls.RUnlock()
	before := len(page)
	query, args := pageQuery(f, until, size-before)
	err := s.patiently(ctx, func() error {
		page = page[:before]
		return s.read(ctx, query, args, func(row *[3]driver.Value) error {
			channel, _ := row[0].(string)
			id, _ := row[1].(string)
			blob, _ := row[2].([]byte)
			key := store.Key{Channel: channel, UserID: id}
			r, err := decode(blob, key)
			if err != nil {
				return &store.DamagedError{Key: key, Err: err}
			}
			page = append(page, r)
			return nil
		})
	})
	return page, err
}

// read calls each for every row of a query. It stands on the driver: what
// database/sql does around each row would cost a tenth of a page.
func (s *Store) read(ctx context.Context, query string, args []any, each func(row *[3]driver.Value) error) error {
	named := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		value, err := driver.DefaultParameterConverter.ConvertValue(arg)
		if err != nil {
			return err
		}
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: value}
	}
	c, err := s.readers.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Raw(func(raw any) (err error) {
		rows, err := raw.(driver.QueryerContext).QueryContext(ctx, query, named)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		var row [3]driver.Value
		for {
			if err := rows.Next(row[:]); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			if err := each(&row); err != nil {
				return err
			}
		}
	})
}

func pageQuery(f store.Filter, until store.Key, size int) (query string, args []any) {
	all, args := among(f)
	where := []string{all}
	add := func(condition string, arg any) {
		where = append(where, condition)
		args = append(args, arg)
	}
	if !until.IsZero() {
		where = append(where, "(channel, user_id) <= (?, ?)")
		args = append(args, until.Channel, until.UserID)
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
