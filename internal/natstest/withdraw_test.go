package natstest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/natsstore"
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

// What a process leaves that is killed when it has begun to withdraw is removed by the
// next Withdraw, and by Scrub; and nothing stays with the Key of somebody who is
// forgotten later.
func TestKilledWithdraw(t *testing.T) {
	t.Parallel()
	n := single(t)
	for name, finish := range map[string]func(st *natsstore.Store) error{
		"withdraw again":   func(st *natsstore.Store) error { return st.Withdraw(t.Context(), crm) },
		"withdraw another": func(st *natsstore.Store) error { return st.Withdraw(t.Context(), "another") },
		"scrub":            func(st *natsstore.Store) error { return st.Scrub(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) { killWithdraw(t, n, strings.ReplaceAll(name, " ", "-"), finish) })
	}
}

func killWithdraw(t *testing.T, n *node, bucket string, finish func(st *natsstore.Store) error) {
	direct := connect(t, n)
	other := open(t, direct, bucket, 1)
	if err := other.Enroll(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Apply(t.Context(), anns(0, 3)); err != nil {
		t.Fatal(err)
	}
	line := newDeafener(t, n, nil)
	js, closeConn, err := dial(line.url())
	if err != nil {
		t.Fatal(err)
	}
	defer closeConn()
	killed := open(t, js, bucket, 1)
	line.set.Store(true)
	line.Close()
	ctx, kill := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- killed.Withdraw(ctx, crm) }()
	await(t, "not cut", func(context.Context) bool { return !js.Conn().IsConnected() })
	kill()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the test is blind: Withdraw of a process that is killed returned %v", err)
	}
	if b, err := other.Backlogs(t.Context()); err != nil || len(b) > 0 {
		t.Fatalf("the registry was not written before the kill: %v, %v", b, err)
	}
	if places, _ := placesAndMarks(t, bucket, subjects(t, direct, bucket)); places != 3 {
		t.Errorf("the test is blind: the killed process left %d places, not 3", places)
	}
	if err := finish(other); err != nil {
		t.Fatal(err)
	}
	if places, marks := placesAndMarks(t, bucket, subjects(t, direct, bucket)); places+marks > 0 {
		t.Errorf("%d places and %d marks of a withdrawn backend are left", places, marks)
	}
	if err := other.Forget(t.Context(), person(0), false); err != nil {
		t.Fatal(err)
	}
	for subject := range subjects(t, direct, bucket) {
		if strings.Contains(subject, hexTokens(person(0).UserID)) {
			t.Errorf("the key of somebody forgotten is in %s", subject)
		}
	}
}
