package telegram_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/adapters/telegram"
	"github.com/rollcall-go/rollcall/adapters/telegram/telegramtest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	ann   = telegramtest.User{ID: 42, FirstName: "Ann", LastName: "Lee", Username: "ann_lee", LanguageCode: "en"}
	bob   = telegramtest.User{ID: 43, FirstName: "Bob"}
	cats  = telegramtest.Group(-1001234567890, "Cats")
	noon  = time.Date(2025, 5, 1, 12, 0, 0, 0, time.UTC)
	annAt = store.Key{Channel: "telegram", UserID: "42"}
)

// patience is how long a test waits for what should happen at once.
const patience = time.Minute

// A rig is a server, a real bot and a Middleware over a memory store. The bot is
// not attached and not started yet.
type rig struct {
	t   *testing.T
	srv *telegramtest.Server
	bot *tele.Bot
	mw  *middleware.Middleware

	mu       sync.Mutex
	news     *sync.Cond
	outcomes []middleware.Outcome
	handled  []int // update ids, each when its handler has returned
	errs     []error
	stopped  bool
}

func newRig(t *testing.T, edit func(*tele.Settings, *middleware.Options)) *rig {
	t.Helper()
	return newRigOver(t, memstore.New(), edit)
}

func newRigOver(t *testing.T, st store.Store, edit func(*tele.Settings, *middleware.Options)) *rig {
	t.Helper()
	srv, err := telegramtest.NewServer(nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, srv: srv}
	r.news = sync.NewCond(&r.mu)
	t.Cleanup(func() { srv.Close() })
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	settings := tele.Settings{
		URL: srv.URL(), Token: srv.Token(), Client: &http.Client{Transport: transport},
		Poller:  &tele.LongPoller{Timeout: 10 * time.Second},
		OnError: func(err error, _ tele.Context) { r.note(func() { r.errs = append(r.errs, err) }) },
	}
	options := middleware.Options{
		SeenEvery: -1,
		OnOutcome: func(_ context.Context, o middleware.Outcome) {
			r.note(func() { r.outcomes = append(r.outcomes, o) })
		},
	}
	if edit != nil {
		edit(&settings, &options)
	}
	if r.bot, err = tele.NewBot(settings); err != nil {
		t.Fatal(err)
	}
	if r.mw, err = middleware.New(st, &options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		r.mw.Close(ctx)
	})
	// Outermost, so that it comes after the handler has returned.
	r.bot.Use(func(next tele.HandlerFunc) tele.HandlerFunc {
		return func(c tele.Context) error {
			defer r.note(func() { r.handled = append(r.handled, c.Update().ID) })
			return next(c)
		}
	})
	return r
}

// attached is a rig whose bot has rollcall attached with o.
func attached(t *testing.T, o *telegram.Options) *rig {
	t.Helper()
	r := newRig(t, nil)
	telegram.Attach(r.bot, r.mw, o)
	return r
}

func (r *rig) run() *rig {
	r.t.Helper()
	done := make(chan struct{})
	go func() { r.bot.Start(); close(done) }()
	r.t.Cleanup(func() {
		// telebot forgets to end a poll that begins during Stop; without a
		// server it ends at once.
		r.srv.Close()
		r.stop()
		<-done
	})
	return r
}

func (r *rig) stop() {
	r.mu.Lock()
	stopped := r.stopped
	r.stopped = true
	r.mu.Unlock()
	if !stopped {
		r.bot.Stop()
	}
}

func (r *rig) note(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	r.news.Broadcast()
}

func (r *rig) push(updates ...json.Marshaler) {
	r.t.Helper()
	if err := r.srv.Push(updates...); err != nil {
		r.t.Fatal(err)
	}
}

// await returns when done, called with r.mu held, says so.
func (r *rig) await(what string, done func() bool) {
	r.t.Helper()
	late := time.AfterFunc(patience, func() { r.note(func() {}) })
	defer late.Stop()
	deadline := time.Now().Add(patience)
	r.mu.Lock()
	defer r.mu.Unlock()
	for !done() {
		if time.Now().After(deadline) {
			r.t.Fatalf("%s: not in %v; outcomes %v, handled %v", what, patience, results(r.outcomes), r.handled)
		}
		r.news.Wait()
	}
}

// awaitHandled waits until n handlers have returned.
func (r *rig) awaitHandled(n int) {
	r.t.Helper()
	r.await("handlers", func() bool { return len(r.handled) >= n })
}

// settle returns all outcomes, of which there must be exactly n.
func (r *rig) settle(n int) []middleware.Outcome {
	r.t.Helper()
	r.await("outcomes", func() bool { return len(r.outcomes) >= n })
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	if err := r.mw.Flush(ctx); err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.outcomes) != n {
		r.t.Fatalf("%d outcomes, want %d: %v", len(r.outcomes), n, results(r.outcomes))
	}
	return slices.Clone(r.outcomes)
}

func (r *rig) profile(key store.Key) store.Profile {
	r.t.Helper()
	p, err := r.mw.Get(r.t.Context(), key)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

func (r *rig) unknown(key store.Key) {
	r.t.Helper()
	if p, err := r.mw.Get(r.t.Context(), key); !errors.Is(err, store.ErrNotFound) {
		r.t.Errorf("%s is known as %+v (%v)", key, p, err)
	}
}

func (r *rig) me() telegramtest.User { return r.srv.Me() }

func results(outcomes []middleware.Outcome) []string {
	texts := make([]string, len(outcomes))
	for i, o := range outcomes {
		texts[i] = o.Event + ":" + string(o.Result)
		if o.Reason != "" {
			texts[i] += "(" + string(o.Reason) + ")"
		}
	}
	return texts
}

// wantResults takes them in any order: that of what different people did is nobody's.
func wantResults(t *testing.T, outcomes []middleware.Outcome, want ...string) {
	t.Helper()
	if got := results(outcomes); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		t.Errorf("outcomes\n\t%v, want\n\t%v", got, want)
	}
}

func say(u telegramtest.User, text string) telegramtest.Update {
	return telegramtest.Message(u, telegramtest.Private(u), text).At(noon)
}

// decode makes what telebot would make of an update.
func decode(t testing.TB, u telegramtest.Update) tele.Update {
	t.Helper()
	data, err := u.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var d tele.Update
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// A gate is a memory store that saves nothing until it is opened.
type gate struct {
	store.Store
	opened chan struct{}
}

func newGate() *gate { return &gate{memstore.New(), make(chan struct{})} }

func (g *gate) open() { close(g.opened) }

func (g *gate) Apply(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
	select {
	case <-g.opened:
		return g.Store.Apply(ctx, deltas)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
