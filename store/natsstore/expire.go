package natsstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

var _ store.Expirer = (*Store)(nil)

// Expire implements [store.Expirer], for up to 999 people at once, as Apply. See the
// package's comment for what stays in the server's files.
func (s *Store) Expire(ctx context.Context, keys []store.Key, before time.Time) ([]bool, error) {
	for i, key := range keys {
		if err := key.Validate(); err != nil {
			return nil, fmt.Errorf("natsstore: expire: key %d: %w", i, err)
		}
	}
	// Of the attempt before the commit may have happened, and only the purge not.
	var last []bool
	expired, err := update(ctx, s, keys, func(t *tx) ([]bool, error) {
		expired := make([]bool, len(keys))
		for i, key := range keys {
			p := t.people[key]
			if err := p.usable(); err != nil {
				return nil, err
			}
			switch {
			case p.kept && p.record.SilentSince(before):
				expired[i] = true
				t.erase(p)
			case p.empty():
				expired[i] = t.doubtful && last[i]
			}
		}
		last = expired
		return expired, nil
	})
	if err != nil {
		return nil, s.fail(ctx, "expire", err)
	}
	return expired, nil
}

// erase removes what is kept of p, and makes backends owe the erasure.
func (t *tx) erase(p *person) {
	if p.kept || p.damaged || p.lost {
		p.record, p.kept, p.damaged, p.rest, p.dirty = store.Record{}, false, false, nil, true
	}
	for _, st := range slices.Clone(p.standings) {
		if forgotten, keep := st.Forgotten(t.now); keep {
			t.put(p, forgotten)
		} else {
			t.drop(p, st.Backend)
		}
	}
	t.eraseTraces(p)
}

// purgeIfEmpty writes what an earlier call did not purge.
func (p *person) purgeIfEmpty() {
	if p.rev > 0 && p.empty() {
		p.dirty = true
	}
}
