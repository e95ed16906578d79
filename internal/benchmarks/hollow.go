package main

import (
	"context"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// A hollowStore saves nothing and calls everything saved, so that only the middleware
// is measured.
type hollowStore struct{ *memstore.Store }

// Apply implements store.Store.
func (hollowStore) Apply(_ context.Context, deltas []store.Record) ([]store.Change, error) {
	return make([]store.Change, len(deltas)), nil
}
