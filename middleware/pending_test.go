package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// A gate is a store that a test lets answer one call at a time.
type gate struct{ answers chan error }

func gated(st *faultyStore) gate {
	g := gate{make(chan error)}
	st.failWith(func([]store.Record) error { return <-g.answers })
	return g
}

func wantNothingLeft(t *testing.T, mw *middleware.Middleware) {
	t.Helper()
	if bytes, alive, entries, queue := mw.PendingState(); bytes != 0 || alive != 0 || entries != 0 || queue != 0 {
		t.Errorf("all is saved, and left are %d bytes, %d generations, %d entries, %d in the queue", bytes, alive, entries, queue)
	}
}

func TestRefusedEntryTakesInWhatCameMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		g := gated(st)
		mw, j := start(t, st, middleware.Options{Attempts: 1000})
		mw.Observe(ann(0, "Ann"))
		synctest.Wait()
		mw.Observe(ann(1, strings.Repeat("Anna", 30)))
		flushed := make(chan error, 1)
		go func() { flushed <- mw.Flush(t.Context()) }()
		synctest.Wait()
		g.answers <- store.ErrUnavailable
		g.answers <- nil
		if err := <-flushed; err != nil {
			t.Fatal(err)
		}
		wantResults(t, j, "coalesced", "created")
		if p := get(t, mw, annKey); p.GivenName != strings.Repeat("Anna", 30) {
			t.Errorf("given_name = %q: what came during the refusal was lost", p.GivenName)
		}
		wantNothingLeft(t, mw)
	})
}

func TestWhatComesDuringTheFlightOfAFailedOneHasItsOwnOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		g := gated(st)
		var replied []string
		answer := func(s *middleware.Sender, chat string) *middleware.Sender {
			s.Chat = chat
			s.Reply = func(_ context.Context, chat any, _ string) error {
				replied = append(replied, chat.(string))
				return nil
			}
			return s
		}
		mw, j := start(t, st, middleware.Options{
			Attempts:  2,
			OnSuccess: func(ctx context.Context, o middleware.Outcome) { _ = o.Reply(ctx, "saved") },
		})
		mw.Observe(answer(ann(0, "Ann"), "first"))
		g.answers <- store.ErrUnavailable
		g.answers <- store.ErrUnavailable
		time.Sleep(time.Minute) // in flight again, told as Failed
		mw.Observe(answer(ann(1, "Anna"), "second"))
		g.answers <- store.ErrUnavailable
		g.answers <- nil
		flush(t, mw)
		wantResults(t, j, "failed", "created")
		if !slices.Equal(replied, []string{"second"}) {
			t.Errorf("replied to %q, want the chat of the observation that was saved", replied)
		}
		wantNothingLeft(t, mw)
	})
}

func TestReplyAfterAFailureGoesToTheNewerChat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(away)
		var events []string
		mw, _ := start(t, st, middleware.Options{
			OnSuccess: func(_ context.Context, o middleware.Outcome) {
				events = append(events, fmt.Sprint(o.Event, " ", o.Attempts))
			},
		})
		mw.Observe(ann(0, "Ann"))
		time.Sleep(time.Hour)
		synctest.Wait()
		second := ann(1, "Anna")
		second.Event = "second"
		mw.Observe(second)
		st.failWith(nil)
		flush(t, mw)
		if !slices.Equal(events, []string{"second 1"}) {
			t.Errorf("told of %q, want the second event, saved at its first attempt", events)
		}
	})
}

func TestForgetAfterFailedHasNoSecondOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(away)
		mw, j := start(t, st, middleware.Options{})
		mw.Observe(ann(0, "Ann"))
		time.Sleep(time.Hour)
		must(t, mw.Forget(t.Context(), annKey))
		asked := st.asked()
		time.Sleep(time.Hour)
		if got := st.asked(); got > asked+1 {
			t.Errorf("the store was asked %d times for somebody who was forgotten", got-asked)
		}
		st.failWith(nil)
		wantAfterFlush(t, mw, j, "failed")
		wantNothingLeft(t, mw)
	})
}

// Nothing is kept, or tried again, of whom Forget came while the store refused them.
func TestForgetBeforeARefusalLands(t *testing.T) {
	for _, refusal := range []error{errOdd, store.ErrInvalid, store.ErrUnavailable} {
		synctest.Test(t, func(t *testing.T) {
			st := newFaultyStore()
			g := gated(st)
			mw, j := start(t, st, middleware.Options{Attempts: 1})
			mw.Observe(ann(0, "Ann"))
			synctest.Wait()
			must(t, mw.Forget(t.Context(), annKey))
			g.answers <- refusal
			wantAfterFlush(t, mw, j, "dropped: forgotten")
			wantNothingLeft(t, mw)
		})
	}
}

// What was under way when she was forgotten is over, and so is that it was the first.
func TestFirstMessageOfWhoWasReadmittedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		g := gated(st)
		mw, j := start(t, st, middleware.Options{When: middleware.FirstMessage})
		mw.Observe(ann(0, "Ann"))
		synctest.Wait()
		must(t, mw.Forget(t.Context(), annKey))
		must(t, mw.Readmit(t.Context(), annKey))
		mw.Observe(ann(1, "Anna"))
		mw.Observe(ann(2, "Annie"))
		g.answers <- store.ErrUnavailable
		close(g.answers)
		wantAfterFlush(t, mw, j, "coalesced", "dropped: forgotten", "created")
		if p := get(t, mw, annKey); p.GivenName != "Anna" {
			t.Errorf("given_name = %q, want that of the first message after Readmit", p.GivenName)
		}
		wantNothingLeft(t, mw)
	})
}

func TestRejectionAfterFailedHasNoSecondOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(away)
		mw, j := start(t, st, middleware.Options{})
		mw.Observe(ann(0, "Ann"))
		time.Sleep(time.Hour)
		st.failWith(func([]store.Record) error { return store.ErrInvalid })
		wantAfterFlush(t, mw, j, "failed")
		wantNothingLeft(t, mw)
	})
}

func TestForgottenInFlightIsNotTakenForKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		g := gated(st)
		mw, j := start(t, st, middleware.Options{})
		mw.Observe(ann(0, "Ann"))
		synctest.Wait()
		must(t, mw.Forget(t.Context(), annKey))
		mw.Observe(ann(1, "Ann")) // after the tombstone
		g.answers <- store.ErrUnavailable
		close(g.answers)
		flush(t, mw)
		mw.Observe(ann(2, "Ann"))
		wantAfterFlush(t, mw, j, "dropped: forgotten", "dropped: forgotten", "dropped: forgotten")
		wantNothingLeft(t, mw)
	})
}

func TestGetSeesAllThatWaitsAndNothingForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		g := gated(st)
		mw, _ := start(t, st, middleware.Options{})
		mw.Observe(ann(0, "Ann"))
		synctest.Wait()
		mw.Observe(ann(1, "Anna"))
		if p := get(t, mw, annKey); p.GivenName != "Anna" {
			t.Errorf("given_name = %q, want what came while the store was at work", p.GivenName)
		}
		must(t, mw.Forget(t.Context(), annKey))
		must(t, mw.Readmit(t.Context(), annKey))
		if _, err := mw.Get(t.Context(), annKey); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Get = %v: what was forgotten in flight is still shown", err)
		}
		close(g.answers)
	})
}

func TestChangeBackIsSeenWhileTheNewerChangeWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		g := gated(st)
		mw, _ := start(t, st, middleware.Options{})
		mw.Observe(ann(0, "Ann"))
		synctest.Wait()
		mw.Observe(ann(1, "Bea"))
		g.answers <- nil // Ann has landed, Bea is on her way
		synctest.Wait()
		mw.Observe(ann(2, "Ann"))
		close(g.answers)
		flush(t, mw)
		if p := get(t, mw, annKey); p.GivenName != "Ann" {
			t.Errorf("given_name = %q, want the newest, Ann", p.GivenName)
		}
	})
}

func TestTwoEventsOfOneMomentAreNotRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		g := gated(st)
		mw, _ := start(t, st, middleware.Options{})
		mw.Observe(person(1, 0, "busy"))
		synctest.Wait()
		mw.Observe(ann(10, "Ann"))
		mw.Observe(ann(10, "Bea"))
		close(g.answers)
		flush(t, mw)
		mw.Observe(ann(20, "Ann"))
		flush(t, mw)
		if p := get(t, mw, annKey); p.GivenName != "Ann" {
			t.Errorf("given_name = %q, want the newest, Ann", p.GivenName)
		}
	})
}

func TestObserveThatCloseOvertakesIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		mw, _ := start(t, memstore.New(), middleware.Options{Who: func(middleware.Sender) bool { <-release; return true }})
		go mw.Observe(ann(0, "Ann"))
		synctest.Wait()
		must(t, mw.Close(t.Context()))
		close(release)
		synctest.Wait()
		if got := mw.Stats(); got.Dropped != 1 || got.Waiting != 0 {
			t.Errorf("Stats() = %+v, want it dropped: nobody would save it", got)
		}
	})
}

func TestJoinedFieldIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		g := gated(st)
		mw, _ := start(t, st, middleware.Options{})
		mw.Observe(person(1, 0, "busy"))
		synctest.Wait()
		mw.Observe(ann(0, "Ann"))
		inGuild := ann(1, "Ann")
		inGuild.Set(store.NickField("7"), "Annie")
		mw.Observe(inGuild)
		close(g.answers)
		flush(t, mw)
		asked := st.asked()
		mw.Observe(inGuild)
		flush(t, mw)
		if st.asked() != asked {
			t.Error("a nick that joined a waiting entry was not remembered")
		}
	})
}

func TestCloseEndsEachObservationThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		g := gated(st)
		mw, j := start(t, st, middleware.Options{Attempts: 1})
		mw.Observe(ann(0, "Ann"))
		g.answers <- store.ErrUnavailable
		time.Sleep(time.Minute)
		mw.Observe(person(7, 0, "Bob"))
		synctest.Wait()
		mw.Observe(ann(1, "Anna")) // while the first, already Failed, is in flight
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_ = mw.Close(ctx)
		close(g.answers)
		synctest.Wait()
		wantResults(t, j, "failed", "failed", "failed")
		if got := mw.Stats(); got.Failed != 3 || got.Created+got.Updated+got.Coalesced != 0 {
			t.Errorf("Stats() = %+v, want three failed", got)
		}
	})
}

func TestCloseSkipsHooksOnceItsTimeIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told atomic.Int64
		mw, _ := start(t, memstore.New(), middleware.Options{
			OnOutcome: func(context.Context, middleware.Outcome) { told.Add(1); time.Sleep(time.Second) },
		})
		for id := range uint64(100) {
			mw.Observe(person(1+id, 0, "somebody"))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_ = mw.Close(ctx)
		time.Sleep(time.Hour)
		if n := told.Load(); n > 8 {
			t.Errorf("%d hooks ran, of 5 seconds of a second each", n)
		}
	})
}

func TestSlowHooksAreLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.WarnLevel)
		release := make(chan struct{})
		mw, _ := start(t, memstore.New(), middleware.Options{
			Logger: zap.New(core), OnOutcome: func(context.Context, middleware.Outcome) { <-release },
		})
		for id := range uint64(10_000) {
			mw.Observe(person(1+id, 0, "somebody"))
		}
		synctest.Wait()
		if n := logs.Len(); n != 1 {
			t.Errorf("%d log entries", n)
		}
		close(release)
		flush(t, mw)
	})
}

// A deafStore lands what it was given when it is let go, whatever its ctx says.
type deafStore struct {
	*memstore.Store
	release chan struct{}
}

func (d deafStore) Apply(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
	<-d.release
	return d.Store.Apply(context.WithoutCancel(ctx), deltas)
}

func TestStoreThatLandsAfterCloseGaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := deafStore{memstore.New(), make(chan struct{})}
		mw, _ := start(t, st, middleware.Options{})
		mw.Observe(ann(0, "Ann"))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := mw.Close(ctx); err == nil {
			t.Error("Close returned nil before the store did")
		}
		close(st.release)
		synctest.Wait()
		if got := mw.Stats(); got.Failed != 1 || got.Created != 0 {
			t.Errorf("Stats() = %+v, want the one outcome that was told", got)
		}
	})
}
