package memstore

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// A Store is a [store.Outbox], a [store.Portable] and a [store.Expirer] in memory.
// Its methods may be called from many goroutines at once. Make one with [New].
type Store struct {
	mu         sync.RWMutex
	people     map[store.Key]store.Record
	tombstones map[store.Key]struct{}
	backends   map[string]*backend
	closed     bool
}

// New returns an empty Store.
func New() *Store {
	return &Store{
		people:     make(map[store.Key]store.Record),
		tombstones: make(map[store.Key]struct{}),
		backends:   make(map[string]*backend),
	}
}

// Apply implements [store.Store].
func (s *Store) Apply(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
	for i, d := range deltas {
		if err := d.Key.Validate(); err != nil {
			return nil, fmt.Errorf("memstore: apply: delta %d: %w", i, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return nil, fmt.Errorf("memstore: apply: %w", err)
	}
	now := time.Now()
	changes := make([]store.Change, len(deltas))
	for i, d := range deltas {
		if _, forgotten := s.tombstones[d.Key]; forgotten {
			changes[i] = store.Change{Suppressed: true}
			continue
		}
		kept := s.people[d.Key]
		merged, change := kept.Apply(d)
		if len(kept.Registers) == 0 {
			merged = clone(merged) // it may be d itself, which is the caller's
		}
		if !change.Same {
			s.people[d.Key] = merged
		}
		changes[i] = change
		s.owe(d.Key, changes[i], now)
	}
	return changes, nil
}

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, key store.Key) (store.Record, error) {
	if err := key.Validate(); err != nil {
		return store.Record{}, fmt.Errorf("memstore: get: %w", err)
	}
	r, err := s.get(ctx, key)
	if err != nil {
		return store.Record{}, fmt.Errorf("memstore: get %s: %w", key, err)
	}
	return clone(r), nil
}

func (s *Store) get(ctx context.Context, key store.Key) (store.Record, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx); err != nil {
		return store.Record{}, err
	}
	if r, ok := s.people[key]; ok {
		return r, nil
	}
	if _, forgotten := s.tombstones[key]; forgotten {
		return store.Record{}, fmt.Errorf("%w: %w", store.ErrNotFound, store.ErrSuppressed)
	}
	return store.Record{}, store.ErrNotFound
}

// List implements [store.Store]. It sorts the keys when the iteration begins,
// and reads each person when their turn comes.
func (s *Store) List(ctx context.Context, f store.Filter) iter.Seq2[store.Profile, error] {
	return func(yield func(store.Profile, error) bool) {
		keys, err := s.keysAfter(ctx, f.After)
		if err == nil {
			err = f.Validate()
		}
		if err != nil {
			yield(store.Profile{}, fmt.Errorf("memstore: list: %w", err))
			return
		}
		yielded := 0
		for _, key := range keys {
			s.mu.RLock()
			err := s.usable(ctx)
			r, kept := s.people[key]
			s.mu.RUnlock()
			if err != nil {
				yield(store.Profile{}, fmt.Errorf("memstore: list: %w", err))
				return
			}
			if !kept {
				continue
			}
			p := r.Profile()
			if !f.Match(p) {
				continue
			}
			if !yield(p, nil) {
				return
			}
			if yielded++; yielded == f.Limit {
				return
			}
		}
	}
}

func (s *Store) keysAfter(ctx context.Context, after store.Key) ([]store.Key, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	keys := slices.SortedFunc(maps.Keys(s.people), store.Key.Compare)
	first, found := slices.BinarySearchFunc(keys, after, store.Key.Compare)
	if found {
		first++
	}
	return keys[first:], nil
}

// Forget implements [store.Store].
func (s *Store) Forget(ctx context.Context, key store.Key, suppress bool) error {
	if err := key.Validate(); err != nil {
		return fmt.Errorf("memstore: forget: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return fmt.Errorf("memstore: forget %s: %w", key, err)
	}
	s.erase(key, time.Now())
	if suppress {
		s.tombstones[key] = struct{}{}
	}
	return nil
}

// Readmit implements [store.Store].
func (s *Store) Readmit(ctx context.Context, key store.Key) error {
	if err := key.Validate(); err != nil {
		return fmt.Errorf("memstore: readmit: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return fmt.Errorf("memstore: readmit %s: %w", key, err)
	}
	delete(s.tombstones, key)
	return nil
}

// Close drops everything. Every later call of another method returns an error
// that wraps store.ErrClosed; a second Close returns nil.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.people, s.tombstones, s.backends = nil, nil, nil
	return nil
}

// usable is called with s.mu held.
func (s *Store) usable(ctx context.Context) error {
	if s.closed {
		return store.ErrClosed
	}
	return ctx.Err()
}

func clone(r store.Record) store.Record {
	r.Registers = slices.Clone(r.Registers)
	return r
}
