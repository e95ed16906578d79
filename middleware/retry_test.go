package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

var errDown = fmt.Errorf("crm: deliver: %w", store.ErrUnavailable)

// retries keeps what OnRetry is told.
type retries struct {
	mu   sync.Mutex
	list []middleware.Retry
}

func (r *retries) note(_ context.Context, x middleware.Retry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, x)
}

func TestRetriesAreToldAndFailedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForeign("crm")
		f.failWith(func(c call) fault {
			if c.Attempt <= 7 {
				return fault{err: errDown}
			}
			return fault{}
		})
		told := &retries{}
		j := &journal{}
		var failed []error
		mw, _ := start(t, memstore.New(), middleware.Options{
			Backends: backends(f), Attempts: 3, OnRetry: told.note, OnOutcome: j.note,
			OnFailure: func(_ context.Context, _ middleware.Outcome, err error) { failed = append(failed, err) },
		})
		mw.Observe(ann(0, "Ann"))
		drain(t, mw)
		outcomes := j.at("crm")
		if len(outcomes) != 2 {
			t.Fatalf("%d outcomes, want one Failed and one Delivered", len(outcomes))
		}
		if o := outcomes[0]; o.Result != middleware.Failed || !o.Kept || o.Attempts != 3 || !errors.Is(o.Err, store.ErrUnavailable) ||
			o.Fields != nil || !o.Profile.Key.IsZero() {
			t.Errorf("outcome after three attempts = %+v", o)
		}
		if o := outcomes[1]; o.Result != middleware.Delivered || o.Attempts != 8 {
			t.Errorf("outcome in the end = %+v", o)
		}
		if len(failed) != 1 || len(told.list) != 7 {
			t.Errorf("OnFailure was told %d times and OnRetry %d times, want 1 and 7", len(failed), len(told.list))
		}
		for i, r := range told.list {
			next := f.asked()[i+1].At.Sub(f.asked()[i].At)
			if r.Attempts != i+1 || r.Target != "crm" || r.Key != annKey || !errors.Is(r.Err, store.ErrUnavailable) {
				t.Errorf("retry %d = %+v", i, r)
			}
			if next < r.After-time.Millisecond { // the grain of Standing.Due
				t.Errorf("retry %d came after %v, told %v", i, next, r.After)
			}
		}
		if s := mw.Stats(); s.Delivered != 1 || s.Undelivered != 1 {
			t.Errorf("Stats() = %+v", s)
		}
	})
}

// One person who fails for a reason of their own waits longer each time, and
// nobody else does.
func TestPausesGrowForOnePersonAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForeign("crm")
		f.failWith(func(c call) fault {
			if c.Key == annKey {
				return fault{err: errors.New("odd")}
			}
			return fault{}
		})
		mw, j := start(t, memstore.New(), middleware.Options{Backends: backends(f)})
		mw.Observe(ann(0, "Ann"))
		for i := range 3600 {
			mw.Observe(person(7, i, fmt.Sprint("Bob ", i)))
			time.Sleep(time.Second)
		}
		if n := len(f.askedFor(keyOf(7))); n < 3550 {
			t.Errorf("the others were delivered %d times, want each second", n)
		}
		calls := f.askedFor(annKey)
		for i, c := range calls[1:] {
			span := min(5*time.Minute, time.Second<<min(i, 20))
			if pause := c.At.Sub(calls[i].At); pause > span+time.Second {
				t.Errorf("pause %d of %v, want below %v", i, pause, span)
			}
		}
		if n := len(calls); n < 15 || n > 90 {
			t.Errorf("%d calls for her in an hour", n)
		}
		f.heal()
		drain(t, mw)
		results := slices.DeleteFunc(j.at("crm"), func(o middleware.Outcome) bool { return o.Key != annKey })
		if len(results) != 2 || results[1].Result != middleware.Delivered {
			t.Errorf("%d outcomes of hers", len(results))
		}
	})
}

func TestAttemptsSurviveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		f := newForeign("crm")
		f.failWith(alwaysErr(errors.New("odd")))
		var failed int
		run := func(d time.Duration) {
			mw, j := start(t, st, middleware.Options{Backends: backends(f), Attempts: 10})
			if len(f.asked()) == 0 {
				mw.Observe(ann(0, "Ann"))
			}
			time.Sleep(d)
			if err := mw.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, o := range j.at("crm") {
				if o.Result == middleware.Failed {
					failed++
				}
			}
		}
		for range 40 {
			run(7 * time.Second)
		}
		calls := f.asked()
		for i, c := range calls {
			if c.Attempt != i+1 {
				t.Fatalf("call %d was attempt %d", i+1, c.Attempt)
			}
		}
		if len(calls) > 30 || len(calls) < 5 {
			t.Errorf("%d calls in 280 seconds and 40 restarts", len(calls))
		}
		for range 20 {
			run(time.Minute)
		}
		if failed != 1 {
			t.Errorf("told %d times that it failed, want once", failed)
		}
	})
}

func TestThrottlingIsHeededByAll(t *testing.T) {
	t.Attr("figure", "4 pauses of nothing to ten days, 0 early requests")
	for _, after := range []time.Duration{0, time.Millisecond, 20 * time.Second, 240 * time.Hour} {
		t.Run(after.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newForeign("crm")
				f.latency = 100 * time.Millisecond
				var mu sync.Mutex
				var answered, until time.Time // what is sent at the moment of the answer cannot know it
				var n, early int
				f.failWith(func(call) fault {
					mu.Lock()
					defer mu.Unlock()
					if now := time.Now(); now.After(answered) && now.Before(until) {
						early++
					}
					if n++; n%10 != 0 {
						return fault{}
					}
					asked := min(max(after, time.Second), 5*time.Minute)
					time.AfterFunc(f.latency, func() {
						mu.Lock()
						defer mu.Unlock()
						answered, until = time.Now(), time.Now().Add(asked)
					})
					return fault{err: fmt.Errorf("x: %w", &store.ThrottledError{After: after, Err: errors.New("429")})}
				})
				j := &journal{}
				told := &retries{}
				mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(f), OnRetry: told.note, OnOutcome: j.note, Attempts: 1})
				began := time.Now()
				for id := range uint64(60) {
					mw.Observe(person(1+id, 0, "Ann"))
				}
				drain(t, mw)
				if early > 0 {
					t.Errorf("%d requests before their time", early)
				}
				if pause := min(max(after, time.Second), 5*time.Minute); time.Since(began) > time.Duration(len(told.list)+1)*(pause*11/10+5*time.Second) {
					t.Errorf("took %v with %d pauses", time.Since(began), len(told.list))
				}
				for _, c := range f.asked() {
					if c.Attempt != 1 {
						t.Fatalf("throttling counted as attempt %d", c.Attempt-1)
					}
				}
				if got := mw.Stats(); got.Delivered != 60 || got.Undelivered != 0 || len(told.list) == 0 {
					t.Errorf("Stats() = %+v, %d retries told", got, len(told.list))
				}
			})
		})
	}
}

func TestAnHourWithoutAccessLosesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		f := newForeign("crm")
		f.latency = 50 * time.Millisecond
		f.failWith(alwaysErr(fmt.Errorf("crm answered 401: %w", store.ErrDenied)))
		mw, _ := start(t, st, middleware.Options{Backends: backends(f)})
		for id := range uint64(500) {
			mw.Observe(person(1+id, 0, "Ann"))
		}
		time.Sleep(time.Hour)
		if n := len(f.asked()); n > 40 || n < 10 {
			t.Errorf("%d calls in an hour", n)
		}
		if dead := standings(t, st, store.StandingFilter{State: store.StateDead}); len(dead) > 0 {
			t.Errorf("%d dead letters", len(dead))
		}
		f.heal()
		healed := time.Now()
		drain(t, mw)
		if f.count() != 500 {
			t.Errorf("%d people there, want 500", f.count())
		}
		if took := time.Since(healed); took > 13*time.Minute {
			t.Errorf("took %v after the heal", took)
		}
		t.Attr("figure", "500 people, 0 dead letters, 0 lost")
	})
}

func TestOnePersonWithoutAccessStopsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		f := newForeign("crm")
		f.latency = 100 * time.Millisecond
		f.failWith(func(c call) fault {
			if c.Key == keyOf(5) {
				return fault{err: fmt.Errorf("crm answered 403: %w", store.ErrDenied)}
			}
			return fault{}
		})
		mw, _ := start(t, st, middleware.Options{Backends: backends(f)})
		began := time.Now()
		for round := range 100 {
			for id := range uint64(8) {
				mw.Observe(person(1+id, round, fmt.Sprint("v", round)))
			}
			synctest.Wait()
			time.Sleep(700 * time.Millisecond)
			for id := range uint64(8) {
				if got, want := f.holds(keyOf(1 + id))[store.FieldGivenName], fmt.Sprint("v", round); 1+id != 5 && got != want {
					t.Fatalf("after %v %d has %q, want %q", time.Since(began), 1+id, got, want)
				}
			}
		}
		time.Sleep(24 * time.Hour)
		if s := standing(t, st, "crm", keyOf(5)); s.State != store.StateOwed {
			t.Errorf("standing = %+v", s)
		}
		if n := len(f.askedFor(keyOf(5))); n > 24*60 {
			t.Errorf("%d calls in vain in a day", n)
		}
		f.heal()
		drain(t, mw)
		if got := f.holds(keyOf(5))[store.FieldGivenName]; got != "v99" {
			t.Errorf("in the end it has %q", got)
		}
	})
}

// Seven days away, with changes all along and restarts in it. Then each person is
// delivered once, as they are by then.
func TestSevenDaysAway(t *testing.T) {
	t.Attr("figure", "50 people, 42 changes each, 0, 1 and 13 restarts; one delivery a person")
	for _, restarts := range []int{0, 1, 13} {
		t.Run(fmt.Sprint(restarts, " restarts"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const people, rounds = 50, 42 // every four hours
				st := memstore.New()
				f := newForeign("crm")
				f.failWith(alwaysErr(errDown))
				mw, _ := start(t, st, middleware.Options{Backends: backends(f)})
				for round := range rounds {
					for id := range uint64(people) {
						mw.Observe(person(1+id, round, fmt.Sprint("v", round)))
					}
					time.Sleep(4 * time.Hour)
					if restarts > 0 && round%(rounds/(1+restarts)) == 0 {
						if err := mw.Close(t.Context()); err != nil {
							t.Fatal(err)
						}
						mw, _ = start(t, st, middleware.Options{Backends: backends(f)})
					}
				}
				backlogs, err := mw.Backlogs(t.Context())
				if err != nil || backlogs[0].Owed != people || backlogs[0].Dead != 0 {
					t.Errorf("Backlogs = %+v, %v", backlogs, err)
				}
				// One probe in two and a half minutes, at full jitter over five.
				if n, most := len(f.asked()), 2*7*24*3600/150+restarts*60; n > most {
					t.Errorf("%d calls in the outage, want up to %d", n, most)
				}
				f.heal()
				f.forgetCalls()
				healed := time.Now()
				drain(t, mw)
				if took := time.Since(healed); took > 11*time.Minute {
					t.Errorf("took %v after the heal", took)
				}
				if n := len(f.asked()); n != people {
					t.Errorf("%d deliveries after the heal, want %d", n, people)
				}
				for id := range uint64(people) {
					if got := f.holds(keyOf(1 + id))[store.FieldGivenName]; got != fmt.Sprint("v", rounds-1) {
						t.Errorf("%d has %q", 1+id, got)
					}
				}
			})
		})
	}
}

// A blip of a second, with many calls under way, is over in seconds.
func TestABlipIsOverSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForeign("crm")
		f.traits.InFlight = 50
		f.latency = 100 * time.Millisecond
		f.failWith(alwaysErr(errDown))
		mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(f)})
		for id := range uint64(1000) {
			mw.Observe(person(1+id, 0, "Ann"))
		}
		time.Sleep(time.Second)
		f.heal()
		healed := time.Now()
		drain(t, mw)
		if took := time.Since(healed); took > 15*time.Second {
			t.Errorf("took %v after one second of failures", took)
		}
	})
}

// A request that got no answer may land after its time: nobody sends another one
// for the person before that.
func TestNothingOvertakesARequestThatMayStillLand(t *testing.T) {
	const timeout = 20 * time.Second
	for _, late := range []time.Duration{0, 5 * time.Second, timeout - time.Millisecond} {
		t.Run(late.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newForeign("crm")
				f.failWith(func(c call) fault {
					if c.Attempt%2 == 1 {
						return fault{hang: true, lands: true, late: late}
					}
					return fault{}
				})
				mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(f)})
				for i := range 30 {
					mw.Observe(ann(i, fmt.Sprint("v", i)))
					mw.Observe(person(7, i, fmt.Sprint("v", i)))
					time.Sleep(7 * time.Second)
				}
				drain(t, mw)
				time.Sleep(time.Minute)
				f.wantApart(t)
				if a, b := f.holds(annKey)[store.FieldGivenName], f.holds(keyOf(7))[store.FieldGivenName]; a != "v29" || b != "v29" {
					t.Errorf("the backend has %q and %q in the end", a, b)
				}
			})
		})
	}
}

// The process is killed in the call: its claim lasts until the request cannot
// land any more.
func TestNothingOvertakesTheRequestOfADeadProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const timeout = 20 * time.Second
		st := &crashing{Store: memstore.New()}
		f := newForeign("crm")
		f.failWith(func(call) fault { return fault{hang: true, lands: true, late: timeout - time.Millisecond} })
		dead, _ := start(t, st.process(), middleware.Options{Backends: backends(f)})
		dead.Observe(ann(0, "old"))
		time.Sleep(time.Second)
		st.kill()
		f.heal()
		mw, _ := start(t, st.process(), middleware.Options{Backends: backends(f)})
		mw.Observe(ann(1, "new"))
		drain(t, mw)
		time.Sleep(time.Minute)
		f.wantApart(t)
		if n := len(f.asked()); n != 2 || f.holds(annKey)[store.FieldGivenName] != "new" {
			t.Errorf("%d calls, and the backend has %v", n, f.holds(annKey))
		}
		t.Attr("figure", fmt.Sprintf("%d requests of two processes, 0 overlaps", len(f.asked())))
	})
}

// Close gives up on the call; the next process does not send beside it.
func TestNothingOvertakesTheRequestThatCloseGaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		f := newForeign("crm")
		f.failWith(func(call) fault { return fault{hang: true, lands: true, late: 19 * time.Second} })
		mw, j := start(t, st, middleware.Options{Backends: backends(f)})
		mw.Observe(ann(0, "old"))
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := mw.Close(ctx); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 1300*time.Millisecond {
			t.Errorf("Close took %v", took)
		}
		if n := len(j.at("crm")); n != 0 {
			t.Errorf("%d outcomes of what goes on", n)
		}
		f.heal()
		mw, _ = start(t, st, middleware.Options{Backends: backends(f)})
		mw.Observe(ann(1, "new"))
		drain(t, mw)
		time.Sleep(time.Minute)
		f.wantApart(t)
		if c := f.asked()[1]; c.Attempt != 1 || f.holds(annKey)[store.FieldGivenName] != "new" {
			t.Errorf("attempt %d, and the backend has %v", c.Attempt, f.holds(annKey))
		}
	})
}
