package middleware_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

func TestFlushWaitsForTheHooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := false
		mw, _ := start(t, memstore.New(), middleware.Options{
			OnSuccess: func(context.Context, middleware.Outcome) { time.Sleep(time.Minute); told = true },
		})
		mw.Observe(ann(0, "Ann"))
		flush(t, mw)
		if !told {
			t.Error("Flush returned before the hook")
		}
	})
}

func TestFlushSaysWhoIsNotSavedAndWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(away)
		mw, _ := start(t, st, middleware.Options{})
		mw.Observe(ann(0, "Ann"))
		mw.Observe(person(7, 0, "Bob"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := mw.Flush(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, store.ErrUnavailable) ||
			!strings.Contains(err.Error(), "gave up with 2 unsaved") {
			t.Errorf("Flush = %v", err)
		}
		st.failWith(nil)
	})
}

// Those who come while Flush waits must not keep it from returning.
func TestFlushDoesNotWaitForWhatComesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		turns := make(chan struct{})
		st.failWith(func([]store.Record) error { <-turns; return nil })
		mw, _ := start(t, st, middleware.Options{})
		mw.Observe(ann(0, "Ann"))
		synctest.Wait()
		flushed := make(chan error, 1)
		go func() { flushed <- mw.Flush(t.Context()) }()
		synctest.Wait()
		mw.Observe(person(7, 0, "Bob"))
		turns <- struct{}{} // Ann is saved, Bob's turn has not come
		synctest.Wait()
		select {
		case err := <-flushed:
			if err != nil {
				t.Error(err)
			}
		default:
			t.Error("Flush waits for somebody who came after it was called")
		}
		close(turns)
	})
}

func TestCloseSavesWhatWaits(t *testing.T) {
	st := memstore.New()
	told := 0
	mw, _ := start(t, st, middleware.Options{
		OnSuccess: func(context.Context, middleware.Outcome) { told++ },
	})
	for i := range 2000 {
		mw.Observe(person(uint64(1+i), 0, "somebody"))
	}
	if err := mw.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := mw.Stats(); got.Created != 2000 || told != 2000 {
		t.Errorf("%d created and %d told, want 2,000", got.Created, told)
	}
	if err := mw.Close(t.Context()); err != nil {
		t.Errorf("second Close = %v", err)
	}
}

func TestClosedMiddlewareDropsAndStillAnswers(t *testing.T) {
	st := memstore.New()
	mw, _ := start(t, st, middleware.Options{})
	mw.Observe(ann(0, "Ann"))
	if err := mw.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	mw.Observe(ann(1, "Anna"))
	if got := mw.Stats(); got.Dropped != 1 {
		t.Errorf("Stats() = %+v, want one dropped", got)
	}
	if p := get(t, mw, annKey); p.GivenName != "Ann" {
		t.Errorf("Get after Close = %+v", p)
	}
	if err := mw.Flush(t.Context()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Flush after Close = %v, want ErrClosed", err)
	}
}

func TestCloseWithACancelledContextStillSaves(t *testing.T) {
	st := memstore.New()
	mw, _ := start(t, st, middleware.Options{})
	mw.Observe(ann(0, "Ann"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := mw.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Get(t.Context(), annKey); err != nil {
		t.Errorf("what waited was not saved: %v", err)
	}
}

func TestCloseReportsWhatIsNotSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(away)
		mw, j := start(t, st, middleware.Options{Attempts: 1000})
		mw.Observe(ann(0, "Ann"))
		mw.Observe(person(7, 0, "Bob"))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		err := mw.Close(ctx)
		if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "gave up with 2 unsaved") {
			t.Errorf("Close = %v", err)
		}
		wantResults(t, j, "failed", "failed")
		for _, o := range j.all() {
			if o.Kept || !errors.Is(o.Err, store.ErrClosed) {
				t.Errorf("outcome = %+v, want ErrClosed and not kept", o)
			}
		}
	})
}

// The next attempt may lie half a minute ahead when Close is called.
func TestCloseDoesNotSleepOutTheBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(away)
		mw, _ := start(t, st, middleware.Options{})
		mw.Observe(ann(0, "Ann"))
		time.Sleep(time.Hour)
		st.failWith(nil)
		began := time.Now()
		if err := mw.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > firstBackoff {
			t.Errorf("Close took %v of a working store", took)
		}
	})
}

const firstBackoff = 500 * time.Millisecond

func TestCloseGivesUpOnAHungStoreInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		release := make(chan struct{})
		st.failWith(func([]store.Record) error { <-release; return nil }) // deaf to its ctx
		mw, j := start(t, st, middleware.Options{})
		mw.Observe(ann(0, "Ann"))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began := time.Now()
		err := mw.Close(ctx)
		if err == nil || !strings.Contains(err.Error(), "gave up with 1 unsaved") {
			t.Errorf("Close = %v", err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("Close took %v, its ctx 5s", took)
		}
		close(release)
		synctest.Wait() // the store comes back after all: no second outcome
		if n := len(j.all()); n > 1 {
			t.Errorf("%d outcomes for one observation", n)
		}
		if got := mw.Stats(); got.Failed != 1 || got.Created != 0 {
			t.Errorf("Stats() = %+v, want one failed", got)
		}
	})
}

// Who closes the store before the Middleware hears of it, whatever ctx allows.
func TestCloseGivesUpOnAClosedStoreAtOnce(t *testing.T) {
	for name, wait := range map[string]time.Duration{"at once": 0, "after a while": time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := memstore.New()
				mw, j := start(t, st, middleware.Options{})
				must(t, st.Close())
				mw.Observe(ann(0, "Ann"))
				time.Sleep(wait)
				began := time.Now()
				err := mw.Close(context.Background())
				if !errors.Is(err, store.ErrClosed) || !strings.Contains(err.Error(), "gave up with 1 unsaved") {
					t.Errorf("Close = %v", err)
				}
				if took := time.Since(began); took > time.Minute {
					t.Errorf("Close took %v", took)
				}
				if got := mw.Stats(); got.Failed != 1 || len(j.all()) != 1 {
					t.Errorf("Stats() = %+v, %d outcomes, want one failed", got, len(j.all()))
				}
			})
		})
	}
}

func TestCloseGivesUpOnAHungHookInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		mw, _ := start(t, st, middleware.Options{
			OnSuccess: func(ctx context.Context, _ middleware.Outcome) { <-ctx.Done() },
		})
		mw.Observe(ann(0, "Ann"))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := mw.Close(ctx); err != nil {
			t.Errorf("Close = %v, though all is saved", err)
		}
		if _, err := st.Get(t.Context(), annKey); err != nil {
			t.Error(err)
		}
	})
}
