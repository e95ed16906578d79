package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
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

func TestSweepGoesByPagesAndRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &anExpirer{Store: memstore.New()}
		st.expire = func(ctx context.Context, keys []store.Key, before time.Time) ([]bool, error) {
			time.Sleep(2 * time.Second)
			return st.Store.Expire(ctx, keys, before)
		}
		crowded(t, st, 350, 10*day)
		mw, _ := start(t, st, middleware.Options{})
		if n, err := mw.Expire(t.Context(), time.Now().Add(-9*day)); n != 350 || err != nil {
			t.Fatalf("Expire = %d, %v", n, err)
		}
		var last expiry
		var sizes []int
		for _, c := range st.asked() {
			if !last.at.IsZero() && c.at.Sub(last.at) < 20*time.Second {
				t.Errorf("%s after a page that took 2s comes the next", c.at.Sub(last.at))
			}
			last = c
			sizes = append(sizes, len(c.keys))
		}
		wantSame(t, sizes, []int{100, 100, 100, 50})
		began := time.Now()
		if n, err := mw.Expire(t.Context(), time.Now().Add(-9*day)); n != 0 || err != nil || time.Since(began) != 0 {
			t.Errorf("Expire of nobody = %d, %v, in %s", n, err, time.Since(began))
		}
	})
}

// Somebody who is lost to the store's fault is lost for a page of 100 at the most,
// and that page comes first the next time: bytes may be left of it.
func TestSweepGoesOnWhereTheStoreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &anExpirer{Store: memstore.New()}
		st.expire = func(ctx context.Context, keys []store.Key, before time.Time) ([]bool, error) {
			expired, err := st.Store.Expire(ctx, keys, before)
			switch len(st.asked()) {
			case 2, 3, 4, 7:
				return expired, fmt.Errorf("the log is busy: %w", store.ErrUnavailable)
			}
			return expired, err
		}
		crowded(t, st, 250, 40*day)
		attended(t, st)
		core, logs := observer.New(zapcore.InfoLevel)
		mw, j := start(t, st, middleware.Options{Retention: 30 * day, Logger: zap.New(core)})
		time.Sleep(2 * time.Hour)
		asked := st.asked()
		if len(asked) != 6 {
			t.Fatalf("the store was asked %d times; want 6", len(asked))
		}
		for _, c := range asked[2:5] {
			wantSame(t, c.keys, asked[1].keys)
		}
		if s := mw.Stats(); s.Expired != 250 || len(j.at(middleware.TargetStore)) != 250 {
			t.Errorf("Stats() = %+v, and %d are told", s, len(j.at(middleware.TargetStore)))
		}
		if warned := logs.FilterLevelExact(zapcore.WarnLevel).All(); len(warned) != 1 || warned[0].ContextMap()["cause"] != "unavailable" {
			t.Errorf("warned: %v", warned)
		}
		// A call by hand goes on as well.
		crowded(t, st, 1, 40*day)
		before := time.Now().Add(-30 * day)
		if n, err := mw.Expire(t.Context(), before); n != 1 || !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Expire = %d, %v", n, err)
		}
		if n, err := mw.Expire(t.Context(), before); n != 0 || err != nil {
			t.Errorf("Expire again = %d, %v", n, err)
		}
		if calls := len(st.asked()); calls != 8 {
			t.Errorf("the store was asked %d times; want 8", calls)
		}
	})
}

func TestSweepWhenTheStoreIsOdd(t *testing.T) {
	for name, c := range map[string]struct {
		breaks func(st *anExpirer)
		daily  bool // tried again a day later, not sooner
		told   int
	}{
		"Expire panics": {func(st *anExpirer) {
			st.expire = func(context.Context, []store.Key, time.Time) ([]bool, error) { panic("telegram:42 Ann") }
		}, false, 0},
		"List panics": {func(st *anExpirer) {
			st.list = func(func(store.Profile, error) bool) { panic("telegram:42 Ann") }
		}, false, 0},
		"List refuses": {func(st *anExpirer) {
			st.list = func(yield func(store.Profile, error) bool) { yield(store.Profile{}, store.ErrUnavailable) }
		}, false, 0},
		"Expire answers too little": {func(st *anExpirer) {
			st.expire = func(context.Context, []store.Key, time.Time) ([]bool, error) { return nil, nil }
		}, false, 0},
		"Expire answers too much": {func(st *anExpirer) {
			st.expire = func(context.Context, []store.Key, time.Time) ([]bool, error) { return make([]bool, 7), nil }
		}, false, 0},
		"Expire hangs": {func(st *anExpirer) {
			st.expire = func(ctx context.Context, _ []store.Key, _ time.Time) ([]bool, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
		}, false, 0},
		"somebody is damaged": {func(st *anExpirer) {
			st.expire = func(context.Context, []store.Key, time.Time) ([]bool, error) { return nil, errOdd }
		}, true, 0},
		"somebody is damaged in a listing": {func(st *anExpirer) {
			st.list = func(yield func(store.Profile, error) bool) {
				for p := range st.Store.List(t.Context(), store.Filter{Limit: 120}) {
					if !yield(p, nil) {
						return
					}
				}
				yield(store.Profile{}, errOdd)
			}
		}, true, 120},
		"damage leads back": {func(st *anExpirer) {
			st.list = func(yield func(store.Profile, error) bool) {
				yield(store.Profile{}, &store.DamagedError{Key: keyOf(1000), Err: errOdd}) // again and again
			}
		}, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := &anExpirer{Store: memstore.New()}
				crowded(t, st.Store, 150, 40*day)
				attended(t, st.Store)
				c.breaks(st)
				core, logs := observer.New(zapcore.WarnLevel)
				mw, _ := start(t, st, middleware.Options{Retention: 30 * day, Logger: zap.New(core)})
				time.Sleep(12 * time.Hour)
				if n := mw.Stats().Expired; n != uint64(c.told) {
					t.Errorf("%d are erased; want %d", n, c.told)
				}
				if logs.Len() == 0 {
					t.Error("nobody is warned")
				}
				st.heal(true)
				time.Sleep(time.Hour)
				if n := mw.Stats().Expired; (n == 150) == c.daily {
					t.Errorf("an hour after it works again %d are erased", n)
				}
				time.Sleep(day)
				if n := mw.Stats().Expired; n != 150 {
					t.Errorf("a day after it works again %d are erased", n)
				}
			})
		})
	}
}

// Who cannot be erased, or listed, must not stand in the way of others.
func TestSweepLeavesBehindWhomTheStoreCannotErase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &anExpirer{Store: memstore.New()}
		unlisted := []store.Key{keyOf(1000), keyOf(1042), keyOf(1043)}
		st.listDamaged = unlisted
		var damaged []store.Key
		for id := range uint64(20) {
			damaged = append(damaged, keyOf(1120+id), keyOf(1200+3*id))
		}
		st.expire = func(ctx context.Context, keys []store.Key, before time.Time) ([]bool, error) {
			if slices.ContainsFunc(keys, func(k store.Key) bool { return slices.Contains(damaged, k) }) {
				return nil, errOdd
			}
			return st.Store.Expire(ctx, keys, before)
		}
		crowded(t, st, 350, 40*day)
		core, logs := observer.New(zapcore.WarnLevel)
		mw, j := start(t, st, middleware.Options{Logger: zap.New(core)})
		left := len(unlisted) + len(damaged)
		for _, want := range []int{350 - left, 0} {
			n, err := mw.Expire(t.Context(), time.Now().Add(-30*day))
			if n != want || !errors.Is(err, errOdd) || !strings.Contains(err.Error(), fmt.Sprintf("cannot erase %d people", left)) {
				t.Errorf("Expire = %d, %v; want %d", n, err, want)
			}
		}
		synctest.Wait()
		if told := len(j.at(middleware.TargetStore)); told != 350-left {
			t.Errorf("%d are told; want %d", told, 350-left)
		}
		if all := logs.All(); len(all) != 2 || all[0].ContextMap()["people"] != int64(left) {
			t.Errorf("logged: %v", all)
		}
		for _, c := range st.asked() {
			if len(c.keys) == 0 || len(c.keys) > 100 {
				t.Errorf("the store is asked for %d", len(c.keys))
			}
		}
	})
}

// A store that objects to everybody is not asked for each of them.
func TestSweepGivesUpOnAStoreThatCannotEraseAnybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &anExpirer{Store: memstore.New()}
		st.expire = func(context.Context, []store.Key, time.Time) ([]bool, error) { return nil, errOdd }
		crowded(t, st, 1000, 40*day)
		mw, _ := start(t, st, middleware.Options{})
		if n, err := mw.Expire(t.Context(), time.Now().Add(-30*day)); n != 0 || !errors.Is(err, errOdd) {
			t.Errorf("Expire = %d, %v", n, err)
		}
		if calls := len(st.asked()); calls > 110 {
			t.Errorf("the store was asked %d times", calls)
		}
	})
}

// A goroutine that ends in the store does not keep the turn.
func TestSweepGivesItsTurnBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &anExpirer{Store: memstore.New()}
		crowded(t, st, 3, 40*day)
		st.expire = func(context.Context, []store.Key, time.Time) ([]bool, error) {
			runtime.Goexit()
			return nil, nil
		}
		mw, _ := start(t, st, middleware.Options{})
		go func() { _, _ = mw.Expire(t.Context(), time.Now().Add(-30*day)) }()
		synctest.Wait()
		st.heal(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if n, err := mw.Expire(ctx, time.Now().Add(-30*day)); n != 3 || err != nil {
			t.Errorf("Expire = %d, %v", n, err)
		}
	})
}

func TestCloseCutsASweepShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &anExpirer{Store: memstore.New()}
		crowded(t, st, 1000, 40*day)
		mw, j := start(t, st, middleware.Options{Retention: 30 * day})
		crowd := func() int {
			n := 0
			for range st.List(t.Context(), store.Filter{}) {
				n++
			}
			return n
		}
		type result struct {
			n   int
			err error
		}
		results := make(chan result, 2)
		for range 2 {
			go func() {
				n, err := mw.Expire(t.Context(), time.Now().Add(-30*day))
				results <- result{n, err}
			}()
		}
		time.Sleep(75 * time.Millisecond) // two pages
		if err := mw.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		sum := 0
		for range 2 {
			r := <-results
			sum += r.n
			if !errors.Is(r.err, store.ErrClosed) {
				t.Errorf("Expire = %d, %v", r.n, r.err)
			}
		}
		if sum != 200 || crowd() != 800 || mw.Stats().Expired != 200 || len(j.all()) != 200 {
			t.Errorf("%d are erased, %d are left, %d are told", sum, crowd(), len(j.all()))
		}
		time.Sleep(2 * day)
		if crowd() != 800 {
			t.Error("somebody is erased after Close")
		}
	})
}

// Close comes while the store works on a page, heeding no context.
func TestCloseWaitsForThePageOfASweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &anExpirer{Store: memstore.New()}
		st.expire = func(_ context.Context, keys []store.Key, before time.Time) ([]bool, error) {
			time.Sleep(3 * time.Second)
			return st.Store.Expire(context.Background(), keys, before)
		}
		crowded(t, st, 1, 40*day)
		attended(t, st)
		mw, j := start(t, st, middleware.Options{Retention: 30 * day})
		go func() {
			for len(st.asked()) == 0 {
				time.Sleep(time.Second)
			}
			if err := mw.Close(context.Background()); err != nil {
				t.Error(err)
			}
			wantResults(t, j, "erased")
		}()
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(st.asked()) != 1 {
			t.Errorf("the store was asked %d times", len(st.asked()))
		}
	})
}

func TestSweepWaitsForSlowHooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		crowded(t, st, 9000, 40*day)
		var mu sync.Mutex
		var told []store.Key
		release := make(chan struct{})
		mw, _ := start(t, st, middleware.Options{OnOutcome: func(_ context.Context, o middleware.Outcome) {
			<-release
			mu.Lock()
			defer mu.Unlock()
			told = append(told, o.Key)
		}})
		done := make(chan error, 1)
		go func() {
			_, err := mw.Expire(t.Context(), time.Now().Add(-30*day))
			done <- err
		}()
		time.Sleep(time.Hour)
		if n := mw.Stats().Expired; n < 4000 || n > 4400 {
			t.Errorf("%d are erased while a hook is stuck", n)
		}
		close(release)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		flush(t, mw)
		slices.SortFunc(told, store.Key.Compare)
		if len(slices.Compact(told)) != 9000 || mw.Stats().HooksSkipped != 0 {
			t.Errorf("%d of 9000 are told", len(told))
		}
	})
}

func TestSweepsOfManyProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &anExpirer{Store: memstore.New()}
		crowded(t, st, 1234, 40*day)
		attended(t, st)
		var journals []*journal
		firsts := make(map[time.Duration]bool)
		for range 5 {
			_, j := start(t, st, middleware.Options{Retention: 30 * day})
			journals = append(journals, j)
		}
		time.Sleep(day)
		var told []store.Key
		for _, j := range journals {
			for _, o := range j.all() {
				told = append(told, o.Key)
			}
		}
		slices.SortFunc(told, store.Key.Compare)
		if len(told) != 1234 || len(slices.Compact(told)) != 1234 {
			t.Errorf("1234 people were erased, and %d are told", len(told))
		}
		for range 20 {
			crowded(t, st, 1, 40*day)
			mw, _ := start(t, st, middleware.Options{Retention: 30 * day})
			began := time.Now()
			calls := len(st.asked())
			for len(st.asked()) == calls {
				time.Sleep(time.Second)
			}
			firsts[time.Since(began).Round(time.Minute)] = true
			if time.Since(began) > 31*time.Minute {
				t.Errorf("the first sweep comes after %s", time.Since(began))
			}
			if err := mw.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if len(firsts) < 5 {
			t.Errorf("processes that start together sweep together: %v", firsts)
		}
	})
}
