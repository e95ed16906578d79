package sqlitestore

import (
	"context"
	"fmt"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

var _ store.Expirer = (*Store)(nil)

// Expire implements [store.Expirer]. What [Store.Forget] says of the file and its log
// is true of it as well.
func (s *Store) Expire(ctx context.Context, keys []store.Key, before time.Time) ([]bool, error) {
	for i, key := range keys {
		if err := key.Validate(); err != nil {
			return nil, fmt.Errorf("sqlitestore: expire: key %d: %w", i, err)
		}
	}
	s.calls.RLock()
	defer s.calls.RUnlock()
	expired := make([]bool, len(keys))
	err := s.write(ctx, func(w *conn) error {
		now := time.Now()
		for i, key := range keys {
			r, err := recordOf(w, key)
			if err != nil {
				return err
			}
			if r.Key.IsZero() || !r.SilentSince(before) {
				continue
			}
			if err := erase(w, key, now); err != nil {
				return err
			}
			expired[i] = true
		}
		return nil
	})
	if err != nil {
		return nil, s.fail(ctx, "expire", err)
	}
	if err := s.checkpoint(ctx); err != nil {
		return expired, s.fail(ctx, "expire", err)
	}
	return expired, nil
}

// erase removes what is kept of a person, and makes backends owe the erasure.
func erase(w *conn, key store.Key, now time.Time) error {
	if err := disown(w, key, now); err != nil {
		return err
	}
	return w.exec(dropProfileSQL, key.Channel, key.UserID)
}
