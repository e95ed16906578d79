package pgstore

import (
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/internal/pgtest"
	"github.com/rollcall-go/rollcall/store"
)

func (s *Store) everything(t *testing.T) (all []store.Dossier) {
	t.Helper()
	for d, err := range s.Dossiers(t.Context(), store.Key{}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

// All kinds of people come over as they are, however often they are copied.
func TestCopy(t *testing.T) {
	src, dst := enrolledStore(t), fresh(t, pgtest.Pool(t))
	person := func(n int) store.Key { return store.Key{Channel: "telegram", UserID: strconv.Itoa(1000 + n)} }
	const people = 1200
	var deltas []store.Record
	for n := range people {
		deltas = append(deltas, renamed(person(n), n))
	}
	mustApply(t, src, deltas...)
	claims, _, err := src.Claim(t.Context(), "crm", 5, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	var settled []store.Settlement
	for _, c := range claims[:4] { // the fifth is being delivered
		settled = append(settled, settlement(c.Standing))
	}
	if err := src.Settle(t.Context(), "crm", settled); err != nil {
		t.Fatal(err)
	}
	for key, suppress := range map[store.Key]bool{claims[0].Standing.Key: true, claims[1].Standing.Key: false, person(people + 1): true} {
		if err := src.Forget(t.Context(), key, suppress); err != nil {
			t.Fatal(err)
		}
	}
	want := src.everything(t)
	for i := range want {
		for j := range want[i].Standings {
			want[i].Standings[j].Token = 0
		}
	}
	if len(want) != people+1 || !slices.IsSortedFunc(want, func(a, b store.Dossier) int { return a.Key.Compare(b.Key) }) {
		t.Fatalf("there are %d dossiers, or out of order", len(want))
	}
	for range 2 {
		if err := store.Copy(t.Context(), dst, src, nil); err != nil {
			t.Fatal(err)
		}
		got := dst.everything(t)
		if len(got) != len(want) {
			t.Fatalf("%d of %d dossiers came over", len(got), len(want))
		}
		for i := range want {
			if !reflect.DeepEqual(got[i], want[i]) {
				t.Errorf("came over as\n%+v and is\n%+v", got[i], want[i])
			}
		}
	}
}
