package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// patience is how long a scene waits for what should happen at once.
const patience = 30 * time.Second

// A scene is one running bot, with rollcall attached by the adapter, over a
// store that can be made to fail. Its first failure stays; from then on its
// methods do nothing, so that a property reads as a list of steps.
type scene struct {
	t       *testing.T
	a       Adapter
	bot     Bot
	mw      *middleware.Middleware // nil: the bot without rollcall
	store   *faultyStore
	ledger  *ledger
	skipped string // why the property cannot be checked

	mu    sync.Mutex
	err   error
	clock time.Time // when the next event happens
}

// open starts a scene and has the test end it. edit may be nil.
func open(t *testing.T, a Adapter, edit func(*middleware.Options)) *scene {
	t.Helper()
	s := newScene(t, a)
	o := &middleware.Options{
		OnOutcome: s.ledger.add,
		SeenEvery: -1, // only what the event says about the person counts as a change
		Attempts:  1,
	}
	if edit != nil {
		edit(o)
	}
	mw, err := middleware.New(s.store, o)
	if err != nil {
		t.Fatalf("adaptertest: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := mw.Close(ctx); err != nil {
			t.Errorf("adaptertest: closing the middleware: %v", err)
		}
	})
	s.mw = mw
	s.bot = connect(t, a, mw)
	t.Cleanup(s.store.heal) // before the bot is stopped, which may wait for what hangs
	return s
}

// openBare starts the bot without rollcall.
func openBare(t *testing.T, a Adapter) *scene {
	t.Helper()
	s := newScene(t, a)
	s.bot = connect(t, a, nil)
	return s
}

func newScene(t *testing.T, a Adapter) *scene {
	return &scene{
		t:      t,
		a:      a,
		store:  newFaultyStore(),
		ledger: &ledger{news: make(chan struct{}, 1)},
		clock:  time.Now().Add(-24 * time.Hour).Truncate(time.Second),
	}
}

func connect(t *testing.T, a Adapter, mw *middleware.Middleware) Bot {
	t.Helper()
	bot := a.Connect(t, mw)
	if bot.Deliver == nil || bot.Handled == nil {
		t.Fatal("adaptertest: Connect returned a Bot without Deliver or Handled")
	}
	return bot
}

func (s *scene) failf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = fmt.Errorf(format, args...)
	}
}

func (s *scene) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// tick returns the time of the next event, a minute after the one before.
func (s *scene) tick() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = s.clock.Add(time.Minute)
	return s.clock
}

// deliver sends one event. It fails when the event does not arrive, does not
// come back in time, or panics.
func (s *scene) deliver(in Input) {
	if s.failure() != nil {
		return
	}
	if in.At.IsZero() {
		in.At = s.tick()
	}
	if in.Text == "" && in.Kind != Start {
		in.Text = "hello"
	}
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case err := <-s.start(in):
		if err != nil {
			s.failf("%s: %w", in.Kind, err)
		}
	case <-timeout.C:
		s.failf("%s: the bot did not finish with it in %v: something in the adapter waits", in.Kind, patience)
	}
}

// start calls Deliver on a goroutine of its own, since it may hang, panic or
// end the goroutine with t.FailNow. The channel gets exactly one error or nil.
func (s *scene) start(in Input) <-chan error {
	done := make(chan error, 1)
	go func() {
		err := errors.New("delivering it gave up: see the log of the test")
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("a panic came out of the adapter or the library: %v\n%s", r, debug.Stack())
			}
			done <- err
		}()
		if s.bot.Deliver(s.t, in) {
			err = nil
			return
		}
		err = errors.New("the event was not delivered to the bot's side of the library, so nothing can be said about it")
	}()
	return done
}

// answered delivers the event and fails unless the bot's own handler ran
// exactly once for it.
func (s *scene) answered(in Input) {
	before := s.bot.Handled()
	s.deliver(in)
	if n := s.bot.Handled() - before; n != 1 {
		s.failf("%s: the bot's own handler ran %d times for it, not once", in.Kind, n)
	}
}

// say delivers one event and returns its one Outcome, which must have the given
// Result, or any where want is "".
func (s *scene) say(in Input, want middleware.Result) middleware.Outcome {
	s.deliver(in)
	outcomes := s.settle(1)
	if s.failure() != nil {
		return middleware.Outcome{}
	}
	o := outcomes[0]
	if want != "" && o.Result != want {
		s.failf("%s: its Outcome is %s, want %s", in.Kind, describe(o), want)
	}
	return o
}

// settle waits for n more outcomes and fails if there are fewer or more.
func (s *scene) settle(n int) []middleware.Outcome {
	s.await(n)
	if s.failure() != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	if err := s.mw.Flush(ctx); err != nil {
		s.failf("Flush: %w", err)
		return nil
	}
	outcomes := s.ledger.take()
	if len(outcomes) != n {
		texts := make([]string, len(outcomes))
		for i, o := range outcomes {
			texts[i] = describe(o)
		}
		s.failf("%d outcomes where %d events were delivered: %q: the adapter must call Observe exactly once an event", len(outcomes), n, texts)
	}
	return outcomes
}

// await waits until n outcomes wait to be taken.
func (s *scene) await(n int) {
	if s.failure() != nil {
		return
	}
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		got := s.ledger.len()
		if got >= n {
			return
		}
		select {
		case <-s.ledger.news:
		case <-timeout.C:
			s.failf("%d outcomes in %v where %d events were delivered: the adapter must call Observe for each, "+
				"with Sender.Drop set where it makes no profile", got, patience, n)
			return
		}
	}
}

func describe(o middleware.Outcome) string {
	text := string(o.Result)
	if o.Reason != "" {
		text += " (" + string(o.Reason) + ")"
	}
	if o.Err != nil {
		text += " (" + o.Err.Error() + ")"
	}
	return text
}

func (s *scene) key(id uint64) store.Key {
	return s.a.key(id)
}

// kept returns what the store has of one person and fails if that is nothing.
func (s *scene) kept(id uint64) store.Profile {
	if s.failure() != nil {
		return store.Profile{}
	}
	r, err := s.store.Store.Get(s.t.Context(), s.key(id))
	if err != nil {
		s.failf("looking for the profile of %s: %w", s.key(id), err)
	}
	return r.Profile()
}

// only fails unless the store has exactly these people.
func (s *scene) only(ids ...uint64) {
	if s.failure() != nil {
		return
	}
	want := make([]store.Key, len(ids))
	for i, id := range ids {
		want[i] = s.key(id)
	}
	slices.SortFunc(want, store.Key.Compare)
	var got []store.Key
	for p, err := range s.store.List(s.t.Context(), store.Filter{}) {
		if err != nil {
			s.failf("List: %w", err)
			return
		}
		got = append(got, p.Key)
	}
	if !slices.Equal(got, want) {
		s.failf("the store has profiles of %v, want %v", got, want)
	}
}

// A ledger gathers the outcomes that nobody has taken yet.
type ledger struct {
	news chan struct{} // holds one token where something was added

	mu       sync.Mutex
	outcomes []middleware.Outcome
}

func (l *ledger) add(_ context.Context, o middleware.Outcome) {
	l.mu.Lock()
	l.outcomes = append(l.outcomes, o)
	l.mu.Unlock()
	select {
	case l.news <- struct{}{}:
	default:
	}
}

func (l *ledger) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.outcomes)
}

func (l *ledger) take() []middleware.Outcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.outcomes
	l.outcomes = nil
	return taken
}
