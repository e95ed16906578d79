package middleware_test

import (
	"context"
	"fmt"
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

// kept returns a store in which people are kept already.
func kept(t *testing.T, people int) *memstore.Store {
	t.Helper()
	st := memstore.New()
	mw, _ := start(t, st, middleware.Options{})
	for id := range uint64(people) {
		mw.Observe(person(1+id, 0, "Ann"))
	}
	flush(t, mw)
	if err := mw.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return st
}

func TestNewBackendGetsEverybodyAndTheLiveFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := kept(t, 600)
		f := newForeign("crm")
		f.latency = time.Second
		mw, _ := start(t, st, middleware.Options{Backends: backends(f)})
		for i := range 60 {
			time.Sleep(time.Second)
			mw.Observe(person(1000, i, fmt.Sprint("live ", i)))
			time.Sleep(1500 * time.Millisecond)
			if got := f.holds(keyOf(1000))[store.FieldGivenName]; i > 0 && got != fmt.Sprint("live ", i) && got != fmt.Sprint("live ", i-1) {
				t.Fatalf("what just happened waits behind the bulk: round %d, has %q", i, got)
			}
			if i != 20 {
				continue
			}
			backlogs, err := mw.Backlogs(t.Context())
			if err != nil || len(backlogs) != 1 {
				t.Fatalf("Backlogs = %+v, %v", backlogs, err)
			}
			b := backlogs[0]
			if b.Total != 600 || b.Done() < 150 || b.Done() > 210 || !b.Complete || b.PerSecond() < 3 || b.PerSecond() > 4 ||
				b.TimeLeft() < 100*time.Second || b.TimeLeft() > 150*time.Second {
				t.Errorf("after %v of 4 a second: %+v, done %d, %.1f a second, %v left", b.Elapsed, b, b.Done(), b.PerSecond(), b.TimeLeft())
			}
		}
		drain(t, mw)
		if f.count() != 601 {
			t.Errorf("%d there", f.count())
		}
		// Once enrolled, the next start owes nobody.
		if err := mw.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.forgetCalls()
		mw, _ = start(t, st, middleware.Options{Backends: backends(f)})
		drain(t, mw)
		if n := len(f.asked()); n != 0 {
			t.Errorf("%d calls at the next start", n)
		}
	})
}

func TestResyncSendsAllOfEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := kept(t, 30)
		f, other := newForeign("crm"), newForeign("other")
		mw, _ := start(t, st, middleware.Options{Backends: backends(f, other)})
		drain(t, mw)
		f.forgetCalls()
		other.forgetCalls()
		f.mu.Lock()
		clear(f.people)
		f.mu.Unlock()
		if err := mw.Resync(t.Context(), "crm"); err != nil {
			t.Fatal(err)
		}
		drain(t, mw)
		if f.count() != 30 || len(f.asked()) != 30 || len(other.asked()) != 0 {
			t.Errorf("%d there after %d calls, and %d to the other", f.count(), len(f.asked()), len(other.asked()))
		}
		for _, c := range f.asked() {
			if !c.All || c.Remote != "id of "+c.Key.UserID || len(c.Fields) != 3 {
				t.Fatalf("call = %+v", c)
			}
		}
	})
}

func TestBackendWithdrawnMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.WarnLevel)
		st := memstore.New()
		f := newForeign("crm")
		f.latency = 10 * time.Second
		mw, _ := start(t, st, middleware.Options{Backends: backends(f), Logger: zap.New(core)})
		mw.Observe(ann(0, "Ann"))
		time.Sleep(time.Second)
		if err := st.Withdraw(t.Context(), "crm"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		mw.Observe(ann(1, "Anna"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := mw.Drain(ctx); err != nil {
			t.Errorf("Drain of a backend that is owed nothing = %v", err)
		}
		if n := len(f.asked()); n != 1 {
			t.Errorf("%d calls", n)
		}
		if n := logs.FilterMessageSnippet("was withdrawn").Len(); n != 1 {
			t.Errorf("logged %d times", n)
		}
		if err := st.Enroll(t.Context(), "crm"); err != nil {
			t.Fatal(err)
		}
		drain(t, mw)
		if f.holds(annKey)[store.FieldGivenName] != "Anna" {
			t.Error("enrolled again, she is not delivered")
		}
	})
}

// An unenrolling outbox refuses to enroll for a while.
type unenrolling struct {
	*memstore.Store
	until time.Time
	how   func() error
}

func (u unenrolling) Enroll(ctx context.Context, backend string) error {
	if time.Now().Before(u.until) {
		return u.how()
	}
	return u.Store.Enroll(ctx, backend)
}

func TestEnrollIsTriedUntilItIsDone(t *testing.T) {
	for name, how := range map[string]func() error{"refuses": func() error { return away(nil) }, "panics": func() error { panic("x") }} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newForeign("crm")
				st := unenrolling{Store: kept(t, 10), until: time.Now().Add(time.Hour), how: how}
				mw, _ := start(t, st, middleware.Options{Backends: backends(f)})
				mw.Observe(ann(0, "Anna"))
				flush(t, mw)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
				defer cancel()
				if err := mw.Drain(ctx); err == nil {
					t.Error("Drain does not wait for the enrolling")
				}
				drain(t, mw)
				if f.count() != 11 {
					t.Errorf("%d there", f.count())
				}
			})
		})
	}
}
