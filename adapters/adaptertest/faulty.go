package adaptertest

import (
	"context"
	"fmt"
	"sync"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// A faultyStore is a memory store that fails, hangs or panics on demand.
type faultyStore struct {
	store.Store

	mu      sync.Mutex
	fault   func() error  // nil: healthy
	release chan struct{} // closed when hanging calls may go on
	writes  int           // changes that were really made
}

func newFaultyStore() *faultyStore {
	return &faultyStore{Store: memstore.New(), release: make(chan struct{})}
}

func (f *faultyStore) fail() {
	f.set(func() error { return fmt.Errorf("adaptertest: planted failure: %w", store.ErrUnavailable) })
}

func (f *faultyStore) panics() {
	f.set(func() error { panic("adaptertest: planted panic of the store") })
}

// hang makes every call wait for heal, whatever its context says: that is what
// a dead network file system does.
func (f *faultyStore) hang() {
	release := f.release
	f.set(func() error { <-release; return nil })
}

// heal ends any fault, for good.
func (f *faultyStore) heal() {
	f.set(nil)
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.release:
	default:
		close(f.release)
	}
}

func (f *faultyStore) set(fault func() error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
}

func (f *faultyStore) trip() error {
	f.mu.Lock()
	fault := f.fault
	f.mu.Unlock()
	if fault == nil {
		return nil
	}
	return fault()
}

// Apply implements store.Store.
func (f *faultyStore) Apply(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
	if err := f.trip(); err != nil {
		return nil, err
	}
	changes, err := f.Store.Apply(ctx, deltas)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range changes {
		if !c.Same {
			f.writes++
		}
	}
	return changes, err
}

// Get implements store.Store.
func (f *faultyStore) Get(ctx context.Context, key store.Key) (store.Record, error) {
	if err := f.trip(); err != nil {
		return store.Record{}, err
	}
	return f.Store.Get(ctx, key)
}

func (f *faultyStore) written() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.writes
}
