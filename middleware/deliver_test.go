package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
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

// The bot's process has no backends; two others deliver for it.
func TestDeliverInOtherProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		f := newForeign("crm")
		f.latency = time.Second
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 2)
		told := &journal{}
		for range 2 {
			go func() {
				ended <- middleware.Deliver(ctx, st, &middleware.Options{Backends: backends(f), OnOutcome: told.note})
			}()
		}
		time.Sleep(time.Second)
		mw, j := start(t, st, middleware.Options{})
		began := time.Now()
		for id := range uint64(100) {
			mw.Observe(person(1+id, 0, "Ann"))
		}
		for f.count() < 100 {
			time.Sleep(100 * time.Millisecond)
		}
		if took := time.Since(began); took > 16*time.Second || f.most != 8 {
			t.Errorf("two with four calls each took %v, with %d at once", took, f.most)
		}
		f.latency = 10 * time.Second // all calls are over
		mw.Observe(ann(1, "Anna"))
		time.Sleep(2 * time.Second)
		stop()
		for range 2 {
			if err := <-ended; err != nil {
				t.Errorf("Deliver = %v", err)
			}
		}
		if n := len(f.asked()); n != 101 || len(told.all()) != 101 || f.holds(annKey)[store.FieldGivenName] != "Anna" {
			t.Errorf("%d calls and %d told, want 101", n, len(told.all()))
		}
		f.wantApart(t)
		if n := len(j.at("crm")); n != 0 {
			t.Errorf("the bot's process was told of %d deliveries", n)
		}
		mw.Observe(ann(2, "Anne"))
		time.Sleep(time.Minute)
		if n := len(f.asked()); n != 101 {
			t.Errorf("%d calls after the end", n-101)
		}
	})
}

func TestDeliverRefusesWhatCannotBe(t *testing.T) {
	f := newForeign("crm")
	for name, o := range map[string]*middleware.Options{"nil": nil, "no backends": {}, "two of a name": {Backends: backends(f, f)}} {
		if err := middleware.Deliver(t.Context(), memstore.New(), o); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: Deliver = %v", name, err)
		}
	}
	if err := middleware.Deliver(t.Context(), nil, &middleware.Options{Backends: backends(f)}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("without a store: Deliver = %v", err)
	}
}

func TestNewRefusesBackends(t *testing.T) {
	bad := newForeign("crm")
	bad.traits.Timeout = time.Hour
	for name, o := range map[string]middleware.Options{
		"two are named":      {Backends: backends(newForeign("crm"), newForeign("crm"))},
		"is nil":             {Backends: backends(nil)},
		"did its New return": {Backends: backends((*foreign)(nil))},
		"given no function":  {Backends: backends(store.BackendFunc("crm", nil))},
		"Traits.Timeout":     {Backends: backends(bad)},
		"its name":           {Backends: backends(newForeign("CRM"))},
		"the store's own ou": {Backends: backends(newForeign("store"))},
	} {
		if _, err := middleware.New(memstore.New(), &o); !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: New = %v", name, err)
		}
	}
	o := middleware.Options{Backends: backends(newForeign("crm"))}
	if _, err := middleware.New(struct{ store.Store }{memstore.New()}, &o); !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), "Outbox") {
		t.Errorf("New over no Outbox = %v", err)
	}
}

func TestBackendOfOneChannelServesNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForeign("crm")
		f.traits.Serves = func(key store.Key) bool { return key != annKey }
		mw, j := start(t, memstore.New(), middleware.Options{Backends: backends(f)})
		mw.Observe(ann(0, "Ann"))
		mw.Observe(person(7, 0, "Bob"))
		drain(t, mw)
		if err := mw.Forget(t.Context(), annKey); err != nil {
			t.Fatal(err)
		}
		drain(t, mw)
		if n := len(f.asked()); n != 1 {
			t.Errorf("%d calls", n)
		}
		if c := f.asked()[0]; c.Version != 1 {
			t.Errorf("version %d", c.Version)
		}
		wantEqual(t, j.resultsAt("crm"), []string{"delivered"})
	})
}

func TestWhoIsNotServedIsSaidToBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		f := newForeign("crm")
		f.traits.Serves = func(key store.Key) bool { return key != annKey }
		mw, _ := start(t, st, middleware.Options{Backends: backends(f)})
		mw.Observe(ann(0, "Ann"))
		drain(t, mw)
		if s := standing(t, st, "crm", annKey); s.State != store.StateUnserved {
			t.Errorf("standing = %+v", s)
		}
		if err := mw.Forget(t.Context(), annKey); err != nil {
			t.Fatal(err)
		}
		if n := len(standings(t, st, store.StandingFilter{Key: annKey})); n != 0 {
			t.Error("a backend that never got the person has a standing of them")
		}
	})
}

// A bot's owner narrows a backend down to one channel: who was brought there before
// can still be erased there.
func TestWhoIsNotServedAnyMoreIsErasedAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		f := newForeign("crm")
		mw, _ := start(t, st, middleware.Options{Backends: backends(erasing{f})})
		mw.Observe(ann(0, "Ann"))
		drain(t, mw)
		if err := mw.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.traits.Serves = func(key store.Key) bool { return key != annKey }
		mw, j := start(t, st, middleware.Options{Backends: backends(erasing{f})})
		mw.Observe(ann(1, "Anna"))
		drain(t, mw)
		if err := mw.Forget(t.Context(), annKey); err != nil {
			t.Fatal(err)
		}
		drain(t, mw)
		if f.holds(annKey) != nil {
			t.Error("the person is still there")
		}
		wantEqual(t, j.resultsAt("crm"), []string{"erased"})
	})
}

func TestOwnersHearOfBackendsThatNobodyDeliversTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		if err := st.Enroll(t.Context(), "former"); err != nil {
			t.Fatal(err)
		}
		core, logs := observer.New(zapcore.InfoLevel)
		mw, _ := start(t, st, middleware.Options{Backends: backends(newForeign("crm")), Logger: zap.New(core)})
		drain(t, mw)
		synctest.Wait()
		if told := logs.FilterMessageSnippet("another backend is enrolled").All(); len(told) != 1 || told[0].ContextMap()["backend"] != "former" {
			t.Errorf("logged %v", logs.All())
		}
	})
}

func TestDrainWaitsForTheHooksOfDeliveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForeign("crm")
		f.latency = time.Second
		told := 0
		mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(f), OnSuccess: func(_ context.Context, o middleware.Outcome) {
			time.Sleep(time.Minute)
			if o.Target == "crm" {
				told++
			}
		}})
		mw.Observe(ann(0, "Ann"))
		drain(t, mw)
		if told != 1 {
			t.Error("Drain returned before the hook")
		}
	})
}

func TestDrainSaysHowManyAreOwed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForeign("crm")
		f.failWith(alwaysErr(errDown))
		mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(f)})
		for id := range uint64(7) {
			mw.Observe(person(1+id, 0, "Ann"))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := mw.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "7 to crm owed") {
			t.Errorf("Drain = %v", err)
		}
		ended := make(chan error, 1)
		go func() { ended <- mw.Drain(t.Context()) }()
		time.Sleep(time.Minute)
		if err := mw.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, store.ErrClosed) {
			t.Errorf("Drain during Close = %v", err)
		}
		if err := mw.Drain(t.Context()); !errors.Is(err, store.ErrClosed) {
			t.Errorf("Drain after Close = %v", err)
		}
	})
}

func TestDrainSurvivesAStoreThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &uncounting{Store: memstore.New()}
		mw, _ := start(t, st, middleware.Options{Backends: backends(newForeign("crm"))})
		mw.Observe(ann(0, "Ann"))
		flush(t, mw)
		st.fail(fmt.Errorf("disk: %w", store.ErrUnavailable))
		time.AfterFunc(time.Hour, func() { st.fail(nil) })
		drain(t, mw)
		st.fail(errOdd)
		if err := mw.Drain(t.Context()); !errors.Is(err, errOdd) {
			t.Errorf("Drain = %v", err)
		}
		st.fail(fmt.Errorf("disk: %w", store.ErrUnavailable))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := mw.Drain(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "before the store said what is owed") {
			t.Errorf("Drain = %v", err)
		}
		st.fail(nil)
	})
}

type uncounting struct {
	*memstore.Store
	err atomic.Pointer[error]
}

func (u *uncounting) fail(err error) { u.err.Store(&err) }

func (u *uncounting) Backlogs(ctx context.Context) ([]store.Backlog, error) {
	if err := u.err.Load(); err != nil && *err != nil {
		return nil, *err
	}
	return u.Store.Backlogs(ctx)
}
