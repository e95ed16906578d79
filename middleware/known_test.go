package middleware_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// see observes s as an adapter does that makes a Print first. known tells whether
// that was enough.
func see(mw *middleware.Middleware, s *middleware.Sender) (known bool) {
	print := middleware.Print(1)
	p := s.Patch()
	for _, f := range store.Fields() {
		if value, said := p.Set[f]; said || slices.Contains(p.Clear, f) {
			print = print.Text(string(f)).Text(value)
		}
	}
	for _, guild := range []string{"1", "2"} {
		if nick, said := p.Set[store.NickField(guild)]; said {
			print = print.Text(guild).Text(nick)
		}
	}
	if mw.Known(s, print) {
		return true
	}
	mw.Observe(s)
	return false
}

// quiet returns a Middleware without a hook for each Outcome, as bots have it.
func quiet(t *testing.T, st store.Store, o middleware.Options) *middleware.Middleware {
	t.Helper()
	mw, err := middleware.New(st, &o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mw.Close(context.Background()) })
	return mw
}

func TestKnownSenderIsUnchanged(t *testing.T) {
	mw := quiet(t, memstore.New(), middleware.Options{SeenEvery: -1})
	if see(mw, ann(0, "Ann")) {
		t.Error("somebody was known before they were saved")
	}
	flush(t, mw)
	if !see(mw, ann(1, "Ann")) {
		t.Error("an unchanged sender is not known")
	}
	if see(mw, ann(2, "Anna")) {
		t.Error("a changed sender is known")
	}
	if see(mw, ann(3, "Ann")) {
		t.Error("a sender is known by what is out of date once the change is saved")
	}
	flush(t, mw)
	if p := get(t, mw, annKey); p.GivenName != "Ann" {
		t.Errorf("given_name = %q, want the newest", p.GivenName)
	}
	if !see(mw, ann(4, "Ann")) || see(mw, person(43, 4, "Ann")) {
		t.Error("the table does not know who Ann is")
	}
	flush(t, mw)
	// Known twice, and once the store was asked: Anna had gone before she was saved.
	want := middleware.Stats{Created: 2, Coalesced: 1, Unchanged: 3}
	if got := mw.Stats(); got != want {
		t.Errorf("Stats() = %+v, want %+v", got, want)
	}
}

// Who, hooks and the other options have to be asked about each event.
func TestNobodyIsKnownWhereEachEventIsAskedFor(t *testing.T) {
	all := func(middleware.Sender) bool { return true }
	for name, o := range map[string]middleware.Options{
		"Who":          {Who: all},
		"OnOutcome":    {OnOutcome: func(context.Context, middleware.Outcome) {}},
		"FirstMessage": {When: middleware.FirstMessage},
		"StartOnly":    {When: middleware.StartOnly},
	} {
		t.Run(name, func(t *testing.T) {
			mw := quiet(t, memstore.New(), o)
			for range 3 {
				s := ann(0, "Ann")
				s.Start = true
				if see(mw, s) {
					t.Error("somebody is known")
				}
				flush(t, mw)
			}
		})
	}
}

func TestWhatIsNotForThePrintIsNeverKnown(t *testing.T) {
	mw := quiet(t, memstore.New(), middleware.Options{SeenEvery: -1})
	see(mw, ann(0, "Ann"))
	flush(t, mw)
	for name, change := range map[string]func(*middleware.Sender){
		"bot":     func(s *middleware.Sender) { s.Drop = middleware.ReasonBot },
		"nobody":  func(s *middleware.Sender) { s.NumericID = 0 },
		"no time": func(s *middleware.Sender) { s.At = time.Time{} },
	} {
		s := ann(0, "Ann")
		change(s)
		if see(mw, s) {
			t.Errorf("%s: known", name)
		}
	}
	if mw.Known(ann(0, "Ann"), 0) || (*middleware.Middleware)(nil).Known(ann(0, "Ann"), 1) {
		t.Error("no Print, or no Middleware, and somebody is known")
	}
	if !see(mw, ann(1, "Ann")) {
		t.Error("not known any more")
	}
	must(t, mw.Close(t.Context()))
	if see(mw, ann(1, "Ann")) {
		t.Error("somebody is known after Close")
	}
}

func TestNobodyIsKnownWhileNewsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		mw := quiet(t, st, middleware.Options{SeenEvery: -1})
		see(mw, ann(0, "Ann"))
		flush(t, mw)
		release := make(chan struct{})
		st.failWith(func([]store.Record) error { <-release; return nil })
		// The news say nothing of the name: what was known as a whole is not any more.
		news := ann(1, "Ann")
		news.Set(store.FieldStatus, string(store.StatusBlocked))
		see(mw, news)
		time.Sleep(time.Second)
		if see(mw, ann(2, "Ann")) {
			t.Error("known while a change is on its way to the store")
		}
		close(release)
		flush(t, mw)
		if p := get(t, mw, annKey); p.Status != store.StatusActive {
			t.Errorf("status = %q, want the newest", p.Status)
		}
	})
}

func TestForgottenAndReadmittedAreNotKnown(t *testing.T) {
	mw := quiet(t, memstore.New(), middleware.Options{SeenEvery: -1})
	events := []func(second int) *middleware.Sender{
		func(second int) *middleware.Sender { return ann(second, "Ann") },
		func(second int) *middleware.Sender { // of another shape, so that the table has the parts too
			s := &middleware.Sender{Channel: "telegram", NumericID: 42, At: noon.Add(time.Duration(second) * time.Second)}
			s.Set(store.FieldGivenName, "Ann")
			s.Clear(store.FieldFamilyName)
			return s
		},
	}
	second := 0
	next := func(event int) *middleware.Sender { second++; return events[event](second) }
	for _, last := range []int{0, 1} { // the table has this one as a whole, and the other in parts
		for event := range events {
			for i := range 6 {
				see(mw, next((last+1+i)%2))
				flush(t, mw)
			}
			must(t, mw.Forget(t.Context(), annKey))
			before := mw.Stats().Unchanged
			see(mw, next(event))
			flush(t, mw)
			if mw.Stats().Unchanged != before {
				t.Errorf("event %d, after %d, is unchanged after Forget", event, last)
			}
			must(t, mw.Readmit(t.Context(), annKey))
			see(mw, next(event))
			flush(t, mw)
			if p := get(t, mw, annKey); p.GivenName != "Ann" {
				t.Errorf("readmitted with event %d: %+v", event, p)
			}
		}
	}
}

func TestKnownPeopleAreSeenAgainOnceAnHour(t *testing.T) {
	st := newFaultyStore()
	mw := quiet(t, st, middleware.Options{})
	known := 0
	for minute := range 180 {
		if see(mw, ann(60*minute, "Ann")) {
			known++
		}
		flush(t, mw)
	}
	if got := st.asked(); got < 3 || got > 4 || known != 180-got {
		t.Errorf("in three hours of one message a minute, %d were known, and the store was asked %d times", known, got)
	}
}

func TestLateEventLosesToAKnownOne(t *testing.T) {
	mw := quiet(t, memstore.New(), middleware.Options{SeenEvery: -1})
	see(mw, ann(0, "Ann"))
	flush(t, mw)
	if !see(mw, ann(20, "Ann")) {
		t.Fatal("not known")
	}
	late := ann(10, "Anna")
	late.Set(store.FieldStartPayload, "ref")
	see(mw, late)
	flush(t, mw)
	if p := get(t, mw, annKey); p.GivenName != "Ann" || p.StartPayload != "ref" {
		t.Errorf("profile = %+v, want the newest name, and what only the late event said", p)
	}
	again := ann(30, "Anna") // what the late one said, and now it is news
	again.Set(store.FieldStartPayload, "ref")
	see(mw, again)
	flush(t, mw)
	if p := get(t, mw, annKey); p.GivenName != "Anna" {
		t.Errorf("given_name = %q: a late event is taken for what is kept", p.GivenName)
	}
}

// Two kinds of event take turns: the store is asked once for each, and then no
// more, whether or not the adapter makes a Print.
func TestEventsThatTakeTurnsAreNotAskedAbout(t *testing.T) {
	for name, observe := range map[string]func(*middleware.Middleware, *middleware.Sender){
		"Known":   func(mw *middleware.Middleware, s *middleware.Sender) { see(mw, s) },
		"Observe": func(mw *middleware.Middleware, s *middleware.Sender) { mw.Observe(s) },
	} {
		t.Run(name, func(t *testing.T) {
			st := newFaultyStore()
			mw := quiet(t, st, middleware.Options{SeenEvery: -1})
			for i := range 40 {
				s := ann(i, "Ann")
				if i%2 == 1 {
					s.Set(store.NickField("1"), "Annie")
				}
				observe(mw, s)
				flush(t, mw)
			}
			if got := st.asked(); got > 3 {
				t.Errorf("the store was asked %d times", got)
			}
			if got := mw.Stats(); got.Created+got.Updated+got.Unchanged != 40 {
				t.Errorf("Stats() = %+v for 40 events", got)
			}
		})
	}
}

// Whatever people say, in events of any shape, is what the store keeps: nothing is
// known that would have changed it.
func TestWhatIsKnownIsWhatTheStoreKeeps(t *testing.T) {
	type saying struct {
		ID            uint64
		Name, Locale  int // 0 says nothing
		Status, Nick  int
		Premium, Wait bool
	}
	rapid.Check(t, func(rt *rapid.T) {
		few := rapid.IntRange(0, 2)
		sayings := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) saying {
			return saying{
				ID: rapid.Uint64Range(1, 2).Draw(rt, "id"), Name: few.Draw(rt, "name"), Locale: few.Draw(rt, "locale"),
				Status: few.Draw(rt, "status"), Nick: few.Draw(rt, "nick"),
				Premium: rapid.Bool().Draw(rt, "premium"), Wait: rapid.Bool().Draw(rt, "wait"),
			}
		}), 1, 60).Draw(rt, "sayings")
		prints := rapid.Bool().Draw(rt, "prints")

		mw, err := middleware.New(memstore.New(), &middleware.Options{SeenEvery: time.Hour})
		must(t, err)
		defer mw.Close(context.Background())
		want := make(map[uint64]store.Profile) // active, as whoever is seen is
		for i, say := range sayings {
			s := &middleware.Sender{Channel: "telegram", NumericID: say.ID, Event: "message", At: noon.Add(time.Duration(i) * 10 * time.Minute)}
			p, ok := want[say.ID]
			if !ok {
				p.Status = store.StatusActive
			}
			if say.Name > 0 {
				p.GivenName, p.IsPremium = fmt.Sprint("name", say.Name), say.Premium
				s.Set(store.FieldGivenName, p.GivenName)
				s.SetFlag(store.FieldIsPremium, say.Premium)
			}
			if say.Locale > 0 {
				p.Locale = []string{"en", "pt-BR"}[say.Locale-1]
				s.Set(store.FieldLocale, p.Locale)
			}
			if say.Status > 0 {
				p.Status = []store.Status{store.StatusActive, store.StatusBlocked}[say.Status-1]
				s.Set(store.FieldStatus, string(p.Status))
			}
			if say.Nick > 0 {
				s.Set(store.NickField(fmt.Sprint(say.Nick)), p.GivenName+"nick")
				p.Nicks = maps.Clone(p.Nicks)
				if p.Nicks == nil {
					p.Nicks = make(map[string]string)
				}
				p.Nicks[fmt.Sprint(say.Nick)] = p.GivenName + "nick"
			}
			want[say.ID] = p
			if prints {
				see(mw, s)
			} else {
				mw.Observe(s)
			}
			if say.Wait {
				must(t, mw.Flush(context.Background()))
			}
		}
		must(t, mw.Flush(context.Background()))
		for id, w := range want {
			got, err := mw.Get(context.Background(), keyOf(id))
			if err != nil {
				rt.Fatal(err)
			}
			if got.GivenName != w.GivenName || got.IsPremium != w.IsPremium || got.Locale != w.Locale || got.Status != w.Status ||
				fmt.Sprint(got.Nicks) != fmt.Sprint(w.Nicks) {
				rt.Fatalf("person %d: kept %q %v %q %q %v, said %q %v %q %q %v", id, got.GivenName, got.IsPremium, got.Locale, got.Status, got.Nicks,
					w.GivenName, w.IsPremium, w.Locale, w.Status, w.Nicks)
			}
		}
	})
}
