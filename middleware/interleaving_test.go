package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
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

func observerCore() (*zap.Logger, *observer.ObservedLogs) {
	core, logs := observer.New(zap.InfoLevel)
	return zap.New(core), logs
}

// hookStore calls after() once Apply is durable, before it returns.
type hookStore struct {
	*memstore.Store
	mu    sync.Mutex
	after func()
}

func (h *hookStore) Apply(ctx context.Context, d []store.Record) ([]store.Change, error) {
	c, err := h.Store.Apply(ctx, d)
	h.mu.Lock()
	f := h.after
	h.after = nil
	h.mu.Unlock()
	if f != nil {
		f()
	}
	return c, err
}

// idle lets the committer get further or less far.
func idle(turns uint64) {
	for i := range turns {
		runtime.KeepAlive(i)
	}
}

// The outcomes of a refusal are made while new observations change the entries.
func TestObserveWhileFailuresAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(away)
		var bad atomic.Int64
		mw, _ := start(t, st, middleware.Options{Attempts: 1, OnOutcome: func(_ context.Context, o middleware.Outcome) {
			if o.Result == middleware.Failed && o.Attempts == 0 {
				bad.Add(1)
			}
		}})
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				for i := range 30 {
					for id := range uint64(100) {
						mw.Observe(person(id+1, i, fmt.Sprint("n", g, i)))
					}
					time.Sleep(time.Millisecond * 20)
				}
			})
		}
		wg.Wait()
		if n := bad.Load(); n > 0 {
			t.Errorf("%d Failed outcomes with 0 attempts", n)
		}
		st.failWith(nil)
		flush(t, mw)
	})
}

// Each change comes while the one before is on its way to the store or has just
// landed. The last must not be answered from the table of the first.
func TestChangeBackIsNeverTakenForKnown(t *testing.T) {
	mw, err := middleware.New(memstore.New(), &middleware.Options{SeenEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer mw.Close(context.Background())
	const people = 20_000
	for id := range uint64(people) {
		mw.Observe(person(1+id, 0, "Ann"))
		idle(id % 400)
		mw.Observe(person(1+id, 1, "Bea"))
		idle(id % 97)
		mw.Observe(person(1+id, 2, "Ann"))
	}
	flush(t, mw)
	lost := 0
	for id := range uint64(people) {
		p, err := mw.Get(t.Context(), store.Key{Channel: "telegram", UserID: fmt.Sprint(1 + id)})
		if err != nil || p.GivenName != "Ann" {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d newest names were lost", lost, people)
	}
}

func TestThreeEventsOfOneMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		release := make(chan struct{})
		st.failWith(func([]store.Record) error { <-release; return nil })
		mw, _ := start(t, st, middleware.Options{})
		mw.Observe(person(1, 0, "busy"))
		synctest.Wait()
		for _, name := range []string{"Ann", "Bea", "Ann"} {
			mw.Observe(ann(10, name))
		}
		close(release)
		flush(t, mw)
		mw.Observe(ann(20, "Ann"))
		flush(t, mw)
		if p := get(t, mw, annKey); p.GivenName != "Ann" {
			t.Errorf("given_name = %q, want Ann, the newest", p.GivenName)
		}
	})
}

func TestReadmittedPersonGetsTheirNickBack(t *testing.T) {
	mw, _ := start(t, memstore.New(), middleware.Options{SeenEvery: -1})
	inGuild := func(sec int) *middleware.Sender {
		s := ann(sec, "Ann")
		s.Set(store.NickField("7"), "Annie")
		return s
	}
	mw.Observe(inGuild(0))
	flush(t, mw)
	must(t, mw.Forget(t.Context(), annKey))
	must(t, mw.Readmit(t.Context(), annKey))
	mw.Observe(ann(1, "Ann")) // a direct message, without nick
	flush(t, mw)
	mw.Observe(inGuild(2))
	flush(t, mw)
	if p := get(t, mw, annKey); p.Nicks["7"] != "Annie" {
		t.Errorf("nicks = %v, want the one stated after Readmit", p.Nicks)
	}
}

// The store said that she is suppressed, and she was let in before that arrived.
func TestReadmitWhileARefusalLands(t *testing.T) {
	st := &hookStore{Store: memstore.New()}
	mw, j := start(t, st, middleware.Options{SeenEvery: -1})
	must(t, mw.Forget(t.Context(), annKey))
	st.after = func() { must(t, mw.Readmit(context.Background(), annKey)) }
	mw.Observe(ann(0, "Ann"))
	flush(t, mw)
	mw.Observe(ann(1, "Ann"))
	mw.Observe(ann(3600, "Ann"))
	flush(t, mw)
	if _, err := mw.Get(t.Context(), annKey); err != nil {
		t.Errorf("after Readmit: %v %q", err, j.results())
	}
}

// The commit lands just before the tombstone, and its answer after it.
func TestForgetAsTheCommitLands(t *testing.T) {
	st := &hookStore{Store: memstore.New()}
	mw, j := start(t, st, middleware.Options{})
	st.after = func() { must(t, mw.Forget(context.Background(), annKey)) }
	mw.Observe(ann(0, "Ann"))
	flush(t, mw)
	mw.Observe(ann(1, "Ann"))
	flush(t, mw)
	for _, o := range j.all() {
		if o.Result != middleware.Dropped || o.Profile.GivenName != "" {
			t.Errorf("after Forget had returned, a hook was told: %s %q", o.Result, o.Profile.GivenName)
		}
	}
}

func TestFlushReturnsWhenCloseGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(away)
		mw, _ := start(t, st, middleware.Options{})
		mw.Observe(ann(0, "Ann"))
		fctx, fcancel := context.WithCancel(t.Context())
		defer fcancel()
		flushed := make(chan error, 1)
		go func() { flushed <- mw.Flush(fctx) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_ = mw.Close(ctx)
		time.Sleep(time.Hour)
		select {
		case err := <-flushed:
			if !errors.Is(err, store.ErrClosed) {
				t.Errorf("Flush = %v, want ErrClosed", err)
			}
		default:
			t.Error("an hour after Close gave up, Flush still waits")
		}
	})
}

// The hook is slower than the events that it is told of.
func TestFlushIsNotStarvedByNewerOutcomes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mw, _ := start(t, memstore.New(), middleware.Options{
			OnOutcome: func(context.Context, middleware.Outcome) { time.Sleep(10 * time.Millisecond) },
		})
		mw.Observe(ann(0, "Ann"))
		stop := make(chan struct{})
		go func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(5 * time.Millisecond):
					mw.Observe(ann(0, "Ann"))
				}
			}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := mw.Flush(ctx); err != nil {
			t.Error(err)
		}
		close(stop)
	})
}

func TestCloseIsNotStarvedByNewerOutcomes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mw, _ := start(t, memstore.New(), middleware.Options{
			OnOutcome: func(context.Context, middleware.Outcome) { time.Sleep(10 * time.Millisecond) },
		})
		mw.Observe(ann(0, "Ann"))
		stop := make(chan struct{})
		go func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(5 * time.Millisecond):
					mw.Observe(ann(0, "Ann"))
				}
			}
		}()
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		if err := mw.Close(ctx); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("Close took %v", took)
		}
		close(stop)
	})
}

// One whom the store refuses for no known reason, among others who are saved.
func TestRefusedPersonUnderTraffic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		poison := 0
		st.failWith(func(deltas []store.Record) error {
			time.Sleep(10 * time.Millisecond)
			for _, d := range deltas {
				if d.Key == annKey {
					poison++
					return errOdd
				}
			}
			return nil
		})
		var failed atomic.Int64
		mw, _ := start(t, st, middleware.Options{
			OnFailure: func(_ context.Context, o middleware.Outcome, _ error) { failed.Add(1) },
			OnOutcome: func(context.Context, middleware.Outcome) {},
		})
		mw.Observe(ann(0, "Ann"))
		for i := range 30_000 { // ten minutes
			mw.Observe(person(uint64(1000+i), 0, "x"))
			time.Sleep(20 * time.Millisecond)
		}
		t.Logf("poison asked %d times of %d, failed told %d", poison, st.asked(), failed.Load())
		if failed.Load() == 0 {
			t.Error("in ten minutes of refusals OnFailure heard nothing")
		}
		if poison > 1000 {
			t.Errorf("the refused person was tried %d times in ten minutes", poison)
		}
		st.failWith(nil)
		flush(t, mw)
	})
}

func TestForgedTimeOfAnUnchangedEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mw, _ := start(t, memstore.New(), middleware.Options{SeenEvery: -1})
		mw.Observe(ann(0, "Ann"))
		flush(t, mw)
		forged := ann(0, "Ann")
		forged.At = time.Now().Add(24 * time.Hour)
		mw.Observe(forged)
		time.Sleep(time.Second)
		honest := ann(0, "Anna")
		honest.At = time.Now()
		mw.Observe(honest)
		flush(t, mw)
		if p := get(t, mw, annKey); p.GivenName != "Anna" {
			t.Errorf("given_name = %q: a forged time of an unchanged event froze the profile", p.GivenName)
		}
		s := mw.Stats()
		t.Attr("figure", fmt.Sprintf("%d events, the honest one kept after one of %s later", s.Created+s.Updated+s.Unchanged+s.Coalesced, forged.At.Sub(honest.At).Round(time.Hour)))
	})
}

func TestSetOverAStoreThatAnswersWrongly(t *testing.T) {
	mw, err := middleware.New(shortStore{memstore.New()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer mw.Close(context.Background())
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("Set panicked: %v", r)
		}
	}()
	err = mw.Set(t.Context(), annKey, store.Declared, store.Profile{GivenName: "Ann"})
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Set = %v", err)
	}
}

func TestSecondCloseWaitsForTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(func([]store.Record) error { time.Sleep(5 * time.Second); return nil })
		mw, _ := start(t, st, middleware.Options{})
		mw.Observe(ann(0, "Ann"))
		synctest.Wait()
		go mw.Close(context.Background())
		synctest.Wait()
		if err := mw.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := st.Get(t.Context(), annKey); err != nil {
			t.Errorf("Close returned nil and Ann is not saved: %v", err)
		}
		time.Sleep(time.Minute)
	})
}

func TestErrOfAnOutcomeWrapsASentinel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(func([]store.Record) error { return errOdd })
		mw, j := start(t, st, middleware.Options{Attempts: 1})
		mw.Observe(ann(0, "Ann"))
		time.Sleep(time.Minute)
		for _, o := range j.all() {
			if !errors.Is(o.Err, store.ErrUnavailable) && !errors.Is(o.Err, store.ErrInvalid) && !errors.Is(o.Err, store.ErrClosed) {
				t.Errorf("Err = %v wraps no sentinel", o.Err)
			}
		}
		st.failWith(nil)
	})
}

func TestEventsAfterCloseAreQuiet(t *testing.T) {
	core, logs := observerCore()
	mw, _ := start(t, memstore.New(), middleware.Options{Logger: core})
	must(t, mw.Close(t.Context()))
	for range 9000 {
		mw.Observe(ann(0, "Ann"))
	}
	if logs.Len() > 0 {
		t.Errorf("after Close: %s; skipped %d", logs.All()[0].Message, mw.Stats().HooksSkipped)
	}
}

// Close ends the observations that wait while the store's answer rearranges them.
func TestStoreAnswersWhileCloseGivesUp(t *testing.T) {
	const people = 2000
	for range 5 {
		st := newFaultyStore()
		release := make(chan struct{})
		st.failWith(func([]store.Record) error { <-release; return store.ErrUnavailable })
		var once sync.Once
		mw, _ := start(t, st, middleware.Options{Attempts: 1, OnOutcome: func(_ context.Context, o middleware.Outcome) {
			if o.Result == middleware.Failed {
				once.Do(func() { close(release) })
			}
		}})
		mw.Observe(person(1, 0, "a"))
		for st.asked() == 0 {
			time.Sleep(time.Millisecond)
		}
		for i := range people {
			mw.Observe(person(uint64(i+1), 0, "b"))
		}
		mw.Observe(person(1, 1, "c"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		_ = mw.Close(ctx)
		cancel()
		outcomes := func() uint64 {
			s := mw.Stats()
			return s.Coalesced + s.Failed + s.Created + s.Dropped
		}
		for end := time.Now().Add(time.Minute); outcomes() < people+2 && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(20 * time.Millisecond) // for what should not come
		if sum := outcomes(); sum != people+2 {
			t.Errorf("%d outcomes for %d observations: %+v", sum, people+2, mw.Stats())
		}
	}
}
