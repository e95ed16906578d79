package natstest

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// Who was erased by a transaction that was not answered is reported, whether they
// are gone from the bucket or still owed to a backend.
func TestAnExpiryThatIsNotAnswered(t *testing.T) {
	t.Parallel()
	d := newDeafener(t, single(t), nil)
	js, closeConn, err := dial(d.url())
	if err != nil {
		t.Fatal(err)
	}
	defer closeConn()
	st := open(t, js, "expiry", 1)
	if _, err := st.Apply(t.Context(), anns(1, 2)); err != nil {
		t.Fatal(err)
	}
	if err := st.Enroll(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	claims, _, err := st.Claim(t.Context(), crm, 1, time.Minute)
	if err != nil || len(claims) != 1 {
		t.Fatalf("%d claims, %v", len(claims), err)
	}
	keys := []store.Key{person(1), person(2), person(3)}
	const gone = "3130.3030.3032" // 100002
	holds := func() bool {
		for subject := range subjects(t, js, "expiry") {
			if strings.Contains(subject, gone) {
				return true
			}
		}
		return false
	}
	if !holds() {
		t.Fatal("the test is blind: nobody is in the bucket")
	}
	d.set.Store(true)
	expired, err := st.Expire(t.Context(), keys, time.Now().Add(time.Hour))
	if err != nil || !slices.Equal(expired, []bool{true, true, false}) {
		t.Errorf("Expire = %v, %v", expired, err)
	}
	for _, key := range keys {
		if _, err := st.Get(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Get %s = %v", key, err)
		}
	}
	owed(t, st, store.Backlog{Owed: 1})
	if holds() {
		t.Error("the key of somebody who is gone is in the bucket")
	}
	if d.times.Load() != 1 {
		t.Errorf("%d answers were lost", d.times.Load())
	}
}

// Of two processes that expire the same people at once each is told of other ones.
func TestTwoThatExpireTheSamePeople(t *testing.T) {
	t.Parallel()
	n := single(t)
	one, two := open(t, connect(t, n), "twice", 1), open(t, connect(t, n), "twice", 1)
	for round := range 10 {
		if _, err := one.Apply(t.Context(), anns(0, 20)); err != nil {
			t.Fatal(err)
		}
		keys := make([]store.Key, 20)
		for i := range keys {
			keys[i] = person(i)
		}
		var all [2][]bool
		var running sync.WaitGroup
		for i, st := range []store.Expirer{one, two} {
			running.Go(func() {
				var err error
				if all[i], err = st.Expire(t.Context(), keys, time.Now()); err != nil {
					t.Error(err)
				}
			})
		}
		running.Wait()
		sum := 0
		for _, e := range all {
			for _, x := range e {
				if x {
					sum++
				}
			}
		}
		if sum != 20 {
			t.Errorf("round %d: of 20 people %d are told to have expired", round, sum)
		}
	}
}
