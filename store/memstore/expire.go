package memstore

import (
	"context"
	"fmt"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

var _ store.Expirer = (*Store)(nil)

// Expire implements [store.Expirer].
func (s *Store) Expire(ctx context.Context, keys []store.Key, before time.Time) ([]bool, error) {
	for i, key := range keys {
		if err := key.Validate(); err != nil {
			return nil, fmt.Errorf("memstore: expire: key %d: %w", i, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return nil, fmt.Errorf("memstore: expire: %w", err)
	}
	now := time.Now()
	expired := make([]bool, len(keys))
	for i, key := range keys {
		r, kept := s.people[key]
		if expired[i] = kept && r.SilentSince(before); expired[i] {
			s.erase(key, now)
		}
	}
	return expired, nil
}

// erase removes what is kept of a person, and makes backends owe the erasure. It
// is called with s.mu held.
func (s *Store) erase(key store.Key, now time.Time) {
	delete(s.people, key)
	s.disown(key, now)
}
