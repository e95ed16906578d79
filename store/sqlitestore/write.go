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
	err = fn(w)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		// SQLite has rolled back already after some errors, and says so with
		// another error.
		_ = tx.Rollback()
		return err
	}
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

const (
	selectSQL    = "SELECT id, record FROM profiles WHERE channel = ? AND user_id = ?"
	forgottenSQL = "SELECT 1 FROM tombstones WHERE channel = ? AND user_id = ?"
)

func (s *Store) apply(ctx context.Context, w *conn, deltas []store.Record) ([]store.Change, error) {
	changes := make([]store.Change, len(deltas))
	// By key, so that pages are visited in their order, and so that of a person
	// with several deltas one row is written.
	order := make([]int, len(deltas))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return deltas[a].Key.Compare(deltas[b].Key) })
	var row rowWriter
	for len(order) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := 1
		for n < len(order) && deltas[order[n]].Key == deltas[order[0]].Key {
			n++
		}
		if err := row.apply(w, deltas, changes, order[:n]); err != nil {
			return nil, err
		}
		order = order[n:]
	}
	return changes, nil
}

// A rowWriter holds the memory that is used again for each row.
type rowWriter struct {
	found  [2]driver.Value
	values []driver.Value
}

// apply joins the deltas with these indexes, which are of one person, to the
// person's row.
func (rw *rowWriter) apply(w *conn, deltas []store.Record, changes []store.Change, indexes []int) error {
	key := deltas[indexes[0]].Key
	var kept store.Record
	exists, err := w.row(selectSQL, rw.found[:], key.Channel, key.UserID)
	if err != nil {
		return err
	}
	if exists {
		blob, _ := rw.found[1].([]byte)
		if kept, err = decode(blob, key); err != nil {
			return err
		}
	} else if forgotten, err := w.row(forgottenSQL, rw.found[:1], key.Channel, key.UserID); err != nil {
		return err
	} else if forgotten {
		for _, i := range indexes {
			changes[i] = store.Change{Suppressed: true}
		}
		return nil
	}
	same := true
	for _, i := range indexes {
		kept, changes[i] = kept.Apply(deltas[i])
		same = same && changes[i].Same
	}
	if same {
		return nil
	}
	blob, err := encode(kept)
	if err != nil {
		return err
	}
	rw.values = values(rw.values[:0], &changes[indexes[len(indexes)-1]].Profile, blob)
	if exists {
		return w.exec(updateSQL, append(rw.values, rw.found[0])...)
	}
	return w.exec(insertSQL, append(rw.values, key.Channel, key.UserID)...)
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
