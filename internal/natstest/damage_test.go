package natstest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/natsstore"
)

// damage overwrites the entry of a person.
func damage(t *testing.T, js jetstream.JetStream, bucket, idHex string, data []byte) {
	t.Helper()
	subject := "$KV." + bucket + ".p.74656c656772616d." + idHex
	if !subjects(t, js, bucket)[subject] {
		t.Fatalf("nobody has the subject %s", subject)
	}
	if _, err := js.Publish(t.Context(), subject, data); err != nil {
		t.Fatal(err)
	}
}

// One damaged person stops nobody else's deliveries. They become a dead letter, and
// can be forgotten.
func TestDamageStopsNobodyElse(t *testing.T) {
	js := connect(t, single(t))
	st := open(t, js, "damage", 1)
	if err := st.Enroll(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Apply(t.Context(), anns(0, 5)); err != nil {
		t.Fatal(err)
	}
	// Another program writes where only we should.
	for _, subject := range []string{"p.zz", "o.63726d.1.0.zz"} {
		if _, err := js.Publish(t.Context(), "$KV.damage."+subject, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	claimed := func() (keys []store.Key) {
		t.Helper()
		claims, _, err := st.Claim(t.Context(), crm, 10, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		var settlements []store.Settlement
		for _, c := range claims {
			keys = append(keys, c.Standing.Key)
			settlements = append(settlements, store.Settlement{Key: c.Standing.Key, Token: c.Standing.Token, Version: c.Standing.Version})
		}
		if err := st.Settle(t.Context(), crm, settlements); err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(keys, store.Key.Compare)
		return keys
	}
	const second = "3130.3030.3031" // 100001
	damage(t, js, "damage", second, []byte("\x01garbage"))
	others := []store.Key{person(0), person(2), person(3), person(4)}
	if got := claimed(); !slices.Equal(got, others) {
		t.Errorf("claimed are %v, beside somebody who is damaged", got)
	}
	for _, err := range st.List(t.Context(), store.Filter{}) {
		if damaged, ok := errors.AsType[*store.DamagedError](err); err != nil && (!ok || damaged.Key != person(1)) {
			t.Errorf("a listing ended with %v", err)
		}
	}
	dead := func(when string, backend string) {
		t.Helper()
		for s, err := range st.Standings(t.Context(), store.StandingFilter{Backend: backend, Key: person(1)}) {
			if err != nil || s.State != store.StateDead || s.Reason == "" || !s.Touched || !s.All {
				t.Errorf("%s: somebody who is damaged stands %+v, %v", when, s, err)
			}
		}
		backlogs, err := st.Backlogs(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range backlogs {
			if b.Backend == backend && (b.Dead != 1 || b.Owed != 1) { // what the other program wrote counts
				t.Errorf("%s: the backlog is %+v", when, b)
			}
		}
	}
	dead("after Claim", crm)
	if err := st.Resync(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	if got := claimed(); !slices.Equal(got, others) {
		t.Errorf("claimed are %v after a resync", got)
	}
	dead("after Resync", crm)
	if err := st.Enroll(t.Context(), "desk"); err != nil {
		t.Fatal(err)
	}
	if claims, _, err := st.Claim(t.Context(), "desk", 10, time.Minute); err != nil || len(claims) != 4 {
		t.Errorf("%d claims for a new backend, %v", len(claims), err)
	}
	if n, err := st.Replay(t.Context(), crm, store.Key{}); err != nil || n != 1 {
		t.Errorf("%d were replayed, %v", n, err)
	}
	if got := claimed(); len(got) != 0 {
		t.Errorf("claimed are %v after a replay", got)
	}
	dead("after Replay", crm)

	_, get := st.Get(t.Context(), person(1))
	_, apply := st.Apply(t.Context(), anns(1, 1))
	for _, err := range []error{get, apply} {
		if !errors.Is(err, natsstore.ErrCorrupt) || errors.Is(err, store.ErrInvalid) {
			t.Errorf("of somebody who is damaged: %v", err)
		}
	}
	if err := st.Forget(t.Context(), person(1), false); err != nil {
		t.Fatal(err)
	}
	claims, _, err := st.Claim(t.Context(), crm, 10, time.Minute)
	if err != nil || len(claims) != 1 || claims[0].Standing.Key != person(1) || !claims[0].Standing.Erase {
		t.Errorf("after Forget %+v is claimed, %v", claims, err)
	}
	if changes, err := st.Apply(t.Context(), anns(1, 1)); err != nil || !changes[0].Created {
		t.Errorf("somebody who was damaged and forgotten comes back: %+v, %v", changes, err)
	}
}
