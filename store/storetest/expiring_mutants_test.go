package storetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// An expiringMutant is an Expirer that is right but for one thing.
type expiringMutant struct {
	*memstore.Store
	apply  func(ctx context.Context, deltas []store.Record) ([]store.Change, error)
	expire func(ctx context.Context, keys []store.Key, before time.Time) ([]bool, error)
}

func (m *expiringMutant) Apply(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
	if m.apply != nil {
		return m.apply(ctx, deltas)
	}
	return m.Store.Apply(ctx, deltas)
}

func (m *expiringMutant) Expire(ctx context.Context, keys []store.Key, before time.Time) ([]bool, error) {
	if m.expire != nil {
		return m.expire(ctx, keys, before)
	}
	return m.Store.Expire(ctx, keys, before)
}

// decides makes the mutant erase by its own reading of a record.
func (m *expiringMutant) decides(silent func(r store.Record, before time.Time) bool) {
	m.expire = func(ctx context.Context, keys []store.Key, before time.Time) ([]bool, error) {
		if _, err := m.Store.Expire(ctx, keys, time.Unix(-1, 0)); err != nil {
			return nil, err
		}
		expired := make([]bool, len(keys))
		for i, key := range keys {
			if r, err := m.Get(ctx, key); err == nil && silent(r, before) {
				expired[i] = true
				_ = m.Forget(ctx, key, false)
			}
		}
		return expired, nil
	}
}

// then makes the mutant do something to whom it erased.
func (m *expiringMutant) then(do func(ctx context.Context, key store.Key, gone bool)) {
	m.expire = func(ctx context.Context, keys []store.Key, before time.Time) ([]bool, error) {
		expired, err := m.Store.Expire(ctx, keys, before)
		for i, gone := range expired {
			do(ctx, keys[i], gone)
		}
		return expired, err
	}
}

var expiringMutants = []struct {
	name   string
	caught string // the property that must fail
	breaks func(m *expiringMutant)
}{
	{"erases everybody", "expires-the-silent", func(m *expiringMutant) {
		m.decides(func(store.Record, time.Time) bool { return true })
	}},
	{"goes by LastSeen alone", "expires-the-silent", func(m *expiringMutant) {
		m.decides(func(r store.Record, before time.Time) bool { return r.LastSeen.Before(before) })
	}},
	{"does not count what the owner says", "expires-the-silent", func(m *expiringMutant) {
		m.decides(func(r store.Record, before time.Time) bool {
			r.Registers = slices.DeleteFunc(slices.Clone(r.Registers), func(reg store.Register) bool { return reg.Source == store.Pinned })
			return r.SilentSince(before)
		})
	}},
	{"does not count what was taken back", "expires-the-silent", func(m *expiringMutant) {
		m.decides(func(r store.Record, before time.Time) bool {
			r.Registers = slices.DeleteFunc(slices.Clone(r.Registers), func(reg store.Register) bool { return reg.Cleared })
			return r.SilentSince(before)
		})
	}},
	{"erases who was seen at that moment", "expires-the-silent", func(m *expiringMutant) {
		m.decides(func(r store.Record, before time.Time) bool { return r.SilentSince(before.Add(time.Second)) })
	}},
	{"leaves who was seen a second before", "expires-the-silent", func(m *expiringMutant) {
		m.decides(func(r store.Record, before time.Time) bool { return r.SilentSince(before.Add(-time.Second)) })
	}},
	{"leaves who was never seen", "expires-the-silent", func(m *expiringMutant) {
		m.decides(func(r store.Record, before time.Time) bool { return !r.LastSeen.IsZero() && r.SilentSince(before) })
	}},
	{"says that it erased strangers", "expires-the-silent", func(m *expiringMutant) {
		m.expire = func(ctx context.Context, keys []store.Key, before time.Time) ([]bool, error) {
			expired, err := m.Store.Expire(ctx, keys, before)
			for i, key := range keys {
				_, missing := m.Get(ctx, key)
				expired[i] = expired[i] || missing != nil
			}
			return expired, err
		}
	}},
	{"answers in another order", "expires-the-silent", func(m *expiringMutant) {
		m.expire = func(ctx context.Context, keys []store.Key, before time.Time) ([]bool, error) {
			return m.Store.Expire(ctx, slices.SortedFunc(slices.Values(keys), store.Key.Compare), before)
		}
	}},
	{"lifts tombstones", "expires-the-silent", func(m *expiringMutant) {
		m.then(func(ctx context.Context, key store.Key, _ bool) { _ = m.Readmit(ctx, key) })
	}},
	{"leaves a tombstone", "expiry-erases", func(m *expiringMutant) {
		m.then(func(ctx context.Context, key store.Key, gone bool) {
			if gone {
				_ = m.Forget(ctx, key, true)
			}
		})
	}},
	{"erases nobody", "expiry-erases", func(m *expiringMutant) {
		m.expire = func(ctx context.Context, keys []store.Key, before time.Time) ([]bool, error) {
			return slices.Repeat([]bool{true}, len(keys)), nil
		}
	}},
	{"brings back what was", "expiry-erases", func(m *expiringMutant) {
		was := make(map[store.Key]store.Record)
		m.expire = func(ctx context.Context, keys []store.Key, before time.Time) ([]bool, error) {
			for _, key := range keys {
				was[key], _ = m.Get(ctx, key)
			}
			return m.Store.Expire(ctx, keys, before)
		}
		m.apply = func(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
			changes, err := m.Store.Apply(ctx, deltas)
			for _, d := range deltas {
				if r := was[d.Key]; err == nil && !r.Key.IsZero() {
					_, err = m.Store.Apply(ctx, []store.Record{r})
				}
			}
			return changes, err
		}
	}},
	{"looks and then erases", "expiry-loses-nobody", func(m *expiringMutant) {
		m.decides(func(r store.Record, before time.Time) bool {
			silent := r.SilentSince(before)
			time.Sleep(time.Millisecond)
			return silent
		})
	}},
	{"owes no erasure", "expiry-owes-erasure", func(m *expiringMutant) {
		m.then(func(ctx context.Context, _ store.Key, gone bool) {
			if gone {
				_ = m.Withdraw(ctx, crm)
				_ = m.Enroll(ctx, crm)
			}
		})
	}},
	{"owes the whole person once more", "expiry-owes-erasure", func(m *expiringMutant) {
		m.then(func(ctx context.Context, key store.Key, gone bool) {
			if gone {
				_, _ = m.Store.Apply(ctx, []store.Record{known(key)})
			}
		})
	}},
	{"erases those in front of a malformed key", "expiry-all-or-nothing", func(m *expiringMutant) {
		m.expire = func(ctx context.Context, keys []store.Key, before time.Time) ([]bool, error) {
			var expired []bool
			for _, key := range keys {
				one, err := m.Store.Expire(ctx, []store.Key{key}, before)
				if err != nil {
					return nil, err
				}
				expired = append(expired, one...)
			}
			_, err := m.Store.Expire(ctx, nil, before)
			return expired, err
		}
	}},
	{"ignores the context", "expiry-all-or-nothing", func(m *expiringMutant) {
		m.expire = func(ctx context.Context, keys []store.Key, before time.Time) ([]bool, error) {
			return m.Store.Expire(context.WithoutCancel(ctx), keys, before)
		}
	}},
	{"takes 256 at most", "expiry-all-or-nothing", func(m *expiringMutant) {
		m.expire = func(ctx context.Context, keys []store.Key, before time.Time) ([]bool, error) {
			expired, err := m.Store.Expire(ctx, keys[:min(len(keys), 256)], before)
			return append(expired, make([]bool, len(keys)-len(expired))...), err
		}
	}},
	{"has nobody to erase after Close", "expiry-closed", func(m *expiringMutant) {
		m.expire = func(ctx context.Context, keys []store.Key, before time.Time) ([]bool, error) {
			expired, _ := m.Store.Expire(ctx, keys, before)
			return expired, ctx.Err()
		}
	}},
}

func TestExpiringMutantsAreCaught(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for _, mu := range expiringMutants {
		t.Run(mu.name, func(t *testing.T) {
			t.Parallel()
			failed := failing(t, mu.caught, func() store.Store {
				m := &expiringMutant{Store: memstore.New()}
				mu.breaks(m)
				return m
			}, nil)
			if failed == "" {
				t.Fatalf("%q holds", mu.caught)
			}
			t.Log(failed)
		})
	}
}

func TestThoseWhoAreBackAtReopeningAreCaught(t *testing.T) {
	open := func() store.Store { return memstore.New() }
	keeping := func(everybody, standings bool) func(store.Store) store.Store {
		return func(st store.Store) store.Store {
			next := memstore.New()
			_ = next.Enroll(t.Context(), crm)
			for d := range st.(*memstore.Store).Dossiers(t.Context(), store.Key{}) {
				if !standings {
					d.Standings = nil
				}
				_ = next.Import(t.Context(), []store.Dossier{d})
			}
			if everybody {
				_, _ = next.Apply(t.Context(), []store.Record{known(ann())})
			}
			return next
		}
	}
	if failing(t, "expiry-durable", open, keeping(true, true)) == "" {
		t.Error("somebody who is back is not caught")
	}
	if failing(t, "expiry-durable", open, keeping(false, false)) == "" {
		t.Error("a lost erasure is not caught")
	}
	holds(t, "expiry-durable", open, keeping(false, true))
}

func TestPlainStoresAreNotAskedToExpire(t *testing.T) {
	names := Properties()
	first, last := slices.Index(names, "expires-the-silent"), slices.Index(names, "expiry-durable")
	st := func() store.Store { return plain{memstore.New()} }
	for _, prop := range properties[first : last+1] {
		r := prop.check(&probe{ctx: t.Context(), open: st, reopen: func(store.Store) store.Store { return st() }})
		if r.problem != "" || r.skipped != "the store is not a store.Expirer" {
			t.Errorf("%s of a plain store: %+v; want it to be skipped", prop.name, r)
		}
	}
}
