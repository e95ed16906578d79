package sqlitestore

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// write runs fn in an immediate transaction, so that what fn reads cannot be
// changed by anybody before fn's writes are durable.
func (s *Store) write(ctx context.Context, fn func(w *conn) error) error {
	w, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	defer s.release()
	var tx driver.Tx
	err = s.patiently(ctx, func() (err error) {
		tx, err = w.begin()
		return err
	})
	if err != nil {
		return err
	}
	committing := false
	defer func() {
		if !committing { // fn failed or panicked
			// SQLite has rolled back already after some errors, and says so
			// with another error.
			_ = tx.Rollback()
		}
	}()
	if err := fn(w); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	committing = true
	return tx.Commit()
}

// acquire waits for the turn to write.
func (s *Store) acquire(ctx context.Context) (*conn, error) {
	if err := s.open(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case s.turn <- struct{}{}:
		return s.writer, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.closing:
		return nil, store.ErrClosed
	}
}

func (s *Store) release() { <-s.turn }

// patiently tries again while another connection stands in the way, for as long
// as s.patience in all. SQLite itself waits for busyStep at most, since
// nothing wakes it when ctx ends.
func (s *Store) patiently(ctx context.Context, try func() error) error {
	giveUp := time.Now().Add(s.patience)
	for {
		err := try()
		if !busy(err) || time.Now().After(giveUp) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.closing:
			return store.ErrClosed
		case <-time.After(busyStep / 10):
		}
	}
}

func (s *Store) apply(ctx context.Context, w *conn, deltas []store.Record) ([]store.Change, error) {
	backends, err := enrolled(w)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	changes := make([]store.Change, len(deltas))
	// By key, so that pages are visited in their order, and so that of a person
	// with several deltas one row is written.
	order := make([]int, len(deltas))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return deltas[a].Key.Compare(deltas[b].Key) })
	for keys := range slices.Chunk(distinct(deltas, order), readAtOnce) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rows, err := read(w, keys)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			n := 1
			for n < len(order) && deltas[order[n]].Key == row.key {
				n++
			}
			if err := s.rows.apply(w, row, deltas, changes, order[:n]); err != nil {
				return nil, err
			}
			if len(backends) > 0 {
				if err := owe(w, backends, row.key, changes, order[:n], now); err != nil {
					return nil, err
				}
			}
			order = order[n:]
		}
	}
	return changes, nil
}

// distinct returns the keys of deltas in this order, each once.
func distinct(deltas []store.Record, order []int) []store.Key {
	keys := make([]store.Key, 0, len(order))
	for _, i := range order {
		if n := len(keys); n == 0 || keys[n-1] != deltas[i].Key {
			keys = append(keys, deltas[i].Key)
		}
	}
	return keys
}

// checkpoint copies the log into the file and empties it, so that nothing of
// what was erased is left in either.
func (s *Store) checkpoint(ctx context.Context) error {
	return s.patiently(ctx, func() error {
		w, err := s.acquire(ctx)
		if err != nil {
			return err
		}
		defer s.release()
		result := make([]driver.Value, 3) // blocked, pages in the log, pages copied
		if _, err := w.row("PRAGMA wal_checkpoint(TRUNCATE)", result); err != nil {
			return err
		}
		if result[0] != int64(0) {
			return errBlocked
		}
		return nil
	})
}

var errBlocked = fmt.Errorf("%w: another connection reads the log", store.ErrUnavailable)
