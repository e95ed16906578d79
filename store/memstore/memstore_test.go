package memstore_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
	"github.com/rollcall-go/rollcall/store/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return memstore.New() })
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
