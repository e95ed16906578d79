package middleware_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// Whoever writes faster than the store commits is saved once, not with each batch.
func TestRepeatOfWhatIsBeingSavedIsNotSavedAgain(t *testing.T) {
	later := func(after time.Duration, name string) *middleware.Sender {
		s := ann(0, name)
		s.At = s.At.Add(after)
		return s
	}
	more := ann(1, "Ann")
	more.Set(store.FieldUsername, "ann")
	for name, c := range map[string]struct {
		next  []*middleware.Sender
		asked int
		want  []string
	}{
		"the same":             {[]*middleware.Sender{ann(1, "Ann")}, 1, []string{"created", "unchanged"}},
		"the same, twice":      {[]*middleware.Sender{ann(1, "Ann"), ann(2, "Ann")}, 1, []string{"coalesced", "created", "unchanged"}},
		"there and back":       {[]*middleware.Sender{ann(1, "Anna"), ann(2, "Ann")}, 1, []string{"coalesced", "created", "unchanged"}},
		"a change":             {[]*middleware.Sender{ann(1, "Anna")}, 2, []string{"created", "updated given_name"}},
		"a field more":         {[]*middleware.Sender{more}, 2, []string{"created", "updated username"}},
		"an hour later":        {[]*middleware.Sender{later(time.Hour, "Ann")}, 2, []string{"created", "unchanged"}},
		"a field more, joined": {[]*middleware.Sender{more, ann(2, "Ann")}, 2, []string{"coalesced", "created", "updated username"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := newFaultyStore()
				g := gated(st)
				mw, j := start(t, st, middleware.Options{})
				mw.Observe(ann(0, "Ann"))
				synctest.Wait()
				for _, s := range c.next {
					mw.Observe(s)
				}
				close(g.answers)
				wantAfterFlush(t, mw, j, c.want...)
				if st.asked() != c.asked {
					t.Errorf("the store was asked %d times, not %d", st.asked(), c.asked)
				}
				last := c.next[len(c.next)-1]
				p := get(t, mw, annKey)
				if patch := last.Patch(); p.GivenName != patch.Set[store.FieldGivenName] {
					t.Errorf("kept is %q", p.GivenName)
				}
				wantNothingLeft(t, mw)
			})
		})
	}
}

// A repeat is over only with what it repeats.
func TestRepeatOfWhatIsRefusedIsSavedWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		g := gated(st)
		mw, j := start(t, st, middleware.Options{})
		mw.Observe(ann(0, "Ann"))
		synctest.Wait()
		mw.Observe(ann(1, "Ann"))
		g.answers <- store.ErrUnavailable
		close(g.answers)
		wantAfterFlush(t, mw, j, "coalesced", "created")
		wantNothingLeft(t, mw)
	})
}

// Who writes on while their change waits needs no more room, and what they say counts
// as said when they said it last.
func TestRepeatsOfWhatWaitsMoveItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(away)
		mw, j := start(t, st, middleware.Options{Attempts: 1000})
		start := func(second int, name string) *middleware.Sender {
			s := ann(second, name)
			s.Set(store.FieldStartPayload, name)
			return s
		}
		mw.Observe(start(10, "Ann"))
		bytes, _, _, _ := mw.PendingState()
		for second := 11; second <= 30; second++ {
			mw.Observe(start(second, "Ann"))
		}
		if got, _, entries, _ := mw.PendingState(); got != bytes || entries != 1 {
			t.Errorf("%d entries of %d bytes wait, want the one of %d", entries, got, bytes)
		}
		mw.Observe(start(20, "Anna")) // late
		st.failWith(nil)
		flush(t, mw)
		r, err := st.Get(t.Context(), annKey)
		if err != nil {
			t.Fatal(err)
		}
		if p := r.Profile(); p.GivenName != "Ann" || p.StartPayload != "Ann" {
			t.Errorf("she is %q by %q, want what was said last, and at her first start", p.GivenName, p.StartPayload)
		}
		if !r.FirstSeen.Equal(noon.Add(10*time.Second)) || !r.LastSeen.Equal(noon.Add(30*time.Second)) {
			t.Errorf("seen from %s to %s", r.FirstSeen, r.LastSeen)
		}
		results := map[string]int{}
		for _, result := range j.results() {
			results[result]++
		}
		if results["coalesced"] != 21 || results["created"] != 1 {
			t.Errorf("the hooks heard %v", results)
		}
		wantNothingLeft(t, mw)
	})
}

// Import returns when all is durable, so it joins nobody who waits.
func TestImportOfWhatWaitsIsSavedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(away)
		mw, _ := start(t, st, middleware.Options{Attempts: 1000})
		mw.Observe(ann(0, "Ann"))
		synctest.Wait()
		st.failWith(nil)
		p, err := mw.Import(t.Context(), func(yield func(middleware.Sender, error) bool) { yield(*ann(1, "Ann"), nil) }, nil)
		if _, kept := st.Get(t.Context(), annKey); err != nil || kept != nil || p.Created != 1 {
			t.Errorf("Import = %+v, %v; she is kept: %v", p, err, kept)
		}
		flush(t, mw)
		wantNothingLeft(t, mw)
	})
}

// Nobody's values may end the goroutine that saves all others.
func TestRepairThatPanicsEndsOneObservation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		mw, j := start(t, st, middleware.Options{})
		mw.BreakRepair()
		bad := ann(0, "Ann")
		bad.Set(store.FieldEmail, "nowhere")
		mw.Observe(bad)
		mw.Observe(person(7, 0, "Bob"))
		p, err := mw.Import(t.Context(), func(yield func(middleware.Sender, error) bool) { yield(*bad, nil) }, nil)
		if err != nil || p.Dropped[middleware.ReasonPanic] != 1 {
			t.Errorf("Import = %+v, %v", p, err)
		}
		wantAfterFlush(t, mw, j, "dropped: panic while observing", "created")
		if !isKept(t, st, keyOf(7)) || isKept(t, st, annKey) {
			t.Error("not only the other one is kept")
		}
		wantNothingLeft(t, mw)
	})
}
