package middleware_test

import (
	"context"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
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
		synctest.Wait() // refused, it waits again
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

// Nobody's values may end the goroutine that saves all others, nor a handler that asks
// for a profile, whoever repairs them.
func TestRepairThatPanicsLeavesOutOneValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		g := gated(st)
		mw, j := start(t, st, middleware.Options{})
		mw.BreakRepair("bad")
		with := func(second int, username string) *middleware.Sender {
			s := ann(second, "Ann")
			s.Set(store.FieldUsername, username)
			return s
		}
		mw.Observe(with(0, "ann"))
		synctest.Wait()
		mw.Observe(with(1, "bad")) // while the first is in flight
		if p, _ := mw.Profile(t.Context(), with(1, "bad")); p.GivenName != "Ann" {
			t.Errorf("the handler gets %+v", p)
		}
		if p, _ := mw.Get(t.Context(), annKey); p.Username != "ann" {
			t.Errorf("what waits is %+v", p)
		}
		g.answers <- store.ErrUnavailable // so that they are joined
		close(g.answers)
		im, err := mw.Import(t.Context(), func(yield func(middleware.Sender, error) bool) {
			s := person(7, 1, "Bob")
			s.Set(store.FieldUsername, "bad")
			yield(*s, nil)
		}, nil)
		if err != nil || im.Created != 1 {
			t.Errorf("Import = %+v, %v", im, err)
		}
		wantAfterFlush(t, mw, j, "coalesced", "created")
		if p := get(t, mw, annKey); p.Username != "ann" || p.GivenName != "Ann" {
			t.Errorf("kept is %+v", p)
		}
		if p := get(t, mw, keyOf(7)); p.Username != "" || p.GivenName != "Bob" {
			t.Errorf("imported is %+v", p)
		}
		wantNothingLeft(t, mw)
	})
}

// A value that is refused is remembered as one that was seen.
func TestRefusedValuesAreKnown(t *testing.T) {
	st := newFaultyStore()
	mw, _ := start(t, st, middleware.Options{})
	for name, value := range map[string]string{
		"a token":     "123456789:" + strings.Repeat("A", 600),
		"cut":         strings.Repeat("b", 600) + "\nb",
		"endless":     strings.Repeat("c", 10_000),
		"short token": "123456789:" + strings.Repeat("A", 35),
	} {
		second := 0
		see := func(locale bool) {
			second++
			s := &middleware.Sender{Channel: "telegram", NumericID: uint64(len(value)), At: noon.Add(time.Duration(second) * time.Second)}
			for _, f := range []store.Field{store.FieldGivenName, store.FieldFamilyName, store.FieldUsername, store.FieldBio} {
				s.Set(f, value)
			}
			if locale {
				s.Set(store.FieldLocale, "de")
			}
			mw.Observe(s)
			flush(t, mw)
		}
		for range 4 {
			see(false)
			see(true)
		}
		asked := st.asked()
		for range 4 {
			see(false)
			see(true)
		}
		if n := st.asked() - asked; n > 0 {
			t.Errorf("%s: events that say nothing new asked the store %d times", name, n)
		}
	}
}

// An Outcome is the hook's own, also where the store has answered of two at once.
func TestOutcomeOfARepeatSharesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		g := gated(st)
		nicks := make(map[middleware.Result]string)
		mw, _ := start(t, st, middleware.Options{OnOutcome: func(_ context.Context, o middleware.Outcome) {
			nicks[o.Result] = o.Profile.Nicks["7"]
			clear(o.Profile.Nicks)
		}})
		for second := range 2 {
			s := ann(second, "Ann")
			s.Set(store.NickField("7"), "Annie")
			mw.Observe(s)
			synctest.Wait()
		}
		close(g.answers)
		flush(t, mw)
		if want := map[middleware.Result]string{middleware.Created: "Annie", middleware.Unchanged: "Annie"}; !maps.Equal(nicks, want) {
			t.Errorf("the hook was told of %v, want %v", nicks, want)
		}
	})
}

// Close gave up on both, and the store has taken them all the same.
func TestRepeatThatCloseGaveUpOnHasNoSecondOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answered := make(chan struct{})
		st := sluiceStore{memstore.New(), func(string) {}, func(string) { <-answered }}
		mw := quiet(t, st, middleware.Options{})
		for second := range 2 {
			mw.Observe(ann(second, "Ann"))
			synctest.Wait()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := mw.Close(ctx); err == nil {
			t.Error("Close saved what the store has not answered yet")
		}
		close(answered)
		synctest.Wait()
		get(t, mw, annKey)
		if got := mw.Stats(); got.Failed != 2 || got.Unchanged != 0 {
			t.Errorf("Stats() = %+v, want both of them Failed and nothing else", got)
		}
		wantNothingLeft(t, mw)
	})
}
