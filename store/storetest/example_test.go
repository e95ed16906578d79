package storetest_test

import (
	"fmt"
	"testing"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
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
