package natstest

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// A change that is saved while a backend is withdrawn leaves nothing with the Key of
// somebody who is forgotten later.
func TestWithdrawBesideAChange(t *testing.T) {
	t.Parallel()
	n := single(t)
	direct := connect(t, n)
	other := open(t, direct, "withdrawn", 1)
	if err := other.Enroll(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	held, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var on sync.Mutex
	holding := false
	line := newDeafener(t, n, func() {
		on.Lock()
		h := holding
		on.Unlock()
		if h {
			once.Do(func() { close(held) })
			<-release
		}
	})
	js, closeConn, err := dial(line.url())
	if err != nil {
		t.Fatal(err)
	}
	defer closeConn()
	writer := open(t, js, "withdrawn", 1)
	on.Lock()
	holding = true
	on.Unlock()
	done := make(chan error, 1)
	go func() {
		d := store.Patch{Key: person(0), At: epoch.Add(time.Hour), Set: map[store.Field]string{store.FieldGivenName: "Bea"}}.Record()
		_, err := writer.Apply(t.Context(), []store.Record{d})
		done <- err
	}()
	<-held
	if err := other.Withdraw(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := other.Forget(t.Context(), person(0), false); err != nil {
		t.Fatal(err)
	}
	for subject := range subjects(t, direct, "withdrawn") {
		if strings.Contains(subject, hexTokens(person(0).UserID)) {
			t.Errorf("the key of somebody forgotten is in %s", subject)
		}
	}
}

// A process that is killed when it has begun to withdraw leaves nothing with the Key of
// somebody who is forgotten later.
func TestKilledWithdraw(t *testing.T) {
	t.Parallel()
	n := single(t)
	direct := connect(t, n)
	other := open(t, direct, "halfway", 1)
	if err := other.Enroll(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Apply(t.Context(), anns(0, 1)); err != nil {
		t.Fatal(err)
	}
	line := newDeafener(t, n, nil)
	js, closeConn, err := dial(line.url())
	if err != nil {
		t.Fatal(err)
	}
	defer closeConn()
	killed := open(t, js, "halfway", 1)
	line.set.Store(true)
	line.Close()
	ctx, kill := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- killed.Withdraw(ctx, crm) }()
	await(t, "not cut", func(context.Context) bool { return !js.Conn().IsConnected() })
	kill()
	t.Log(<-done)
	if b, err := other.Backlogs(t.Context()); err != nil || len(b) > 0 {
		t.Fatalf("the registry was not written before the kill: %v, %v", b, err)
	}
	if err := other.Withdraw(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Apply(t.Context(), []store.Record{store.Patch{Key: person(0), At: epoch.Add(1e12), Set: map[store.Field]string{store.FieldGivenName: "Bea"}}.Record()}); err != nil {
		t.Fatal(err)
	}
	if err := other.Forget(t.Context(), person(0), false); err != nil {
		t.Fatal(err)
	}
	if err := other.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	for subject := range subjects(t, direct, "halfway") {
		if strings.Contains(subject, hexTokens(person(0).UserID)) {
			t.Errorf("the key of somebody forgotten is in %s", subject)
		}
	}
}
