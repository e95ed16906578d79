package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// noon is when most of the tests' events happen: in the past, also of a synctest
// bubble, whose clock starts in 2000.
var noon = time.Date(1999, 11, 22, 12, 0, 0, 0, time.UTC)

// ann returns a Sender as the Telegram adapter would make it, some seconds after noon.
func ann(second int, name string) *middleware.Sender {
	return person(42, second, name)
}

func person(id uint64, second int, name string) *middleware.Sender {
	s := &middleware.Sender{
		Channel: "telegram", NumericID: id, Event: "message",
		At: noon.Add(time.Duration(second) * time.Second),
	}
	s.Set(store.FieldGivenName, name)
	s.Clear(store.FieldFamilyName)
	s.Set(store.FieldStatus, string(store.StatusActive))
	return s
}

var annKey = store.Key{Channel: "telegram", UserID: "42"}

// A faultyStore is a memstore whose Apply does what a test tells it to.
type faultyStore struct {
	*memstore.Store
	mu      sync.Mutex
	fail    func(deltas []store.Record) error // nil: works
	batches [][]store.Record
}

func newFaultyStore() *faultyStore { return &faultyStore{Store: memstore.New()} }

func (f *faultyStore) Apply(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
	f.mu.Lock()
	fail := f.fail
	f.batches = append(f.batches, slices.Clone(deltas))
	f.mu.Unlock()
	if fail != nil {
		if err := fail(deltas); err != nil {
			return nil, err
		}
	}
	return f.Store.Apply(ctx, deltas)
}

func (f *faultyStore) failWith(fail func([]store.Record) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = fail
}

func (f *faultyStore) asked() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.batches)
}

func away([]store.Record) error { return fmt.Errorf("disk is full: %w", store.ErrUnavailable) }

// A journal keeps every Outcome that OnOutcome was told.
type journal struct {
	mu   sync.Mutex
	list []middleware.Outcome
}

func (j *journal) note(_ context.Context, o middleware.Outcome) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.list = append(j.list, o)
}

func (j *journal) all() []middleware.Outcome {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.list)
}

// results are the outcomes in short, such as "updated given_name".
func (j *journal) results() []string {
	var results []string
	for _, o := range j.all() {
		s := string(o.Result)
		for _, f := range o.Fields {
			if o.Result == middleware.Updated {
				s += " " + string(f)
			}
		}
		if o.Reason != "" {
			s += ": " + string(o.Reason)
		}
		results = append(results, s)
	}
	return results
}

// start returns a Middleware over st with a journal, closed at the end of t.
func start(t *testing.T, st store.Store, o middleware.Options) (*middleware.Middleware, *journal) {
	t.Helper()
	j := &journal{}
	if o.OnOutcome == nil {
		o.OnOutcome = j.note
	}
	mw, err := middleware.New(st, &o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mw.Close(context.Background()) })
	return mw, j
}

func flush(t *testing.T, mw *middleware.Middleware) {
	t.Helper()
	if err := mw.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, mw *middleware.Middleware, key store.Key) store.Profile {
	t.Helper()
	p, err := mw.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wantResults(t *testing.T, j *journal, want ...string) {
	t.Helper()
	if got := j.results(); !slices.Equal(got, want) {
		t.Errorf("outcomes:\n got %q\nwant %q", got, want)
	}
}

var errOdd = errors.New("odd")
