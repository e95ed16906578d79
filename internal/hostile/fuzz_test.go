package hostile_test

import (
	"context"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/internal/hostile"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// Two events are taken for the same only where they state the same: whatever the
// second says that the first did not is kept.
func FuzzObserve(f *testing.F) {
	for i, text := range hostile.Texts {
		f.Add(text, hostile.Texts[(i+1)%len(hostile.Texts)], "42", false)
	}
	f.Add("Ann", "", "42", true)
	f.Add("Ann", "Ann ", "\xff", true)
	mw, err := middleware.New(memstore.New(), &middleware.Options{SeenEvery: -1})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = mw.Close(context.Background()) })
	at := time.Date(2000, 3, 1, 12, 0, 0, 0, time.UTC) // it runs ahead by two seconds each time, and must not overtake the clock
	f.Fuzz(func(t *testing.T, first, second, id string, swapped bool) {
		key := store.Key{Channel: "telegram", UserID: id}
		for _, name := range []string{first, second} {
			at = at.Add(time.Second)
			s := &middleware.Sender{Channel: "telegram", UserID: id, Event: "message", At: at}
			s.Set(store.FieldGivenName, name)
			s.Set(store.NickField("7"), first)
			if swapped {
				s.Set(store.FieldFamilyName, second)
			}
			mw.Observe(s)
		}
		if err := mw.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		p, err := mw.Get(t.Context(), key)
		if err != nil {
			if key.Validate() == nil {
				t.Fatalf("%q is not kept: %v", id, err)
			}
			return
		}
		want, ok := store.Repair(store.FieldGivenName, second)
		if !ok {
			return
		}
		if p.GivenName != want {
			t.Errorf("%q and then %q is kept as %q, want %q", first, second, p.GivenName, want)
		}
		if err := hostile.Check(p.GivenName); err != nil && p.GivenName != "" {
			t.Errorf("%q: %v", p.GivenName, err)
		}
	})
}
