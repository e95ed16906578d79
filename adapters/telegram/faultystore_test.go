package telegram_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/adapters/telegram"
	"github.com/rollcall-go/rollcall/adapters/telegram/telegramtest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// A deadStore fails every write until it is healed.
type deadStore struct {
	store.Store
	healed chan struct{}
}

func (s *deadStore) Apply(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
	select {
	case <-s.healed:
		return s.Store.Apply(ctx, deltas)
	default:
		return nil, fmt.Errorf("dead: %w", store.ErrUnavailable)
	}
}

// A hungStore answers nothing until it is healed, whatever the context says, as
// a dead network file system does.
type hungStore struct {
	store.Store
	healed chan struct{}
}

func (s *hungStore) Get(ctx context.Context, key store.Key) (store.Record, error) {
	<-s.healed
	return s.Store.Get(ctx, key)
}

func (s *hungStore) Apply(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
	<-s.healed
	return s.Store.Apply(ctx, deltas)
}

// A course is what a bot did: each list in the order in which it happened.
type course struct {
	handled []int
	sent    []string
	errs    []string
}

// playOver plays the same updates to a Synchronous bot over a store that works
// only once healed is closed, which is after the last handler has returned.
func playOver(t *testing.T, st store.Store, healed chan struct{}, attach bool) course {
	t.Helper()
	r := newRigOver(t, st, func(s *tele.Settings, _ *middleware.Options) { s.Synchronous = true })
	if attach {
		telegram.Attach(r.bot, r.mw, nil)
	}
	r.bot.Handle(tele.OnText, func(c tele.Context) error {
		if err := c.Send("you said " + c.Text()); err != nil {
			return err
		}
		if c.Text() == "3" {
			return errors.New("I cannot count to 3")
		}
		return nil
	})
	r.bot.Handle("/start", func(c tele.Context) error { return c.Send("payload " + c.Message().Payload) })
	r.bot.Handle(tele.OnChannelPost, func(c tele.Context) error { return c.Send("post") })
	r.srv.Fail("sendMessage", telegramtest.Error{Code: 403, Description: "Forbidden: bot was blocked by the user"})
	r.run().push(telegramtest.Start(ann, "x"))
	t.Cleanup(func() { close(healed) }) // before the bot is stopped and the Middleware closed
	for i := range 6 {
		r.push(say(ann, fmt.Sprint(i)), telegramtest.ChannelPost(telegramtest.Channel(-1009876543210, "News"), "n"))
	}
	r.awaitHandled(13)
	var c course
	for _, call := range r.srv.Sent() {
		c.sent = append(c.sent, call.Params["chat_id"]+" "+call.Text())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	c.handled = slices.Clone(r.handled)
	for _, err := range r.errs {
		c.errs = append(c.errs, err.Error())
	}
	return c
}

func wantSameCourse(t *testing.T, got, want course) {
	t.Helper()
	if len(got.handled) != 13 || !slices.Equal(got.handled, want.handled) {
		t.Errorf("handled %v, without rollcall %v", got.handled, want.handled)
	}
	if len(got.sent) != 13 || !slices.Equal(got.sent, want.sent) {
		t.Errorf("sent\n\t%q, without rollcall\n\t%q", got.sent, want.sent)
	}
	if len(got.errs) != 2 || !slices.Equal(got.errs, want.errs) {
		t.Errorf("errors %q, without rollcall %q", got.errs, want.errs)
	}
}

func TestStoreThatFailsChangesNothingOfTheBot(t *testing.T) {
	t.Parallel()
	play := func(attach bool) course {
		healed := make(chan struct{})
		return playOver(t, &deadStore{memstore.New(), healed}, healed, attach)
	}
	wantSameCourse(t, play(true), play(false))
}

// With Settings.Synchronous all dispatch waits for a middleware that waits.
func TestStoreThatHangsStallsNoSynchronousDispatch(t *testing.T) {
	t.Parallel()
	play := func(attach bool) course {
		healed := make(chan struct{})
		return playOver(t, &hungStore{memstore.New(), healed}, healed, attach)
	}
	wantSameCourse(t, play(true), play(false))
}
