package backendtest_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backendtest"
)

// A real one is in examples/custombackend.
func Example() {
	// In a backend's own test, t comes from the testing package.
	var _ = func(t *testing.T) {
		backendtest.Run(t, func(*testing.T) backendtest.Fixture {
			return backendtest.Fixture{
				Backend: func(_ string) (store.Backend, error) {
					return store.BackendFunc("crm", func(context.Context, store.Delivery) error { return nil }), nil
				},
				Double:  http.NotFoundHandler(),
				Holds:   func(store.Key) (map[store.Field]string, bool) { return nil, false },
				Secrets: []string{"the token"},
			}
		}, backendtest.Skip("occupied", "nothing is unique in this service"))
	}
	fmt.Println(backendtest.Properties()[:3])
	// Output: [usable bad-address creates]
}
