package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-go/rollcall/store"
)

// Options are the settings of a [Store]. The zero value and nil are ready to use.
type Options struct {
	// Schema is the Postgres schema that holds the tables, one that holds
	// nothing else. Several stores in one database need one each. "": rollcall.
	Schema string
}

// A Store is a [store.Outbox], a [store.Portable] and a [store.Expirer] in a schema
// of a Postgres. Make one with [New]. Its methods may be called from many goroutines
// at once, and in many processes. Each takes one connection of the pool while it
// runs, or while it reads a page.
//
// A server that is away, restarts, is full or lets nobody in gives errors that
// wrap store.ErrUnavailable. The *pgconn.PgError of the driver is reachable with
// errors.As. The text of an error holds hosts and names of tables, and nothing
// else of the pool's settings.
type Store struct {
	pool    *pgxpool.Pool
	schema  string
	dialect dialect
	texts   sync.Map // of statements, by their text for the schema rollcall
	gate    int64    // key of the advisory lock, see gateSharedSQL
	closed  atomic.Bool
}

var _ store.Outbox = (*Store)(nil)

// New returns the Store in a schema of the database that pool is connected to.
// It creates the schema where there is none, and brings an older one up to date;
// for that the user needs the right to create. Any number of processes may do so
// at once. o may be nil.
//
// The pool stays the caller's: close it after the Store, whose calls otherwise give
// store.ErrClosed. What is not ours stays as it is: the error wraps [ErrForeign],
// [ErrNewerSchema] or [ErrCorrupt]. It wraps store.ErrInvalid for a schema that
// cannot be one and for a database that is not in UTF-8, and store.ErrUnavailable
// where the server cannot be reached.
func New(ctx context.Context, pool *pgxpool.Pool, o *Options) (*Store, error) {
	return open(ctx, pool, o, migrations)
}

func open(ctx context.Context, pool *pgxpool.Pool, o *Options, steps []string) (*Store, error) {
	if o == nil {
		o = &Options{}
	}
	schema := o.Schema
	if schema == "" {
		schema = "rollcall"
	}
	if problem := schemaProblem(schema); problem != "" {
		return nil, fmt.Errorf("pgstore: new: the schema's name %s: %w", problem, store.ErrInvalid)
	}
	if pool == nil {
		return nil, fmt.Errorf("pgstore: new: the pool is nil: %w", store.ErrInvalid)
	}
	s := &Store{pool: pool, schema: schema, gate: gateKey(schema)}
	err := s.inspect(ctx)
	if err == nil {
		err = s.migrate(ctx, steps)
	}
	if err != nil {
		return nil, s.fail(ctx, fmt.Sprintf("new, in the schema %q", schema), err)
	}
	return s, nil
}

const maxIdentifier = 63 // bytes; Postgres cuts longer ones

func schemaProblem(name string) string {
	switch {
	case len(name) > maxIdentifier:
		return "is longer than 63 bytes"
	case strings.ToValidUTF8(name, "") != name || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "holds what a name cannot hold"
	case strings.HasPrefix(name, "pg_"), name == "information_schema":
		return "is the server's own"
	}
	return ""
}

const getSQL = `SELECT forgotten, record FROM rollcall.people WHERE channel = $1 AND user_id = $2`

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, key store.Key) (store.Record, error) {
	if err := key.Validate(); err != nil {
		return store.Record{}, fmt.Errorf("pgstore: get: %w", err)
	}
	r, err := s.get(ctx, key)
	if err != nil {
		return store.Record{}, s.fail(ctx, "get "+key.String(), err)
	}
	return r, nil
}

func (s *Store) get(ctx context.Context, key store.Key) (store.Record, error) {
	var forgotten bool
	var blob []byte
	err := s.read(ctx, func(c *pgxpool.Conn) error {
		return c.QueryRow(ctx, s.sql(getSQL), key.Channel, key.UserID).Scan(&forgotten, &blob)
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return store.Record{}, store.ErrNotFound
	case err != nil:
		return store.Record{}, err
	case forgotten:
		return store.Record{}, fmt.Errorf("%w: %w", store.ErrNotFound, store.ErrSuppressed)
	}
	return decode(blob, key)
}

// decode reads the record column of key's row. Its errors wrap ErrCorrupt, and no
// category of package store: the caller's arguments are not at fault.
func decode(blob []byte, key store.Key) (store.Record, error) {
	var r store.Record
	if err := r.UnmarshalBinary(blob); err != nil {
		return store.Record{}, fmt.Errorf("%w: the record of %s: %v", ErrCorrupt, key, err) //nolint:errorlint // it wraps ErrInvalid
	}
	if r.Key != key {
		return store.Record{}, fmt.Errorf("%w: the row of %s holds the record of another key", ErrCorrupt, key)
	}
	return r, nil
}

// Close makes every later call return an error that wraps store.ErrClosed. Calls
// that run come to their end. The pool stays open. It returns nil.
func (s *Store) Close() error {
	s.closed.Store(true)
	return nil
}

// usable returns ErrClosed after Close, and why ctx ended, if it did.
func (s *Store) usable(ctx context.Context) error {
	if s.closed.Load() {
		return store.ErrClosed
	}
	return ctx.Err()
}
