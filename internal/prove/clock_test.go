package prove_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// right is how long after the beginning of a bubble its clock is right. Each bubble
// begins at the same moment, so that one process after the other, each in its own,
// can have a clock that is a day ahead or behind.
const right = 48 * time.Hour

// A life is a process with a clock of its own, on the file that all share.
type life struct {
	t     *testing.T
	mw    *middleware.Middleware
	crm   *register
	wrong time.Duration // how far its clock is ahead of the platform's
}

// lead runs a process whose clock is wrong by so much, some minutes after the last.
func lead(t *testing.T, path string, crm *register, wrong time.Duration, minute int, do func(l *life)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(right + wrong + time.Duration(minute)*time.Minute)
		st := openFile(t, path)
		mw, err := middleware.New(st, &middleware.Options{Backends: []store.Backend{crm}, SeenEvery: -1, ExpectedPeople: 100})
		if err != nil {
			t.Fatal(err)
		}
		do(&life{t, mw, crm, wrong})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := errors.Join(mw.Close(ctx), st.Close()); err != nil {
			t.Error(err)
		}
	})
}

// says has somebody say something now, by the platform's clock.
func (l *life) says(id int, name string) {
	s := observed(id, 0)
	s.At = time.Now().Add(-l.wrong)
	s.Set(store.FieldGivenName, name)
	l.mw.Observe(s)
}

func (l *life) settle(patience time.Duration) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	if err := errors.Join(l.mw.Flush(ctx), l.mw.Drain(ctx)); err != nil {
		l.t.Error(err)
	}
}

func (l *life) is(id int, name string) {
	l.t.Helper()
	key := store.Key{Channel: "telegram", UserID: fmt.Sprint(id + 1)}
	p, err := l.mw.Get(l.t.Context(), key)
	if err != nil || p.GivenName != name {
		l.t.Errorf("the store has %q of %d, want %q; %v", p.GivenName, id, name, err)
	}
	if got := l.crm.holds(key)[store.FieldGivenName]; got != name {
		l.t.Errorf("the backend has %q of %d, want %q", got, id, name)
	}
}

// A process with a right clock leaves retries and a lease behind. The next has a clock
// that is a day ahead, or behind: all that is owed is delivered all the same. Then the
// clock is right again, and the newest is what counts.
func TestClockOfTheProcessJumps(t *testing.T) {
	t.Attr("promise", "the clock set back or forward a day loses nothing")
	for name, wrong := range map[string]time.Duration{"a day behind": -24 * time.Hour, "a day ahead": 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "users.db")
			crm := newRegister("crm")
			lead(t, path, crm, 0, 0, func(l *life) {
				crm.fails.Store(1)
				l.says(0, "Ann")
				l.says(1, "Bea")
				time.Sleep(10 * time.Minute)
			})
			crm.fails.Store(0)
			lead(t, path, crm, wrong, 20, func(l *life) {
				l.settle(20 * time.Minute) // retries are five minutes apart at most, by whatever clock
				l.is(0, "Ann")
				l.says(2, "Cia") // somebody new
				l.says(1, "Bea B.")
				l.settle(20 * time.Minute)
				l.is(2, "Cia")
				err := l.mw.Set(l.t.Context(), store.Key{Channel: "telegram", UserID: "1"}, store.Pinned, store.Profile{GivenName: "Dr. Ann"})
				if err != nil {
					l.t.Error(err)
				}
				crm.fails.Store(1)
				l.says(2, "Cia C.")
				time.Sleep(time.Minute)
			})
			crm.fails.Store(0)
			lead(t, path, crm, 0, 80, func(l *life) {
				l.settle(20 * time.Minute)
				l.is(0, "Dr. Ann")
				l.says(1, "Bea B.")
				l.says(2, "Cia D.")
				err := l.mw.Set(l.t.Context(), store.Key{Channel: "telegram", UserID: "1"}, store.Pinned, store.Profile{GivenName: "Prof. Ann"})
				if err != nil {
					l.t.Error(err)
				}
				l.settle(20 * time.Minute)
				l.is(0, "Prof. Ann")
				l.is(1, "Bea B.")
				l.is(2, "Cia D.")
			})
		})
	}
	t.Attr("figure", "2 jumps: retries, leases, names and decisions survive")
}
