package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// A Store is a [store.Outbox], a [store.Portable] and a [store.Expirer] in one
// SQLite file. Make one with [Open]. Its methods may be called from many goroutines
// at once; writes take turns, reads run beside them.
//
// While another process holds the file, a call waits for up to five seconds and
// then returns an error that wraps store.ErrUnavailable. So do a full disk, a
// file that became read-only and failing I/O. The *sqlite.Error of the driver is
// reachable with errors.As.
type Store struct {
	path     string
	writer   *conn
	rows     rowWriter
	turn     chan struct{} // held by who uses writer and rows
	readers  *sql.DB
	patience time.Duration
	step     int                  // stepSize
	scanSize int                  // scanSize
	fsync    func(*os.File) error // of backups; SQLite syncs the rest itself

	calls   sync.RWMutex  // held for reading by each call, for writing by Close
	closing chan struct{} // closed when Close begins
	close   func() error
}

var _ store.Outbox = (*Store)(nil)

// Apply implements [store.Store]. All deltas go into one transaction, which is
// synced to the disk before Apply returns. Others wait meanwhile, so hand over
// about 500 at a time at the most.
func (s *Store) Apply(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
	for i, d := range deltas {
		if err := d.Key.Validate(); err != nil {
			return nil, fmt.Errorf("sqlitestore: apply: delta %d: %w", i, err)
		}
	}
	s.calls.RLock()
	defer s.calls.RUnlock()
	var changes []store.Change
	err := s.write(ctx, func(w *conn) (err error) {
		changes, err = s.apply(ctx, w, deltas)
		return err
	})
	if err != nil {
		return nil, s.fail(ctx, "apply", err)
	}
	return changes, nil
}

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, key store.Key) (store.Record, error) {
	if err := key.Validate(); err != nil {
		return store.Record{}, fmt.Errorf("sqlitestore: get: %w", err)
	}
	s.calls.RLock()
	defer s.calls.RUnlock()
	r, err := s.get(ctx, key)
	if err != nil {
		return store.Record{}, s.fail(ctx, "get "+key.String(), err)
	}
	return r, nil
}

// get asks for the person and the tombstone in one statement, which sees both
// as they were at one moment.
func (s *Store) get(ctx context.Context, key store.Key) (store.Record, error) {
	var found any // nil of a tombstone, which an empty record is not
	err := s.patiently(ctx, func() error {
		return s.readers.QueryRowContext(ctx,
			"SELECT record FROM profiles WHERE channel = ?1 AND user_id = ?2"+
				" UNION ALL SELECT NULL FROM tombstones WHERE channel = ?1 AND user_id = ?2",
			key.Channel, key.UserID).Scan(&found)
	})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return store.Record{}, store.ErrNotFound
	case err != nil:
		return store.Record{}, err
	case found == nil:
		return store.Record{}, fmt.Errorf("%w: %w", store.ErrNotFound, store.ErrSuppressed)
	}
	blob, _ := found.([]byte)
	return decode(blob, key)
}

// Forget implements [store.Store]. When it returns nil, nothing of the person is
// kept but the tombstone and, for each backend that may hold something of them, what
// is needed to erase it there: the Key and the backend's own id. What is deleted is
// overwritten, and the log is emptied; of an older copy that SQLite may have left in a
// gap of the file see [Store.Scrub].
//
// To empty the log it must wait until nobody reads or copies the file. Where
// that takes too long, the error wraps store.ErrUnavailable: the person is
// forgotten all the same, for every reader and for good, but bytes may still
// stand in the log. Call Forget again.
func (s *Store) Forget(ctx context.Context, key store.Key, suppress bool) error {
	if err := key.Validate(); err != nil {
		return fmt.Errorf("sqlitestore: forget: %w", err)
	}
	s.calls.RLock()
	defer s.calls.RUnlock()
	err := s.write(ctx, func(w *conn) error {
		if suppress {
			if err := w.exec(addTombstoneSQL, key.Channel, key.UserID); err != nil {
				return err
			}
		}
		return erase(w, key, time.Now())
	})
	if err == nil {
		err = s.checkpoint(ctx)
	}
	if err != nil {
		return s.fail(ctx, "forget "+key.String(), err)
	}
	return nil
}

// Readmit implements [store.Store].
func (s *Store) Readmit(ctx context.Context, key store.Key) error {
	if err := key.Validate(); err != nil {
		return fmt.Errorf("sqlitestore: readmit: %w", err)
	}
	s.calls.RLock()
	defer s.calls.RUnlock()
	err := s.write(ctx, func(w *conn) error {
		return w.exec("DELETE FROM tombstones WHERE channel = ? AND user_id = ?", key.Channel, key.UserID)
	})
	if err != nil {
		return s.fail(ctx, "readmit "+key.String(), err)
	}
	return nil
}

// open returns ErrClosed once Close has begun.
func (s *Store) open() error {
	select {
	case <-s.closing:
		return store.ErrClosed
	default:
		return nil
	}
}

// Close waits for the calls that run, and closes the file. All it holds has been
// durable before. A second Close returns what the first did.
func (s *Store) Close() error { return s.close() }

func (s *Store) closeOnce() error {
	close(s.closing)
	s.calls.Lock()
	defer s.calls.Unlock()
	// The last connection to close empties the log into the file.
	if err := errors.Join(s.readers.Close(), s.writer.close()); err != nil {
		return fmt.Errorf("sqlitestore: close: %w", err)
	}
	return nil
}
