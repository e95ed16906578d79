package backendtest_test

import (
	"testing"

	"github.com/rollcall-go/rollcall/store/backendtest"
)

func TestARightBackendPasses(t *testing.T) {
	backendtest.Run(t, func(*testing.T) backendtest.Fixture { return fixture(nil) },
		backendtest.Skip("batch", "the service takes one person a call"), backendtest.Seed(1))
}
