package natstest

import (
	"errors"
	"slices"
	"strings"
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
