package natstest

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// What is tried again at once, and in vain, is dead once more by the time Replay looks
// again. It must not go on with them for as long as the backend refuses.
func TestReplayEndsBesideADeliverer(t *testing.T) {
	t.Parallel()
	n := single(t)
	deliverer := open(t, connect(t, n), "replayed", 1)
	if err := deliverer.Enroll(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	const people = 10
	if _, err := deliverer.Apply(t.Context(), anns(0, people)); err != nil {
		t.Fatal(err)
	}
	refuse := func() {
		claims, _, err := deliverer.Claim(t.Context(), crm, people, time.Minute)
		settlements := make([]store.Settlement, len(claims))
		for i, c := range claims {
			settlements[i] = store.Settlement{Key: c.Standing.Key, Token: c.Standing.Token, Version: c.Standing.Version, Verdict: store.VerdictDead}
		}
		if err == nil && len(claims) > 0 {
			err = deliverer.Settle(t.Context(), crm, settlements)
		}
		if err != nil {
			t.Error(err)
		}
	}
	refuse()
	owed(t, deliverer, store.Backlog{Dead: people})
	var looks atomic.Int64
	js, closeConn, err := dial(newDeafenerTo(t, n, "STREAM.INFO", func() {
		if looks.Add(1) <= 50 {
			refuse()
		}
	}).url())
	if err != nil {
		t.Fatal(err)
	}
	defer closeConn()
	st := open(t, js, "replayed", 1)
	before := looks.Load()
	if n, err := st.Replay(t.Context(), crm, store.Key{}); n != people || err != nil {
		t.Errorf("%d dead letters are replayed, %v; there are %d", n, err, people)
	}
	if looks.Load() == before {
		t.Error("the test is blind: Replay listed nothing")
	}
}
