package middleware_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// A foreign is a Backend that keeps people in memory and does what a test tells
// it to.
type foreign struct {
	name    string
	traits  store.Traits
	latency time.Duration
	// fault says what goes wrong with a call. nil: nothing.
	fault func(c call) fault
	// partly is the receipt that goes with an error.
	partly store.Receipt

	mu      sync.Mutex
	people  map[store.Key]map[store.Field]string
	calls   []call
	running int
	most    int                     // calls at once
	landing map[store.Key]time.Time // until when a request of the person may land
	overlap []string                // requests beside another of the same person
}

// A call is one that a foreign got, for one person.
type call struct {
	At    time.Time
	Key   store.Key
	Erase bool
	store.Delivery
}

// A fault is what goes wrong with one call.
type fault struct {
	err    error
	hang   bool          // no answer before ctx ends
	lands  bool          // it is carried out all the same
	late   time.Duration // after ctx has ended
	panics any
	deaf   <-chan struct{} // it ends with this, whatever ctx says
}

func newForeign(name string) *foreign {
	return &foreign{
		name: name, people: make(map[store.Key]map[store.Field]string), landing: make(map[store.Key]time.Time),
	}
}

func (f *foreign) Name() string         { return f.name }
func (f *foreign) Traits() store.Traits { return f.traits }

func (f *foreign) Deliver(ctx context.Context, d store.Delivery) (store.Receipt, error) {
	if err := f.serve(ctx, call{Key: d.Profile.Key, Delivery: d}, func() { f.land(d) }); err != nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.partly, err
	}
	return store.Receipt{Remote: "id of " + d.Profile.UserID, Answer: d.Attempt}, nil
}

func (f *foreign) serve(ctx context.Context, c call, land func()) error {
	c.At = time.Now()
	f.mu.Lock()
	f.calls = append(f.calls, c)
	f.running++
	f.most = max(f.most, f.running)
	if until, ok := f.landing[c.Key]; ok && !time.Now().After(until) {
		f.overlap = append(f.overlap, c.Key.String())
	}
	f.landing[c.Key] = time.Now().Add(100 * time.Hour)
	fail := f.fault
	f.mu.Unlock()
	var wrong fault
	if fail != nil {
		wrong = fail(c)
	}
	end := time.Now()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.running--
		f.landing[c.Key] = end
		if !end.After(time.Now()) {
			delete(f.landing, c.Key)
		}
	}()
	switch {
	case wrong.panics != nil:
		end = time.Now()
		panic(wrong.panics)
	case wrong.deaf != nil:
		<-wrong.deaf
		end = time.Now()
	case wrong.hang:
		<-ctx.Done()
		end = time.Now()
		if wrong.lands {
			end = end.Add(wrong.late)
			time.AfterFunc(wrong.late, land)
		}
		return fmt.Errorf("hung: %w", ctx.Err())
	default:
		select {
		case <-time.After(f.latency):
		case <-ctx.Done():
			return fmt.Errorf("given up: %w", ctx.Err())
		}
		end = time.Now()
	}
	if wrong.err == nil || wrong.lands {
		land()
	}
	return wrong.err
}

func (f *foreign) land(d store.Delivery) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := d.Profile.Key
	if f.people[key] == nil || f.traits.Replaces {
		f.people[key] = make(map[store.Field]string)
	}
	for _, field := range d.Fields {
		if v := d.Profile.Value(field); v != "" {
			f.people[key][field] = v
		} else {
			delete(f.people[key], field)
		}
	}
}

func (f *foreign) failWith(fail func(c call) fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fail
}

func (f *foreign) heal() { f.failWith(nil) }

// alwaysErr makes a fault of every call.
func alwaysErr(err error) func(call) fault { return func(call) fault { return fault{err: err} } }

func (f *foreign) asked() []call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// askedFor are the calls for one person.
func (f *foreign) askedFor(key store.Key) []call {
	return slices.DeleteFunc(f.asked(), func(c call) bool { return c.Key != key })
}

func (f *foreign) forgetCalls() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = nil
}

func (f *foreign) holds(key store.Key) map[store.Field]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.people[key])
}

func (f *foreign) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.people)
}

// wantApart fails when a request was sent beside one of the same person, or
// before it could no longer land.
func (f *foreign) wantApart(t *testing.T) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.overlap) > 0 {
		t.Errorf("%d requests overlap another of the same person, one of %s", len(f.overlap), f.overlap[0])
	}
}

// An erasing foreign is a store.Eraser.
type erasing struct{ *foreign }

func (e erasing) Erase(ctx context.Context, key store.Key, remote string) error {
	return e.serve(ctx, call{Key: key, Erase: true, Delivery: store.Delivery{Remote: remote}}, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.people, key)
	})
}

// A batching foreign is a store.Batcher. reply says what comes of a batch.
type batching struct {
	erasing
	reply func(ds []store.Delivery, results []store.BatchResult) []store.BatchResult
	sizes *[]int
}

func newBatching(name string, size int) batching {
	f := newForeign(name)
	f.traits.Batch = size
	return batching{erasing: erasing{f}, sizes: new([]int)}
}

func (b batching) DeliverBatch(ctx context.Context, ds []store.Delivery) []store.BatchResult {
	b.mu.Lock()
	*b.sizes = append(*b.sizes, len(ds))
	b.running++
	b.most = max(b.most, b.running)
	b.mu.Unlock()
	time.Sleep(b.latency)
	results := make([]store.BatchResult, len(ds))
	for i, d := range ds {
		c := call{At: time.Now(), Key: d.Profile.Key, Delivery: d}
		b.mu.Lock()
		b.calls = append(b.calls, c)
		fail := b.fault
		b.mu.Unlock()
		if fail != nil {
			results[i].Err = fail(c).err
		}
		if results[i].Err == nil {
			b.land(d)
		}
	}
	b.mu.Lock()
	b.running--
	b.mu.Unlock()
	if b.reply != nil {
		return b.reply(ds, results)
	}
	return results
}

// drain waits until nothing is owed.
func drain(t *testing.T, mw *middleware.Middleware) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 48*time.Hour)
	defer cancel()
	if err := mw.Drain(ctx); err != nil {
		t.Fatal(err)
	}
}

func keyOf(id uint64) store.Key { return store.Key{Channel: "telegram", UserID: fmt.Sprint(id)} }

// at keeps the outcomes of one target.
func (j *journal) at(target string) []middleware.Outcome {
	return slices.DeleteFunc(j.all(), func(o middleware.Outcome) bool { return o.Target != target })
}

func (j *journal) resultsAt(target string) []string {
	var results []string
	for _, o := range j.at(target) {
		results = append(results, string(o.Result))
	}
	return results
}

func standings(t *testing.T, st store.Outbox, f store.StandingFilter) []store.Standing {
	t.Helper()
	var all []store.Standing
	for s, err := range st.Standings(t.Context(), f) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

func standing(t *testing.T, st store.Outbox, backend string, key store.Key) store.Standing {
	t.Helper()
	all := standings(t, st, store.StandingFilter{Backend: backend, Key: key})
	if len(all) != 1 {
		t.Fatalf("%d standings of %s, want one", len(all), key)
	}
	return all[0]
}

func wantFields(t *testing.T, got, want []store.Field) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("fields:\n got %q\nwant %q", got, want)
	}
}

func wantHeld(t *testing.T, f *foreign, key store.Key, want map[store.Field]string) {
	t.Helper()
	if got := f.holds(key); !maps.Equal(got, want) {
		t.Errorf("the backend holds of %s:\n got %v\nwant %v", key, got, want)
	}
}

func backends(bs ...store.Backend) []store.Backend { return bs }

// A crashing store is one that several processes have open, and of which one is
// killed: from then on it hears nothing from that one.
type crashing struct {
	*memstore.Store
	killed *atomic.Bool
}

// process returns the store as one process sees it.
func (c *crashing) process() *crashing {
	c.killed = new(atomic.Bool)
	return &crashing{Store: c.Store, killed: c.killed}
}

// kill ends the last process.
func (c *crashing) kill() { c.killed.Store(true) }

func (c *crashing) gone() error {
	if c.killed.Load() {
		return fmt.Errorf("killed: %w", store.ErrUnavailable)
	}
	return nil
}

func (c *crashing) Apply(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
	if err := c.gone(); err != nil {
		return nil, err
	}
	return c.Store.Apply(ctx, deltas)
}

func (c *crashing) Claim(ctx context.Context, backend string, limit int, lease time.Duration) ([]store.Claim, time.Duration, error) {
	if err := c.gone(); err != nil {
		return nil, 0, err
	}
	return c.Store.Claim(ctx, backend, limit, lease)
}

func (c *crashing) Settle(ctx context.Context, backend string, settlements []store.Settlement) error {
	if err := c.gone(); err != nil {
		return err
	}
	return c.Store.Settle(ctx, backend, settlements)
}
