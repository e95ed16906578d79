//go:build !linux

package sqlitestore_test

import (
	"os"
	"testing"

	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

func openUnprivileged(t *testing.T, path string) (*sqlitestore.Store, error) {
	if os.Geteuid() == 0 {
		t.Skip("permissions do not bind root")
	}
	return sqlitestore.Open(path)
}
