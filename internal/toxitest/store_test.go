package toxitest

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/internal/pgtest"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/pgstore"
)

const (
	batch = 20
	lease = 10 * time.Minute // longer than the test
)

func settledKey(n int) store.Key { return store.Key{Channel: "telegram", UserID: strconv.Itoa(n)} }

func appliedKey(step, n int) store.Key {
	return store.Key{Channel: "discord", UserID: fmt.Sprintf("%d:%d", step, n)}
}

func stated(key store.Key) store.Record {
	return store.Patch{Key: key, At: epoch, Set: map[store.Field]string{store.FieldGivenName: "Ann " + key.UserID}}.Record()
}

// callTimeout is what a call gets: enough to be answered by a line that answers.
func callTimeout(x trouble) time.Duration {
	if x.silent {
		return 250 * time.Millisecond
	}
	return 2 * time.Second
}

// An audit makes calls on a line in trouble, and notes what was acknowledged.
type audit struct {
	line   *line
	st     *pgstore.Store
	schema string
	claims []store.Claim // to settle, one a step

	mu      sync.Mutex
	failed  map[string]int // by call
	applied map[int]bool   // steps whose batch was acknowledged
	settled []store.Key
	claimed []store.Standing
}

// newAudit returns one of a store that holds people, who are owed to two backends: crm
// has claimed all of them.
func newAudit(t *testing.T) *audit {
	t.Helper()
	a := &audit{
		line: newLine(t, pgtest.DSN(t)), schema: pgtest.Schema(t),
		failed: make(map[string]int), applied: make(map[int]bool),
	}
	a.st = a.line.open(t, a.schema)
	var deltas []store.Record
	for n := range people {
		deltas = append(deltas, stated(settledKey(n)))
	}
	_, err := a.st.Apply(t.Context(), deltas)
	for _, backend := range []string{"crm", "hook"} {
		if err == nil {
			err = a.st.Enroll(t.Context(), backend)
		}
	}
	if err == nil {
		a.claims, _, err = a.st.Claim(t.Context(), "crm", people, lease)
	}
	if err != nil || len(a.claims) != people {
		t.Fatalf("%d claims: %v", len(a.claims), err)
	}
	return a
}

// calls are what is called in each step, all at once. Each notes what a nil error
// promises.
func (a *audit) calls(step int) map[string]func(ctx context.Context) error {
	return map[string]func(ctx context.Context) error{
		"new": func(ctx context.Context) error {
			_, err := pgstore.New(ctx, a.line.pool, &pgstore.Options{Schema: a.schema})
			return err
		},
		"get": func(ctx context.Context) error {
			r, err := a.st.Get(ctx, settledKey(step))
			if err == nil && !r.Equal(stated(settledKey(step))) {
				return fmt.Errorf("got somebody else")
			}
			return err
		},
		"list": func(ctx context.Context) error {
			n := 0
			for p, err := range a.st.List(ctx, store.Filter{Channel: "telegram"}) {
				if err != nil {
					return err
				}
				if p.GivenName != "Ann "+p.UserID {
					return fmt.Errorf("listed somebody else")
				}
				n++
			}
			if n != people {
				return fmt.Errorf("listed %d people", n)
			}
			return nil
		},
		"apply": func(ctx context.Context) error {
			var deltas []store.Record
			for n := range batch {
				deltas = append(deltas, stated(appliedKey(step, n)))
			}
			changes, err := a.st.Apply(ctx, deltas)
			if err == nil && len(changes) != batch {
				return fmt.Errorf("%d changes", len(changes))
			}
			a.note(func() { a.applied[step] = err == nil })
			return err
		},
		"claim": func(ctx context.Context) error {
			claims, _, err := a.st.Claim(ctx, "hook", 2, lease)
			for _, c := range claims {
				a.note(func() { a.claimed = append(a.claimed, c.Standing) })
			}
			return err
		},
		"settle": func(ctx context.Context) error {
			s := a.claims[step].Standing
			err := a.st.Settle(ctx, "crm", []store.Settlement{{Key: s.Key, Token: s.Token, Version: s.Version, Remote: "x"}})
			if err == nil {
				a.note(func() { a.settled = append(a.settled, s.Key) })
			}
			return err
		},
		"backlogs": func(ctx context.Context) error {
			backlogs, err := a.st.Backlogs(ctx)
			if err == nil && len(backlogs) != 2 {
				return fmt.Errorf("%d backlogs", len(backlogs))
			}
			return err
		},
	}
}

func (a *audit) note(what func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	what()
}

// callAll makes all calls of a step, each with a deadline, and reports whether all
// came back. What fails must say so in the right way.
func (a *audit) callAll(t *testing.T, step int, timeout time.Duration) bool {
	t.Helper()
	var wg sync.WaitGroup
	for name, call := range a.calls(step) {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			err := call(ctx)
			if err == nil {
				return
			}
			a.note(func() { a.failed[name]++ })
			if !expected(ctx, err) {
				t.Errorf("step %d: %s: %v", step, name, err)
			}
			discreet(t, a.line.password, err.Error())
		})
	}
	back := make(chan struct{})
	go func() {
		defer close(back)
		wg.Wait()
	}()
	select {
	case <-back:
		return true
	case <-time.After(patience):
		t.Errorf("step %d: a call outlives its context", step)
		return false
	}
}

// check wants all that was acknowledged to be there, and what was not to be there
// whole or not at all.
func (a *audit) check(t *testing.T) {
	t.Helper()
	for step, acknowledged := range a.applied {
		there := 0
		for n := range batch {
			if r, err := a.st.Get(t.Context(), appliedKey(step, n)); err == nil && r.Equal(stated(appliedKey(step, n))) {
				there++
			}
		}
		if there != batch && (acknowledged || there != 0) {
			t.Errorf("step %d: %d of %d people are there, acknowledged: %t", step, there, batch, acknowledged)
		}
	}
	crm, hook := a.standings(t, "crm"), a.standings(t, "hook")
	for _, key := range a.settled {
		if s := crm[key]; s.State != store.StateDelivered || s.Remote != "x" {
			t.Errorf("%s was settled, and stands as %+v", key, s)
		}
	}
	for _, s := range a.claimed { // two claims of one person would have two tokens
		if hook[s.Key].Token != s.Token {
			t.Errorf("the claim of %s is held by another", s.Key)
		}
	}
}

func (a *audit) standings(t *testing.T, backend string) map[store.Key]store.Standing {
	t.Helper()
	all := make(map[store.Key]store.Standing)
	for s, err := range a.st.Standings(t.Context(), store.StandingFilter{Backend: backend}) {
		if err != nil {
			t.Fatal(err)
		}
		all[s.Key] = s
	}
	return all
}

func TestCallsEndWithTheirContext(t *testing.T) {
	t.Parallel()
	var counting sync.Mutex
	lines, calls, failed := 0, 0, 0
	t.Cleanup(func() {
		if !t.Failed() && lines > 0 {
			t.Attr("figure", fmt.Sprintf("%d bad lines, %d calls, each ended with its context; %d failed, no name in an error; what was acknowledged is there", lines, calls, failed))
		}
	})
	for _, x := range troubles(t) {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			a := newAudit(t)
			for n := range steps {
				if err := x.step(a.line, n); err != nil {
					t.Fatal(err)
				}
				if !a.callAll(t, n, callTimeout(x)) {
					return
				}
			}
			if err := a.line.heal(); err != nil {
				t.Fatal(err)
			}
			a.check(t)
			failures := 0
			for name := range a.calls(0) {
				failures += a.failed[name]
				if x.silent && a.failed[name] != steps {
					t.Errorf("the test is blind: %s was answered", name)
				}
			}
			if !x.silent && failures == steps*len(a.calls(0)) {
				t.Error("the test is blind: nothing was answered")
			}
			counting.Lock()
			defer counting.Unlock()
			lines++
			calls += steps * len(a.calls(0))
			failed += failures
		})
	}
}

// Connections that will never be answered are given up with the calls that found out,
// and the pool has room for new ones once the driver stops waiting for their end.
func TestForgottenConnections(t *testing.T) {
	t.Parallel()
	a := newAudit(t)
	if !a.callAll(t, 0, patience) { // so that there are several connections
		return
	}
	failed := len(a.failed)
	a.line.forget(t)
	if !a.callAll(t, 1, 250*time.Millisecond) {
		return
	}
	failures := len(a.failed)
	if failed > 0 || failures == 0 {
		t.Errorf("the test is blind: these failed: %v, %d of them before", a.failed, failed)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	if r, err := a.st.Get(ctx, settledKey(0)); err != nil || !r.Equal(stated(settledKey(0))) {
		t.Error(err)
	}
	a.check(t)
	if !t.Failed() {
		t.Attr("figure", fmt.Sprintf("%d calls on connections that are silent for good, %d failed, each with its context; then answered by a new one", len(a.calls(1)), failures))
	}
}
