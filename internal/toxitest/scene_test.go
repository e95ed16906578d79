package toxitest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/rollcall-go/rollcall/internal/pgtest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/pgstore"
)

// A heldStore can keep the answers of Apply back, and counts them.
type heldStore struct {
	store.Outbox
	mu       sync.Mutex
	hold     chan struct{} // nil: nothing is kept back
	asked    int
	answered int // without an error, and not kept back
}

func (h *heldStore) Apply(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
	h.mu.Lock()
	h.asked++
	hold := h.hold
	h.mu.Unlock()
	changes, err := h.Outbox.Apply(ctx, deltas)
	if hold != nil {
		<-hold
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		h.answered++
	}
	return changes, err
}

// keepBack keeps answers back until release is called.
func (h *heldStore) keepBack() (release func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	hold := make(chan struct{})
	h.hold = hold
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.hold = nil
		close(hold)
	}
}

func (h *heldStore) counts() (asked, answered int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.asked, h.answered
}

// A scene is a bot with its middleware on a store at the end of a line.
type scene struct {
	line    *line
	schema  string
	held    *heldStore
	mw      *middleware.Middleware
	bot     *bot
	crm     *crm
	journal *journal
	logs    *observer.ObservedLogs

	attempts int // Options.Attempts
}

func newScene(t *testing.T, dsn, schema string, attempts int) *scene {
	t.Helper()
	s := &scene{line: newLine(t, dsn), schema: schema, crm: newCRM(), attempts: attempts}
	s.held = &heldStore{Outbox: s.line.open(t, schema)}
	s.begin(t)
	return s
}

// begin starts the bot, or another one with the store of the first.
func (s *scene) begin(t *testing.T) {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	s.journal, s.logs = &journal{}, logs
	mw, err := middleware.New(s.held, &middleware.Options{
		Logger:         zap.New(core),
		Backends:       []store.Backend{s.crm},
		OnOutcome:      s.journal.note,
		ExpectedPeople: people,
		Attempts:       s.attempts,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.line.heal() // else Close would wait, where the test has failed
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = mw.Close(ctx)
	})
	s.mw, s.bot = mw, newBot(t, mw)
}

// suffer lets the bot go on while there is trouble, and then heals the line.
func (s *scene) suffer(t *testing.T, x trouble) {
	t.Helper()
	release := sync.OnceFunc(s.held.keepBack())
	defer release()
	asked, answered := s.held.counts()
	for n := range steps {
		next := time.After(stepLength)
		if err := x.step(s.line, n); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			// The bot gets through a burst while the store is being asked and has
			// answered nothing.
			if !s.bot.finishes(300) {
				return
			}
			if _, now := s.held.counts(); now != answered {
				t.Fatal("the test is blind: the store has answered")
			}
			for now := asked; now == asked; now, _ = s.held.counts() {
				time.Sleep(time.Millisecond)
			}
			release()
			s.greet(t)
		}
		if !s.bot.finishes(20) {
			return
		}
		<-next
	}
	if _, now := s.held.counts(); x.silent && now != answered {
		t.Errorf("the test is blind: the store has answered %d times", now-answered)
	}
	if err := s.line.heal(); err != nil {
		t.Fatal(err)
	}
}

// greet wants a handler to know the name that its own event says, though the store
// may be of no help.
func (s *scene) greet(t *testing.T) {
	t.Helper()
	for _, sender := range s.bot.latest {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		p, err := s.mw.Profile(ctx, &sender)
		if want := s.bot.said[sender.Key()].Profile(); p.GivenName != want.GivenName || p.Username != want.Username {
			t.Errorf("%s is greeted by another name: %v", sender.Key(), err)
		}
		if err != nil {
			discreet(t, s.line.password, err.Error())
			if !expected(ctx, err) {
				t.Errorf("the profile of %s: %v", sender.Key(), err)
			}
		}
		cancel()
		return
	}
}

// An account is what tests of scenes have counted.
type account struct {
	mu                                sync.Mutex
	scenes, events, people, delivered int
	calls, failed                     int // of Apply
	texts                             int // of logs and errors
}

// tell says it, once the subtests have ended.
func (a *account) tell(t *testing.T) {
	if t.Failed() || a.scenes == 0 {
		return
	}
	t.Attr("figure", fmt.Sprintf("scenes: %d; %d events of %d people, each ended once; %d of %d calls of Apply failed, %d deliveries, 0 people lost; no name in %d log entries and errors",
		a.scenes, a.events, a.people, a.failed, a.calls, a.delivered, a.texts))
}

// settled wants everything that was said to be in the store and at the backend, and
// then closes the middleware. It adds to what was counted.
func (s *scene) settled(t *testing.T, dsn string, counted *account) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	if err := s.mw.Drain(ctx); err != nil {
		t.Error(err)
	}
	stats := s.mw.Stats()
	if stats.HooksSkipped > 0 || stats.Waiting > 0 || stats.Dropped > 0 {
		t.Errorf("stats: %+v", stats)
	}
	s.journal.check(t, s.bot.handled)
	s.crm.check(t, s.bot.said)

	st := open(t, pgtest.Connect(t, dsn), s.schema)
	for key, r := range s.bot.said {
		if got, err := st.Get(t.Context(), key); err != nil || !got.Equal(r) {
			t.Errorf("%s is not what was said: %v", key, err)
		}
	}
	nobodyOwed(t, st, len(s.bot.said))
	s.close(t)
	s.discreet(t, counted)
	asked, answered := s.held.counts()
	counted.mu.Lock()
	defer counted.mu.Unlock()
	counted.scenes++
	counted.events += s.bot.events
	counted.people += len(s.bot.said)
	counted.delivered += s.journal.delivered
	counted.calls += asked
	counted.failed += asked - answered
}

// discreet wants what was logged and what hooks were told to be so. The middleware is
// closed.
func (s *scene) discreet(t *testing.T, counted *account) {
	t.Helper()
	for _, err := range s.journal.errs {
		discreet(t, s.line.password, err.Error())
	}
	for _, entry := range s.logs.All() {
		discreet(t, s.line.password, entry.Message)
		for _, value := range entry.ContextMap() {
			discreet(t, s.line.password, fmt.Sprint(value))
		}
	}
	counted.mu.Lock()
	defer counted.mu.Unlock()
	counted.texts += len(s.journal.errs) + s.logs.Len()
}

func nobodyOwed(t *testing.T, st *pgstore.Store, everybody int) {
	t.Helper()
	backlogs, err := st.Backlogs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(backlogs) != 1 || backlogs[0].Owed != 0 || backlogs[0].Dead != 0 || !backlogs[0].Complete {
		t.Errorf("owed: %+v", backlogs)
	}
	standings := 0
	for standing, err := range st.Standings(t.Context(), store.StandingFilter{State: store.StateDelivered}) {
		if err != nil {
			t.Fatal(err)
		}
		if standing.Token != 0 || standing.Remote != "crm of "+standing.Key.String() {
			t.Errorf("%s stands as %+v", standing.Key, standing)
		}
		standings++
	}
	if standings != everybody {
		t.Errorf("%d of %d people are delivered", standings, everybody)
	}
}

func (s *scene) close(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.mw.Close(ctx); err != nil {
		t.Error(err)
	}
}

// names is how each name begins that a test gives somebody.
var names = []string{"Ann ", "ann_", "Annie ", "Schmidt ", "nick "}

// discreet wants a text that somebody may read to hold no secret, and nobody's name.
func discreet(t *testing.T, password, text string) {
	t.Helper()
	if password != "" && strings.Contains(text, password) {
		t.Error("the password is in ", strings.ReplaceAll(text, password, "(password)"))
	}
	for _, name := range names {
		if strings.Contains(text, name) {
			t.Errorf("somebody's name, which begins with %q, is in %q", name, text)
		}
	}
}

// expected reports whether err is one of those that a line in trouble may cause.
func expected(ctx context.Context, err error) bool {
	return errors.Is(err, store.ErrUnavailable) || ctx.Err() != nil && errors.Is(err, context.DeadlineExceeded)
}
