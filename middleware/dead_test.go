package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

var errRefused = fmt.Errorf("crm answered 422: %w", store.ErrInvalid)

// One in twenty is never accepted. The others notice nothing of it.
func TestPoisonDelaysNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const people = 2000
		poison := func(key store.Key) bool {
			return len(key.UserID) > 2 && strings.HasSuffix(key.UserID, "7") && key.UserID[len(key.UserID)-2]%2 == 1
		}
		const latency = 100 * time.Millisecond
		// People come in groups as large as what is under way at once, twice as fast
		// as they can be delivered, so that both runs have them in about one order.
		// after is how long after the first of them each was delivered.
		run := func(fail func(call) fault) (st *memstore.Store, f *foreign, mw *middleware.Middleware, j *journal, after map[store.Key]time.Duration) {
			st, f = memstore.New(), newForeign("crm")
			f.traits.InFlight = 40
			f.latency = latency
			f.failWith(fail)
			mw, j = start(t, st, middleware.Options{Backends: backends(f)})
			after = make(map[store.Key]time.Duration)
			began := time.Now()
			for id := range uint64(people) {
				mw.Observe(person(1+id, 0, "Ann"))
				if id%40 == 39 {
					time.Sleep(latency / 2)
				}
			}
			drain(t, mw)
			for _, c := range f.asked() {
				after[c.Key] = c.At.Sub(began) + latency
			}
			return st, f, mw, j, after
		}
		_, _, _, _, clean := run(nil)
		refused := func(c call) fault {
			if poison(c.Key) {
				return fault{err: fmt.Errorf("crm: deliver %s: %w", c.Key, errRefused)}
			}
			return fault{}
		}
		st, f, mw, j, poisoned := run(refused)
		want := 0
		for id := range uint64(people) {
			key := keyOf(1 + id)
			if poison(key) {
				want++
			} else if clean[key] == 0 || poisoned[key] == 0 || poisoned[key] > clean[key]+latency {
				t.Errorf("%s was delivered after %v, and after %v without the poison", key, poisoned[key], clean[key])
			}
		}
		dead := standings(t, st, store.StandingFilter{Backend: "crm", State: store.StateDead})
		if len(dead) != want || want < 90 || want > 110 || f.count() != people-want {
			t.Fatalf("%d dead letters and %d delivered, want %d and %d", len(dead), f.count(), want, people-want)
		}
		for _, s := range dead {
			if !poison(s.Key) || s.Reason != "crm: deliver the person: crm answered 422: invalid" || s.Attempts != 1 {
				t.Fatalf("dead letter = %+v", s)
			}
		}
		failed := 0
		for _, o := range j.at("crm") {
			if o.Result == middleware.Failed {
				failed++
				if o.Kept || !errors.Is(o.Err, store.ErrInvalid) || !poison(o.Key) {
					t.Fatalf("outcome = %+v", o)
				}
			}
		}
		if failed != want {
			t.Errorf("%d told as failed, want %d", failed, want)
		}

		f.forgetCalls()
		victim := dead[0].Key
		if n, err := mw.Replay(t.Context(), "crm", victim); n != 1 || err != nil {
			t.Errorf("Replay = %d, %v", n, err)
		}
		drain(t, mw)
		if n := len(f.asked()); n != 1 || len(f.askedFor(victim)) != 1 {
			t.Errorf("%d calls after the replay of one", n)
		}
		f.heal()
		// A change makes a dead letter owed again, with all that was not delivered.
		if err := mw.Set(t.Context(), victim, store.Declared, store.Profile{Bio: "x"}); err != nil {
			t.Fatal(err)
		}
		drain(t, mw)
		if got := f.holds(victim); got[store.FieldBio] != "x" || got[store.FieldGivenName] != "Ann" {
			t.Errorf("after a change the backend has %v", got)
		}
		if n, err := mw.Replay(t.Context(), "crm", store.Key{}); n != want-1 || err != nil {
			t.Errorf("Replay = %d, %v, want %d", n, err, want-1)
		}
		drain(t, mw)
		if f.count() != people {
			t.Errorf("%d there in the end", f.count())
		}
		t.Attr("figure", fmt.Sprintf("%d people, %d of them dead letters; 0 of the others later by more than a call", people, len(dead)))
	})
}

func TestReplayAndResyncOfNoOutbox(t *testing.T) {
	mw, _ := start(t, struct{ store.Store }{memstore.New()}, middleware.Options{})
	if err := mw.Resync(t.Context(), "crm"); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("Resync = %v", err)
	}
	if _, err := mw.Replay(t.Context(), "crm", store.Key{}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("Replay = %v", err)
	}
	if _, err := mw.Backlogs(t.Context()); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("Backlogs = %v", err)
	}
	if err := mw.Drain(t.Context()); err != nil {
		t.Errorf("Drain = %v", err)
	}
	mw, _ = start(t, memstore.New(), middleware.Options{})
	if err := mw.Resync(t.Context(), "crm"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Resync of a stranger = %v", err)
	}
	if _, err := mw.Replay(t.Context(), "crm", store.Key{}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Replay of a stranger = %v", err)
	}
}

// Owners hear of the first dead letter, the tenth and the hundredth.
func TestDeadLettersDoNotFloodTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.InfoLevel)
		f := newForeign("crm")
		f.failWith(func(c call) fault { return fault{err: fmt.Errorf("crm: deliver %s: %w", c.Key, errRefused)} })
		mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(f), Logger: zap.New(core)})
		for id := range uint64(150) {
			mw.Observe(person(1000+id, 0, "Ann"))
		}
		drain(t, mw)
		told := logs.FilterMessageSnippet("will not take a person").All()
		if len(told) != 3 || told[2].ContextMap()["dead letters since the start"] != uint64(100) {
			t.Errorf("%d logged, want 3: %v", len(told), told)
		}
		for _, entry := range logs.All() {
			if text := fmt.Sprint(entry.Message, entry.ContextMap()); strings.Contains(text, "telegram:") || entry.ContextMap()["backend"] != "crm" {
				t.Errorf("logged: %s", text)
			}
		}
	})
}

func TestOwnersHearOfEachTroubleOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.InfoLevel)
		f := newForeign("crm")
		f.failWith(alwaysErr(errDown))
		mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(f), Logger: zap.New(core)})
		for id := range uint64(100) {
			mw.Observe(person(1+id, 0, "Ann"))
		}
		time.Sleep(time.Hour)
		f.failWith(alwaysErr(fmt.Errorf("crm answered 401: %w", store.ErrDenied)))
		time.Sleep(time.Hour)
		f.heal()
		drain(t, mw)
		var said []string
		for _, entry := range logs.All() {
			said = append(said, entry.Message)
		}
		wantEqual(t, said, []string{
			"backend refuses; what is owed to it waits in the store",
			"backend lets nobody in: check its credentials, address and plan; what is owed to it waits in the store",
			"backend is back",
		})
		if cause := logs.All()[0].ContextMap()["cause"]; cause != "crm: deliver: unavailable" {
			t.Errorf("cause = %v", cause)
		}
	})
}

func TestCloseLogsWhatIsOwed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.InfoLevel)
		f := newForeign("crm")
		f.failWith(alwaysErr(errDown))
		mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(f, newForeign("other")), Logger: zap.New(core)})
		for id := range uint64(100) {
			mw.Observe(person(1+id, 0, "Ann"))
		}
		time.Sleep(time.Second)
		if err := mw.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		told := logs.FilterMessage("still owed").All()
		if len(told) != 1 || told[0].ContextMap()["people"] != int64(100) || told[0].ContextMap()["backend"] != "crm" {
			t.Errorf("logged %v", told)
		}
	})
}
