package telegram_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/adapters/telegram"
	"github.com/rollcall-go/rollcall/adapters/telegram/telegramtest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

func TestProfileHoldsWhatIsNotSavedYet(t *testing.T) {
	t.Parallel()
	st := newGate()
	r := newRigOver(t, st, nil)
	telegram.Attach(r.bot, r.mw, nil)
	profiles := make(chan store.Profile, 1)
	r.bot.Handle(tele.OnText, func(c tele.Context) error {
		p, err := telegram.Profile(c)
		profiles <- p
		return err
	})
	r.run().push(say(ann, "hi"))
	if p := <-profiles; p.Key != annAt || p.DisplayName() != "Ann Lee" {
		t.Errorf("profile %+v", p)
	}
	st.open()
	r.settle(1)
	renamed := ann
	renamed.LastName = "Lee-Smith"
	r.push(say(renamed, "again").At(noon.Add(time.Second)))
	if p := <-profiles; p.DisplayName() != "Ann Lee-Smith" {
		t.Errorf("profile %+v", p)
	}
}

func TestProfileInHandlersOfAnyKind(t *testing.T) {
	t.Parallel()
	r := attached(t, nil)
	names := make(chan string, 1)
	show := func(c tele.Context) error {
		p, err := telegram.Profile(c)
		names <- p.DisplayName()
		return err
	}
	for _, endpoint := range []string{tele.OnCallback, tele.OnQuery, tele.OnMyChatMember} {
		r.bot.Handle(endpoint, show)
	}
	r.run()
	for _, u := range []telegramtest.Update{
		telegramtest.Callback(ann, r.me(), cats, "x"),
		telegramtest.InlineQuery(ann, "x"),
		telegramtest.Unblocked(ann, r.me()),
	} {
		r.push(u)
		if name := <-names; name != "Ann Lee" {
			t.Errorf("name %q", name)
		}
	}
}

func TestProfileOfNobody(t *testing.T) {
	t.Parallel()
	r := attached(t, nil)
	post := telegramtest.ChannelPost(telegramtest.Channel(-1009876543210, "News"), "x")
	p, err := telegram.Profile(r.bot.NewContext(decode(t, post)))
	if !errors.Is(err, store.ErrNotFound) || !p.Key.IsZero() {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestProfileOfSomebodyWhoIsNotKeptHoldsTheirName(t *testing.T) {
	t.Parallel()
	r := attached(t, nil)
	overheard := telegramtest.Message(ann, cats, "x")
	p, err := telegram.Profile(r.bot.NewContext(decode(t, overheard)))
	if !errors.Is(err, store.ErrNotFound) || p.DisplayName() != "Ann Lee" {
		t.Errorf("%q, %v", p.DisplayName(), err)
	}
}

type foreignContext struct{ tele.Context }

func (foreignContext) Bot() *tele.Bot { return nil }

func TestProfileWithoutAttachNamesAttach(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for name, c := range map[string]tele.Context{
		"never attached":  r.bot.NewContext(decode(t, say(ann, "hi"))),
		"context of none": foreignContext{},
	} {
		if _, err := telegram.Profile(c); !errors.Is(err, telegram.ErrNotAttached) || !strings.Contains(err.Error(), "telegram.Attach(bot, mw, nil)") {
			t.Errorf("%s: %v", name, err)
		}
	}
	telegram.Attach(r.bot, r.mw, nil)
	r.bot.Poller = &tele.LongPoller{}
	if _, err := telegram.Profile(r.bot.NewContext(decode(t, say(ann, "hi")))); !errors.Is(err, telegram.ErrNotAttached) {
		t.Errorf("poller replaced: %v", err)
	}
}

// telebot hands its handlers no context, so a store that hangs must not hold
// them.
func TestProfileGivesUpOnAStoreThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := newGate()
		bot, err := tele.NewBot(tele.Settings{Offline: true})
		if err != nil {
			t.Fatal(err)
		}
		mw, err := middleware.New(waitingStore{st}, nil)
		if err != nil {
			t.Fatal(err)
		}
		telegram.Attach(bot, mw, nil)
		asked := time.Now()
		p, err := telegram.Profile(bot.NewContext(decode(t, say(ann, "hi").WithID(1))))
		if !errors.Is(err, context.DeadlineExceeded) || p.DisplayName() != "Ann Lee" {
			t.Errorf("%q, %v", p.DisplayName(), err)
		}
		if waited := time.Since(asked); waited != time.Second {
			t.Errorf("the handler waited %v, and a second is what Profile promises", waited)
		}
		st.open()
		if err := mw.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A waitingStore also reads nothing until its gate is opened.
type waitingStore struct{ *gate }

func (s waitingStore) Get(ctx context.Context, key store.Key) (store.Record, error) {
	select {
	case <-s.opened:
		return s.Store.Get(ctx, key)
	case <-ctx.Done():
		return store.Record{}, ctx.Err()
	}
}
