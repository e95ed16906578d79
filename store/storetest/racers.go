package storetest

import (
	"context"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// A racer is one of several who use a store at once.
type racer interface {
	Apply(ctx context.Context, deltas []store.Record) ([]store.Change, error)
	Claim(ctx context.Context, backend string, limit int, lease time.Duration) ([]store.Claim, time.Duration, error)
	Expire(ctx context.Context, keys []store.Key, before time.Time) ([]bool, error)
}

// racers returns n users of st, whose methods may be called from several goroutines:
// other processes where there are such, and st itself where not.
func (p *probe) racers(st store.Store, n int) []racer {
	p.raced = true
	all := make([]racer, n)
	for i := range all {
		all[i] = here{st}
		if p.process != nil {
			all[i] = p.process(st)
		}
	}
	return all
}

// here is a racer in this process. Properties ask first whether the store is more than
// a store.Store.
type here struct{ store.Store }

func (h here) Claim(ctx context.Context, backend string, limit int, lease time.Duration) ([]store.Claim, time.Duration, error) {
	return h.Store.(store.Outbox).Claim(ctx, backend, limit, lease)
}

func (h here) Expire(ctx context.Context, keys []store.Key, before time.Time) ([]bool, error) {
	return h.Store.(store.Expirer).Expire(ctx, keys, before)
}
