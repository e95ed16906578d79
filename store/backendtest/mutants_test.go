package backendtest

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rollcall-go/rollcall/store"
)

// A mutant is a backend that is right but for one thing. Its functions, where
// they are not nil, stand in for the methods of the right backend within it.
type mutant struct {
	*backend
	service *crm
	base    string

	mu      sync.Mutex // of what single mutants remember
	calls   int        // of receipts
	name    func() string
	traits  func() store.Traits
	deliver func(ctx context.Context, d store.Delivery) (store.Receipt, error)
	erase   func(ctx context.Context, key store.Key, remote string) error
}

func (m *mutant) Name() string {
	if m.name != nil {
		return m.name()
	}
	return m.backend.Name()
}

func (m *mutant) Traits() store.Traits {
	if m.traits != nil {
		return m.traits()
	}
	return m.backend.Traits()
}

func (m *mutant) Deliver(ctx context.Context, d store.Delivery) (store.Receipt, error) {
	if m.deliver != nil {
		return m.deliver(ctx, d)
	}
	return m.backend.Deliver(ctx, d)
}

func (m *mutant) Erase(ctx context.Context, key store.Key, remote string) error {
	if m.erase != nil {
		return m.erase(ctx, key, remote)
	}
	return m.backend.Erase(ctx, key, remote)
}

// first makes the mutant change each delivery before it is carried out.
func (m *mutant) first(change func(d *store.Delivery)) {
	m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
		change(&d)
		return m.backend.Deliver(ctx, d)
	}
}

// values makes the mutant change each text that it delivers.
func (m *mutant) values(change func(text string) string) {
	m.first(func(d *store.Delivery) {
		d.Profile.GivenName, d.Profile.Bio = change(d.Profile.GivenName), change(d.Profile.Bio)
	})
}

// receipts makes the mutant change each receipt.
func (m *mutant) receipts(change func(r *store.Receipt, err error)) {
	m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
		r, err := m.backend.Deliver(ctx, d)
		m.mu.Lock()
		defer m.mu.Unlock()
		m.calls++
		change(&r, err)
		return r, err
	}
}

// errs makes the mutant return another error of a delivery that failed.
func (m *mutant) errs(change func(err error, d store.Delivery) error) {
	m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
		r, err := m.backend.Deliver(ctx, d)
		if err != nil {
			err = change(err, d)
		}
		return r, err
	}
}

// takes makes the mutant return kind where it should return another one.
func (m *mutant) takes(of error, kind error) {
	m.errs(func(err error, _ store.Delivery) error {
		if errors.Is(err, of) {
			return kind
		}
		return err
	})
}

// asks makes the mutant ask the service before each delivery, without the care
// that package rest takes, and judge the answer itself.
func (m *mutant) asks(c *http.Client, judge func(resp *http.Response, err error) error) {
	m.deliver = func(ctx context.Context, d store.Delivery) (store.Receipt, error) {
		defer c.CloseIdleConnections()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.base+"/hello?name="+d.Profile.GivenName, nil)
		if err != nil {
			return store.Receipt{}, err
		}
		req.Header.Set("X-Token", token)
		resp, err := c.Do(req)
		if resp != nil {
			defer resp.Body.Close()
		}
		if err := judge(resp, err); err != nil {
			return store.Receipt{}, err
		}
		return m.backend.Deliver(ctx, d)
	}
}

// A mutation makes a mutant, and caught is the property that fails for it.
type mutation struct {
	name, caught string
	breaks       func(m *mutant)
}

func (mu mutation) fixture() Fixture {
	f := newFixture()
	f.Backend = func(baseURL string) (store.Backend, error) {
		b, err := newBackend(baseURL)
		if err != nil {
			return nil, err
		}
		m := &mutant{backend: b, service: f.Double.(*crm), base: baseURL}
		m.service.makes()
		mu.breaks(m)
		return m, nil
	}
	return f
}

var mutants = slices.Concat(deliveringMutants, refusingMutants, attackingMutants, erasingMutants)

func TestMutantsAreCaught(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for _, mu := range mutants {
		t.Run(mu.name, func(t *testing.T) {
			t.Parallel()
			wantFailure(t, mu.caught, mu.fixture())
		})
	}
}

func wantFailure(t *testing.T, name string, f Fixture) {
	t.Helper()
	i := slices.Index(Properties(), name)
	if i < 0 {
		t.Fatalf("there is no property %q", name)
	}
	p := testProbe(t, f)
	p.patience = 100 * time.Millisecond // what hangs is waited for in vain
	r := properties[i].check(p)
	if r.problem == "" {
		t.Fatalf("%q holds", name)
	}
	t.Log(r.problem, "because:", r.reason)
}

func TestEveryPropertyCatchesAMutant(t *testing.T) {
	caught := map[string]bool{"bad-address": true, "batch": true} // above
	for _, mu := range mutants {
		caught[mu.caught] = true
	}
	for _, name := range Properties() {
		if !caught[name] {
			t.Errorf("no mutant fails %q, so nothing shows that it can fail", name)
		}
	}
}
