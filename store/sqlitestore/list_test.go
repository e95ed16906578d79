package sqlitestore

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

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
				if d, ok := errors.AsType[*store.DamagedError](err); !ok || d.Key != keys[damaged] {
					t.Errorf("%v tells of nobody, or of another one than %s", err, keys[damaged])
				}
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
		for p, err := range s.List(t.Context(), store.Filter{After: keys[damaged], Limit: 1}) {
			if err != nil || p.Key != keys[damaged+1] {
				t.Errorf("behind row %d comes %s, %v; want %s", damaged, p.Key, err, keys[damaged+1])
			}
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

// One statement that looks for a few among all would hold its transaction for as
// long as that takes.
func TestListLooksAtSomePeopleAtATime(t *testing.T) {
	s := temporary(t)
	var all []store.Record
	for n := range 60 {
		key := store.Key{Channel: []string{"discord", "telegram"}[n%2], UserID: strconv.Itoa(1000 + n*7%60)}
		all = append(all, store.Patch{Key: key, At: time.Unix(int64(1e9+n), 0), Set: map[store.Field]string{
			store.FieldGivenName: fmt.Sprint("name", n%5), store.FieldStatus: []string{"active", "left", "blocked"}[n%3],
		}}.Record())
	}
	if _, err := s.Apply(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b store.Record) int { return a.Key.Compare(b.Key) })
	for _, f := range []store.Filter{
		{}, {Channel: "telegram"}, {Status: store.StatusLeft}, {Status: store.StatusLeft, Channel: "discord"}, {Search: "name3"}, {Search: "nobody"},
		{SeenBefore: time.Unix(1e9+9, 0)}, {SeenSince: time.Unix(1e9+50, 0), Limit: 4}, {CreatedSince: time.Unix(1e9+30, 0), After: all[20].Key},
		{Channel: "nowhere", Status: store.StatusActive}, {Status: store.StatusActive, After: all[59].Key},
	} {
		var want []store.Key
		for _, r := range all {
			if f.Match(r.Profile()) && r.Key.Compare(f.After) > 0 && (f.Limit == 0 || len(want) < f.Limit) {
				want = append(want, r.Key)
			}
		}
		for _, s.scanSize = range []int{1, 2, 7, 29, 30, 59, 60, 61} {
			var got []store.Key
			for p, err := range s.List(t.Context(), f) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, p.Key)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%+v, %d at a time:\n got %v\nwant %v", f, s.scanSize, got, want)
			}
		}
	}
	for _, f := range []store.Filter{{Status: store.StatusLeft}, {Search: "name"}} {
		s.scanSize = 10
		until, err := s.scanEnd(t.Context(), f)
		if err != nil || until != all[9].Key {
			t.Errorf("%+v: the first statement looks up to %s, %v; want %s", f, until, err, all[9].Key)
		}
		found, err := s.scan(t.Context(), f, until, 60, nil)
		if err != nil || len(found) == 0 || found[len(found)-1].Key.Compare(until) > 0 {
			t.Errorf("%+v: %d people are found, %v", f, len(found), err)
		}
	}
}
