package middleware_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// A farOutbox is a memstore whose first answers to Claim are long under way.
type farOutbox struct {
	*memstore.Store
	late    int // answers
	claimed []time.Time
}

func (f *farOutbox) Claim(ctx context.Context, backend string, limit int, lease time.Duration) ([]store.Claim, time.Duration, error) {
	claims, next, err := f.Store.Claim(ctx, backend, limit, lease)
	if len(claims) == 0 {
		return claims, next, err
	}
	f.claimed = append(f.claimed, time.Now())
	if f.late > 0 {
		f.late--
		time.Sleep(11 * time.Second)
	}
	return claims, next, err
}

// A claim lasts from when the store wrote it. Had most of that passed when it arrives,
// its call could still be under way when another process has the next.
func TestClaimThatArrivesLateIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &farOutbox{Store: memstore.New(), late: 3}
		f := newForeign("crm")
		mw, _ := start(t, st, middleware.Options{Backends: backends(f)})
		mw.Observe(ann(0, "Ann"))
		drain(t, mw)
		if len(st.claimed) != 4 || len(f.askedFor(annKey)) != 1 {
			t.Fatalf("%d claims and %d calls, want one call with the fourth claim", len(st.claimed), len(f.askedFor(annKey)))
		}
		if age := f.asked()[0].At.Sub(st.claimed[3]); age > time.Second {
			t.Errorf("the claim was %s old when the backend was asked", age)
		}
	})
}
