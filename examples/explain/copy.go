package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // as sqlitestore uses it

	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

// A dbCopy is removed when it is closed.
type dbCopy struct {
	*sqlitestore.Store
	folder string
}

func (c dbCopy) Close() error { return errors.Join(c.Store.Close(), os.RemoveAll(c.folder)) }

// openCopy opens a copy of the file as it is at one moment. To open the file itself
// would bring it up to date.
func openCopy(ctx context.Context, path string) (c dbCopy, err error) {
	if c.folder, err = os.MkdirTemp("", "explain-"); err != nil {
		return c, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(c.folder))
		}
	}()
	copied := filepath.Join(c.folder, "copy.db")
	if err := copyTo(ctx, path, copied); err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	c.Store, err = sqlitestore.Open(copied)
	return c, err
}

func copyTo(ctx context.Context, path, copied string) (err error) {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	if path, err = filepath.Abs(path); err != nil {
		return err
	}
	settings := url.Values{"mode": {"ro"}, "_busy_timeout": {"5000"}}
	if _, err := os.Stat(path + "-wal"); errors.Is(err, fs.ErrNotExist) {
		settings.Set("immutable", "1") // nobody has it open: SQLite would make a log, and leave it there
	}
	source := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: settings.Encode()}
	db, err := sql.Open("sqlite", source.String())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", copied)
	return err
}
