package backendtest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/rollcall-go/rollcall/store"
)

func TestBadConstructorsAreCaught(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for name, change := range map[string]func(baseURL string, err error) error{
		"quotes the address":                func(baseURL string, err error) error { return fmt.Errorf("%s: %w", baseURL, err) },
		"takes any address":                 func(string, error) error { return nil },
		"does not call a mistake a mistake": func(string, error) error { return store.ErrUnavailable },
		"quotes a password": func(baseURL string, err error) error {
			if strings.HasSuffix(baseURL, "example.org") {
				return fmt.Errorf("%s: %w", baseURL, err)
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture()
			f.Backend = func(baseURL string) (store.Backend, error) {
				b, err := newBackend(baseURL)
				if err != nil {
					return nil, change(baseURL, err)
				}
				return b, nil
			}
			wantFailure(t, "bad-address", f)
		})
	}
}

// A badBatch is a mutant of a backend that takes several people a call.
type badBatch struct {
	batchBackend
	change func(results []store.BatchResult, ds []store.Delivery) []store.BatchResult
}

func (b badBatch) DeliverBatch(ctx context.Context, ds []store.Delivery) []store.BatchResult {
	return b.change(b.batchBackend.DeliverBatch(ctx, ds[:max(1, len(ds)-1)]), ds)
}

func TestBadBatchesAreCaught(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for name, change := range map[string]func(results []store.BatchResult, ds []store.Delivery) []store.BatchResult{
		"tells of too few": func(results []store.BatchResult, _ []store.Delivery) []store.BatchResult { return results },
		"leaves the last one out": func(results []store.BatchResult, ds []store.Delivery) []store.BatchResult {
			return append(results, make([]store.BatchResult, len(ds)-len(results))...)
		},
		"fails the last one": func(results []store.BatchResult, ds []store.Delivery) []store.BatchResult {
			for len(results) < len(ds) {
				results = append(results, store.BatchResult{Err: store.ErrUnavailable})
			}
			return results
		},
	} {
		t.Run(name, func(t *testing.T) {
			wantFailure(t, "batch", batching(func(b batchBackend) store.Backend { return badBatch{b, change} }))
		})
	}
}
