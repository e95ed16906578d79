package pgstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"

	"github.com/rollcall-go/rollcall/store"
)

var (
	// ErrForeign means that the schema holds something else. Choose another
	// one in Options.Schema.
	ErrForeign = errors.New("not a schema of rollcall")

	// ErrNewerSchema means that a newer version of this package has migrated the
	// schema. An older one could lose what it does not know.
	ErrNewerSchema = errors.New("migrated by a newer version")

	// ErrCorrupt means that a row or a page is damaged. Any method may return
	// it, since damage is found only where it is read.
	ErrCorrupt = errors.New("the database is damaged, restore a backup")
)

// fail wraps err with what was being done, and with the category of package
// store that it belongs to.
func (s *Store) fail(ctx context.Context, doing string, err error) error {
	return fmt.Errorf("pgstore: %s: %w", doing, s.classify(ctx, err))
}

func (s *Store) classify(ctx context.Context, err error) error {
	if categorised(err) {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, puddle.ErrClosedPool) {
		return fmt.Errorf("the pool was closed before the Store: %w", store.ErrClosed)
	}
	hidden := &driverError{err: err}
	failure, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, hidden)
	}
	if _, connecting := errors.AsType[*pgconn.ConnectError](err); connecting {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, hidden)
	}
	switch failure.Code {
	case "55P03", "55006", "25006", "25P02", "25P03", "25P04", "23505", // locked, in use, read-only, aborted, idle, too long, a race
		"0A000": // the plan of a statement became invalid by a migration
		return fmt.Errorf("%w: %w", store.ErrUnavailable, hidden)
	case "XX001", "XX002":
		return fmt.Errorf("%w: %w", ErrCorrupt, hidden)
	}
	switch class(failure) {
	case "08", "40", "53", "57", "58": // connection, rollback, resources, intervention, system
		return fmt.Errorf("%w: %w", store.ErrUnavailable, hidden)
	case "22": // data
		return fmt.Errorf("%w: %w", store.ErrInvalid, hidden)
	}
	return hidden
}

func class(failure *pgconn.PgError) string { return failure.Code[:min(2, len(failure.Code))] }

func categorised(err error) bool {
	for _, category := range []error{
		store.ErrInvalid, store.ErrNotFound, store.ErrUnavailable, store.ErrSuppressed, store.ErrClosed,
		ErrForeign, ErrNewerSchema, ErrCorrupt,
	} {
		if errors.Is(err, category) {
			return true
		}
	}
	return false
}

// missing reports whether a statement names a column or a table that is not there.
func missing(err error) bool {
	failure, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (failure.Code == "42703" || failure.Code == "42P01")
}

// lost reports whether err is of a connection, and not of the server's answer.
func lost(err error) bool {
	if pgconn.SafeToRetry(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		return true
	}
	_, network := errors.AsType[net.Error](err)
	return network
}

// A driverError says what of a driver's error may be said. errors.As finds all the
// rest. errors.Is does not, since a deadline of the pool's own is not the caller's.
type driverError struct{ err error }

func (e *driverError) Error() string {
	failure, ok := errors.AsType[*pgconn.PgError](e.err)
	if ok && (class(failure) == "22" || class(failure) == "23") {
		return "SQLSTATE " + failure.Code // its message can hold values
	}
	if ok {
		return failure.Message + " (SQLSTATE " + failure.Code + ")"
	}
	if connecting, ok := errors.AsType[*pgconn.ConnectError](e.err); ok {
		return "cannot connect: " + connecting.Unwrap().Error() // without user and database
	}
	if lost(e.err) {
		return e.err.Error()
	}
	return fmt.Sprintf("the driver returned a %T", e.err) // which can hold arguments
}

func (e *driverError) As(target any) bool { return errors.As(e.err, target) }
