package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// A witness is a Tracer that keeps what it is told.
type witness struct {
	// do is called in each of its methods. nil: nothing.
	do func(method string)
	// make is what the Start methods return of ctx.
	make func(ctx context.Context) context.Context

	mu      sync.Mutex
	commits []middleware.Commit // that ended
	begun   []middleware.Commit
	calls   []middleware.Call // that ended
	open    int
	faults  []string
}

type traced struct{} // key of a context

func newWitness() *witness {
	return &witness{make: func(ctx context.Context) context.Context { return context.WithValue(ctx, traced{}, true) }}
}

func (w *witness) begin(ctx context.Context, method string) context.Context {
	w.mu.Lock()
	w.open++
	w.mu.Unlock()
	if w.do != nil {
		w.do(method)
	}
	return w.make(ctx)
}

func (w *witness) end(ctx context.Context, method string) {
	w.mu.Lock()
	if w.open--; ctx.Value(traced{}) == nil || ctx.Err() != nil && method == "TraceCommitEnd" {
		w.faults = append(w.faults, fmt.Sprintf("%s got a context that is not its own, or over: %v", method, ctx.Err()))
	}
	w.mu.Unlock()
	if w.do != nil {
		w.do(method)
	}
}

func (w *witness) TraceCommitStart(ctx context.Context, c middleware.Commit) context.Context {
	w.mu.Lock()
	w.begun = append(w.begun, c)
	w.mu.Unlock()
	return w.begin(ctx, "TraceCommitStart")
}

func (w *witness) TraceCommitEnd(ctx context.Context, c middleware.Commit) {
	w.mu.Lock()
	w.commits = append(w.commits, c)
	w.mu.Unlock()
	w.end(ctx, "TraceCommitEnd")
}

func (w *witness) TraceCallStart(ctx context.Context, c middleware.Call) context.Context {
	for _, p := range c.People {
		if p.Result != "" || p.Err != nil {
			w.fault("a call that begins has the result %q, %v", p.Result, p.Err)
		}
	}
	return w.begin(ctx, "TraceCallStart")
}

func (w *witness) TraceCallEnd(ctx context.Context, c middleware.Call) {
	w.mu.Lock()
	c.People = slices.Clone(c.People)
	w.calls = append(w.calls, c)
	w.mu.Unlock()
	w.end(ctx, "TraceCallEnd")
}

func (w *witness) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

// check wants every beginning to have its end.
func (w *witness) check(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open != 0 || len(w.faults) > 0 {
		t.Errorf("%d questions have no end; %q", w.open, w.faults)
	}
}

// called are all people of all calls, in the order in which the calls ended.
func (w *witness) called() []middleware.Called {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []middleware.Called
	for _, c := range w.calls {
		all = append(all, c.People...)
	}
	return all
}

// A demanding store wants the Tracer's context, with a deadline.
type demanding struct {
	*faultyStore
	w *witness
}

func (d demanding) Apply(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
	if _, limited := ctx.Deadline(); ctx.Value(traced{}) == nil || !limited {
		d.w.fault("Apply has not the Tracer's context, or no deadline")
	}
	return d.faultyStore.Apply(ctx, deltas)
}

func TestTracerSeesCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness()
		st := demanding{newFaultyStore(), w}
		st.failWith(away)
		mw, _ := start(t, st, middleware.Options{Tracer: w})
		mw.Observe(ann(0, "Ann"))
		time.Sleep(3 * time.Second)
		mw.Observe(person(7, 0, "Bob"))
		mw.Observe(ann(1, "Anna")) // joins: she waits since the first
		time.Sleep(4 * time.Second)
		synctest.Wait()
		refused := len(w.commits)
		if refused < 2 {
			t.Fatalf("%d refusals were traced", refused)
		}
		for _, c := range w.commits {
			if !errors.Is(c.Err, store.ErrUnavailable) {
				t.Errorf("a refused commit has the error %v", c.Err)
			}
		}
		st.failWith(nil)
		flush(t, mw)
		if longest := slices.Max(w.commits[refused].Waited); longest < 7*time.Second {
			t.Errorf("she waited 7 seconds and more, told is %s", longest)
		}
		var all []time.Duration
		for _, c := range w.commits[refused:] {
			if c.Err != nil {
				t.Errorf("a commit that is durable has the error %v", c.Err)
			}
			all = append(all, c.Waited...)
		}
		slices.Sort(all)
		if len(all) != 2 || all[1]-all[0] < 2*time.Second || all[1]-all[0] > 40*time.Second {
			t.Errorf("two people waited, one 3 seconds longer, and told is %v", all)
		}
		if len(w.begun) != len(w.commits) || len(w.begun[0].Waited) != 1 || w.begun[0].Waited[0] != 0 || w.begun[0].Err != nil {
			t.Errorf("%d commits began, %d ended; the first began with %+v", len(w.begun), len(w.commits), w.begun[0])
		}
		w.check(t)
	})
}

func TestTracerSeesNoCommitOfAnImport(t *testing.T) {
	w := newWitness()
	mw, _ := start(t, memstore.New(), middleware.Options{Tracer: w})
	doImport(t, mw, ann(0, "Ann"))
	if len(w.begun) > 0 || len(w.commits) > 0 {
		t.Errorf("told of %+v and %+v, which is about nobody whom Observe took in", w.begun, w.commits)
	}
}

func TestTracerSeesWhatBecomesOfCalls(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault fault
		want  middleware.CallResult
		err   error
	}{
		{"accepted", fault{}, middleware.CallDelivered, nil},
		{"unavailable", fault{err: errDown}, middleware.CallRetried, store.ErrUnavailable},
		{"odd", fault{err: errOdd}, middleware.CallRetried, errOdd},
		{"hangs", fault{hang: true}, middleware.CallRetried, context.DeadlineExceeded},
		{"panics", fault{panics: "secret"}, middleware.CallRetried, store.ErrUnanswered},
		{"throttles", fault{err: &store.ThrottledError{After: time.Second, Err: errOdd}}, middleware.CallThrottled, store.ErrUnavailable},
		{"denies", fault{err: fmt.Errorf("crm: %w", store.ErrDenied)}, middleware.CallDenied, store.ErrDenied},
		{"refuses", fault{err: fmt.Errorf("crm: at https://crm.example/?token=secret: %w", store.ErrInvalid)}, middleware.CallDead, store.ErrInvalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWitness()
				f := newForeign("crm")
				f.failWith(func(call) fault { return test.fault })
				mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(f), Tracer: w})
				drain(t, mw) // enrolled
				mw.Observe(ann(0, "Ann"))
				time.Sleep(25 * time.Second)
				synctest.Wait()
				called := w.called()
				if len(called) == 0 {
					t.Fatal("no call was traced")
				}
				c := called[0]
				if c.Result != test.want || !errors.Is(c.Err, test.err) || c.Key != annKey || c.Attempt != 1 || c.Bulk {
					t.Errorf("traced is %+v, want %s, %v", c, test.want, test.err)
				}
				if c.Err != nil && strings.Contains(c.Err.Error(), "secret") {
					t.Errorf("the error tells a secret: %v", c.Err)
				}
				if w.calls[0].Backend != "crm" || w.calls[0].Erase {
					t.Errorf("traced is %+v", w.calls[0])
				}
				w.check(t)
			})
		})
	}
}

func TestTracerSeesABackendEndTheGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness()
		quits := true
		b := store.BackendFunc("crm", func(context.Context, store.Delivery) error {
			if quits {
				quits = false
				runtime.Goexit()
			}
			return nil
		})
		mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(b), Tracer: w})
		mw.Observe(ann(0, "Ann"))
		drain(t, mw)
		if c := w.called(); len(c) != 2 || c[0].Result != middleware.CallRetried || c[1].Result != middleware.CallDelivered || c[1].Attempt != 2 {
			t.Errorf("traced is %+v", c)
		}
		w.check(t)
	})
}

func TestTracerSeesErasures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness()
		can, cannot := newForeign("can"), newForeign("cannot")
		mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(erasing{can}, cannot), Tracer: w})
		mw.Observe(ann(0, "Ann"))
		drain(t, mw)
		w.calls = nil
		if err := mw.Forget(t.Context(), annKey); err != nil {
			t.Fatal(err)
		}
		drain(t, mw)
		want := map[string]middleware.CallResult{"can": middleware.CallErased, "cannot": middleware.CallCannotErase}
		for _, c := range w.calls {
			if !c.Erase || c.People[0].Result != want[c.Backend] || c.People[0].Key != annKey {
				t.Errorf("traced is %+v, want %s", c, want[c.Backend])
			}
			delete(want, c.Backend)
		}
		if len(want) > 0 {
			t.Errorf("not traced: %v", want)
		}
		w.check(t)
	})
}

func TestTracerSeesEachPersonOfABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness()
		b := newBatching("crm", 10)
		b.failWith(func(c call) fault {
			if c.Key == annKey {
				return fault{err: fmt.Errorf("crm: %w", store.ErrInvalid)}
			}
			return fault{}
		})
		st := memstore.New()
		mw, _ := start(t, st, middleware.Options{})
		for id := range uint64(5) {
			mw.Observe(person(40+id, 0, "Ann"))
		}
		flush(t, mw)
		other, _ := start(t, st, middleware.Options{Backends: backends(b), Tracer: w})
		drain(t, other)
		if len(w.calls) != 1 || len(w.calls[0].People) != 5 {
			t.Fatalf("traced is %+v, want one call for five", w.calls)
		}
		for _, p := range w.calls[0].People {
			want := middleware.CallDelivered
			if p.Key == annKey {
				want = middleware.CallDead
			}
			if p.Result != want || !p.Bulk {
				t.Errorf("traced is %+v, want %s, in bulk", p, want)
			}
		}
		w.check(t)
	})
}

func TestTracerSeesWhatCloseLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness()
		f := newForeign("crm")
		f.failWith(func(call) fault { return fault{hang: true} })
		mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(f), Tracer: w})
		mw.Observe(ann(0, "Ann"))
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := mw.Close(ctx); err != nil {
			t.Fatal(err)
		}
		if c := w.called(); len(c) != 1 || c[0].Result != middleware.CallAbandoned {
			t.Errorf("traced is %+v", c)
		}
		w.check(t)
	})
}

// How long a person was owed is exact at the first attempt, however long the
// backend was away before, and at least that of the last change later.
func TestTracerSeesForHowLongAPersonWasOwed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness()
		f := newForeign("crm")
		f.failWith(alwaysErr(errDown))
		f.latency = 2 * time.Second
		mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(f), Tracer: w})
		observe := func(id uint64, name string) {
			s := person(id, 0, name)
			s.At = time.Now()
			mw.Observe(s)
		}
		for id := range uint64(500) {
			observe(100+id, "Ann")
		}
		time.Sleep(3 * time.Hour) // most of them were not tried yet
		f.heal()
		drain(t, mw)
		fresh, tried := 0, 0
		for _, c := range w.called() {
			switch {
			case c.Result != middleware.CallDelivered:
			case c.Attempt == 1:
				fresh++
				if c.Owed < 3*time.Hour || c.Owed > 4*time.Hour {
					t.Errorf("%s was owed for %s, want three hours and a little", c.Key, c.Owed)
				}
			default:
				tried++
				if c.Owed < 3*time.Hour-time.Second || c.Owed > 4*time.Hour {
					t.Errorf("%s, tried %d times, was owed for %s, want about three hours", c.Key, c.Attempt, c.Owed)
				}
			}
		}
		if fresh < 300 || tried < 3 {
			t.Errorf("%d were delivered at the first attempt and %d later", fresh, tried)
		}

		f.failWith(func(c call) fault {
			if c.Attempt == 1 {
				return fault{err: errDown}
			}
			return fault{}
		})
		undated := person(7, 0, "Bob")
		undated.Undated = true
		mw.Observe(undated)
		drain(t, mw)
		called := w.called()
		if c := called[len(called)-1]; c.Attempt != 2 || c.Owed > time.Hour {
			t.Errorf("somebody whose change has no time, attempt %d, was owed for %s", c.Attempt, c.Owed)
		}
		w.check(t)
	})
}

// A Tracer that panics, or gives no context, is as good as none.
func TestTracerThatPanics(t *testing.T) {
	for _, method := range []string{"TraceCommitStart", "TraceCommitEnd", "TraceCallStart", "TraceCallEnd"} {
		t.Run(method, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				core, logs := observer.New(zapcore.ErrorLevel)
				w := &witness{make: func(context.Context) context.Context { return nil }}
				w.do = func(m string) {
					if m == method {
						panic("secret")
					}
				}
				f := newForeign("crm")
				mw, j := start(t, memstore.New(), middleware.Options{Backends: backends(f), Tracer: w, Logger: zap.New(core)})
				mw.Observe(ann(0, "Ann"))
				drain(t, mw)
				if stored, delivered := j.resultsAt(middleware.TargetStore), j.resultsAt("crm"); len(stored) != 1 || len(delivered) != 1 {
					t.Errorf("outcomes: %q, %q", stored, delivered)
				}
				if logs.Len() == 0 || strings.Contains(fmt.Sprint(logs.All()), "secret") || logs.All()[0].Message != "tracer panicked" {
					t.Errorf("logged: %v", logs.All())
				}
			})
		})
	}
}

// A Tracer that hangs holds up what is saved, and never the bot.
func TestTracerThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		w := newWitness()
		w.do = func(string) { <-release }
		mw, _ := start(t, memstore.New(), middleware.Options{Tracer: w})
		began := time.Now()
		for i := range 100 {
			mw.Observe(person(uint64(1+i), 0, "Ann"))
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("the bot waited %s", took)
		}
		synctest.Wait()
		if n := mw.Stats().Waiting; n != 100 {
			t.Errorf("%d wait", n)
		}
		close(release)
		flush(t, mw)
		w.check(t)
	})
}

// A Tracer costs the bot's path nothing: it is told of what the store is asked.
func TestTracedUnchangedSenderAllocatesNothing(t *testing.T) {
	w := newWitness()
	mw, err := middleware.New(memstore.New(), &middleware.Options{Tracer: w})
	if err != nil {
		t.Fatal(err)
	}
	defer mw.Close(context.Background())
	observe := func() { mw.Observe(ann(0, "Ann")) }
	sender := testing.AllocsPerRun(100, func() { ann(0, "Ann") })
	observe()
	flush(t, mw)
	if n := testing.AllocsPerRun(100, observe); n != sender {
		t.Errorf("an unchanged sender costs %v allocations, and to make one %v", n, sender)
	}
	if len(w.commits) != 1 || mw.Stats().Unchanged != 101 {
		t.Errorf("%d commits were traced, %+v", len(w.commits), mw.Stats())
	}
}
