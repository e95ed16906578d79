package sqlitestore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
)

// A conn is the connection that writes. It stands on the driver itself, since
// what database/sql does around each statement would cost a quarter of a batch.
// It is used by one goroutine at a time, and always runs a statement to its end:
// a context that ends is looked at between statements.
type conn struct {
	driver.Conn
	stmts map[string]driver.Stmt
	args  []driver.NamedValue
}

// maxPrepared bounds the memory of prepared statements, about 10 KiB each.
const maxPrepared = 256

func connect(ctx context.Context, connector driver.Connector) (*conn, error) {
	c, err := connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, stmts: make(map[string]driver.Stmt)}, nil
}

func (c *conn) begin() (driver.Tx, error) {
	return c.Conn.(driver.ConnBeginTx).BeginTx(context.Background(), driver.TxOptions{})
}

// script runs statements that are used once.
func (c *conn) script(query string) error {
	_, err := c.Conn.(driver.ExecerContext).ExecContext(context.Background(), query, nil)
	return err
}

// exec runs one statement and keeps it prepared.
func (c *conn) exec(query string, args ...driver.Value) error {
	st, err := c.prepared(query)
	if err != nil {
		return err
	}
	_, err = st.(driver.StmtExecContext).ExecContext(context.Background(), c.named(args))
	return err
}

// row reads the first row that a statement returns into dest, whose length is
// that of the row. It reports whether there is one.
func (c *conn) row(query string, dest []driver.Value, args ...driver.Value) (found bool, err error) {
	err = c.query(query, dest, args, func() (more bool, err error) {
		found = true
		return false, nil
	})
	return found, err
}

// rows reads every row that a statement returns into dest, in turn, and calls
// each for it, which must not use the connection.
func (c *conn) rows(query string, dest []driver.Value, each func() error, args ...driver.Value) error {
	return c.query(query, dest, args, func() (more bool, err error) { return true, each() })
}

func (c *conn) query(query string, dest, args []driver.Value, each func() (more bool, err error)) (err error) {
	st, err := c.prepared(query)
	if err != nil {
		return err
	}
	rows, err := st.(driver.StmtQueryContext).QueryContext(context.Background(), c.named(args))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for more := true; more; {
		if err := rows.Next(dest); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if more, err = each(); err != nil {
			return err
		}
	}
	return nil
}

// number reads the one integer that a statement returns.
func (c *conn) number(query string) (int64, error) {
	dest := make([]driver.Value, 1)
	if _, err := c.row(query, dest); err != nil {
		return 0, err
	}
	n, ok := dest[0].(int64)
	if !ok {
		return 0, fmt.Errorf("%s returned no number", query)
	}
	return n, nil
}

func (c *conn) prepared(query string) (driver.Stmt, error) {
	if st, ok := c.stmts[query]; ok {
		return st, nil
	}
	if len(c.stmts) == maxPrepared {
		if err := c.finalize(); err != nil {
			return nil, err
		}
	}
	st, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	c.stmts[query] = st
	return st, nil
}

func (c *conn) named(args []driver.Value) []driver.NamedValue {
	c.args = c.args[:0]
	for i, a := range args {
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	return c.args
}

func (c *conn) finalize() error {
	var errs []error
	for _, st := range c.stmts {
		errs = append(errs, st.Close())
	}
	clear(c.stmts)
	return errors.Join(errs...)
}

func (c *conn) close() error { return errors.Join(c.finalize(), c.Conn.Close()) }
