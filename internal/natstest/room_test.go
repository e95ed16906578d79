package natstest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// A server that keeps the bucket alone, and whose room ends amid a batch, leaves what it
// has written of it, and says nothing. What Apply calls saved is there all the same.
func TestRoomEndsAmidABatch(t *testing.T) {
	t.Parallel()
	n := &node{config: config{Name: "n0", Port: freePort(t), Dir: t.TempDir(), MaxStore: 50_000}}
	n.start(t)
	t.Cleanup(func() { n.kill() })
	awaitReady(t, n)
	st := open(t, connect(t, n), "room", 1)
	const people = 100 // some 32 kB
	if _, err := st.Apply(t.Context(), anns(0, people)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second) // longer than an answer is waited for
	defer cancel()
	_, saved := st.Apply(ctx, anns(people, people))
	there := 0
	for i := range people {
		switch _, err := st.Get(t.Context(), person(people+i)); {
		case err == nil:
			there++
		case !errors.Is(err, store.ErrNotFound):
			t.Fatal(err)
		}
	}
	if saved == nil && there < people {
		t.Errorf("Apply has saved %d people, and %d are there", people, there)
	}
	if there == 0 || there == people {
		t.Errorf("the test is blind: there was room for %d people of %d", there, people)
	}
}
