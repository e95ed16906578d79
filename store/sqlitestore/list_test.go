package sqlitestore

import (
	"errors"
	"testing"

	"github.com/rollcall-go/rollcall/store"
)

func TestListOverSeveralPages(t *testing.T) {
	s := temporary(t)
	const all = 2*pageSize + 1
	if _, err := s.Apply(t.Context(), people(0, all)); err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int{0, 1, pageSize - 1, pageSize, pageSize + 1, 2 * pageSize, all, all + 1} {
		want := min(limit, all)
		if limit == 0 {
			want = all
		}
		var last store.Key
		n := 0
		for p, err := range s.List(t.Context(), store.Filter{Limit: limit}) {
			if err != nil {
				t.Fatal(err)
			}
			if p.Key.Compare(last) <= 0 {
				t.Fatalf("%s comes after %s", p.Key, last)
			}
			last = p.Key
			n++
		}
		if n != want {
			t.Errorf("Limit %d yields %d people of %d", limit, n, all)
		}
	}
}

// A transaction that is open between pages would keep the log from being
// emptied, and let it grow, for as long as the caller takes.
func TestListHoldsNoTransactionWhileTheCallerWorks(t *testing.T) {
	s := temporary(t)
	s.patience = 0
	if _, err := s.Apply(t.Context(), people(0, pageSize+10)); err != nil {
		t.Fatal(err)
	}
	n := 0
	for p, err := range s.List(t.Context(), store.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n%100 == 0 {
			if err := s.Forget(t.Context(), p.Key, false); err != nil {
				t.Errorf("Forget at person %d of a listing: %v", n, err)
			}
		}
	}
	if n != pageSize+10 {
		t.Errorf("%d people listed", n)
	}
}

// Damage in one row hides nobody in front of it.
func TestListYieldsThoseInFrontOfADamagedRow(t *testing.T) {
	const all = pageSize + 20
	s := temporary(t)
	if _, err := s.Apply(t.Context(), people(0, all)); err != nil {
		t.Fatal(err)
	}
	var keys []store.Key
	for p, err := range s.List(t.Context(), store.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, p.Key)
	}
	for _, damaged := range []int{pageSize + 7, pageSize, 7, 0} { // so that the one before is not reached
		err := s.writer.exec("UPDATE profiles SET record = x'ff' WHERE user_id = ?", keys[damaged].UserID)
		if err != nil {
			t.Fatal(err)
		}
		n, failed := 0, 0
		for p, err := range s.List(t.Context(), store.Filter{}) {
			switch {
			case failed > 0:
				t.Fatal("the listing goes on behind an error")
			case err != nil:
				if failed++; !errors.Is(err, ErrCorrupt) || !p.Key.IsZero() {
					t.Errorf("%v with %s; want ErrCorrupt and nobody", err, p.Key)
				}
			case p.Key != keys[n]:
				t.Fatalf("person %d is %s, want %s", n, p.Key, keys[n])
			default:
				n++
			}
		}
		if n != damaged || failed != 1 {
			t.Errorf("%d people and %d errors are listed where row %d is damaged", n, failed, damaged)
		}
	}
}

// Close waits for a page, not for the caller who works on one.
func TestCloseDuringAListing(t *testing.T) {
	s := temporary(t)
	if _, err := s.Apply(t.Context(), people(0, pageSize+10)); err != nil {
		t.Fatal(err)
	}
	n := 0
	var last error
	for _, last = range s.List(t.Context(), store.Filter{}) {
		if n++; n == 1 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !errors.Is(last, store.ErrClosed) {
		t.Errorf("a listing ends with %v when the store was closed", last)
	}
}
