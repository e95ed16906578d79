package storetest_test

import (
	"testing"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
	"github.com/rollcall-go/rollcall/store/storetest"
)

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
