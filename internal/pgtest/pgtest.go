package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// errMissing means that this machine has no Postgres.
var errMissing = errors.New("no Postgres: install the Debian package postgresql, or start docker, or name a server in ROLLCALL_POSTGRES_DSN")

// shared holds on to the server: it ends when nobody does.
var shared = sync.OnceValues(func() (*Server, error) {
	if dsn := os.Getenv("ROLLCALL_POSTGRES_DSN"); dsn != "" {
		return &Server{DSN: dsn}, nil
	}
	return start("off")
})

// DSN returns where the tests' Postgres is.
func DSN(t testing.TB) string {
	t.Helper()
	s, err := shared()
	need(t, err)
	return s.DSN
}

// Pool returns connections to the tests' Postgres, which are closed when t ends.
func Pool(t testing.TB) *pgxpool.Pool {
	t.Helper()
	return Connect(t, DSN(t))
}

// Connect returns connections to any Postgres, which are closed when t ends.
func Connect(t testing.TB, dsn string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// Schema returns the name of a schema that is not there, and drops it when t
// ends.
func Schema(t testing.TB) string {
	t.Helper()
	dsn := DSN(t)
	name := "Test " + strings.ToLower(rand.Text()) // to be quoted
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			t.Error(err)
			return
		}
		// The server may still be at work for a process that was killed, and be in the way.
		for deadlock := "40P01"; ; {
			_, err = conn.Exec(ctx, "DROP SCHEMA IF EXISTS "+pgx.Identifier{name}.Sanitize()+" CASCADE")
			if refusal, ok := errors.AsType[*pgconn.PgError](err); !ok || refusal.Code != deadlock {
				break
			}
		}
		if err != nil {
			t.Error(err)
		}
		if err := conn.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return name
}

// Private returns a Postgres that only this test uses, and may stop. It syncs what
// it commits, which the others need not, and ends with t. ROLLCALL_POSTGRES_DSN does
// not count.
func Private(t testing.TB) *Server {
	t.Helper()
	s, err := start("on")
	need(t, err)
	t.Cleanup(func() {
		if err := s.end(); err != nil {
			t.Error(err)
		}
	})
	return s
}

const patience = 2 * time.Minute

func need(t testing.TB, err error) {
	t.Helper()
	required := os.Getenv("CI") == "true" || os.Getenv("ROLLCALL_REQUIRE_SERVERS") != ""
	switch {
	case err == nil:
	case errors.Is(err, errMissing) && !required:
		fmt.Fprintf(os.Stderr, "%s skipped: %v\n", t.Name(), err)
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}
