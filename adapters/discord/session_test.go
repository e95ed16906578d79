package discord_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"
	"go.uber.org/goleak"

	"github.com/rollcall-go/rollcall/adapters/discord/discordtest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// discordgo's Close sleeps for a second. So the tests close in the background,
// sessions before their server, and the leak check comes after all of it.
var background sync.WaitGroup

type patient struct{ *testing.M }

func (m patient) Run() int {
	defer background.Wait()
	return m.M.Run()
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(patient{m}) }

const (
	guild    = "197038439483310086"
	deadline = time.Minute
)

var (
	ann = discordtest.User{ID: "80351110224678912", Username: "ann", GlobalName: "Ann", Avatar: "8342729096ea3675442027381ff50dfe"}
	bob = discordtest.User{ID: "80351110224678913", Username: "bob"}
)

// A loopback is a server and the sessions that a test opened on it.
type loopback struct {
	*discordtest.Server
	mu       sync.Mutex
	sessions []*discordgo.Session
}

func newLoopback(t *testing.T, o *discordtest.Options) *loopback {
	t.Helper()
	srv, err := discordtest.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	l := &loopback{Server: srv}
	t.Cleanup(func() {
		background.Go(func() {
			var closing sync.WaitGroup
			for _, session := range l.sessions {
				closing.Go(func() { session.Close() })
			}
			closing.Wait()
			srv.Close()
		})
	})
	return l
}

func (l *loopback) open(t *testing.T, session *discordgo.Session) {
	t.Helper()
	if err := session.Open(); err != nil {
		t.Fatal(err)
	}
	l.send(t) // see Server.Sync: a session must not close before its first heartbeat
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions = append(l.sessions, session)
}

// send dispatches events and waits until the sessions have handed them on.
func (l *loopback) send(t *testing.T, events ...discordtest.Event) {
	t.Helper()
	for _, e := range events {
		if err := l.Dispatch(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Sync(within(t)); err != nil {
		t.Fatal(err)
	}
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	t.Cleanup(cancel)
	return ctx
}

// A roll is a Middleware over a memory store, and the outcomes of it.
type roll struct {
	*middleware.Middleware
	kept     store.Store
	outcomes chan middleware.Outcome
}

func newRoll(t *testing.T, o middleware.Options) *roll {
	t.Helper()
	return newRollOn(t, memstore.New(), o)
}

func newRollOn(t *testing.T, st store.Store, o middleware.Options) *roll {
	t.Helper()
	r := &roll{kept: st, outcomes: make(chan middleware.Outcome, 10_000)}
	o.OnOutcome = func(_ context.Context, oc middleware.Outcome) { r.outcomes <- oc }
	o.SeenEvery = -1
	if o.ExpectedPeople == 0 {
		o.ExpectedPeople = 1000
	}
	mw, err := middleware.New(r.kept, &o)
	if err != nil {
		t.Fatal(err)
	}
	r.Middleware = mw
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		defer cancel()
		if err := mw.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return r
}

// next returns the next n outcomes, in the order in which they were told.
func (r *roll) next(t *testing.T, n int) []middleware.Outcome {
	t.Helper()
	timeout := time.After(deadline)
	var got []middleware.Outcome
	for len(got) < n {
		select {
		case o := <-r.outcomes:
			got = append(got, o)
		case <-timeout:
			t.Fatalf("%d outcomes of %d: %+v", len(got), n, got)
		}
	}
	return got
}

// one returns the next outcome, and fails when another comes with it.
func (r *roll) one(t *testing.T) middleware.Outcome {
	t.Helper()
	o := r.next(t, 1)[0]
	r.quiet(t)
	return o
}

// quiet fails where anything was observed that no test took.
func (r *roll) quiet(t *testing.T) {
	t.Helper()
	if err := r.Flush(within(t)); err != nil {
		t.Fatal(err)
	}
	select {
	case o := <-r.outcomes:
		t.Fatalf("one more outcome: %s %s %s", o.Event, o.Result, o.Reason)
	default:
	}
}

// result takes the next outcome, which must be this one.
func (r *roll) result(t *testing.T, want middleware.Result, fields ...store.Field) middleware.Outcome {
	t.Helper()
	o := r.one(t)
	if o.Result != want || !slices.Equal(o.Fields, fields) {
		t.Fatalf("%s: %s %s %v, want %s %v", o.Event, o.Result, o.Reason, o.Fields, want, fields)
	}
	return o
}

func (r *roll) dropped(t *testing.T, why middleware.Reason) {
	t.Helper()
	if o := r.one(t); o.Result != middleware.Dropped || o.Reason != why {
		t.Fatalf("%s: %s %q, want it dropped as %q", o.Event, o.Result, o.Reason, why)
	}
}

func keyOf(u discordtest.User) store.Key {
	return store.Key{Channel: "discord", UserID: u.ID}
}

func (r *roll) profile(t *testing.T, u discordtest.User) store.Profile {
	t.Helper()
	p, err := r.Get(within(t), keyOf(u))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (r *roll) nobody(t *testing.T, u discordtest.User) {
	t.Helper()
	if p, err := r.Get(within(t), keyOf(u)); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("kept %+v, %v", p, err)
	}
}
