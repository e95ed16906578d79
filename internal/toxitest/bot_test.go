package toxitest

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const people = 40

// A bot gets events, hands each to the middleware, and then handles it.
type bot struct {
	t  *testing.T
	mw *middleware.Middleware

	events  int // so far
	said    map[store.Key]store.Record
	latest  map[store.Key]middleware.Sender
	handled []string
}

func newBot(t *testing.T, mw *middleware.Middleware) *bot {
	return &bot{t: t, mw: mw, said: make(map[store.Key]store.Record), latest: make(map[store.Key]middleware.Sender)}
}

// event returns the next one: somebody wrote, under a name that nobody had before. It
// also states a field that no other event states, so that none can be lost unnoticed.
func (b *bot) event() middleware.Sender {
	b.events++
	s := middleware.Sender{
		Channel: "telegram", NumericID: uint64(1 + b.events%people), Event: fmt.Sprint("message ", b.events),
		At: epoch.Add(time.Duration(b.events) * time.Second),
	}
	s.Set(store.FieldGivenName, fmt.Sprint("Ann ", b.events))
	s.Set(store.FieldUsername, fmt.Sprint("ann_", b.events))
	s.Set(store.NickField(fmt.Sprint("guild", b.events/people)), fmt.Sprint("Annie ", b.events))
	if b.events%3 == 0 {
		s.Clear(store.FieldFamilyName)
	} else {
		s.Set(store.FieldFamilyName, fmt.Sprint("Schmidt ", b.events))
	}
	return s
}

// run brings n events. Two goroutines observe them, as a bot that starts one for each
// event would, so that those of one person can come out of order.
func (b *bot) run(n int) {
	var wg sync.WaitGroup
	handled := make(chan string, n)
	events := make(chan middleware.Sender, n)
	for range n {
		s := b.event()
		key := s.Key()
		b.said[key] = store.Merge(b.said[key], s.Patch().Record())
		b.latest[key] = s
		events <- s
	}
	close(events)
	for range 2 {
		wg.Go(func() {
			for s := range events {
				before := s
				b.mw.Observe(&s)
				if !reflect.DeepEqual(s, before) {
					b.t.Errorf("Observe changed the sender of %s", before.Event)
				}
				handled <- s.Event
			}
		})
	}
	wg.Wait()
	close(handled)
	for event := range handled {
		b.handled = append(b.handled, event)
	}
}

// finishes reports whether the bot gets through n events, whatever the store does.
func (b *bot) finishes(n int) bool {
	through := make(chan struct{})
	go func() {
		defer close(through)
		b.run(n)
	}()
	select {
	case <-through:
		return true
	case <-time.After(patience):
		b.t.Error("the bot waits for the middleware")
		return false
	}
}

// patience is how long the tests wait for what must not need any time, before they
// call it hung.
const patience = time.Minute

// A journal counts the outcomes of each event at the store.
type journal struct {
	mu        sync.Mutex
	ends      map[string]int // by event
	results   map[middleware.Result]int
	delivered int
	errs      []error
}

func (j *journal) note(_ context.Context, o middleware.Outcome) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if o.Err != nil {
		j.errs = append(j.errs, o.Err)
	}
	if o.Target != middleware.TargetStore {
		if o.Result == middleware.Delivered {
			j.delivered++
		}
		return
	}
	if j.ends == nil {
		j.ends, j.results = make(map[string]int), make(map[middleware.Result]int)
	}
	j.ends[o.Event]++
	j.results[o.Result]++
}

// check wants one outcome for each of these events.
func (j *journal) check(t *testing.T, events []string) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, event := range events {
		if n := j.ends[event]; n != 1 {
			t.Errorf("%s ended %d times", event, n)
		}
	}
	if len(j.ends) != len(events) {
		t.Errorf("%d events came, and %d ended", len(events), len(j.ends))
	}
}

// A crm is a backend that holds what it was given.
type crm struct {
	mu      sync.Mutex
	holds   map[store.Key]store.Delivery
	busy    map[store.Key]bool
	strange []string
}

func newCRM() *crm {
	return &crm{holds: make(map[store.Key]store.Delivery), busy: make(map[store.Key]bool)}
}

func (c *crm) Name() string { return "crm" }

// Traits has a short Timeout, so that claims whose answer was lost end soon.
func (c *crm) Traits() store.Traits { return store.Traits{Timeout: 100 * time.Millisecond} }

func (c *crm) Deliver(_ context.Context, d store.Delivery) (store.Receipt, error) {
	key := d.Profile.Key
	c.begin(key)
	time.Sleep(time.Millisecond)
	c.mu.Lock()
	defer c.mu.Unlock()
	if d.Version < c.holds[key].Version {
		c.strange = append(c.strange, fmt.Sprintf("%s went back from version %d to %d", key, c.holds[key].Version, d.Version))
	}
	c.holds[key] = d
	delete(c.busy, key)
	return store.Receipt{Remote: "crm of " + key.String()}, nil
}

func (c *crm) begin(key store.Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy[key] {
		c.strange = append(c.strange, key.String()+" is delivered twice at once")
	}
	c.busy[key] = true
}

// check wants each person as they are, and nothing strange before.
func (c *crm) check(t *testing.T, want map[store.Key]store.Record) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, problem := range c.strange {
		t.Error(problem)
	}
	for key, r := range want {
		got := c.holds[key].Profile
		// That somebody was seen again is no change, and is not delivered for itself.
		was := r.Profile()
		got.FirstSeen, got.LastSeen = was.FirstSeen, was.LastSeen
		if !reflect.DeepEqual(got, was) {
			t.Errorf("%s was delivered as\n%+v and is\n%+v", key, got, was)
		}
	}
	if len(c.holds) != len(want) {
		t.Errorf("%d of %d people were delivered", len(c.holds), len(want))
	}
}
