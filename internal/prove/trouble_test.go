package prove_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// A trouble is how something behaves that a Middleware depends on.
type trouble int32

const (
	healthy trouble = iota
	slow
	hung // deaf to its context too, as a dead network file system is
	refusing
	garbage
	panicking
)

var troubleNames = []string{"healthy", "slow", "hung", "refusing", "garbage", "panicking"}

func (t trouble) String() string {
	if t == inTurn {
		return "all in turn"
	}
	return troubleNames[t]
}

// inTurn is one trouble after the other, another with each call. Not hung: who waits
// in there would miss what follows.
const inTurn trouble = -1

var turns = []trouble{healthy, slow, refusing, garbage, panicking}

// A troubled thing asks it before each call what to do.
type troubled struct {
	now    atomic.Int32
	calls  atomic.Int32
	freed  chan struct{}
	free   func()
	mu     sync.Mutex
	counts [panicking + 1]int
}

func newTroubled() *troubled {
	t := &troubled{freed: make(chan struct{})}
	t.free = sync.OnceFunc(func() { close(t.freed) })
	return t
}

func (t *troubled) is(now trouble) { t.now.Store(int32(now)) }

// met is how often the trouble was met.
func (t *troubled) met(x trouble) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts[x]
}

// meet returns whether the answer is to be garbage, or how the call fails.
func (t *troubled) meet(ctx context.Context) (nonsense bool, err error) {
	now := trouble(t.now.Load())
	if now == inTurn {
		now = turns[int(t.calls.Add(1))%len(turns)]
	}
	t.mu.Lock()
	t.counts[now]++
	t.mu.Unlock()
	switch now {
	case slow:
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return false, ctx.Err()
		}
	case hung:
		<-t.freed
		return false, fmt.Errorf("hung until now: %w", store.ErrUnavailable)
	case refusing:
		return false, fmt.Errorf("refused: %w", store.ErrUnavailable)
	case garbage:
		return true, nil
	case panicking:
		panic("the trouble's own")
	case healthy:
	}
	return false, nil
}

// A troubledStore is a memory store in trouble.
type troubledStore struct {
	*memstore.Store
	*troubled
}

func newTroubledStore() troubledStore { return troubledStore{memstore.New(), newTroubled()} }

var somebodyElse = store.Key{Channel: "nowhere", UserID: "else"}

func (s troubledStore) Apply(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
	switch nonsense, err := s.meet(ctx); {
	case err != nil:
		return nil, err
	case nonsense:
		return make([]store.Change, len(deltas)*2%7), nil
	}
	return s.Store.Apply(ctx, deltas)
}

func (s troubledStore) Get(ctx context.Context, key store.Key) (store.Record, error) {
	switch nonsense, err := s.meet(ctx); {
	case err != nil:
		return store.Record{}, err
	case nonsense:
		return store.Record{Key: somebodyElse, Registers: make([]store.Register, 3)}, nil
	}
	return s.Store.Get(ctx, key)
}

func (s troubledStore) Enroll(ctx context.Context, backend string) error {
	if _, err := s.meet(ctx); err != nil {
		return err
	}
	return s.Store.Enroll(ctx, backend)
}

func (s troubledStore) Claim(ctx context.Context, backend string, limit int, lease time.Duration) ([]store.Claim, time.Duration, error) {
	switch nonsense, err := s.meet(ctx); {
	case err != nil:
		return nil, 0, err
	case nonsense:
		return make([]store.Claim, limit+3), -time.Hour, nil
	}
	return s.Store.Claim(ctx, backend, limit, lease)
}

func (s troubledStore) Settle(ctx context.Context, backend string, settlements []store.Settlement) error {
	if _, err := s.meet(ctx); err != nil {
		return err
	}
	return s.Store.Settle(ctx, backend, settlements)
}

// A troubledBackend takes everybody, and keeps nothing.
type troubledBackend struct{ *troubled }

func (b troubledBackend) Name() string { return "crm" }

func (b troubledBackend) Traits() store.Traits {
	return store.Traits{Timeout: 50 * time.Millisecond, InFlight: 8}
}

func (b troubledBackend) Deliver(ctx context.Context, d store.Delivery) (store.Receipt, error) {
	nonsense, err := b.meet(ctx)
	if !nonsense {
		return store.Receipt{}, err
	}
	junk := store.Receipt{Remote: strings.Repeat("\xff\x00", 4000), Refused: []store.Field{"no such", ""}, Answer: make(chan int)}
	switch d.Attempt % 3 {
	case 0:
		return junk, nil
	case 1:
		return junk, errors.New("\r\n\x1b[31m" + strings.Repeat("junk", 5000))
	}
	return junk, fmt.Errorf("%w", &store.ThrottledError{After: -1 << 62})
}

func (b troubledBackend) Erase(ctx context.Context, _ store.Key, _ string) error {
	_, err := b.meet(ctx)
	return err
}

// A plight is what the store and the backend are in.
type plight struct{ store, backend trouble }

func (p plight) String() string { return fmt.Sprintf("store %s, backend %s", p.store, p.backend) }

// plights are all that a bot is put through.
func plights() []plight {
	all := []plight{{inTurn, inTurn}, {}}
	for x := slow; x <= panicking; x++ {
		all = append(all, plight{store: x}, plight{backend: x}, plight{x, x})
	}
	return all
}

// awaitMet fails where something was not in trouble after all.
func (t *troubled) awaitMet(tt *testing.T, what string, x trouble) {
	tt.Helper()
	for began := time.Now(); t.met(x) == 0; time.Sleep(time.Millisecond) {
		if time.Since(began) > patience {
			tt.Errorf("the %s was never asked while %s", what, x)
			return
		}
	}
}

// awaitMet fails where one of the two was not in trouble after all. A backend is not
// asked while its store does not work.
func (p plight) awaitMet(t *testing.T, st, b *troubled) {
	t.Helper()
	of := func(x trouble) []trouble {
		if x == inTurn {
			return turns
		}
		return []trouble{x}
	}
	for _, x := range of(p.store) {
		st.awaitMet(t, "store", x)
	}
	if p.store == healthy || p.store == slow {
		for _, x := range of(p.backend) {
			b.awaitMet(t, "backend", x)
		}
	}
}
