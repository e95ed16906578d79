package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

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

// One whom the store refuses alone is tried again until Close gives up, with pauses.
func TestCloseDoesNotStormAStoreThatRefusesOnePerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(func([]store.Record) error { time.Sleep(time.Millisecond); return errOdd })
		logger, logs := observerCore()
		mw, _ := start(t, st, middleware.Options{Logger: logger})
		mw.Observe(ann(0, "Ann"))
		time.Sleep(time.Second)
		asked := st.asked()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := mw.Close(ctx); !errors.Is(err, errOdd) {
			t.Errorf("Close = %v, want why the store refused", err)
		}
		if got := st.asked() - asked; got < 5 || got > 500 || logs.Len() > 500 {
			t.Errorf("in ten seconds of Close the store was asked %d times, and %d lines were logged", got, logs.Len())
		}
		time.Sleep(time.Second) // for what Close did not wait for
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
