package natstest

import (
	"flag"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

var people = flag.Int("people", 2000, "how many people TestManyPeople keeps; above 100000 the server lists them in parts")

func TestManyPeople(t *testing.T) {
	t.Parallel()
	st := open(t, connect(t, single(t)), "many", 1)
	if err := st.Enroll(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(7, 7))
	var keys []store.Key
	began := time.Now()
	var deltas []store.Record
	for i := range *people {
		key := person(r.IntN(1 << 40))
		if i%10 == 0 {
			key.Channel = "discord"
		}
		keys = append(keys, key)
		deltas = append(deltas, store.Patch{Key: key, At: epoch, Set: map[store.Field]string{store.FieldGivenName: "Ann"}}.Record())
		if len(deltas) == 500 || i == *people-1 {
			if _, err := st.Apply(t.Context(), deltas); err != nil {
				t.Fatal(err)
			}
			deltas = deltas[:0]
		}
	}
	slices.SortFunc(keys, store.Key.Compare)
	keys = slices.Compact(keys)
	t.Logf("%d people saved in %s", len(keys), time.Since(began).Round(time.Millisecond))

	list := func(f store.Filter) (got []store.Key) {
		for p, err := range st.List(t.Context(), f) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, p.Key)
		}
		return got
	}
	began = time.Now()
	if got := list(store.Filter{}); !slices.Equal(got, keys) {
		t.Errorf("List yields %d people, not the %d that are kept, in order", len(got), len(keys))
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	t.Logf("listed in %s, with a heap of up to %d MB", time.Since(began).Round(time.Millisecond), memory.HeapSys>>20)

	began = time.Now()
	const pages = 50
	for range pages {
		i := r.IntN(len(keys))
		if got := list(store.Filter{After: keys[i], Limit: 100}); !slices.Equal(got, keys[i+1:min(i+101, len(keys))]) {
			t.Errorf("the page behind %s is wrong", keys[i])
		}
	}
	t.Logf("a page of 100 takes %s", (time.Since(began) / pages).Round(time.Microsecond))

	owed(t, st, store.Backlog{Owed: len(keys)})
	began = time.Now()
	for _, what := range []string{"first", "second"} {
		claims, _, err := st.Claim(t.Context(), crm, 100, time.Minute)
		if err != nil || len(claims) != 100 {
			t.Fatalf("%d claims, %v", len(claims), err)
		}
		t.Logf("the %s Claim of 100 takes %s", what, time.Since(began).Round(time.Millisecond))
		began = time.Now()
	}
	if err := st.Resync(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	t.Logf("resynced in %s", time.Since(began).Round(time.Millisecond))
}
