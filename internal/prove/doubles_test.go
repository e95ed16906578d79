package prove_test

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// A mortalStore is a memory store as one process sees it. What that process asks
// once it is dead does not happen.
type mortalStore struct {
	*memstore.Store
	dead, away atomic.Bool
}

// process is the store as the next process sees it.
func (s *mortalStore) process() *mortalStore {
	next := &mortalStore{Store: s.Store}
	next.away.Store(s.away.Load())
	return next
}

func (s *mortalStore) gone() error {
	if s.dead.Load() || s.away.Load() {
		return fmt.Errorf("gone: %w", store.ErrUnavailable)
	}
	return nil
}

func (s *mortalStore) Apply(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
	if err := s.gone(); err != nil {
		return nil, err
	}
	return s.Store.Apply(ctx, deltas)
}

func (s *mortalStore) Claim(ctx context.Context, backend string, limit int, lease time.Duration) ([]store.Claim, time.Duration, error) {
	if err := s.gone(); err != nil {
		return nil, 0, err
	}
	return s.Store.Claim(ctx, backend, limit, lease)
}

func (s *mortalStore) Settle(ctx context.Context, backend string, settlements []store.Settlement) error {
	if err := s.gone(); err != nil {
		return err
	}
	return s.Store.Settle(ctx, backend, settlements)
}

// A register is a backend that keeps people in memory, and can erase them.
type register struct {
	name  string
	fails atomic.Int32 // 0: works; 1: is away; 2: does it and then is away; 3: panics

	mu     sync.Mutex
	people map[store.Key]map[store.Field]string
	ever   map[store.Key]bool
}

func newRegister(name string) *register {
	return &register{name: name, people: make(map[store.Key]map[store.Field]string), ever: make(map[store.Key]bool)}
}

func (r *register) Name() string         { return r.name }
func (r *register) Traits() store.Traits { return store.Traits{Timeout: time.Second} }

func (r *register) Deliver(_ context.Context, d store.Delivery) (store.Receipt, error) {
	return store.Receipt{Remote: "id " + d.Profile.UserID}, r.answer(func() {
		key := d.Profile.Key
		if r.people[key] == nil {
			r.people[key] = make(map[store.Field]string)
		}
		r.ever[key] = true
		for _, f := range d.Fields {
			r.people[key][f] = d.Profile.Value(f)
		}
		maps.DeleteFunc(r.people[key], func(_ store.Field, v string) bool { return v == "" })
	})
}

func (r *register) Erase(_ context.Context, key store.Key, _ string) error {
	return r.answer(func() { delete(r.people, key) })
}

func (r *register) answer(do func()) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch r.fails.Load() {
	case 1:
		return fmt.Errorf("away: %w", store.ErrUnavailable)
	case 2:
		do()
		return fmt.Errorf("the answer is lost: %w", store.ErrUnanswered)
	case 3:
		panic("the backend's own")
	}
	do()
	return nil
}

func (r *register) holds(key store.Key) map[store.Field]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.people[key])
}
