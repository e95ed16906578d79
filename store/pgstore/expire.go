package pgstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

var _ store.Expirer = (*Store)(nil)

// Expire implements [store.Expirer]. What [Store.Forget] says of the server's files is
// true of it as well.
func (s *Store) Expire(ctx context.Context, keys []store.Key, before time.Time) ([]bool, error) {
	for i, key := range keys {
		if err := key.Validate(); err != nil {
			return nil, fmt.Errorf("pgstore: expire: key %d: %w", i, err)
		}
	}
	var expired []bool
	err := s.usable(ctx)
	if err == nil && len(keys) > 0 {
		err = s.transact(ctx, func(tx *transaction) (err error) {
			expired, err = expire(ctx, tx, keys, before)
			return err
		})
	}
	if err != nil {
		return nil, s.fail(ctx, "expire", err)
	}
	return expired, nil
}

func expire(ctx context.Context, tx *transaction, keys []store.Key, before time.Time) ([]bool, error) {
	var now time.Time
	tx.clock(&now)
	// Whoever changes one of them waits, and finds nobody then.
	people := make(map[store.Key]person, len(keys))
	tx.lockPeople(slices.SortedFunc(slices.Values(keys), store.Key.Compare), collect(people))
	if err := tx.send(ctx); err != nil {
		return nil, err
	}
	expired := make([]bool, len(keys))
	var gone []store.Key
	for i, key := range keys {
		p := people[key]
		if p.blob == nil {
			continue
		}
		r, err := decode(p.blob, key)
		if err != nil {
			return nil, err
		}
		if r.SilentSince(before) {
			expired[i], gone = true, append(gone, key)
			delete(people, key)
		}
	}
	if len(gone) == 0 {
		return expired, nil
	}
	slices.SortFunc(gone, store.Key.Compare)
	channels, userIDs := split(gone)
	standings := tx.lockStandings(lockStandingsSQL, channels, userIDs)
	if err := tx.send(ctx); err != nil {
		return nil, err
	}
	for _, key := range gone {
		tx.queue(dropPersonSQL, key.Channel, key.UserID)
	}
	return expired, tx.disown(standings, now)
}
