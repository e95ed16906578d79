package sqlitestore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite"

	"github.com/rollcall-go/rollcall/store"
)

const (
	// busyStep is how long SQLite waits for a lock before it says so.
	busyStep = 100 * time.Millisecond
	// patience is how long a call waits for a lock in all.
	patience = 5 * time.Second
	// readConns is how many reads run at once.
	readConns = 4
)

// The settings of each connection. Package doc says why.
var settings = url.Values{
	"mode":          {"rw"},
	"_txlock":       {"immediate"},
	"_busy_timeout": {strconv.FormatInt(busyStep.Milliseconds(), 10)},
	"_pragma": {
		"synchronous(full)", "wal_autocheckpoint(8000)", "journal_size_limit(67108864)",
		"secure_delete(1)", "temp_store(memory)",
	},
}

// writerCache lets all pages that a batch changes, with what it owes to several
// backends, stay in memory until it commits.
const writerCache = "PRAGMA cache_size = -16384" // KiB

// Open opens the file at path, and creates it where there is none, readable by
// its owner only. The folder must exist. A file of an older version is brought
// up to date. [Store.Close] closes it.
//
// What is not ours stays as it is, byte for byte: the error wraps [ErrForeign],
// [ErrNewerSchema] or [ErrCorrupt]. Only what a program that was killed left in its log
// may be brought into its file, as SQLite does whenever somebody opens it. The error
// wraps store.ErrInvalid for a path that cannot be one, fs.ErrNotExist where there is no
// such folder, and store.ErrUnavailable where the file cannot be written or is locked
// for long. path may be a link, also to a file that is not there yet.
func Open(path string) (*Store, error) { return open(path, migrations) }

func open(path string, steps []string) (*Store, error) {
	s, err := prepare(path, steps)
	if err != nil {
		return nil, fmt.Errorf("sqlitestore: open %s: %w", strconv.Quote(path), err)
	}
	return s, nil
}

func prepare(path string, steps []string) (*Store, error) {
	ctx := context.Background()
	abs, err := resolve(path)
	if err != nil {
		return nil, err
	}
	if err := create(abs); err != nil {
		return nil, err
	}
	if err := inspectPatiently(ctx, abs, int64(len(steps))); err != nil {
		return nil, err
	}
	connector, err := sqlite.NewConnector(uri(abs, settings))
	if err != nil {
		return nil, err
	}
	s := &Store{
		path: abs, turn: make(chan struct{}, 1), patience: patience, step: stepSize, scanSize: scanSize, fsync: (*os.File).Sync, closing: make(chan struct{}),
	}
	s.close = sync.OnceValue(s.closeOnce)
	err = s.patiently(ctx, func() (err error) {
		s.writer, err = connect(ctx, connector)
		return err
	})
	if err != nil {
		return nil, advise(s.classify(ctx, err))
	}
	s.readers = sql.OpenDB(connector)
	s.readers.SetMaxOpenConns(readConns)
	s.readers.SetMaxIdleConns(readConns)
	if err := s.ready(ctx, steps); err != nil {
		err = advise(s.classify(ctx, err))
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// ready makes the file fit for use.
func (s *Store) ready(ctx context.Context, steps []string) error {
	if err := s.requireVersion(); err != nil {
		return err
	}
	if err := s.writer.script(writerCache); err != nil {
		return err
	}
	if err := s.migrate(ctx, steps); err != nil {
		return err
	}
	if err := s.patiently(ctx, s.useLog); err != nil {
		return err
	}
	// Statements that cannot be prepared show tables that somebody changed.
	every := s.rows.statement(shape{columns: math.MaxUint32, search: true})
	for _, query := range []string{selectSQL, readOneSQL, readManySQL, every, enrolledSQL, selectBackendSQL, selectStandingsSQL, putStandingSQL} {
		if _, err := s.writer.prepared(query); err != nil {
			return fmt.Errorf("%w: its tables are not as they were made: %w", ErrCorrupt, err)
		}
	}
	return nil
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

// resolve returns path in the absolute form that stays right when the process
// changes its folder.
func resolve(path string) (string, error) {
	switch {
	case path == "":
		return "", fmt.Errorf("%w: empty path; name a file, such as users.db", store.ErrInvalid)
	case path == ":memory:":
		return "", fmt.Errorf("%w: for profiles in memory use package memstore", store.ErrInvalid)
	case strings.HasPrefix(path, "file:"):
		return "", fmt.Errorf("%w: give a path, not a URI", store.ErrInvalid)
	case strings.ContainsRune(path, 0):
		return "", fmt.Errorf("%w: a path cannot hold a NUL", store.ErrInvalid)
	}
	abs, err := filepath.Abs(path)
	if len(abs) > maxPath {
		return "", fmt.Errorf("%w: SQLite takes no path of more than %d bytes", store.ErrInvalid, maxPath)
	}
	return abs, err
}

// maxPath leaves room for the names of the log and the journal in the 512 bytes that
// SQLite has for a path.
const maxPath = 504

// creating keeps two Opens in this process apart. With POSIX locks, to close a
// file drops every lock that the process has on it, so nobody may have opened
// the file with SQLite when create closes it.
var creating sync.Mutex

func create(path string) error {
	creating.Lock()
	defer creating.Unlock()
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // also where a link leads to
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("%w; create the folder first", err)
		case err != nil:
			return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
		}
		return f.Close()
	case err != nil:
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	case info.IsDir():
		return fmt.Errorf("%w: it is a folder; name a file in it, such as users.db", store.ErrInvalid)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%w: it is not a regular file", store.ErrInvalid)
	}
	if err := writable(path); err != nil {
		return fmt.Errorf("%w: "+adviceWritable+": %w", store.ErrUnavailable, err)
	}
	return nil
}

// uri returns path as SQLite takes it, whatever characters it holds.
func uri(path string, params url.Values) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/...
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: params.Encode()}
	return u.String()
}
