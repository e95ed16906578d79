package toxitest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/internal/pgtest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

const (
	pace       = 10_000 // Observes a second
	paceOf     = time.Second
	pacePeople = 2000
)

// A pacer is a bot that observes somebody with something new, pace times a second, and
// measures what each Observe takes.
type pacer struct {
	mw     *middleware.Middleware
	calls  int
	newest map[store.Key]string
}

// run observes for a while, beside what else is done meanwhile, and returns what each
// call took.
func (p *pacer) run(meanwhile func() error) (took []time.Duration, err error) {
	done := make(chan error, 1)
	go func() { done <- meanwhile() }()
	hung := time.AfterFunc(9*patience, func() { panic("Observe waits for the store") })
	defer hung.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	for finished := false; !finished || len(took) < int(pace*paceOf/time.Second); {
		select {
		case err = <-done:
			finished = true
		case <-tick.C:
		}
		for due := int(time.Since(began) * pace / time.Second); len(took) < due; {
			s := p.sender()
			start := time.Now()
			p.mw.Observe(&s)
			took = append(took, time.Since(start))
		}
	}
	return took, err
}

func (p *pacer) sender() middleware.Sender {
	p.calls++
	s := middleware.Sender{Channel: "discord", UserID: strconv.Itoa(p.calls % pacePeople), At: epoch.Add(time.Duration(p.calls) * time.Second)}
	name := fmt.Sprint("Ann ", p.calls)
	s.Set(store.FieldGivenName, name)
	p.newest[s.Key()] = name
	return s
}

// percentile returns the time that so many of 1000 calls took at the most.
func percentile(took []time.Duration, permille int) time.Duration {
	sorted := slices.Sorted(slices.Values(took))
	return sorted[max(0, len(sorted)*permille/1000-1)].Round(100 * time.Nanosecond)
}

// A bot of 10,000 messages a second, each with something new, does not notice what
// becomes of its store, and loses nothing by it. What an Observe takes is printed, and
// not tested: that none of them waits is seen by the store answering none.
func TestObserveAtPaceThroughTrouble(t *testing.T) {
	server := pgtest.Private(t)
	l := newLine(t, server.DSN)
	st := &heldStore{Outbox: l.open(t, "rollcall")}
	mw, err := middleware.New(st, &middleware.Options{ExpectedPeople: pacePeople})
	if err != nil {
		t.Fatal(err)
	}
	p := &pacer{mw: mw, newest: make(map[store.Key]string)}
	pause := func() error {
		time.Sleep(paceOf)
		return nil
	}
	restart := func() error { return errors.Join(server.Crash(), server.Start(), pause()) }
	var calm []time.Duration
	for _, x := range []struct {
		name   string
		silent bool         // nothing is answered
		before func() error // the calls
		beside func() error
	}{
		{name: "in order", beside: pause},
		{name: "slow", before: func() error { return l.poison(slow, fromServer) }, beside: pause},
		{name: "black hole", silent: true, before: func() error { return l.poison(blackHole, both...) }, beside: pause},
		{name: "restarted", beside: restart},
		{name: "stopped", silent: true, before: server.Stop, beside: pause},
		{name: "in order again", before: func() error { return errors.Join(server.Start(), mw.Flush(t.Context())) }, beside: pause},
	} {
		if x.before != nil {
			if err := x.before(); err != nil {
				t.Fatal(err)
			}
		}
		_, before := st.counts()
		took, err := p.run(x.beside)
		_, after := st.counts()
		if err != nil {
			t.Fatal(err)
		}
		if calm == nil {
			calm = took
		}
		p99, was := percentile(took, 990), percentile(calm, 990)
		t.Attr("figure", fmt.Sprintf("Observe, %s: %d calls, p50 %s, p99 %s, max %s; p99 is %.2f of that in order; the store answered %d times",
			x.name, len(took), percentile(took, 500), p99, percentile(took, 1000), float64(p99)/float64(was), after-before))
		// One answer may have been on its way.
		if waiting := mw.Stats().Waiting; x.silent && (after-before > 1 || waiting < pacePeople) {
			t.Errorf("%s: the test is blind: the store answered %d times, and %d people wait", x.name, after-before, waiting)
		}
		if err := l.renew(); err != nil {
			t.Fatal(err)
		}
	}
	p.nothingLost(t, st)
}

// nothingLost wants the newest of all to be saved, and each call to have ended once.
func (p *pacer) nothingLost(t *testing.T, st store.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	if err := errors.Join(p.mw.Flush(ctx), p.mw.Close(ctx)); err != nil {
		t.Error(err)
	}
	for key, name := range p.newest {
		if r, err := st.Get(t.Context(), key); err != nil || r.Profile().GivenName != name {
			t.Errorf("%s is %q and not %q: %v", key, r.Profile().GivenName, name, err)
		}
	}
	s := p.mw.Stats()
	if ends := s.Created + s.Updated + s.Unchanged + s.Coalesced + s.Failed; ends != uint64(p.calls) || s.Dropped > 0 {
		t.Errorf("%d calls, and these ends: %+v", p.calls, s)
	}
}
