package pgstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A transaction queues statements, and sends them when their results are needed:
// what is sent together costs one round trip. The first ones carry the BEGIN, and
// the last ones the COMMIT.
type transaction struct {
	s      *Store
	conn   *pgxpool.Conn
	queued *pgx.Batch
	// committing is true once the COMMIT may have been sent.
	committing bool
}

func (tx *transaction) queue(text string, args ...any) *pgx.QueuedQuery {
	return tx.queued.Queue(tx.s.sql(text), args...)
}

// send runs what is queued, and the functions that take the results.
func (tx *transaction) send(ctx context.Context) error {
	b := tx.queued
	tx.queued = &pgx.Batch{}
	return tx.conn.SendBatch(ctx, b).Close()
}

// transact runs do in a transaction, again and again while another one stands in
// the way or the connection turns out to be dead. So do may run several times, and
// must put aside what it made before.
//
// A COMMIT that is not answered is not tried again: it may have happened.
func (s *Store) transact(ctx context.Context, do func(tx *transaction) error) error {
	return s.again(ctx, func(c *pgxpool.Conn) (retry bool, err error) {
		tx := &transaction{s: s, conn: c, queued: &pgx.Batch{}}
		tx.queued.Queue(s.dialect.begin)
		if err = do(tx); err == nil {
			err = ctx.Err()
		}
		if err == nil {
			tx.queued.Queue("COMMIT")
			tx.committing = true
			err = tx.send(ctx)
		}
		if err == nil {
			return false, nil
		}
		retry = conflict(err) || !tx.committing && broken(err)
		switch {
		case readOnly(err):
			_ = c.Conn().Close(ctx) // the pool makes another one, which may lead to another server
		case !c.Conn().IsClosed() && ctx.Err() == nil:
			// Where it fails the pool drops the connection, which ends the
			// transaction as well.
			_, _ = c.Exec(ctx, "ROLLBACK")
		}
		return retry, err
	})
}

// read runs do, which changes nothing, again if the connection turns out to be
// dead.
func (s *Store) read(ctx context.Context, do func(c *pgxpool.Conn) error) error {
	return s.again(ctx, func(c *pgxpool.Conn) (retry bool, err error) {
		err = do(c)
		return broken(err) || conflict(err), err
	})
}

const (
	// maxAttempts also bounds how many dead connections of the pool are met in
	// turn after a restart of the server.
	maxAttempts = 10
	firstPause  = time.Millisecond
	longPause   = 200 * time.Millisecond
)

func (s *Store) again(ctx context.Context, do func(c *pgxpool.Conn) (retry bool, err error)) error {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		if err := s.usable(ctx); err != nil {
			return err
		}
		c, err := s.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		retry, err := do(c)
		c.Release()
		if !retry || attempt == maxAttempts {
			return err
		}
		if conflict(err) {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(rand.N(pause)):
			}
			pause = min(2*pause, longPause)
		}
	}
}

// clock queues to ask for the server's time: several machines share the store, and
// their clocks differ. It also makes the transaction's settings.
func (tx *transaction) clock(now *time.Time) {
	tx.queued.Queue(tx.s.dialect.clock).QueryRow(func(row pgx.Row) error { return row.Scan(now, nil) })
}

// conflict reports whether another transaction stood in the way, so that this one
// did not happen and can at once be tried again.
func conflict(err error) bool {
	failure, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	switch failure.Code {
	case "40001", "40P01", // serialization_failure, deadlock_detected
		"55P03",          // lock_not_available
		"23505",          // unique_violation: somebody else was first to insert the row
		"42P06", "42P07": // and these: to create the schema, a table of it
		return true
	}
	return false
}

// readOnly reports whether the server takes no changes, as one does that was made a
// standby while connections to it stayed.
func readOnly(err error) bool {
	failure, ok := errors.AsType[*pgconn.PgError](err)
	return ok && failure.Code == "25006"
}

// broken reports whether the connection is gone.
func broken(err error) bool {
	if err == nil || errors.Is(err, pgx.ErrNoRows) {
		return false
	}
	if failure, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch failure.Code {
		case "57P01", "57P02", "57P03", // shutdown, crash, starting up
			"25P03", "57P05": // idle for too long
			return true
		}
		return failure.Code[:min(2, len(failure.Code))] == "08"
	}
	return lost(err)
}
