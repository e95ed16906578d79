package natstest

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/natsstore"
)

func anns(from, n int) []store.Record {
	deltas := make([]store.Record, n)
	for i := range deltas {
		deltas[i] = store.Patch{Key: person(from + i), At: epoch, Set: map[store.Field]string{store.FieldGivenName: "Annabella"}}.Record()
	}
	return deltas
}

// What is owed beside 600 people to three backends is more than the server takes
// in one batch.
func TestBatchesAboveTheServersLimit(t *testing.T) {
	st := open(t, connect(t, single(t)), "large", 1)
	for _, name := range []string{crm, "a", "b"} {
		if err := st.Enroll(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := st.Apply(t.Context(), anns(0, 600)); err != nil {
		t.Fatal(err)
	}
	backlogs, err := st.Backlogs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range backlogs {
		if b.Owed != 600 {
			t.Errorf("%d of 600 people are owed to %q", b.Owed, b.Backend)
		}
	}
	if _, err := st.Apply(t.Context(), anns(1000, 1001)); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("more people than fit into one transaction: %v", err)
	}
	if _, err := st.Get(t.Context(), person(1000)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("one of too many people is kept: %v", err)
	}
}

// Newcomers that are saved while a backend is enrolled are owed to it, whichever
// of the two comes first, and also where the writer is slow between reading which
// backends there are and writing.
func TestNewcomersWhileEnrolling(t *testing.T) {
	t.Parallel()
	n := single(t)
	slow, closeSlow, err := dial(newDeafener(t, n, func() { time.Sleep(20 * time.Millisecond) }).url())
	if err != nil {
		t.Fatal(err)
	}
	defer closeSlow()
	for round := range 5 {
		bucket := fmt.Sprint("newcomers-", round)
		writer, enroller := open(t, slow, bucket, 1), open(t, connect(t, n), bucket, 1)
		const batches = 5
		done := make(chan error, 1)
		go func() {
			for i := range batches {
				if _, err := writer.Apply(context.Background(), anns(i*20, 20)); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		time.Sleep(time.Duration(10+round*25) * time.Millisecond)
		if err := enroller.Enroll(t.Context(), crm); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		for s, err := range enroller.Standings(t.Context(), store.StandingFilter{State: store.StateOwed}) {
			if err != nil || !s.All {
				t.Fatalf("%+v, %v", s, err)
			}
		}
		backlogs, err := enroller.Backlogs(t.Context())
		if err != nil || len(backlogs) != 1 || backlogs[0].Owed != batches*20 {
			t.Errorf("%d people are kept, and the backlogs are %+v, %v", batches*20, backlogs, err)
		}
	}
}

// A process that was killed leaves places where no standing is. They are passed
// over, and in time removed.
func TestPlacesThatAreLeft(t *testing.T) {
	js := connect(t, single(t))
	st := open(t, js, "left", 1)
	if err := st.Enroll(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Apply(t.Context(), anns(0, 2)); err != nil {
		t.Fatal(err)
	}
	root := "$KV.left.o." + hex.EncodeToString([]byte(crm)) + ".1.0."
	place := func(age time.Duration, key string) string {
		subject := fmt.Sprintf("%s%012x%08x.%s", root, time.Now().Add(-age).UnixMilli(), 1, key)
		if _, err := js.Publish(t.Context(), subject, nil); err != nil {
			t.Fatal(err)
		}
		return subject
	}
	ann := hex.EncodeToString([]byte("telegram")) + ".3130.3030.3030"
	stranger := hex.EncodeToString([]byte("telegram")) + ".3939"
	old := []string{place(time.Hour, ann), place(time.Hour, stranger)}
	began := time.Now()
	young := place(0, stranger)

	claims, _, err := st.Claim(t.Context(), crm, 10, time.Minute)
	if err != nil || len(claims) != 2 {
		t.Fatalf("%d claims of 2, %v", len(claims), err)
	}
	if _, wait, err := st.Claim(t.Context(), crm, 10, time.Minute); err != nil || wait <= 0 || wait > time.Minute {
		t.Errorf("the next claim is to wait %s, %v", wait, err)
	}
	there := subjects(t, js, "left")
	for _, subject := range old {
		if there[subject] {
			t.Errorf("%s is still there", subject)
		}
	}
	if !there[young] && time.Since(began) < 4*time.Second { // later it is old too
		t.Error("a place was removed whose transaction may be under way")
	}
	if _, err := st.Get(t.Context(), store.Key{Channel: "telegram", UserID: "99"}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("somebody who never was is kept: %v", err)
	}
}

// Several that want the same claims, which have run out, never say that nothing is
// owed, since the one that gets them may be killed.
func TestClaimsThatRaceSayWhenToCome(t *testing.T) {
	t.Parallel()
	n := single(t)
	st := open(t, connect(t, n), "race", 1)
	if err := st.Enroll(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Apply(t.Context(), anns(0, 20)); err != nil {
		t.Fatal(err)
	}
	var racers [3]*natsstore.Store
	for i := range racers {
		racers[i] = open(t, connect(t, n), "race", 1)
	}
	var racing sync.WaitGroup
	for _, racer := range racers {
		racing.Go(func() {
			for range 20 {
				claims, wait, err := racer.Claim(t.Context(), crm, 20, time.Millisecond)
				if err != nil || len(claims) == 0 && wait <= 0 {
					t.Errorf("%d claims, wait %s, %v", len(claims), wait, err)
					return
				}
			}
		})
	}
	racing.Wait()
}

func subjects(t *testing.T, js jetstream.JetStream, bucket string) map[string]bool {
	t.Helper()
	s, err := js.Stream(t.Context(), "KV_"+bucket)
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.Info(t.Context(), jetstream.WithSubjectFilter(">"))
	if err != nil {
		t.Fatal(err)
	}
	there := make(map[string]bool)
	for subject := range info.State.Subjects {
		there[subject] = true
	}
	return there
}

// What the bucket holds of somebody who is forgotten.
func TestForgetEmptiesTheBucket(t *testing.T) {
	js := connect(t, single(t))
	st := open(t, js, "forget", 1)
	if err := st.Enroll(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	before := subjects(t, js, "forget")
	if _, err := st.Apply(t.Context(), anns(0, 1)); err != nil {
		t.Fatal(err)
	}
	if claims, _, err := st.Claim(t.Context(), crm, 1, time.Minute); err != nil || len(claims) != 1 { // the backend may know this one
		t.Fatal(len(claims), err)
	}
	if _, err := st.Apply(t.Context(), anns(1, 2)); err != nil {
		t.Fatal(err)
	}
	for i, suppress := range []bool{false, true, false} {
		if err := st.Forget(t.Context(), person(i), suppress); err != nil {
			t.Fatal(err)
		}
	}
	s, err := js.Stream(t.Context(), "KV_forget")
	if err != nil {
		t.Fatal(err)
	}
	kept, looked := 0, 0
	for subject := range subjects(t, js, "forget") {
		looked++
		m, err := s.GetLastMsgForSubject(t.Context(), subject)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(m.Data), "Annabella") {
			t.Errorf("%s still has the name", subject)
		}
		if strings.HasPrefix(subject, "$KV.forget.p.") {
			kept++
		}
	}
	if kept != 2 {
		t.Errorf("%d people have an entry; want two: a tombstone, and one who is to be erased", kept)
	}
	if err := st.Readmit(t.Context(), person(1)); err != nil {
		t.Fatal(err)
	}
	if err := st.Withdraw(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	before["$KV.forget.w"] = true // of whoever was new
	if after := subjects(t, js, "forget"); !maps.Equal(after, before) {
		t.Errorf("at the end the bucket has %v, at the beginning it had %v", after, before)
	}
	if !t.Failed() {
		t.Attr("figure", fmt.Sprintf("3 people forgotten, one of them with a claim, one suppressed: the name is in 0 of %d messages", looked))
	}
}

func TestErrorsTellNoSecrets(t *testing.T) {
	t.Parallel()
	n := single(t)
	nc, err := nats.Connect(strings.Replace(n.url(), "://", "://bot:s3cret@", 1), nats.MaxReconnects(-1))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	st, err := natsstore.New(t.Context(), js, &natsstore.Options{Bucket: "secret", SyncAlways: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(t.Context(), "KV_secret"); err != nil {
		t.Fatal(err)
	}
	calls := func(ctx context.Context) []error {
		_, get := st.Get(ctx, person(1))
		_, apply := st.Apply(ctx, anns(0, 2))
		_, _, claim := st.Claim(ctx, crm, 1, time.Minute)
		return []error{get, apply, st.Forget(ctx, person(1), true), claim, st.Enroll(ctx, crm)}
	}
	check := func(what string) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for i, err := range calls(ctx) {
			if err == nil || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "Annabella") || strings.Contains(err.Error(), "127.0.0.1") {
				t.Errorf("call %d, %s: %v", i, what, err)
			}
			t.Log(what, err)
		}
	}
	check("without the bucket")
	n.kill()
	check("without the server")
	nc.Close()
	for i, err := range calls(t.Context()) {
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("call %d on a closed connection: %v", i, err)
		}
	}
}
