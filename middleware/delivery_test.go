package middleware_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

func TestFirstDeliveryHasAllAndLaterOnesWhatChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForeign("crm")
		mw, j := start(t, memstore.New(), middleware.Options{Backends: backends(f)})
		s := ann(0, "Ann")
		s.Set(store.FieldLocale, "de")
		mw.Observe(s)
		drain(t, mw)
		first := f.asked()[0]
		wantFields(t, first.Fields, []store.Field{store.FieldGivenName, store.FieldLocale, store.FieldName, store.FieldStatus})
		if !first.All || first.Remote != "" || first.Attempt != 1 {
			t.Errorf("first delivery = %+v", first)
		}

		s = ann(1, "Ann")
		s.Clear(store.FieldLocale)
		mw.Observe(s)
		drain(t, mw)
		second := f.asked()[1]
		wantFields(t, second.Fields, []store.Field{store.FieldLocale})
		if second.All || second.Remote != "id of 42" || second.Profile.Locale != "" {
			t.Errorf("second delivery = %+v", second)
		}
		wantFields(t, second.Cleared(), []store.Field{store.FieldLocale})

		mw.Observe(ann(2, "Anna"))
		drain(t, mw)
		wantFields(t, f.asked()[2].Fields, []store.Field{store.FieldGivenName, store.FieldName})
		wantHeld(t, f, annKey, map[store.Field]string{
			store.FieldGivenName: "Anna", store.FieldName: "Anna", store.FieldStatus: "active",
		})

		told := j.at("crm")
		if len(told) != 3 {
			t.Fatalf("%d outcomes at the backend, want 3", len(told))
		}
		for i, o := range told {
			if o.Result != middleware.Delivered || o.Key != annKey || o.Attempts != 1 || o.Remote != 1 || o.Err != nil {
				t.Errorf("outcome %d = %+v", i, o)
			}
			wantFields(t, o.Fields, f.asked()[i].Fields)
		}
		if told[2].Profile.GivenName != "Anna" {
			t.Errorf("Outcome.Profile = %+v", told[2].Profile)
		}
		if got := mw.Stats(); got.Delivered != 3 || got.Undelivered != 0 || got.Erased != 0 {
			t.Errorf("Stats() = %+v", got)
		}
	})
}

// What the person is seen again with is no change, and a Name that was stated is
// not made of its parts.
func TestOnlyChangesAreOwed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForeign("crm")
		mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(f)})
		if err := mw.Set(t.Context(), annKey, store.Pinned, store.Profile{Name: "The Ann"}); err != nil {
			t.Fatal(err)
		}
		mw.Observe(ann(0, "Ann"))
		drain(t, mw)
		f.forgetCalls()
		mw.Observe(ann(7200, "Ann")) // LastSeen moves
		drain(t, mw)
		if n := len(f.asked()); n != 0 {
			t.Errorf("%d calls for somebody who was only seen again", n)
		}
		mw.Observe(ann(7201, "Anna"))
		drain(t, mw)
		wantFields(t, f.asked()[0].Fields, []store.Field{store.FieldGivenName})
		if err := mw.Unset(t.Context(), annKey, store.Pinned, store.FieldName); err != nil {
			t.Fatal(err)
		}
		drain(t, mw)
		wantFields(t, f.asked()[1].Fields, []store.Field{store.FieldName})
		if got := f.holds(annKey)[store.FieldName]; got != "Anna" {
			t.Errorf("name = %q, want the one made of its parts", got)
		}
	})
}

func TestTakesLeavesOutTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForeign("crm")
		f.traits.Takes = func(f store.Field) bool { return f == store.FieldName || f == store.FieldBio }
		mw, j := start(t, memstore.New(), middleware.Options{Backends: backends(f)})
		mw.Observe(ann(0, "Ann"))
		drain(t, mw)
		wantFields(t, f.asked()[0].Fields, []store.Field{store.FieldName})
		s := ann(1, "Ann")
		s.Set(store.FieldLocale, "de")
		mw.Observe(s)
		drain(t, mw)
		if n := len(f.asked()); n != 1 {
			t.Errorf("%d calls, want none for a field that has no place there", n-1)
		}
		mw.Observe(ann(2, "Anna"))
		drain(t, mw)
		wantFields(t, f.asked()[1].Fields, []store.Field{store.FieldName})
		wantEqual(t, j.resultsAt("crm"), []string{"delivered", "delivered"})
	})
}

func TestReplacesSendsAllAndOnlyWhenNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForeign("crm")
		f.traits.Replaces = true
		f.traits.Takes = func(f store.Field) bool { return f != store.FieldLocale }
		mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(f)})
		mw.Observe(ann(0, "Ann"))
		drain(t, mw)
		s := ann(1, "Ann")
		s.Set(store.FieldLocale, "de")
		mw.Observe(s)
		drain(t, mw)
		if n := len(f.asked()); n != 1 {
			t.Errorf("%d calls, want none for a field that has no place there", n-1)
		}
		s = ann(2, "Ann")
		s.Set(store.FieldUsername, "ann")
		mw.Observe(s)
		drain(t, mw)
		second := f.asked()[1]
		if !second.All {
			t.Error("All is false at a backend that replaces")
		}
		wantFields(t, second.Fields, []store.Field{store.FieldGivenName, store.FieldName, store.FieldStatus, store.FieldUsername})
	})
}

func TestCannotClearIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForeign("crm")
		f.traits.CannotClear = true
		mw, j := start(t, memstore.New(), middleware.Options{Backends: backends(f)})
		s := ann(0, "Ann")
		s.Set(store.FieldUsername, "ann")
		mw.Observe(s)
		drain(t, mw)
		s = ann(1, "Ann")
		s.Clear(store.FieldUsername)
		mw.Observe(s)
		drain(t, mw)
		if n := len(f.asked()); n != 1 {
			t.Errorf("%d calls, want none: there is nothing that it could do", n-1)
		}
		s = ann(2, "Anna")
		s.Set(store.FieldUsername, "anna")
		mw.Observe(s)
		drain(t, mw)
		s = ann(3, "Anne")
		s.Clear(store.FieldUsername)
		mw.Observe(s)
		drain(t, mw)
		told := j.at("crm")
		if len(told) != 4 {
			t.Fatalf("%d outcomes, want 4", len(told))
		}
		wantFields(t, told[1].Uncleared, []store.Field{store.FieldUsername})
		if told[1].Result != middleware.Delivered || told[1].Fields != nil || told[1].Attempts != 0 {
			t.Errorf("outcome of what was not sent = %+v", told[1])
		}
		wantFields(t, told[2].Uncleared, nil)
		wantFields(t, told[3].Uncleared, []store.Field{store.FieldUsername})
		wantFields(t, f.asked()[2].Fields, []store.Field{store.FieldGivenName, store.FieldName})
	})
}

// What changes while a delivery is under way is delivered after it: the newest,
// once.
func TestChangeInADeliverySurvives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForeign("crm")
		f.latency = 10 * time.Second
		mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(f)})
		mw.Observe(ann(0, "Ann"))
		time.Sleep(time.Second)
		for i := range 5 {
			mw.Observe(ann(1+i, fmt.Sprint("Ann ", i)))
			time.Sleep(time.Second)
		}
		drain(t, mw)
		if n := len(f.asked()); n != 2 {
			t.Errorf("%d calls, want 2", n)
		}
		if got := f.holds(annKey)[store.FieldGivenName]; got != "Ann 4" {
			t.Errorf("the backend has %q", got)
		}
		f.wantApart(t)
	})
}

func TestManyPeopleAtOnceAndEachAlone(t *testing.T) {
	for _, inFlight := range []int{0, 1, 7} {
		t.Run(fmt.Sprint(inFlight), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newForeign("crm")
				f.latency = time.Second
				f.traits.InFlight = inFlight
				mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(f)})
				began := time.Now()
				for round := range 3 {
					for id := range uint64(28) {
						mw.Observe(person(1+id, round, fmt.Sprint("v", round)))
					}
					time.Sleep(1500 * time.Millisecond)
				}
				drain(t, mw)
				want := inFlight
				if inFlight == 0 {
					want = 4
				}
				if f.most != want {
					t.Errorf("%d calls at once, want %d", f.most, want)
				}
				calls := len(f.asked())
				ideal := time.Duration(calls) * f.latency / time.Duration(want)
				if took := time.Since(began); took > ideal+5*time.Second {
					t.Errorf("%d calls took %v, with %d at once", calls, took, want)
				}
				f.wantApart(t)
			})
		})
	}
}

func TestBackendsDoNotHoldUpEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good, bad := newForeign("good"), newForeign("bad")
		bad.failWith(func(call) fault { return fault{hang: true} })
		mw, j := start(t, memstore.New(), middleware.Options{Backends: backends(bad, good)})
		began := time.Now()
		for id := range uint64(100) {
			mw.Observe(person(1+id, 0, "Ann"))
		}
		flush(t, mw)
		synctest.Wait()
		if n := len(j.at("good")); n != 100 || !time.Now().Equal(began) {
			t.Errorf("%d delivered after %v, want 100 at once", n, time.Since(began))
		}
		if n := len(slices.DeleteFunc(j.at("bad"), func(o middleware.Outcome) bool { return o.Result == middleware.Failed })); n != 0 {
			t.Errorf("%d outcomes of a backend that hangs", n)
		}
		bad.heal()
	})
}

// The deliverer is told of each change: it does not wait for the next look at the
// store.
func TestEveryWayToChangeSomebodyWakesTheDeliverer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForeign("crm")
		mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(erasing{f})})
		mw.Observe(ann(0, "Ann"))
		drain(t, mw)
		time.Sleep(300 * time.Millisecond)
		ctx := t.Context()
		invalid := fmt.Errorf("no: %w", store.ErrInvalid)
		steps := []struct {
			name string
			do   func() error
		}{
			{"observe", func() error { mw.Observe(ann(1, "Anna")); return nil }},
			{"set", func() error { return mw.Set(ctx, annKey, store.Declared, store.Profile{Bio: "x"}) }},
			{"unset", func() error { return mw.Unset(ctx, annKey, store.Declared, store.FieldBio) }},
			{"resync", func() error { return mw.Resync(ctx, "crm") }},
			{"change that is refused", func() error { f.failWith(alwaysErr(invalid)); mw.Observe(ann(2, "Bad")); return nil }},
			{"replay", func() error { f.heal(); n, err := mw.Replay(ctx, "crm", store.Key{}); _ = n; return err }},
			{"forget", func() error { return mw.Forget(ctx, annKey) }},
		}
		for _, step := range steps {
			f.forgetCalls()
			if err := step.do(); err != nil {
				t.Fatalf("%s: %v", step.name, err)
			}
			synctest.Wait()
			if n := len(f.asked()); n != 1 {
				t.Errorf("%d calls at the moment of a %s, want one", n, step.name)
			}
			time.Sleep(300 * time.Millisecond)
		}
	})
}

func wantEqual[S ~[]E, E ~string](t *testing.T, got, want S) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
}
