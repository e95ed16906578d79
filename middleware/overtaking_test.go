package middleware_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// lateOnce makes the first call hang, and land 15 seconds after its context ended.
func lateOnce() func(call) fault {
	first := true
	return func(call) fault {
		if !first {
			return fault{}
		}
		first = false
		return fault{hang: true, lands: true, late: 15 * time.Second}
	}
}

func TestErasureDoesNotOvertakeADeliveryThatMayStillLand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForeign("crm")
		f.failWith(lateOnce())
		mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(erasing{f})})
		mw.Observe(ann(0, "Ann"))
		time.Sleep(21 * time.Second) // the call has timed out, and not landed
		if err := mw.Forget(t.Context(), annKey); err != nil {
			t.Fatal(err)
		}
		drain(t, mw)
		time.Sleep(time.Hour)
		if got := f.holds(annKey); got != nil {
			t.Errorf("the backend holds %v of somebody who was forgotten", got)
		}
	})
}

func TestReplayDoesNotOvertakeADeliveryThatMayStillLand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForeign("crm")
		f.failWith(lateOnce())
		mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(f)})
		mw.Observe(ann(0, "old"))
		time.Sleep(21 * time.Second)
		mw.Observe(ann(1, "new"))
		flush(t, mw)
		if _, err := mw.Replay(t.Context(), "crm", store.Key{}); err != nil {
			t.Fatal(err)
		}
		drain(t, mw)
		time.Sleep(time.Hour)
		if got := f.holds(annKey)[store.FieldGivenName]; got != "new" {
			t.Errorf("the backend holds %q", got)
		}
	})
}

// A backend is narrowed down twice over: what was brought there before is not
// forgotten to be there.
func TestWhoWasServedOnceIsErasedHoweverOftenTheyChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		f := newForeign("crm")
		mw, _ := start(t, st, middleware.Options{Backends: backends(idless{erasing{f}})})
		mw.Observe(ann(0, "Ann"))
		drain(t, mw)
		if err := mw.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.traits.Serves = func(store.Key) bool { return false }
		mw, _ = start(t, st, middleware.Options{Backends: backends(idless{erasing{f}})})
		for i, name := range []string{"Anna", "Annabel", "Annie"} {
			mw.Observe(ann(1+i, name))
			drain(t, mw)
		}
		if err := mw.Resync(t.Context(), "crm"); err != nil {
			t.Fatal(err)
		}
		drain(t, mw)
		if err := mw.Forget(t.Context(), annKey); err != nil {
			t.Fatal(err)
		}
		drain(t, mw)
		if got := f.holds(annKey); got != nil {
			t.Errorf("the backend holds %v", got)
		}
		if s := standing(t, st, "crm", annKey); s.State != store.StateErased {
			t.Errorf("standing = %+v", s)
		}
	})
}

// idless is a backend that tells no id of the person.
type idless struct{ erasing }

func (q idless) Deliver(ctx context.Context, d store.Delivery) (store.Receipt, error) {
	_, err := q.erasing.Deliver(ctx, d)
	return store.Receipt{}, err
}

func TestDeliverThatSaysItCannotEraseIsTriedAgainSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		f := newForeign("crm")
		f.failWith(alwaysErr(fmt.Errorf("crm: confused: %w", store.ErrCannotErase)))
		mw, _ := start(t, st, middleware.Options{Backends: backends(f)})
		mw.Observe(ann(0, "Ann"))
		time.Sleep(time.Hour)
		if n := len(f.asked()); n < 5 || n > 100 {
			t.Errorf("%d calls in an hour", n)
		}
		if s := standing(t, st, "crm", annKey); s.State != store.StateOwed {
			t.Errorf("standing = %+v", s)
		}
		f.heal()
		drain(t, mw)
	})
}

// A user's fake calls t.FailNow in Deliver.
func TestBackendThatEndsItsGoroutineIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := 0
		b := store.BackendFunc("crm", func(context.Context, store.Delivery) error {
			if ended++; ended == 1 {
				runtime.Goexit()
			}
			return nil
		})
		mw, j := start(t, memstore.New(), middleware.Options{Backends: backends(b)})
		mw.Observe(ann(0, "Ann"))
		drain(t, mw)
		wantEqual(t, j.resultsAt("crm"), []string{"delivered"})
		if ended != 2 {
			t.Errorf("%d calls", ended)
		}
	})
}
