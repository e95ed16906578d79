package pgstore_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-go/rollcall/internal/pgtest"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/pgstore"
	"github.com/rollcall-go/rollcall/store/storetest"
)

func open(t testing.TB, pool *pgxpool.Pool, schema string) *pgstore.Store {
	t.Helper()
	st, err := pgstore.New(t.Context(), pool, &pgstore.Options{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

// As pools are that go through PgBouncer, in a database of another language, whose
// transactions are serializable unless they say otherwise.
func TestContractInOtherSurroundings(t *testing.T) {
	admin := pgtest.Pool(t)
	const name = "pgstore_icu_test"
	drop := func() error {
		_, err := admin.Exec(context.WithoutCancel(t.Context()), "DROP DATABASE IF EXISTS "+name)
		return err
	}
	if err := drop(); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Exec(t.Context(), "CREATE DATABASE "+name+" TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"); err != nil {
		t.Skip("needs a Postgres 15 with ICU: ", err)
	}
	t.Cleanup(func() {
		if err := drop(); err != nil {
			t.Error(err)
		}
	})
	n := 0
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
		t.Run(mode.String(), func(t *testing.T) {
			config := admin.Config()
			config.ConnConfig.Database = name
			config.ConnConfig.DefaultQueryExecMode = mode
			config.ConnConfig.RuntimeParams["default_transaction_isolation"] = "serializable"
			pool, err := pgxpool.NewWithConfig(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(pool.Close)
			storetest.Run(t, func(t *testing.T) store.Store {
				n++
				return open(t, pool, fmt.Sprint("number ", n))
			})
		})
	}
}

// The Example needs a server, so the tests run it.
func TestExample(t *testing.T) {
	t.Setenv("DATABASE_URL", pgtest.DSN(t))
	t.Setenv("BOT_SCHEMA", pgtest.Schema(t))
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = w
	Example()
	os.Stdout = stdout
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	const want = "created: true changed: [family_name given_name status]\ncreated: false changed: [family_name]\ntelegram:42 Ann\n"
	if err != nil || string(got) != want {
		t.Errorf("prints %q, %v", got, err)
	}
}

func TestContract(t *testing.T) {
	pool := pgtest.Pool(t)
	var schema string
	storetest.Run(t, func(t *testing.T) store.Store {
		schema = pgtest.Schema(t)
		return open(t, pool, schema)
	}, storetest.Reopen(func(t *testing.T, st store.Store) store.Store {
		if err := st.(*pgstore.Store).Close(); err != nil {
			t.Fatal(err)
		}
		return open(t, pool, schema)
	}), storetest.Processes(func(t *testing.T, _ store.Store) *exec.Cmd { return process(t, "serve", schema) }))
}
