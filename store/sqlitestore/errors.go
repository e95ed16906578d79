package sqlitestore

import (
	"context"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/rollcall-go/rollcall/store"
)

// What [Open] says of a file that it left as it was.
var (
	// ErrForeign means that the file holds something else: it is no SQLite file,
	// or another program's.
	ErrForeign = errors.New("not a rollcall file")

	// ErrNewerSchema means that a newer version of this package has written the
	// file. An older one could lose what it does not know.
	ErrNewerSchema = errors.New("written by a newer version")

	// ErrCorrupt means that the file is damaged. Other methods return it too,
	// since SQLite finds damage only where it reads.
	ErrCorrupt = errors.New("file is damaged, restore a backup")
)

// fail wraps err with what was being done, and with the category of package
// store that it belongs to.
func (s *Store) fail(ctx context.Context, doing string, err error) error {
	return fmt.Errorf("sqlitestore: %s: %w", doing, s.classify(ctx, err))
}

func (s *Store) classify(ctx context.Context, err error) error {
	if categorised(err) {
		return err
	}
	if closed := s.open(); closed != nil {
		return closed
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	failure, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	switch primary(failure) {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_MISUSE, sqlite3.SQLITE_RANGE:
		return err // a statement that does not fit the tables: waiting does not help
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

func categorised(err error) bool {
	for _, category := range []error{
		store.ErrInvalid, store.ErrNotFound, store.ErrUnavailable, store.ErrSuppressed, store.ErrClosed,
		ErrForeign, ErrNewerSchema, ErrCorrupt, context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, category) {
			return true
		}
	}
	return false
}

const adviceWritable = "the file and its folder must be writable by this user"

// advise adds what to do to an error of Open.
func advise(err error) error {
	failure, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	switch primary(failure) {
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return fmt.Errorf(adviceWritable+": %w", err)
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL:
		return fmt.Errorf("the disk is full or failing: %w", err)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("another program holds the file: %w", err)
	}
	return err
}

// busy reports whether another connection stood in the way.
func busy(err error) bool {
	if errors.Is(err, errBlocked) {
		return true
	}
	failure, ok := errors.AsType[*sqlite.Error](err)
	return ok && (primary(failure) == sqlite3.SQLITE_BUSY || primary(failure) == sqlite3.SQLITE_LOCKED)
}

// primary returns the result code without its extension.
func primary(e *sqlite.Error) int { return e.Code() & 0xff }
