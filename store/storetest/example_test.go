package storetest_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
	"github.com/rollcall-go/rollcall/store/storetest"
)

func Example() {
	// In a store's own test, t comes from the testing package.
	var _ = func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) store.Store { return memstore.New() })
	}
	fmt.Println(storetest.Properties()[:3])
	// Output: [created-once created-once-in-a-race absent-keeps]
}

func ExampleProcesses() {
	// TestMain: with MYSTORE_PATH set, the test binary is another process.
	var _ = func(m *testing.M) {
		path := os.Getenv("MYSTORE_PATH")
		if path == "" {
			os.Exit(m.Run())
		}
		st, err := sqlitestore.Open(path)
		if err == nil {
			err = storetest.Serve(st, os.Stdin, os.Stdout)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	// TestContract
	var _ = func(t *testing.T) {
		var path string // of the last store
		storetest.Run(t, func(t *testing.T) store.Store {
			path = filepath.Join(t.TempDir(), "users.db")
			st, err := sqlitestore.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = st.Close() })
			return st
		}, storetest.Processes(func(t *testing.T, _ store.Store) *exec.Cmd {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "MYSTORE_PATH="+path)
			return cmd
		}))
	}
}
