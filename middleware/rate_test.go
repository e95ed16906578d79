package middleware_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

func TestRateIsKeptOverEveryWindow(t *testing.T) {
	for _, test := range []struct {
		rate   store.Rate
		people int
	}{
		{store.Rate{Calls: 10, Per: time.Minute}, 60},
		{store.Rate{Calls: 1, Per: time.Hour}, 5},
		{store.Rate{Calls: 7, Per: time.Second}, 200},
		{store.Rate{Calls: 300, Per: time.Second}, 1500},
	} {
		t.Run(fmt.Sprint(test.rate), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newForeign("crm")
				f.traits.Rate, f.traits.InFlight = test.rate, 100
				mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(f)})
				time.Sleep(3 * time.Hour) // which must save up no more than a burst
				began := time.Now()
				for id := range uint64(test.people) {
					mw.Observe(person(1+id, 0, "Ann"))
				}
				drain(t, mw)
				perSecond := float64(test.rate.Calls) / test.rate.Per.Seconds()
				burst := max(1, int(perSecond/10))
				calls := f.asked()
				for i := range calls {
					for k := i + 1; k < len(calls); k++ {
						window := calls[k].At.Sub(calls[i].At).Seconds()
						if n := k - i + 1; float64(n) > window*perSecond+float64(burst)+0.01 {
							t.Fatalf("%d calls in %.3fs at %.3f a second", n, window, perSecond)
						}
					}
				}
				ideal := time.Duration(float64(test.people-burst) / perSecond * float64(time.Second))
				if took := time.Since(began); took > ideal*11/10+2*time.Second {
					t.Errorf("took %v, could be %v", took, ideal)
				}
			})
		})
	}
}

func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		b := newBatching("crm", 20)
		b.latency = time.Second
		b.failWith(func(c call) fault {
			if c.Key == keyOf(50) {
				return fault{err: errRefused}
			}
			return fault{}
		})
		mw, j := start(t, st, middleware.Options{Backends: backends(b)})
		// In one transaction, so that no batch is small for want of people.
		people := func(yield func(middleware.Sender, error) bool) {
			for id := uint64(1); id <= 210 && yield(*person(id, 0, "Ann"), nil); id++ {
			}
		}
		if _, err := mw.Import(t.Context(), people, nil); err != nil {
			t.Fatal(err)
		}
		drain(t, mw)
		if most := slices.Max(*b.sizes); most != 20 || len(*b.sizes) > 13 || b.most > 4 {
			t.Errorf("batches of %v, %d at once", *b.sizes, b.most)
		}
		dead := standings(t, st, store.StandingFilter{State: store.StateDead})
		if len(dead) != 1 || dead[0].Key != keyOf(50) || b.count() != 209 {
			t.Errorf("%d dead letters and %d there", len(dead), b.count())
		}
		if n := len(j.at("crm")); n != 210 {
			t.Errorf("%d outcomes", n)
		}
	})
}

func TestBatchWithTheWrongNumberOfResults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBatching("crm", 10)
		wrong := 4
		b.reply = func(_ []store.Delivery, results []store.BatchResult) []store.BatchResult {
			if wrong--; wrong >= 0 {
				return results[:min(wrong, len(results)-1)]
			}
			return results
		}
		b.traits.InFlight = 1
		told := &retries{}
		mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(b), OnRetry: told.note})
		for id := range uint64(10) {
			mw.Observe(person(1+id, 0, "Ann"))
		}
		drain(t, mw)
		if n := len(told.list); n < 4 || b.count() != 10 {
			t.Errorf("%d retries, %d there", n, b.count())
		}
		if !errors.Is(told.list[0].Err, store.ErrUnavailable) {
			t.Errorf("retry = %+v", told.list[0])
		}
	})
}

// In one batch some are accepted and others throttled: the pause counts.
func TestThrottledWithinABatch(t *testing.T) {
	for name, rest := range map[string]error{"accepted": nil, "refused": errRefused, "down": errDown} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBatching("crm", 10)
				b.traits.InFlight = 1
				asked := make(map[store.Key]bool) // one call at a time
				b.failWith(func(c call) fault {
					if asked[c.Key] {
						return fault{}
					}
					asked[c.Key] = true
					if c.Key == keyOf(3) {
						return fault{err: &store.ThrottledError{After: time.Minute, Err: errDown}}
					}
					if c.Key == keyOf(4) {
						return fault{err: &store.ThrottledError{After: 30 * time.Second, Err: errDown}}
					}
					return fault{err: rest}
				})
				mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(b)})
				for id := range uint64(10) {
					mw.Observe(person(1+id, 0, "Ann"))
				}
				began := time.Now()
				drain(t, mw)
				calls := b.askedFor(keyOf(3))
				if pause := calls[len(calls)-1].At.Sub(began); pause < time.Minute || pause > 70*time.Second {
					t.Errorf("paused %v, a minute was asked for", pause)
				}
				if calls[len(calls)-1].Attempt != 1 {
					t.Error("throttling counted as an attempt")
				}
				for _, c := range b.asked() {
					if since := c.At.Sub(began); since > 5*time.Second && since < time.Minute {
						t.Fatalf("a request after %v", since)
					}
				}
			})
		})
	}
}
