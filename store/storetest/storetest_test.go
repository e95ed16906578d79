package storetest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
	"github.com/rollcall-go/rollcall/store/storetest"
)

func TestProcessesOnOneFile(t *testing.T) {
	var path string
	processes := 0
	options := []storetest.Option{storetest.Processes(func(t *testing.T, _ store.Store) *exec.Cmd {
		processes++
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), "STORETEST_TASK=serve", "STORETEST_PATH="+path)
		return cmd
	})}
	for _, name := range storetest.Properties() {
		if !strings.HasSuffix(name, "-in-a-race") && name != "list-beside-writes" && name != "expiry-loses-nobody" {
			options = append(options, storetest.Skip(name, "it is not of a race"))
		}
	}
	storetest.Run(t, func(t *testing.T) store.Store {
		path = filepath.Join(t.TempDir(), "users.db")
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
	}, options...)
	if want := 4 + 4 + 1 + 4 + 4; processes != want {
		t.Errorf("%d processes took part, want %d", processes, want)
	}
}

// unclosable is right but for Close, which does nothing.
type unclosable struct{ *memstore.Store }

func (unclosable) Close() error { return nil }

func TestSkipLeavesAPropertyOut(t *testing.T) {
	opened := 0
	storetest.Run(t, func(t *testing.T) store.Store {
		opened++
		return unclosable{memstore.New()}
	}, storetest.Skip("closed", "this store is never closed"), storetest.Skip("outbox-closed", "this store is never closed"),
		storetest.Skip("portable-closed", "this store is never closed"), storetest.Skip("expiry-closed", "this store is never closed"), storetest.Seed(1))
	if least := len(storetest.Properties()) - 8; opened < least {
		t.Errorf("%d stores were opened for %d properties", opened, least)
	}
}
