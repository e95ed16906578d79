package sqlitestore_test

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

// openUnprivileged opens as somebody whom permissions bind: they do not bind
// root, so there one thread gives its file system rights away and ends.
func openUnprivileged(t *testing.T, path string) (st *sqlitestore.Store, err error) {
	if os.Geteuid() != 0 {
		return sqlitestore.Open(path)
	}
	// The folders above belong to root and are closed to others.
	for dir := filepath.Dir(filepath.Dir(path)); dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o555); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlock: the thread must not be used again
		if err = syscall.Setfsuid(65534); err == nil {
			st, err = sqlitestore.Open(path)
		}
	}()
	<-done
	return st, err
}
