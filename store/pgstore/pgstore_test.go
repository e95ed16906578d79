package pgstore_test

import (
	"testing"

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
	}))
}
