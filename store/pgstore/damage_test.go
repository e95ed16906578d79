package pgstore

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/internal/pgtest"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

var bob = store.Key{Channel: "telegram", UserID: "43"}

// damagedRecords and damagedStandings are what can be wrong with rows of ann, beside
// those of bob.
var (
	damagedRecords = map[string]string{
		"bytes":       `UPDATE rollcall.people SET record = '\xff00' WHERE user_id = '42'`,
		"another key": `UPDATE rollcall.people SET record = (SELECT record FROM rollcall.people WHERE user_id = '43') WHERE user_id = '42'`,
	}
	damagedStandings = map[string]string{
		"state":  `UPDATE rollcall.standings SET state = 'lost' WHERE user_id = '42'`,
		"fields": `UPDATE rollcall.standings SET fields = '["b","a"]' WHERE user_id = '42'`,
	}
)

func damaged(t *testing.T, damage string) *Store {
	t.Helper()
	s := enrolledStore(t)
	mustApply(t, s, annRecord(), renamed(bob, 1))
	s.mustExec(t, damage)
	return s
}

func TestDamagedRecordsAreFound(t *testing.T) {
	for name, damage := range damagedRecords {
		s := damaged(t, damage)
		_, apply := s.Apply(t.Context(), []store.Record{annRecord()})
		_, get := s.Get(t.Context(), ann)
		for _, err := range []error{apply, get} {
			if !errors.Is(err, ErrCorrupt) || errors.Is(err, store.ErrInvalid) {
				t.Errorf("after damage of the %s: %v", name, err)
			}
		}
		for _, err := range s.List(t.Context(), store.Filter{}) {
			if damaged, ok := errors.AsType[*store.DamagedError](err); err != nil && (!ok || damaged.Key != ann || !errors.Is(err, ErrCorrupt)) {
				t.Errorf("List after damage of the %s: %v", name, err)
			}
		}
		mustApply(t, s, renamed(bob, 2))
		if err := s.Forget(t.Context(), ann, false); err != nil {
			t.Errorf("Forget after damage of the %s: %v", name, err)
		}
		if left := s.standing(t, ann); len(left) != 0 {
			t.Errorf("after damage of the %s and Forget there is %+v", name, left)
		}
	}
}

// Who comes before somebody that cannot be read is copied, and who comes behind them
// when they were forgotten.
func TestCopyUpToDamage(t *testing.T) {
	first := store.Key{Channel: "telegram", UserID: "41"}
	for _, damages := range []map[string]string{damagedRecords, damagedStandings} {
		for name, damage := range damages {
			src, dst := damaged(t, damage), memstore.New()
			mustApply(t, src, renamed(first, 1))
			var last store.Key
			o := &store.CopyOptions{Progress: func(p store.CopyProgress) { last = p.Last }}
			if err := store.Copy(t.Context(), dst, src, o); !errors.Is(err, ErrCorrupt) || last != first {
				t.Errorf("with damaged %s the copy comes to %q: %v", name, last, err)
			}
			if err := src.Forget(t.Context(), ann, false); err != nil {
				t.Fatal(err)
			}
			o.After = last
			if err := store.Copy(t.Context(), dst, src, o); err != nil || last != bob {
				t.Errorf("with damaged %s that was forgotten the copy comes to %q: %v", name, last, err)
			}
			for _, key := range []store.Key{first, bob} {
				if _, err := dst.Get(t.Context(), key); err != nil {
					t.Errorf("with damaged %s: %v", name, err)
				}
			}
		}
	}
}

// What cannot be read is taken for something that the backend holds.
func TestDamagedStandingsAreRepaired(t *testing.T) {
	for name, damage := range damagedStandings {
		s := damaged(t, damage)
		mustApply(t, s, renamed(ann, 3))
		if got := s.standing(t, ann); len(got) != 1 || got[0].State != store.StateOwed || !got[0].All || !got[0].Touched || got[0].Version != 2 {
			t.Errorf("after damage of the %s and a change there is %+v", name, got)
		}
		s.mustExec(t, damage)
		if err := s.Forget(t.Context(), ann, false); err != nil {
			t.Errorf("Forget after damage of the %s: %v", name, err)
		}
		if got := s.standing(t, ann); len(got) != 1 || !got[0].Erase {
			t.Errorf("after damage of the %s and Forget there is %+v", name, got)
		}
	}
}

// One damaged person stops nobody else's deliveries. They become a dead letter.
func TestDamageStopsNobodyElse(t *testing.T) {
	s := fresh(t, pgtest.Pool(t))
	mustApply(t, s, annRecord(), renamed(bob, 1))
	claimed := func(when string) {
		t.Helper()
		var keys []store.Key
		for {
			claims, wait, err := s.Claim(t.Context(), "crm", 1, time.Minute)
			if err != nil || len(claims) == 0 && wait <= 0 {
				t.Fatalf("%s: wait %s, %v", when, wait, err)
			}
			for _, c := range claims {
				keys = append(keys, c.Standing.Key)
			}
			if len(claims) == 0 && wait > lockedWait {
				break
			}
		}
		if !slices.Equal(keys, []store.Key{bob}) {
			t.Errorf("%s: claimed are %v", when, keys)
		}
		if got := s.standing(t, ann); len(got) != 1 || got[0].State != store.StateDead || got[0].Reason != unreadable || !got[0].All {
			t.Errorf("%s: ann stands %+v", when, got)
		}
	}
	for name, damage := range damagedRecords {
		s.mustExec(t, damage)
		if err := s.Enroll(t.Context(), "crm"); err != nil {
			t.Fatal(err)
		}
		claimed("a new backend, after damage of the " + name)
		if err := s.Withdraw(t.Context(), "crm"); err != nil {
			t.Fatal(err)
		}
	}
	s.mustExec(t, "DELETE FROM rollcall.people")
	mustApply(t, s, annRecord(), renamed(bob, 1))
	for name, damage := range damagedStandings {
		if err := s.Enroll(t.Context(), "crm"); err != nil {
			t.Fatal(err)
		}
		s.mustExec(t, damage)
		if name != "state" {
			claimed("after damage of the " + name)
			s.mustExec(t, damage)
		}
		if err := s.Resync(t.Context(), "crm"); err != nil {
			t.Fatal(err)
		}
		if got := s.standing(t, ann); len(got) != 1 || got[0].State != store.StateOwed || !got[0].All {
			t.Errorf("after damage of the %s and a resync ann stands %+v", name, got)
		}
		if err := s.Withdraw(t.Context(), "crm"); err != nil {
			t.Fatal(err)
		}
	}
}
