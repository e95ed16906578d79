package storetest

import (
	"context"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// A mutant is a store that is right but for one thing. Its functions, where they
// are not nil, stand in for the methods of the right store within it.
type mutant struct {
	*memstore.Store
	apply   func(ctx context.Context, deltas []store.Record) ([]store.Change, error)
	get     func(ctx context.Context, key store.Key) (store.Record, error)
	list    func(ctx context.Context, f store.Filter) iter.Seq2[store.Profile, error]
	forget  func(ctx context.Context, key store.Key, suppress bool) error
	readmit func(ctx context.Context, key store.Key) error
	close   func() error
}

func (m *mutant) Apply(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
	if m.apply != nil {
		return m.apply(ctx, deltas)
	}
	return m.Store.Apply(ctx, deltas)
}

func (m *mutant) Get(ctx context.Context, key store.Key) (store.Record, error) {
	if m.get != nil {
		return m.get(ctx, key)
	}
	return m.Store.Get(ctx, key)
}

func (m *mutant) List(ctx context.Context, f store.Filter) iter.Seq2[store.Profile, error] {
	if m.list != nil {
		return m.list(ctx, f)
	}
	return m.Store.List(ctx, f)
}

func (m *mutant) Forget(ctx context.Context, key store.Key, suppress bool) error {
	if m.forget != nil {
		return m.forget(ctx, key, suppress)
	}
	return m.Store.Forget(ctx, key, suppress)
}

func (m *mutant) Readmit(ctx context.Context, key store.Key) error {
	if m.readmit != nil {
		return m.readmit(ctx, key)
	}
	return m.Store.Readmit(ctx, key)
}

func (m *mutant) Close() error {
	if m.close != nil {
		return m.close()
	}
	return m.Store.Close()
}

// deltas makes the mutant change each delta before it is applied.
func (m *mutant) deltas(change func(d store.Record) store.Record) {
	m.apply = func(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
		changed := make([]store.Record, len(deltas))
		for i, d := range deltas {
			d.Registers = slices.Clone(d.Registers)
			changed[i] = change(d)
		}
		return m.Store.Apply(ctx, changed)
	}
}

// registers makes the mutant change each register before it is applied.
func (m *mutant) registers(change func(reg store.Register) store.Register) {
	m.deltas(func(d store.Record) store.Record {
		for i, reg := range d.Registers {
			d.Registers[i] = change(reg)
		}
		return store.NewRecord(d.Key, d.FirstSeen, d.LastSeen, d.Registers)
	})
}

// reports makes the mutant change what Apply returns.
func (m *mutant) reports(change func(c store.Change) store.Change) {
	m.apply = func(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
		changes, err := m.Store.Apply(ctx, deltas)
		for i, c := range changes {
			changes[i] = change(c)
		}
		return changes, err
	}
}

// keys makes the mutant keep each person under another key.
func (m *mutant) keys(change func(key store.Key) store.Key) {
	m.deltas(func(d store.Record) store.Record {
		d.Key = change(d.Key)
		return d
	})
	m.get = func(ctx context.Context, key store.Key) (store.Record, error) {
		r, err := m.Store.Get(ctx, change(key))
		r.Key = key
		return r, err
	}
	m.forget = func(ctx context.Context, key store.Key, suppress bool) error {
		return m.Store.Forget(ctx, change(key), suppress)
	}
}

// filters makes the mutant list by another filter.
func (m *mutant) filters(change func(f store.Filter) store.Filter) {
	m.list = func(ctx context.Context, f store.Filter) iter.Seq2[store.Profile, error] {
		return m.Store.List(ctx, change(f))
	}
}

// people makes the mutant list all at once and change that.
func (m *mutant) people(change func(f store.Filter, people []store.Profile) []store.Profile) {
	m.list = func(ctx context.Context, f store.Filter) iter.Seq2[store.Profile, error] {
		return func(yield func(store.Profile, error) bool) {
			var people []store.Profile
			for person, err := range m.Store.List(ctx, store.Filter{}) {
				if err != nil {
					yield(store.Profile{}, err)
					return
				}
				people = append(people, person)
			}
			for _, person := range change(f, people) {
				if !yield(person, nil) {
					return
				}
			}
		}
	}
}

func TestMutantsAreCaught(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for _, mu := range mutants {
		t.Run(mu.name, func(t *testing.T) {
			t.Parallel()
			open := func() store.Store {
				m := &mutant{Store: memstore.New()}
				mu.breaks(m)
				return m
			}
			failed := failing(t, mu.caught, open, nil)
			if failed == "" {
				t.Fatalf("%q holds", mu.caught)
			}
			t.Log(failed)
		})
	}
}

// failing returns why a mutant fails the property, "" when it does not. What blocks is
// waited for in vain.
func failing(t *testing.T, name string, open func() store.Store, reopen func(store.Store) store.Store) string {
	t.Helper()
	return problem(t, name, 50*time.Millisecond, open, reopen)
}

// holds wants the store to have the property.
func holds(t *testing.T, name string, open func() store.Store, reopen func(store.Store) store.Store) {
	t.Helper()
	if why := problem(t, name, time.Minute, open, reopen); why != "" {
		t.Errorf("a store that keeps all fails: %s", why)
	}
}

func problem(t *testing.T, name string, patience time.Duration, open func() store.Store, reopen func(store.Store) store.Store) string {
	t.Helper()
	i := slices.Index(Properties(), name)
	if i < 0 {
		t.Fatalf("there is no property %q", name)
	}
	r := properties[i].check(&probe{
		ctx: t.Context(), rand: rand.New(rand.NewPCG(1, 2)), patience: patience, open: open, reopen: reopen,
	})
	return r.problem
}

func TestEveryPropertyCatchesAMutant(t *testing.T) {
	caught := map[string]bool{"durable": true, "outbox-durable": true, "import-durable": true, "expiry-durable": true} // below
	for _, mu := range mutants {
		caught[mu.caught] = true
	}
	for _, mu := range outboxMutants {
		caught[mu.caught] = true
	}
	for _, mu := range portableMutants {
		caught[mu.caught] = true
	}
	for _, mu := range expiringMutants {
		caught[mu.caught] = true
	}
	for _, name := range Properties() {
		if !caught[name] {
			t.Errorf("no mutant fails %q, so nothing shows that it can fail", name)
		}
	}
}

func TestLossAtReopeningIsCaught(t *testing.T) {
	open := func() store.Store { return memstore.New() }
	keeping := func(tombstones, people bool) func(store.Store) store.Store {
		return func(st store.Store) store.Store {
			next := memstore.New()
			if people {
				r, _ := st.Get(t.Context(), ann())
				_, _ = next.Apply(t.Context(), []store.Record{r})
			}
			if tombstones {
				_ = next.Forget(t.Context(), numbered("telegram", 1), true)
			}
			return next
		}
	}
	if failing(t, "durable", open, keeping(false, true)) == "" {
		t.Error("a lost tombstone is not caught")
	}
	if failing(t, "durable", open, keeping(true, false)) == "" {
		t.Error("a lost person is not caught")
	}
	holds(t, "durable", open, keeping(true, true))
}
