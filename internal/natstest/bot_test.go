package natstest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/natsstore"
)

const (
	botPeople = 400
	botPause  = 2 * time.Millisecond
)

// A bot observes people at a steady rate, each time with something new, and
// measures how long that takes. Its backend is the crm.
type bot struct {
	mw     *middleware.Middleware
	st     *counted
	crm    mirror
	phase  atomic.Int32
	took   [3][]time.Duration // of each Observe, by phase
	newest map[store.Key]string
	calls  atomic.Int64 // of Observe, that returned
	failed atomic.Int64

	mu       sync.Mutex
	outcomes map[string]int // by event
}

// The phases of a bot.
const (
	quiet    = iota // all servers are there
	stalling        // leaders are killed
	cut             // too few servers are there to write anything
)

// counted counts the calls of Apply that were a success.
type counted struct {
	store.Outbox

	applied atomic.Int64
}

func (c *counted) Apply(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
	changes, err := c.Outbox.Apply(ctx, deltas)
	if err == nil {
		c.applied.Add(1)
	}
	return changes, err
}

func newBot(t *testing.T, st *natsstore.Store) *bot {
	t.Helper()
	b := &bot{st: &counted{Outbox: st}, newest: make(map[store.Key]string), outcomes: make(map[string]int)}
	mw, err := middleware.New(b.st, &middleware.Options{
		Backends: []store.Backend{&b.crm},
		OnOutcome: func(_ context.Context, o middleware.Outcome) {
			if o.Target != middleware.TargetStore {
				return
			}
			if o.Result == middleware.Failed {
				b.failed.Add(1)
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			b.outcomes[o.Event]++
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.mw = mw
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = mw.Close(ctx) // where the test has not done so, it has failed
	})
	return b
}

// run observes until ctx ends. Only then what it noted may be looked at.
func (b *bot) run(ctx context.Context) {
	pace := time.NewTicker(botPause)
	defer pace.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		b.observe(n)
		<-pace.C
	}
}

func (b *bot) observe(n int) {
	s := middleware.Sender{
		Channel: "discord", UserID: strconv.Itoa(n % botPeople), Event: strconv.Itoa(n), At: epoch.Add(time.Duration(n) * time.Second),
	}
	name := fmt.Sprint("Ann ", n)
	s.Set(store.FieldGivenName, name)
	phase := b.phase.Load()
	began := time.Now()
	b.mw.Observe(&s)
	b.took[phase] = append(b.took[phase], time.Since(began))
	b.newest[s.Key()] = name
	b.calls.Add(1)
}

// awaitCalls waits until Observe returned n times more.
func (b *bot) awaitCalls(t *testing.T, n int64) {
	t.Helper()
	n += b.calls.Load()
	await(t, "Observe does not return", func(context.Context) bool { return b.calls.Load() >= n })
}

// check wants all that was observed to be kept, told of once, and delivered, now
// that the servers are there. It closes the Middleware.
func (b *bot) check(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if err := b.mw.Drain(ctx); err != nil {
		people := 0
		for range b.st.Standings(t.Context(), store.StandingFilter{Backend: crm, State: store.StateOwed}) {
			people++
		}
		t.Fatalf("%v, and %d people are owed by their standings", err, people)
	}
	for key, name := range b.newest {
		if r, err := b.st.Get(ctx, key); err != nil || r.Profile().GivenName != name {
			t.Errorf("%s is kept as %q, %v; the newest is %q", key, r.Profile().GivenName, err, name)
		}
	}
	if err := b.mw.Close(ctx); err != nil {
		t.Error(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for n := range b.calls.Load() {
		if times := b.outcomes[fmt.Sprint(n)]; times != 1 {
			t.Fatalf("observation %d of %d has %d outcomes: %+v", n, b.calls.Load(), times, b.mw.Stats())
		}
	}
	if s := b.mw.Stats(); s.Dropped != 0 {
		t.Errorf("%d observations were dropped", s.Dropped)
	}
}

// log prints how long Observe took.
func (b *bot) log(t *testing.T) {
	t.Logf("%-28s %8s %8s %8s %8s %10s", "Observe", "calls", "p50", "p99", "max", "p99 ratio")
	base := percentile(b.took[quiet], 99)
	for phase, name := range []string{"without kills", "through the kills", "while nothing can be written"} {
		took := b.took[phase]
		p99 := percentile(took, 99)
		t.Logf("%-28s %8d %8s %8s %8s %10.2f", name, len(took), percentile(took, 50), p99, percentile(took, 100), float64(p99)/float64(base))
	}
	t.Logf("%d calls of Apply by the bot, %d observations reported as Failed, %d people delivered", b.st.applied.Load(), b.failed.Load(), b.mw.Stats().Delivered)
}

func percentile(took []time.Duration, percent int) time.Duration {
	sorted := slices.Sorted(slices.Values(took))
	return sorted[max(0, len(sorted)*percent/100-1)].Round(100 * time.Nanosecond)
}
