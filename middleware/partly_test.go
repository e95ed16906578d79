package middleware_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// What arrived of a delivery that failed for one field is not sent once more, since
// somebody may have corrected it over there.
func TestDeliveryThatFailsForOneFieldOwesThatFieldAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		f := newForeign("crm")
		f.partly = store.Receipt{Remote: "made", Refused: []store.Field{store.FieldStatus}}
		f.failWith(func(c call) fault { return fault{err: errRefused, lands: true} })
		mw, j := start(t, st, middleware.Options{Backends: backends(f)})
		mw.Observe(ann(0, "Ann"))
		drain(t, mw)
		s := standing(t, st, "crm", annKey)
		if s.State != store.StateDead || s.All || s.Remote != "made" {
			t.Errorf("standing = %+v", s)
		}
		wantEqual(t, s.Fields, []store.Field{store.FieldStatus})
		wantEqual(t, j.at("crm")[0].Refused, []store.Field{store.FieldStatus})

		f.heal()
		mw.Observe(ann(1, "Anna"))
		drain(t, mw)
		second := f.askedFor(annKey)[1]
		wantEqual(t, second.Fields, []store.Field{store.FieldGivenName, store.FieldName, store.FieldStatus})
		if second.All || second.Remote != "made" {
			t.Errorf("the next delivery is %+v", second)
		}
	})
}

func TestRemoteIsKeptBesideAnErrorThatPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForeign("crm")
		f.partly = store.Receipt{Remote: "made"}
		f.failWith(alwaysErr(errDown))
		mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(f)})
		mw.Observe(ann(0, "Ann"))
		time.Sleep(time.Minute)
		f.heal()
		drain(t, mw)
		calls := f.askedFor(annKey)
		if last := calls[len(calls)-1]; last.Remote != "made" || !last.All {
			t.Errorf("the last delivery is %+v", last)
		}
	})
}

// Somebody puts the backend right, and does not want to wait for minutes.
func TestReplayHurriesWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForeign("crm")
		f.failWith(alwaysErr(errDown))
		mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(f)})
		for id := range uint64(20) {
			mw.Observe(person(1+id, 0, "Ann"))
		}
		time.Sleep(24 * time.Hour)
		f.heal()
		healed := time.Now()
		if n, err := mw.Replay(t.Context(), "crm", store.Key{}); n != 0 || err != nil {
			t.Fatalf("Replay = %d, %v; nobody is dead", n, err)
		}
		drain(t, mw)
		if took := time.Since(healed); took > 2*time.Second {
			t.Errorf("all are delivered %v after Replay", took)
		}
	})
}
