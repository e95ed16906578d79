package sqlitestore_test

import (
	"path/filepath"
	"testing"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
	"github.com/rollcall-go/rollcall/store/storetest"
)

func open(t *testing.T, path string) *sqlitestore.Store {
	t.Helper()
	st, err := sqlitestore.Open(path)
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
	var path string
	storetest.Run(t, func(t *testing.T) store.Store {
		path = filepath.Join(t.TempDir(), "users.db")
		return open(t, path)
	}, storetest.Reopen(func(t *testing.T, st store.Store) store.Store {
		if err := st.(*sqlitestore.Store).Close(); err != nil {
			t.Fatal(err)
		}
		return open(t, path)
	}))
}
