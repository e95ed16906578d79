package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/rollcall-go/rollcall/store"
)

// inspectPatiently looks again where the file seems damaged: without a lock, a page
// that another process is just copying out of the log looks like that.
func inspectPatiently(ctx context.Context, path string, latest int64) error {
	const tries, pause = 20, 25 * time.Millisecond
	for try := 1; ; try++ {
		err := inspect(ctx, path, latest)
		if try == tries || !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrForeign) {
			return err
		}
		if info, statErr := os.Stat(path); statErr != nil || time.Since(info.ModTime()) > time.Minute {
			return err // nobody is writing it
		}
		time.Sleep(pause)
	}
}

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
	db, err := sql.Open("sqlite", uri(path, url.Values{"mode": {"ro"}, "immutable": {"1"}}))
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
	if holds(path, "-wal") || holds(path, "-journal") {
		return nil
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

// holds reports whether something is in the file of this suffix, which stands beside
// the file itself and not beside a link to it.
func holds(path, suffix string) bool {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	info, err := os.Stat(path + suffix)
	return err == nil && info.Size() > 0
}
