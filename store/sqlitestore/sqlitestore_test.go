package sqlitestore_test

import (
	"errors"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
	"github.com/rollcall-go/rollcall/store/storetest"
)

// openPatiently opens a file that others may hold for longer than a Store waits, where
// the machine stands still.
func openPatiently(path string) (st *sqlitestore.Store, err error) {
	for range 10 {
		if st, err = sqlitestore.Open(path); !errors.Is(err, store.ErrUnavailable) {
			break
		}
	}
	if err == nil {
		st.SetPatience(time.Minute)
	}
	return st, err
}

func open(t *testing.T, path string) *sqlitestore.Store {
	t.Helper()
	st, err := openPatiently(path)
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
	}), storetest.Processes(func(t *testing.T, _ store.Store) *exec.Cmd { return process(t, "serve", path) }))
}
