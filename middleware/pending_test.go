package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"pgregory.net/rapid"

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

func TestBatchThatIsRefusedHalfwayIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		g := gated(st)
		mw, _ := start(t, st, middleware.Options{})
		mw.Observe(person(1, 0, "busy"))
		synctest.Wait()
		for id := range uint64(4) {
			mw.Observe(person(10+id, 0, "somebody"))
		}
		g.answers <- nil
		g.answers <- store.ErrInvalid     // one of the four
		g.answers <- store.ErrUnavailable // the first two
		close(g.answers)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		must(t, mw.Flush(ctx))
		if got := mw.Stats(); got.Created != 5 {
			t.Errorf("Stats() = %+v, want all 5 created", got)
		}
		wantNothingLeft(t, mw)
	})
}

// An error that is about the store must not be looked for among the people.
func TestRefusalsAreNotBisected(t *testing.T) {
	for _, refusal := range []error{store.ErrUnavailable, store.ErrClosed, context.DeadlineExceeded, context.Canceled} {
		synctest.Test(t, func(t *testing.T) {
			st := newFaultyStore()
			g := gated(st)
			mw, _ := start(t, st, middleware.Options{})
			mw.Observe(person(1, 0, "busy"))
			synctest.Wait()
			for id := range uint64(100) {
				mw.Observe(person(10+id, 0, "somebody"))
			}
			st.failWith(func([]store.Record) error { return refusal })
			flushed := make(chan error, 1)
			go func() { flushed <- mw.Flush(t.Context()) }() // hurries
			synctest.Wait()
			g.answers <- nil
			synctest.Wait()
			if got := st.asked(); got != 2 {
				t.Errorf("%v: asked %d times at once, want 2", refusal, got)
			}
			st.failWith(nil)
			must(t, <-flushed)
		})
	}
}

func TestStoreThatKnowsNoErrorKindsIsNotStormed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(func([]store.Record) error { return errOdd })
		mw, _ := start(t, st, middleware.Options{})
		for id := range uint64(100) {
			mw.Observe(person(1+id, 0, "somebody"))
		}
		time.Sleep(time.Hour)
		if asked := st.asked(); asked > 4000 {
			t.Errorf("in an hour the store was asked %d times", asked)
		}
		st.failWith(nil)
		flush(t, mw)
	})
}

// A silentStore answers only when the ctx of the call ends.
type silentStore struct {
	*memstore.Store
	calls chan time.Time
}

func (s silentStore) Apply(ctx context.Context, _ []store.Record) ([]store.Change, error) {
	s.calls <- time.Now()
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestSilentStoreIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := silentStore{memstore.New(), make(chan time.Time, 100)}
		mw, _ := start(t, st, middleware.Options{})
		mw.Observe(ann(0, "Ann"))
		time.Sleep(2 * time.Minute)
		if n := len(st.calls); n < 2 || n > 5 {
			t.Errorf("in two minutes of silence the store was asked %d times", n)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_ = mw.Close(ctx)
	})
}

func TestBatchesGrowBackOnceTheStoreIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(away)
		mw, _ := start(t, st, middleware.Options{})
		for id := range uint64(3000) {
			mw.Observe(person(1+id, 0, "somebody"))
		}
		time.Sleep(time.Hour)
		asked := st.asked()
		st.failWith(nil)
		flush(t, mw)
		if got := st.asked() - asked; got > 16 {
			t.Errorf("3,000 people took %d batches after an hour away", got)
		}
	})
}

func TestFlushBlamesNoRefusalThatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(away)
		mw, _ := start(t, st, middleware.Options{})
		mw.Observe(ann(0, "Ann"))
		synctest.Wait()
		st.failWith(nil)
		flush(t, mw)
		g := gated(st)
		mw.Observe(ann(1, "Anna"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := mw.Flush(ctx); err == nil || errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Flush = %v, though the store came back since", err)
		}
		close(g.answers)
	})
}

func TestWaitingBytesAreThoseOfTheValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(away)
		mw, _ := start(t, st, middleware.Options{Attempts: 1000})
		bytes := func() int { n, _, _, _ := mw.PendingState(); return n }
		bio := func(second int, letter string, n int) *middleware.Sender {
			s := ann(second, "Ann")
			s.Set(store.FieldBio, strings.Repeat(letter, n))
			return s
		}
		mw.Observe(bio(0, "a", 10))
		synctest.Wait() // it waits again
		mw.Observe(bio(1, "b", 10))
		small := bytes()
		mw.Observe(bio(2, "c", 910)) // both join
		if got := bytes() - small; got != 900 {
			t.Errorf("900 bytes more were counted as %d", got)
		}
		mw.LimitWaiting(100, bytes()+600)
		big := person(7, 0, "Bob")
		big.Set(store.FieldBio, strings.Repeat("b", 900))
		mw.Observe(big)
		if got := mw.Stats(); got.Dropped != 1 {
			t.Errorf("Stats() = %+v, want the one dropped who has no room", got)
		}
		st.failWith(nil)
		flush(t, mw)
		wantNothingLeft(t, mw)
	})
}

// Those who wait already do not take more room than there is either. What they say
// next is saved, since they do not count as known.
func TestWhoWaitsTakesNoMoreRoomThanThereIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(away)
		mw, j := start(t, st, middleware.Options{Attempts: 1000})
		mw.Observe(ann(0, "Ann"))
		synctest.Wait()
		bytes, _, _, _ := mw.PendingState()
		mw.LimitWaiting(100, bytes+200)
		talker := ann(1, "Ann")
		talker.Set(store.FieldBio, strings.Repeat("b", 300))
		mw.Observe(talker)
		if got, _, _, _ := mw.PendingState(); got != bytes {
			t.Errorf("%d bytes wait, want the %d of before", got, bytes)
		}
		mw.Observe(ann(2, "Anna")) // takes no more
		st.failWith(nil)
		wantAfterFlush(t, mw, j, "dropped: too many people wait", "coalesced", "created")
		if p := get(t, mw, annKey); p.GivenName != "Anna" || p.Bio != "" {
			t.Errorf("kept is %+v", p)
		}
		mw.LimitWaiting(100, 1<<20)
		talker.At = talker.At.Add(time.Hour)
		mw.Observe(talker)
		flush(t, mw)
		if p := get(t, mw, annKey); p.Bio == "" {
			t.Error("what had no room is not saved later either")
		}
		wantNothingLeft(t, mw)
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

func TestFirstMessageOverABrokenStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := brokenGet{memstore.New(), new(sync.Map)}
		before, _ := start(t, st, middleware.Options{When: middleware.FirstMessage})
		before.Observe(ann(0, "Ann"))
		must(t, before.Close(t.Context()))

		mw, j := start(t, st, middleware.Options{When: middleware.FirstMessage, Attempts: 1})
		st.broken.Store("", true)
		mw.Observe(ann(1, "Anna")) // known, but who can say
		synctest.Wait()
		st.broken.Clear()
		wantAfterFlush(t, mw, j, "failed")
		if p := get(t, mw, annKey); p.GivenName != "Ann" {
			t.Errorf("given_name = %q, want that of the first message", p.GivenName)
		}

		short, j := start(t, shortStore{memstore.New()}, middleware.Options{When: middleware.FirstMessage, Attempts: 1})
		short.Observe(ann(0, "Ann"))
		synctest.Wait()
		wantResults(t, j, "failed")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_ = short.Close(ctx)
	})
}

type brokenGet struct {
	*memstore.Store
	broken *sync.Map
}

func (b brokenGet) Get(ctx context.Context, key store.Key) (store.Record, error) {
	if _, broken := b.broken.Load(""); broken {
		return store.Record{}, store.ErrUnavailable
	}
	return b.Store.Get(ctx, key)
}

func TestObserveKeepsNoMemoryOfTheEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		g := gated(st)
		mw, _ := start(t, st, middleware.Options{})
		event := []byte("U042Ann")
		s := &middleware.Sender{Channel: "slack", UserID: unsafe.String(&event[0], 4), At: noon}
		s.Set(store.FieldName, unsafe.String(&event[4], 3))
		mw.Observe(s)
		copy(event, "XXXXXXX") // the next event is decoded into the same buffer
		close(g.answers)
		flush(t, mw)
		if p := get(t, mw, store.Key{Channel: "slack", UserID: "U042"}); p.Name != "Ann" {
			t.Errorf("profile = %+v", p)
		}
	})
}

func TestTimesThatAnEventLacksOrInvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		mw, _ := start(t, st, middleware.Options{})
		at := map[string]time.Time{
			"1": {},
			"2": time.Unix(-5, 0),
			"3": time.Now().Add(6 * time.Minute),
			"4": time.Now().In(time.FixedZone("", 3600)),
		}
		for id, at := range at {
			s := &middleware.Sender{Channel: "x", UserID: id, At: at}
			s.Set(store.FieldName, "Ann")
			mw.Observe(s)
		}
		flush(t, mw)
		for id := range at {
			r, err := st.Get(t.Context(), store.Key{Channel: "x", UserID: id})
			must(t, err)
			if reg := r.Registers[0]; reg.At != time.Now().Round(0).UTC() {
				t.Errorf("%s: at %v, want now in UTC, without a monotonic reading", id, reg.At)
			}
		}
	})
}

func TestOfTwoStatementsTheLaterCounts(t *testing.T) {
	st := memstore.New()
	mw, _ := start(t, st, middleware.Options{})
	s := ann(0, "Ann")
	s.Set(store.FieldGivenName, "Anna")
	s.Clear("no_such_field")
	mw.Observe(s)
	flush(t, mw)
	r, err := st.Get(t.Context(), annKey)
	must(t, err)
	if p := r.Profile(); p.GivenName != "Anna" {
		t.Errorf("given_name = %q, want the later statement", p.GivenName)
	}
	if slices.ContainsFunc(r.Registers, func(r store.Register) bool { return !r.Field.Known() }) {
		t.Errorf("a field that does not exist is kept: %+v", r.Registers)
	}
}

func TestLateEventOfAnotherShapeIsNotLate(t *testing.T) {
	mw, _ := start(t, memstore.New(), middleware.Options{})
	handle := func(second int) *middleware.Sender {
		s := &middleware.Sender{Channel: "telegram", NumericID: 42, At: noon.Add(time.Duration(second) * time.Second)}
		s.Set(store.FieldUsername, "ann")
		return s
	}
	mw.Observe(handle(0))
	flush(t, mw)
	mw.Observe(handle(20)) // unchanged, and says nothing of her name
	mw.Observe(ann(10, "Ann"))
	flush(t, mw)
	if p := get(t, mw, annKey); p.GivenName != "Ann" {
		t.Errorf("given_name = %q: an event that says nothing of it made it late", p.GivenName)
	}
}

func TestForgottenPersonIsAskedForOnceAPeriod(t *testing.T) {
	st := newFaultyStore()
	mw, _ := start(t, st, middleware.Options{})
	must(t, mw.Forget(t.Context(), annKey))
	for minute := range 180 {
		mw.Observe(ann(60*minute, "Ann"))
		flush(t, mw)
	}
	if got := st.asked(); got < 3 || got > 4 {
		t.Errorf("in three hours the store was asked %d times; another process may have let her in", got)
	}
}

func TestEndOfAHugeValueDoesNotCount(t *testing.T) {
	st := newFaultyStore()
	mw, _ := start(t, st, middleware.Options{})
	for i := range 10 {
		mw.Observe(ann(i, strings.Repeat("x", 5000)+fmt.Sprint(i)))
		flush(t, mw)
	}
	if got := st.asked(); got != 1 {
		t.Errorf("asked %d times about what Repair cuts off", got)
	}
}

// A move of a schedule over a store that can hang, too.
var moves = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
	if rapid.IntRange(0, 9).Draw(t, "kind") < 6 {
		return step{do: rapid.SampledFrom([]string{"answer", "answer", "refuse", "refuse", "reject", "odd", "pause", "forget", "readmit"}).Draw(t, "do")}
	}
	return step{
		second: rapid.IntRange(1, 3).Draw(t, "who"),
		name:   rapid.SampledFrom([]string{"Ann", "Anna", "Annie"}).Draw(t, "name"),
	}
}), 1, 80)

// Whatever comes while the store is at work: one outcome each, nothing left
// over, and the newest name.
func TestAnyScheduleAroundAStoreAtWork(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		schedule := moves.Draw(rt, "schedule")
		var problem error
		synctest.Test(t, func(t *testing.T) { problem = performAtWork(t.Context(), schedule) })
		if problem != nil {
			rt.Fatal(problem)
		}
	})
}

func performAtWork(ctx context.Context, schedule []step) error {
	st := newFaultyStore()
	g := gated(st)
	j := &journal{}
	mw, err := middleware.New(st, &middleware.Options{OnOutcome: j.note, SeenEvery: -1, Attempts: 2})
	if err != nil {
		return err
	}
	newest := make(map[uint64]string) // absent: anything goes
	observed, second := 0, 0
	answer := func(err error) {
		select {
		case g.answers <- err:
		default: // the store is idle
		}
		synctest.Wait()
	}
	for _, s := range schedule {
		second++
		synctest.Wait()
		switch s.do {
		case "answer":
			answer(nil)
		case "refuse":
			answer(store.ErrUnavailable)
		case "reject":
			answer(store.ErrInvalid)
			clear(newest)
		case "odd":
			answer(errOdd)
		case "pause":
			time.Sleep(time.Minute)
		case "forget":
			err = mw.Forget(ctx, annKey1)
			delete(newest, 1)
		case "readmit":
			err = mw.Readmit(ctx, annKey1)
			delete(newest, 1)
		default:
			mw.Observe(person(uint64(s.second), second, s.name))
			newest[uint64(s.second)] = s.name
			observed++
		}
		if err != nil {
			return err
		}
	}
	close(g.answers)
	st.failWith(nil)
	flushCtx, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	if err := mw.Flush(flushCtx); err != nil {
		return err
	}
	if told := len(j.all()); told != observed {
		return fmt.Errorf("%d outcomes for %d observations: %q", told, observed, j.results())
	}
	if bytes, alive, entries, queue := mw.PendingState(); bytes+alive+entries+queue != 0 {
		return fmt.Errorf("left: %d bytes, %d generations, %d entries, %d in the queue", bytes, alive, entries, queue)
	}
	for id, name := range newest {
		p, err := mw.Get(ctx, store.Key{Channel: "telegram", UserID: fmt.Sprint(id)})
		if errors.Is(err, store.ErrSuppressed) {
			continue
		}
		if err != nil || p.GivenName != name {
			return fmt.Errorf("%d: %q, %v, want %q", id, p.GivenName, err, name)
		}
	}
	return mw.Close(ctx)
}

var annKey1 = store.Key{Channel: "telegram", UserID: "1"}

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

func TestFirstMessageOfSomebodyStatedByHand(t *testing.T) {
	mw, j := start(t, memstore.New(), middleware.Options{When: middleware.FirstMessage})
	must(t, mw.Set(t.Context(), annKey, store.Pinned, store.Profile{Nickname: "the boss"}))
	mw.Observe(ann(0, "Ann"))
	wantAfterFlush(t, mw, j, "created")
}

func TestReadmittedPersonGetsTheirLocaleBack(t *testing.T) {
	mw, _ := start(t, memstore.New(), middleware.Options{SeenEvery: -1})
	with := func(second int) *middleware.Sender {
		s := ann(second, "Ann")
		s.Set(store.FieldLocale, "pt-BR")
		return s
	}
	mw.Observe(with(0))
	flush(t, mw)
	must(t, mw.Forget(t.Context(), annKey))
	must(t, mw.Readmit(t.Context(), annKey))
	mw.Observe(ann(1, "Ann"))
	flush(t, mw)
	mw.Observe(with(2))
	flush(t, mw)
	if p := get(t, mw, annKey); p.Locale != "pt-BR" {
		t.Errorf("locale = %q", p.Locale)
	}
}

func TestSetsOfTwoSourcesKeepTheirOwnTime(t *testing.T) {
	st := memstore.New()
	mw, _ := start(t, st, middleware.Options{})
	ahead := store.Patch{Key: annKey, Source: store.Pinned, At: time.Now().Add(time.Hour),
		Set: map[store.Field]string{store.FieldNickname: "boss"}}
	if _, err := st.Apply(t.Context(), []store.Record{ahead.Record()}); err != nil {
		t.Fatal(err)
	}
	must(t, mw.Set(t.Context(), annKey, store.Declared, store.Profile{GivenName: "Ann"}))
	r, err := st.Get(t.Context(), annKey)
	must(t, err)
	for _, reg := range r.Registers {
		if reg.Source == store.Declared && reg.At.After(time.Now()) {
			t.Errorf("what she declared is dated %v, by the pin of another source", reg.At)
		}
	}
}

func TestBackoffStartsAnewOnceTheStoreWasBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		for round := range 20 {
			st.failWith(away)
			mw, _ := start(t, st, middleware.Options{})
			mw.Observe(ann(100*round, fmt.Sprint("Ann", round)))
			time.Sleep(time.Hour) // pauses of up to 30 seconds by now
			st.failWith(nil)
			flush(t, mw)
			st.failWith(away)
			asked := st.asked()
			mw.Observe(ann(100*round+1, "Bea"))
			time.Sleep(3 * time.Second)
			if got := st.asked() - asked; got < 3 {
				t.Errorf("in the first three seconds the store was asked %d times", got)
			}
			st.failWith(nil)
			must(t, mw.Close(t.Context()))
		}
	})
}
