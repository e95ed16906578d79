package natstest

import (
	"context"
	"sync"
	"testing"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/natsstore"
)

// A mirror is the crm as a backend: it holds the newest that it was told of each
// person.
type mirror struct {
	mu     sync.Mutex
	people map[store.Key]told
	calls  int
	twice  int // of them, where that version was told before, and none since
}

type told struct {
	version int64
	name    string
}

func (*mirror) Name() string         { return crm }
func (*mirror) Traits() store.Traits { return store.Traits{InFlight: 32} }

func (m *mirror) Deliver(_ context.Context, d store.Delivery) (store.Receipt, error) {
	m.note(d.Profile.Key, d.Version, d.Profile.GivenName)
	return store.Receipt{}, nil
}

func (m *mirror) note(key store.Key, version int64, name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.people == nil {
		m.people = make(map[store.Key]told)
	}
	m.calls++
	if version == m.people[key].version {
		m.twice++
	}
	if version >= m.people[key].version {
		m.people[key] = told{version: version, name: name}
	}
}

// held is how many people the mirror holds.
func (m *mirror) held() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int64(len(m.people))
}

// check wants the mirror to hold everybody who is in st, as they are there, and
// returns how many that are.
func (m *mirror) check(t *testing.T, st store.Outbox) (people int) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	wrong := 0
	for p, err := range st.List(t.Context(), store.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		people++
		if held := m.people[p.Key]; held.name != p.GivenName {
			if wrong++; wrong == 1 {
				t.Errorf("%s is %q, and the backend holds %q", p.Key, p.GivenName, held.name)
			}
		}
	}
	if wrong > 0 || len(m.people) != people {
		t.Errorf("the backend holds %d people, %d of the %d who are kept not as they are", len(m.people), wrong, people)
	}
	return people
}

// deliverAll has a real deliverer deliver to m until nobody is owed any more. It
// goes by the standings: a backlog also counts the places that a killed process has
// left behind.
func (m *mirror) deliverAll(t *testing.T, st *natsstore.Store) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- middleware.Deliver(ctx, st, &middleware.Options{Backends: []store.Backend{m}}) }()
	await(t, "not all is delivered", func(ctx context.Context) bool {
		for range st.Standings(ctx, store.StandingFilter{Backend: crm, State: store.StateOwed}) {
			return false // that, or an error
		}
		return true
	})
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
