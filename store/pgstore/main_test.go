package pgstore_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain also is the other processes of the tests that need some.
func TestMain(m *testing.M) {
	if task := os.Getenv("PGSTORE_TASK"); task != "" {
		os.Exit(otherProcess(task))
	}
	goleak.VerifyTestMain(m)
}
