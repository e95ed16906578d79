package sqlitestore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/rollcall-go/rollcall/store"
)

// inspect looks at the file without a lock, a log or any other trace, and
// returns an error for one that is not ours. To open another program's file in
// the ordinary way would be to recover and empty its log.
func inspect(ctx context.Context, path string, latest int64) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	switch info.Size() {
	case 0:
		return nil
	case 1: // which SQLite takes for an empty file
		return fmt.Errorf("%w: it is no SQLite file; choose another path", ErrForeign)
	}
	db, err := sql.Open("sqlite", uri(path, url.Values{"mode": {"ro"}, "immutable": {"1"}, "_error_rc": {"1"}}))
	if err != nil {
		return err
	}
	defer db.Close()
	id, err := readIdentity(func(query string) (n int64, err error) {
		return n, db.QueryRowContext(ctx, query).Scan(&n)
	})
	if err == nil {
		return id.check(latest)
	}
	// Where there is a log or a journal, the file alone need not make sense.
	// SQLite will put the two together.
	for _, suffix := range []string{"-wal", "-journal"} {
		if info, err := os.Stat(path + suffix); err == nil && info.Size() > 0 {
			return nil
		}
	}
	failure, ok := errors.AsType[*sqlite.Error](err)
	switch {
	case ok && primary(failure) == sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w: it is no SQLite file; choose another path, or restore a backup: %w", ErrForeign, err)
	case ok && primary(failure) == sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return advise(fmt.Errorf("%w: %w", store.ErrUnavailable, err))
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

// requireVersion refuses an SQLite whose log can lose commits when several
// connections write (https://www.sqlite.org/wal.html, "the WAL-reset bug").
func (s *Store) requireVersion() error {
	dest := make([]driver.Value, 1)
	if _, err := s.writer.row("SELECT sqlite_version()", dest); err != nil {
		return err
	}
	version, _ := dest[0].(string)
	if !recent(version) {
		return fmt.Errorf("SQLite %s can lose commits; build with a modernc.org/sqlite that holds 3.51.3 or later", version)
	}
	return nil
}

func recent(version string) bool {
	need := [...]int{3, 51, 3}
	parts := strings.Split(version, ".")
	for i, n := range need {
		if i == len(parts) {
			return false
		}
		have, err := strconv.Atoi(parts[i])
		if err != nil || have < n {
			return false
		}
		if have > n {
			return true
		}
	}
	return true
}

// useLog switches the file to a write-ahead log, which it then keeps.
func (s *Store) useLog() error {
	dest := make([]driver.Value, 1)
	if _, err := s.writer.row("PRAGMA journal_mode = wal", dest); err != nil {
		return err
	}
	if mode, _ := dest[0].(string); mode != "wal" {
		return errors.New("the file system cannot hold a write-ahead log; keep the file on a local disk")
	}
	return nil
}
