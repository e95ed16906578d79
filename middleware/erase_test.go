package middleware_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

func TestForgetErasesWhereverThePersonMayBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		one, two, stubborn, away := newForeign("one"), newForeign("two"), newForeign("stubborn"), newForeign("away")
		two.failWith(alwaysErr(errRefused)) // it may have kept something all the same
		mw, j := start(t, st, middleware.Options{Backends: backends(erasing{one}, erasing{two}, stubborn)})
		mw.Observe(ann(0, "Ann"))
		mw.Observe(person(7, 0, "Bob"))
		drain(t, mw)
		if err := st.Enroll(t.Context(), "away"); err != nil { // by a process that never came to deliver
			t.Fatal(err)
		}
		two.heal()
		if err := mw.Forget(t.Context(), annKey); err != nil {
			t.Fatal(err)
		}
		drain(t, mw)

		for _, f := range []*foreign{one, two} {
			if got := f.holds(annKey); got != nil {
				t.Errorf("%s holds %v", f.name, got)
			}
			if s := standing(t, st, f.name, annKey); s.State != store.StateErased || s.Remote != "" || s.Fields != nil || s.Reason != "" {
				t.Errorf("standing at %s = %+v", f.name, s)
			}
		}
		if got := one.askedFor(annKey)[1]; !got.Erase || got.Remote != "id of 42" {
			t.Errorf("erased by %+v", got)
		}
		if got := two.askedFor(annKey)[1]; !got.Erase || got.Remote != "" {
			t.Errorf("erased by %+v", got)
		}
		if s := standing(t, st, "stubborn", annKey); s.State != store.StateUnerasable {
			t.Errorf("standing at stubborn = %+v", s)
		}
		if n := len(standings(t, st, store.StandingFilter{Backend: "away", Key: annKey})); n != 0 || away.count() != 0 {
			t.Error("something is kept for a backend that never got anything")
		}
		wantEqual(t, j.resultsAt("one"), []string{"delivered", "delivered", "erased"})
		wantEqual(t, j.resultsAt("two"), []string{"failed", "failed", "erased"})
		wantEqual(t, j.resultsAt("stubborn"), []string{"delivered", "delivered", "failed"})
		last := j.at("stubborn")[2]
		if !errors.Is(last.Err, store.ErrCannotErase) || last.Kept || last.Key != annKey {
			t.Errorf("outcome at the one that cannot = %+v", last)
		}
		if o := j.at("one")[2]; !o.Profile.Key.IsZero() || o.Fields != nil || o.Key != annKey || o.Attempts != 1 {
			t.Errorf("outcome at the one that can = %+v", o)
		}
		if s := mw.Stats(); s.Erased != 2 {
			t.Errorf("Stats() = %+v", s)
		}
		wantHeld(t, one, keyOf(7), map[store.Field]string{store.FieldGivenName: "Bob", store.FieldName: "Bob", store.FieldStatus: "active"})

		// Nothing brings her back, and a Resync does not either.
		one.forgetCalls()
		mw.Observe(ann(1, "Anna"))
		if err := mw.Resync(t.Context(), "one"); err != nil {
			t.Fatal(err)
		}
		drain(t, mw)
		if n := len(one.askedFor(annKey)); n != 0 {
			t.Errorf("%d calls for somebody who was forgotten", n)
		}
		// But Readmit does, as a new person.
		if err := mw.Readmit(t.Context(), annKey); err != nil {
			t.Fatal(err)
		}
		mw.Observe(ann(2, "Anne"))
		drain(t, mw)
		c := one.askedFor(annKey)[0]
		if !c.All || c.Remote != "" || one.holds(annKey)[store.FieldGivenName] != "Anne" {
			t.Errorf("after Readmit %+v", c)
		}
		if stubborn.holds(annKey)[store.FieldGivenName] != "Anne" {
			t.Error("not delivered again to the one that cannot erase")
		}
	})
}

func TestForgetOfSomebodyNeverClaimedSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		f := newForeign("crm")
		f.traits.InFlight = 1
		f.failWith(func(call) fault { time.Sleep(10 * time.Second); return fault{} })
		mw, _ := start(t, st, middleware.Options{Backends: backends(erasing{f})})
		mw.Observe(person(7, 0, "Bob"))
		synctest.Wait()
		mw.Observe(ann(0, "Ann")) // behind him
		flush(t, mw)
		if err := mw.Forget(t.Context(), annKey); err != nil {
			t.Fatal(err)
		}
		drain(t, mw)
		if n := len(f.askedFor(annKey)); n != 0 {
			t.Errorf("%d calls", n)
		}
		if s := standings(t, st, store.StandingFilter{Key: annKey}); len(s) != 0 {
			t.Errorf("kept: %+v", s)
		}
	})
}

// Whatever becomes of the delivery that is under way, the erasure comes after it.
func TestForgetInADelivery(t *testing.T) {
	for name, wrong := range map[string]fault{
		"accepted":             {},
		"refused":              {err: errRefused},
		"down":                 {err: errDown},
		"denied":               {err: fmt.Errorf("401: %w", store.ErrDenied)},
		"unanswered and lands": {hang: true, lands: true, late: 19 * time.Second},
		"throttled":            {err: &store.ThrottledError{After: time.Second, Err: errDown}},
		"panics":               {panics: "x"},
	} {
		for _, back := range []bool{false, true} {
			t.Run(fmt.Sprint(name, back), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					st := memstore.New()
					f := newForeign("crm")
					f.latency = 10 * time.Second
					f.failWith(func(c call) fault {
						if !c.Erase && c.Profile.GivenName == "Ann" {
							return wrong
						}
						return fault{}
					})
					mw, j := start(t, st, middleware.Options{Backends: backends(erasing{f})})
					mw.Observe(ann(0, "Ann"))
					time.Sleep(time.Second)
					if err := mw.Forget(t.Context(), annKey); err != nil {
						t.Fatal(err)
					}
					if back {
						if err := mw.Readmit(t.Context(), annKey); err != nil {
							t.Fatal(err)
						}
						mw.Observe(ann(60, "Anna"))
					}
					drain(t, mw)
					time.Sleep(time.Minute)
					f.wantApart(t)
					erased := 0
					for _, o := range j.at("crm") {
						if o.Result == middleware.Erased {
							erased++
						}
					}
					if erased != 1 {
						t.Errorf("told %d times that she is erased", erased)
					}
					if got := f.holds(annKey)[store.FieldGivenName]; back && got != "Anna" || !back && got != "" {
						t.Errorf("in the end it has %q", got)
					}
					want := store.StateErased
					if back {
						want = store.StateDelivered
					}
					if s := standing(t, st, "crm", annKey); s.State != want {
						t.Errorf("standing = %+v", s)
					}
				})
			})
		}
	}
}

func TestErasureIsTriedAgainAndCanDie(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		f := newForeign("crm")
		mw, j := start(t, st, middleware.Options{Backends: backends(erasing{f}), Attempts: 3})
		mw.Observe(ann(0, "Ann"))
		drain(t, mw)
		n := 0
		f.failWith(func(call) fault {
			if n++; n < 5 {
				return fault{err: errDown}
			}
			return fault{err: errRefused}
		})
		if err := mw.Forget(t.Context(), annKey); err != nil {
			t.Fatal(err)
		}
		drain(t, mw)
		wantEqual(t, j.resultsAt("crm"), []string{"delivered", "failed", "failed"})
		if o := j.at("crm"); !o[1].Kept || o[1].Attempts != 3 || o[2].Kept || o[2].Attempts != 5 {
			t.Errorf("outcomes = %+v", o[1:])
		}
		if s := standing(t, st, "crm", annKey); s.State != store.StateDead || !s.Erase || s.Reason == "" {
			t.Errorf("standing = %+v", s)
		}
		if err := mw.Resync(t.Context(), "crm"); err != nil {
			t.Fatal(err)
		}
		drain(t, mw)
		f.heal()
		if n, err := mw.Replay(t.Context(), "crm", annKey); n != 1 || err != nil {
			t.Fatalf("Replay = %d, %v", n, err)
		}
		drain(t, mw)
		if s := standing(t, st, "crm", annKey); s.State != store.StateErased || f.holds(annKey) != nil {
			t.Errorf("standing = %+v, and it has %v", s, f.holds(annKey))
		}
	})
}

// An erasure is a call for one person, also at a backend that takes batches: all
// at once they would be more than may be in flight.
func TestManyErasuresKeepToInFlightAndRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBatching("crm", 25)
		b.traits.InFlight = 3
		b.traits.Rate = store.Rate{Calls: 600, Per: time.Minute}
		b.latency = 2 * time.Second
		mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(b)})
		for id := range uint64(200) {
			mw.Observe(person(1+id, 0, "Ann"))
		}
		drain(t, mw)
		b.forgetCalls()
		began := time.Now()
		for id := range uint64(100) {
			if err := mw.Forget(t.Context(), keyOf(1+id)); err != nil {
				t.Fatal(err)
			}
		}
		drain(t, mw)
		if b.most != 3 || b.count() != 100 || len(b.asked()) != 100 {
			t.Errorf("%d at once, %d left, %d calls; want 3, 100, 100", b.most, b.count(), len(b.asked()))
		}
		if took := time.Since(began); took > 75*time.Second {
			t.Errorf("took %v", took)
		}
	})
}
