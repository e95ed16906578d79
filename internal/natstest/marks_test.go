package natstest

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/natsstore"
)

func claimSome(t *testing.T, st *natsstore.Store, n int) []store.Settlement {
	t.Helper()
	claims, _, err := st.Claim(t.Context(), crm, n, time.Minute)
	if err != nil || len(claims) != n {
		t.Fatalf("%d claims of %d, %v", len(claims), n, err)
	}
	settlements := make([]store.Settlement, n)
	for i, c := range claims {
		settlements[i] = store.Settlement{Key: c.Standing.Key, Token: c.Standing.Token, Version: c.Standing.Version}
	}
	return settlements
}

// placesAndMarks are the subjects in which the bucket says what is owed.
func placesAndMarks(t *testing.T, bucket string, there map[string]bool) (places, marks int) {
	t.Helper()
	for subject := range there {
		switch kind, _, _ := strings.Cut(strings.TrimPrefix(subject, "$KV."+bucket+"."), "."); kind {
		case "o":
			places++
		case "d":
			marks++
		}
	}
	return places, marks
}

// Each request to remove something is synced by the server alone, so many people who
// are delivered are removed by few.
func TestManyAreSettledByFewRequests(t *testing.T) {
	t.Parallel()
	js := connect(t, single(t))
	st := open(t, js, "few", 1)
	const people = 900
	for i := range people / 300 {
		if _, err := st.Apply(t.Context(), anns(300*i, 300)); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.Enroll(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	var purges atomic.Int64
	sub, err := js.Conn().Subscribe("$JS.API.STREAM.PURGE.KV_few", func(*nats.Msg) { purges.Add(1) })
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	for left := people; left > 0; left -= 100 {
		if err := st.Settle(t.Context(), crm, claimSome(t, st, 100)); err != nil {
			t.Fatal(err)
		}
		owed(t, st, store.Backlog{Owed: left - 100, Bulk: left - 100})
	}
	if places, marks := placesAndMarks(t, "few", subjects(t, js, "few")); places != people || marks != people {
		t.Errorf("the test is blind: there are %d places and %d marks before anything is removed", places, marks)
	}
	if claims, wait, err := st.Claim(t.Context(), crm, 1, time.Minute); err != nil || len(claims) > 0 || wait > 0 {
		t.Errorf("when all is delivered there are %d claims, wait %s, %v", len(claims), wait, err)
	}
	if places, marks := placesAndMarks(t, "few", subjects(t, js, "few")); places+marks > 0 {
		t.Errorf("when all is delivered %d places and %d marks are left", places, marks)
	}
	if err := js.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	if n := purges.Load(); n == 0 || n > 10 {
		t.Errorf("%d requests removed %d people; want a few", n, people)
	}
}

// A process that is killed when it has settled leaves nothing that counts, so that
// nobody who drains waits for it.
func TestWhatAKilledProcessSettledDoesNotCount(t *testing.T) {
	t.Parallel()
	n := single(t)
	line := newDeafener(t, n, nil)
	js, closeConn, err := dial(line.url())
	if err != nil {
		t.Fatal(err)
	}
	defer closeConn()
	killed := open(t, js, "settled", 1)
	if err := killed.Enroll(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	if _, err := killed.Apply(t.Context(), anns(0, 100)); err != nil {
		t.Fatal(err)
	}
	settlements := claimSome(t, killed, 100)
	line.set.Store(true) // for the next transaction
	line.Close()
	alive, kill := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- killed.Settle(alive, crm, settlements) }()
	await(t, "the line is not cut in the place of the answer", func(context.Context) bool { return !js.Conn().IsConnected() })
	kill()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the test is blind: Settle of a process that is killed returned %v", err)
	}
	other := connect(t, n)
	st := open(t, other, "settled", 1)
	if places, _ := placesAndMarks(t, "settled", subjects(t, other, "settled")); places != 100 {
		t.Errorf("the test is blind: the killed process has removed all but %d places", places)
	}
	owed(t, st, store.Backlog{})
	if claims, wait, err := st.Claim(t.Context(), crm, 1, time.Minute); err != nil || len(claims) > 0 || wait > 0 {
		t.Errorf("%d claims, wait %s, %v", len(claims), wait, err)
	}
	if places, marks := placesAndMarks(t, "settled", subjects(t, other, "settled")); places+marks > 0 {
		t.Errorf("%d places and %d marks are left for good", places, marks)
	}
}

// Nor does one that is killed while it removes what is marked.
func TestWhatAKilledProcessRemovesDoesNotCount(t *testing.T) {
	t.Parallel()
	n := single(t)
	line := newDeafenerTo(t, n, "STREAM.PURGE", nil)
	js, closeConn, err := dial(line.url())
	if err != nil {
		t.Fatal(err)
	}
	defer closeConn()
	killed := open(t, js, "removed", 1)
	if err := killed.Enroll(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	if _, err := killed.Apply(t.Context(), anns(0, 100)); err != nil {
		t.Fatal(err)
	}
	if err := killed.Settle(t.Context(), crm, claimSome(t, killed, 100)); err != nil {
		t.Fatal(err)
	}
	other := connect(t, n)
	if places, marks := placesAndMarks(t, "removed", subjects(t, other, "removed")); places != 100 || marks != 100 {
		t.Fatalf("the test is blind: there are %d places and %d marks before anything is removed", places, marks)
	}
	line.set.Store(true) // for the first request to remove something
	line.Close()
	alive, kill := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		_, _, _ = killed.Claim(alive, crm, 1, time.Minute) // it lists, and finds all marked
		close(done)
	}()
	await(t, "the line is not cut in the place of the answer", func(context.Context) bool { return !js.Conn().IsConnected() })
	kill()
	<-done
	await(t, "the request has not arrived", func(context.Context) bool {
		_, marks := placesAndMarks(t, "removed", subjects(t, other, "removed"))
		return marks == 0
	})
	if places, _ := placesAndMarks(t, "removed", subjects(t, other, "removed")); places > 0 {
		t.Errorf("%d places are left that nothing marks", places)
	}
	owed(t, open(t, other, "removed", 1), store.Backlog{})
}

// What one process has listed, another one delivers meanwhile. The first one must not
// take the places that it then finds empty for left behind: they are marked.
func TestPlacesThatOthersEmptyAreCountedOnce(t *testing.T) {
	t.Parallel()
	n := single(t)
	first, second := open(t, connect(t, n), "once", 1), open(t, connect(t, n), "once", 1)
	if err := first.Enroll(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Apply(t.Context(), anns(0, 100)); err != nil {
		t.Fatal(err)
	}
	claimSome(t, first, 1) // it has listed all of them
	if err := second.Settle(t.Context(), crm, claimSome(t, second, 50)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(5 * time.Second) // by now they are old enough to be removed
	claimSome(t, first, 49)
	for range 2 {
		owed(t, second, store.Backlog{Owed: 50})
		if claims, _, err := first.Claim(t.Context(), crm, 100, time.Minute); err != nil || len(claims) > 0 {
			t.Errorf("%d claims of nobody, %v", len(claims), err)
		}
	}
}
