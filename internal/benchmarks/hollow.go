package main

import (
	"context"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// A hollowStore saves nothing and calls everybody changed, so that only the middleware
// is measured.
type hollowStore struct{ *memstore.Store }

// Apply implements store.Store.
func (hollowStore) Apply(_ context.Context, deltas []store.Record) ([]store.Change, error) {
	changes := make([]store.Change, len(deltas))
	for i := range changes {
		changes[i].Fields = hollowFields
	}
	return changes, nil
}

var hollowFields = []store.Field{store.FieldGivenName}
