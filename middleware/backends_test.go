package middleware_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

func TestBackendsTellOfTheGate(t *testing.T) {
	for _, test := range []struct {
		err   error
		gate  middleware.Gate
		pause bool
	}{
		{nil, middleware.GateOpen, false},
		{fmt.Errorf("crm: %w", store.ErrInvalid), middleware.GateOpen, false},
		{errDown, middleware.GateTripped, true},
		{fmt.Errorf("crm: %w", store.ErrDenied), middleware.GateDenied, true},
		{&store.ThrottledError{After: 5 * time.Minute, Err: errOdd}, middleware.GateThrottled, true},
	} {
		t.Run(string(test.gate), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newForeign("crm")
				f.failWith(alwaysErr(test.err))
				mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(f)})
				for id := range uint64(20) {
					mw.Observe(person(1+id, 0, "Ann"))
				}
				deadline := time.Now().Add(4 * time.Minute)
				for ; time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
					synctest.Wait()
					states := mw.Backends()
					if len(states) != 1 || states[0].Backend != "crm" || !states[0].Enrolled || states[0].InFlight != 0 {
						t.Fatalf("Backends() = %+v", states)
					}
					if states[0].Gate == test.gate && states[0].Until.After(time.Now()) == test.pause {
						break
					}
				}
				s := mw.Backends()[0]
				if s.Gate != test.gate || s.Until.After(time.Now()) != test.pause {
					t.Fatalf("Backends() = %+v, want the gate %s", s, test.gate)
				}
				if !test.pause {
					return
				}
				before := len(f.asked())
				time.Sleep(time.Until(s.Until) - time.Millisecond)
				if n := len(f.asked()); n != before {
					t.Errorf("%d calls before %s", n-before, s.Until)
				}
				f.heal()
				drain(t, mw)
				if s := mw.Backends()[0]; s.Gate != middleware.GateOpen || s.Until.After(time.Now()) {
					t.Errorf("after it works again Backends() = %+v", s)
				}
			})
		})
	}
}

func TestBackendsTellWhatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, idle := newForeign("slow"), newForeign("idle")
		slow.latency, slow.traits.InFlight = 10*time.Second, 3
		st := memstore.New()
		mw, _ := start(t, st, middleware.Options{Backends: backends(slow, idle)})
		drain(t, mw)
		for id := range uint64(7) {
			mw.Observe(person(1+id, 0, "Ann"))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if s := mw.Backends(); s[0].InFlight != 3 || s[1].InFlight != 0 || s[0].Backend != "slow" || s[1].Backend != "idle" {
			t.Errorf("Backends() = %+v, want 3 calls to slow and none to idle", s)
		}
		drain(t, mw)
		if s := mw.Backends(); s[0].InFlight != 0 {
			t.Errorf("Backends() = %+v after all", s)
		}
		if err := st.Withdraw(t.Context(), "idle"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if s := mw.Backends(); !s[0].Enrolled || s[1].Enrolled {
			t.Errorf("Backends() = %+v after idle was withdrawn", s)
		}
	})
}

// Backends answers while the store hangs.
func TestBackendsAskNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &hangingOutbox{Store: memstore.New()}
		mw, _ := start(t, st, middleware.Options{Backends: backends(newForeign("crm"))})
		time.Sleep(time.Second)
		synctest.Wait()
		began := time.Now()
		if s := mw.Backends(); len(s) != 1 || s[0].Enrolled || s[0].Gate != middleware.GateOpen || !time.Now().Equal(began) {
			t.Errorf("Backends() = %+v after %s", s, time.Since(began))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		st := &hangingOutbox{Store: memstore.New(), claims: 1}
		f := newForeign("crm")
		f.latency = 10 * time.Second
		quick, _ := start(t, st.Store, middleware.Options{})
		quick.Observe(ann(0, "Ann"))
		flush(t, quick)
		if err := st.Store.Enroll(t.Context(), "crm"); err != nil {
			t.Fatal(err)
		}
		mw, _ := start(t, st, middleware.Options{Backends: backends(f)})
		time.Sleep(5 * time.Second) // one call runs, and the next Claim hangs
		synctest.Wait()
		if s := mw.Backends(); s[0].InFlight != 1 {
			t.Errorf("while a Claim hangs Backends() = %+v, want one call", s)
		}
		time.Sleep(40 * time.Second) // the call is over, and Settle hangs
		synctest.Wait()
		if s := mw.Backends(); s[0].InFlight != 0 || !st.settling.Load() {
			t.Errorf("while Settle hangs (%t) Backends() = %+v, want no call", st.settling.Load(), s)
		}
	})
	mw, _ := start(t, memstore.New(), middleware.Options{})
	if s := mw.Backends(); len(s) != 0 {
		t.Errorf("without backends Backends() = %+v", s)
	}
}

// A hangingOutbox answers a number of Claims, and nothing else about deliveries.
type hangingOutbox struct {
	*memstore.Store
	claims   int
	settling atomic.Bool
}

func (*hangingOutbox) Enroll(ctx context.Context, _ string) error {
	<-ctx.Done()
	return ctx.Err()
}

func (h *hangingOutbox) Claim(ctx context.Context, backend string, limit int, lease time.Duration) ([]store.Claim, time.Duration, error) {
	if h.claims > 0 {
		h.claims--
		return h.Store.Claim(ctx, backend, limit, lease)
	}
	<-ctx.Done()
	return nil, 0, ctx.Err()
}

func (h *hangingOutbox) Settle(ctx context.Context, _ string, _ []store.Settlement) error {
	h.settling.Store(true)
	<-ctx.Done()
	return ctx.Err()
}
