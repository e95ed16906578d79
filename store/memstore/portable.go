package memstore

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

var _ store.Portable = (*Store)(nil)

// Dossiers implements [store.Portable]. It sorts the keys when the iteration
// begins, and reads each person when their turn comes.
func (s *Store) Dossiers(ctx context.Context, after store.Key) iter.Seq2[store.Dossier, error] {
	return func(yield func(store.Dossier, error) bool) {
		keys, err := s.heldAfter(ctx, after)
		for _, key := range keys {
			var d store.Dossier
			if d, err = s.read(ctx, key); err != nil {
				break
			}
			if d.Empty() {
				continue // gone since
			}
			if !yield(d, nil) {
				return
			}
		}
		if err != nil {
			yield(store.Dossier{}, fmt.Errorf("memstore: dossiers: %w", err))
		}
	}
}

// heldAfter returns the keys of everybody of whom anything is held.
func (s *Store) heldAfter(ctx context.Context, after store.Key) ([]store.Key, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	held := slices.AppendSeq(slices.Collect(maps.Keys(s.people)), maps.Keys(s.tombstones))
	for _, b := range s.backends {
		held = slices.AppendSeq(held, maps.Keys(b.standings))
	}
	held = slices.DeleteFunc(held, func(key store.Key) bool { return key.Compare(after) <= 0 })
	slices.SortFunc(held, store.Key.Compare)
	return slices.Compact(held), nil
}

func (s *Store) read(ctx context.Context, key store.Key) (store.Dossier, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx); err != nil {
		return store.Dossier{}, err
	}
	d := s.dossier(key)
	d.Record = clone(d.Record)
	for i, st := range d.Standings {
		d.Standings[i] = cloneStanding(st)
	}
	return d, nil
}

// dossier returns what is held of a person. It is called with s.mu held, and shares
// what s keeps.
func (s *Store) dossier(key store.Key) store.Dossier {
	d := store.Dossier{Key: key, Record: s.people[key]}
	_, d.Forgotten = s.tombstones[key]
	for _, name := range slices.Sorted(maps.Keys(s.backends)) {
		if st, ok := s.backends[name].standings[key]; ok {
			d.Standings = append(d.Standings, st)
		}
	}
	return d
}

// Import implements [store.Portable].
func (s *Store) Import(ctx context.Context, dossiers []store.Dossier) error {
	for i, d := range dossiers {
		if err := d.Validate(); err != nil {
			return fmt.Errorf("memstore: import: dossier %d: %w", i, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return fmt.Errorf("memstore: import: %w", err)
	}
	now := time.Now()
	backends := slices.Collect(maps.Keys(s.backends))
	for _, from := range dossiers {
		s.put(s.dossier(from.Key).Join(from, backends, now))
	}
	return nil
}

// put makes d all that is held of a person. It is called with s.mu held.
func (s *Store) put(d store.Dossier) {
	delete(s.people, d.Key)
	if !d.Record.Key.IsZero() {
		s.people[d.Key] = clone(d.Record)
	}
	if d.Forgotten {
		s.tombstones[d.Key] = struct{}{}
	}
	for _, b := range s.backends {
		delete(b.standings, d.Key)
	}
	for _, st := range d.Standings {
		s.backends[st.Backend].standings[d.Key] = cloneStanding(st)
	}
}
