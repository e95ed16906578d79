package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

func TestFailedIsToldOnceAndKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(away)
		var failures []error
		mw, j := start(t, st, middleware.Options{
			OnFailure: func(_ context.Context, o middleware.Outcome, err error) {
				failures = append(failures, err)
				if o.Attempts != 5 || !o.Kept {
					t.Errorf("outcome = %+v, want kept after 5 attempts", o)
				}
			},
		})
		mw.Observe(ann(0, "Ann"))
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(failures) != 1 || !errors.Is(failures[0], store.ErrUnavailable) {
			t.Fatalf("OnFailure was told %v, want one ErrUnavailable", failures)
		}
		if asked := st.asked(); asked < 100 || asked > 800 {
			t.Errorf("in an hour away the store was asked %d times", asked)
		}
		st.failWith(nil)
		flush(t, mw)
		if p := get(t, mw, annKey); p.GivenName != "Ann" {
			t.Errorf("what failed first was lost")
		}
		wantResults(t, j, "failed")

		mw.Observe(ann(1, "Anna"))
		wantAfterFlush(t, mw, j, "failed", "updated given_name")
	})
}

func TestObservationAfterAFailedOneHasItsOwnOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(away)
		mw, j := start(t, st, middleware.Options{})
		mw.Observe(ann(0, "Ann"))
		time.Sleep(time.Hour)
		mw.Observe(ann(1, "Anna"))
		synctest.Wait()
		st.failWith(nil)
		wantAfterFlush(t, mw, j, "failed", "created")
	})
}

func TestRejectedPersonDoesNotHoldUpOthers(t *testing.T) {
	for name, rejection := range map[string]error{
		"for good":            fmt.Errorf("no such person: %w", store.ErrInvalid),
		"for no known reason": errOdd,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := newFaultyStore()
				release := make(chan struct{})
				st.failWith(func(deltas []store.Record) error {
					<-release
					for _, d := range deltas {
						if d.Key == annKey {
							return rejection
						}
					}
					return nil
				})
				mw, j := start(t, st, middleware.Options{})
				mw.Observe(person(1, 0, "first")) // occupies the store, so that the rest makes one batch
				synctest.Wait()
				for i := range 100 {
					mw.Observe(person(uint64(10+i), 0, "somebody"))
				}
				close(release)
				time.Sleep(time.Hour)
				synctest.Wait()
				created, failed := 0, 0
				for _, o := range j.all() {
					switch o.Result {
					case middleware.Created:
						created++
					case middleware.Failed:
						failed++
						if o.Key != annKey || !errors.Is(o.Err, rejection) {
							t.Errorf("failed: %s: %v", o.Key, o.Err)
						}
					}
				}
				if created != 100 || failed != 1 {
					t.Errorf("%d created and %d failed, want 100 and 1", created, failed)
				}
				st.failWith(nil)
			})
		})
	}
}

func TestStoreThatPanicsIsContained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(func([]store.Record) error { panic("the driver is broken") })
		mw, j := start(t, st, middleware.Options{})
		mw.Observe(ann(0, "Ann"))
		synctest.Wait()
		st.failWith(nil)
		wantAfterFlush(t, mw, j, "created")
	})
}

// A shortStore answers with fewer changes than it was given deltas.
type shortStore struct{ *memstore.Store }

func (s shortStore) Apply(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
	changes, err := s.Store.Apply(ctx, deltas)
	return changes[:0], err
}

func TestStoreThatAnswersWronglyIsContained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mw, j := start(t, shortStore{memstore.New()}, middleware.Options{Attempts: 1})
		mw.Observe(ann(0, "Ann"))
		synctest.Wait()
		wantResults(t, j, "failed")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := mw.Close(ctx); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Close = %v, want an error that wraps ErrUnavailable", err)
		}
	})
}

func TestOverloadRefusesNewPeopleOnly(t *testing.T) {
	for name, limit := range map[string]func(*middleware.Middleware){
		"people": func(mw *middleware.Middleware) { mw.LimitWaiting(10, 1<<30) },
		"bytes":  func(mw *middleware.Middleware) { mw.LimitWaiting(1<<30, 8<<10) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := newFaultyStore()
				st.failWith(away)
				mw, j := start(t, st, middleware.Options{Attempts: 1000})
				limit(mw)
				id := uint64(1000)
				for ; mw.Stats().Dropped == 0 && id < 2000; id++ {
					mw.Observe(person(id, 0, "somebody"))
				}
				mw.Observe(person(1000, 1, "somebody else"))
				synctest.Wait()
				got := mw.Stats()
				if got.Dropped != 1 || got.Waiting < 8 || got.Waiting > 20 {
					t.Errorf("Stats() = %+v, want some waiting and one dropped", got)
				}
				if o := j.all()[0]; o.Reason != middleware.ReasonOverload {
					t.Errorf("first outcome = %+v", o)
				}
				st.failWith(nil)
				flush(t, mw)
				refused := person(id-1, 1, "somebody")
				mw.Observe(refused) // the next message heals it
				flush(t, mw)
				get(t, mw, refused.Key())
			})
		})
	}
}

func TestBatchesAreBoundedAndHoldEachPersonOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		release := make(chan struct{})
		st.failWith(func([]store.Record) error { <-release; return nil })
		mw, _ := start(t, st, middleware.Options{})
		for i := range 3000 {
			mw.Observe(person(uint64(1+i%1500), i, "somebody"))
		}
		close(release)
		flush(t, mw)
		st.mu.Lock()
		defer st.mu.Unlock()
		for _, batch := range st.batches {
			if len(batch) > 500 {
				t.Errorf("a batch of %d people", len(batch))
			}
			keys := make(map[store.Key]bool)
			for _, d := range batch {
				if keys[d.Key] {
					t.Errorf("%s is twice in one batch", d.Key)
				}
				keys[d.Key] = true
			}
		}
		if len(st.batches) > 5 {
			t.Errorf("1,500 people took %d batches", len(st.batches))
		}
	})
}

func TestLogSaysAwayAndBackButNoNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.InfoLevel)
		st := newFaultyStore()
		st.failWith(away)
		mw, _ := start(t, st, middleware.Options{
			Logger:    zap.New(core),
			OnSuccess: func(context.Context, middleware.Outcome) { panic("Canary in a panic") },
		})
		mw.Observe(ann(0, "Canary"))
		time.Sleep(time.Hour)
		st.failWith(nil)
		flush(t, mw)
		mw.Observe(ann(1, "Canary again"))
		flush(t, mw)
		var messages []string
		for _, entry := range logs.All() {
			messages = append(messages, entry.Message)
			if text := fmt.Sprint(entry.Message, entry.ContextMap()); containsAny(text, "Canary", "telegram:42") {
				t.Errorf("a log entry tells of a person: %s", text)
			}
		}
		want := []string{"store refuses; what is observed waits in memory", "store is back", "hook panicked"}
		if !slices.Equal(messages, want) {
			t.Errorf("logged %q, want %q", messages, want)
		}
	})
}

func TestFirstMessageIsTheOneThatIsSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(away)
		mw, j := start(t, st, middleware.Options{When: middleware.FirstMessage})
		mw.Observe(ann(0, "Ann"))
		synctest.Wait()
		mw.Observe(ann(1, "Anna"))
		st.failWith(nil)
		wantAfterFlush(t, mw, j, "coalesced", "created")
		if p := get(t, mw, annKey); p.GivenName != "Ann" {
			t.Errorf("given_name = %q, want that of the first message", p.GivenName)
		}
	})
}

func TestStoreThatIsDeafToItsContextIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.WarnLevel)
		st := newFaultyStore()
		release := make(chan struct{})
		st.failWith(func([]store.Record) error { <-release; return nil })
		mw, _ := start(t, st, middleware.Options{Logger: zap.New(core)})
		mw.Observe(ann(0, "Ann"))
		time.Sleep(24 * time.Hour)
		if n := logs.FilterMessageSnippet("neither answers").Len(); n != 1 {
			t.Errorf("a day of silence was logged %d times, want once", n)
		}
		close(release)
		flush(t, mw)
	})
}

// Errors of a store name the person; logs must not, above debug level.
func TestLogLeavesTheKeyOutOfErrors(t *testing.T) {
	for name, refusal := range map[string]error{
		"of the store": fmt.Errorf("get telegram:42: %w: %w", store.ErrUnavailable, errOdd),
		"of a person":  fmt.Errorf("the record of telegram:42: %w", errOdd),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				core, logs := observer.New(zap.InfoLevel)
				st := newFaultyStore()
				st.failWith(func([]store.Record) error { return refusal })
				mw, _ := start(t, st, middleware.Options{Logger: zap.New(core)})
				mw.Observe(ann(0, "Ann"))
				time.Sleep(time.Minute)
				st.failWith(nil)
				flush(t, mw)
				if logs.Len() == 0 {
					t.Error("nothing was logged")
				}
				for _, entry := range logs.All() {
					text := fmt.Sprint(entry.Message, entry.ContextMap())
					if containsAny(text, "telegram:42") {
						t.Errorf("a log entry names the person: %s", text)
					}
					if entry.Level == zap.WarnLevel && !containsAny(text, "odd") {
						t.Errorf("a log entry leaves the cause out: %s", text)
					}
				}
			})
		})
	}
}

func TestBatchesAreHalvedWhileTheStoreRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		g := gated(st)
		mw, _ := start(t, st, middleware.Options{})
		mw.Observe(person(1, 0, "busy"))
		synctest.Wait()
		for id := range uint64(1000) {
			mw.Observe(person(10+id, 0, "somebody"))
		}
		g.answers <- nil
		for range 3 {
			g.answers <- store.ErrUnavailable
		}
		close(g.answers)
		flush(t, mw)
		var sizes []int
		for _, batch := range st.batches[1:5] {
			sizes = append(sizes, len(batch))
		}
		if !slices.Equal(sizes, []int{500, 250, 125, 62}) {
			t.Errorf("batches of %d people; want half as many after each refusal", sizes)
		}
	})
}

func TestPausesAreRandomAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		var asked []time.Time
		st.failWith(func([]store.Record) error { asked = append(asked, time.Now()); return store.ErrUnavailable })
		mw, _ := start(t, st, middleware.Options{})
		mw.Observe(ann(0, "Ann"))
		time.Sleep(time.Hour)
		st.failWith(nil)
		flush(t, mw)
		short, long := 0, 0
		for i := range asked[1:] {
			switch pause := asked[i+1].Sub(asked[i]); {
			case pause > 30*time.Second:
				t.Errorf("a pause of %v", pause)
			case pause < 15*time.Second:
				short++
			default:
				long++
			}
		}
		if short < 20 || long < 20 {
			t.Errorf("%d pauses below 15 s and %d above; want them spread", short, long)
		}
	})
}
