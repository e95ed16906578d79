package main

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/adapters/telegram"
	"github.com/rollcall-go/rollcall/adapters/telegram/telegramtest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// An unforgettingStore cannot forget while it is away.
type unforgettingStore struct {
	*memstore.Store
	away atomic.Bool
}

func (s *unforgettingStore) Forget(ctx context.Context, key store.Key, suppress bool) error {
	if s.away.Load() {
		return store.ErrUnavailable
	}
	return s.Store.Forget(ctx, key, suppress)
}

func TestPrivacyCommands(t *testing.T) {
	srv, err := telegramtest.NewServer(nil)
	if err != nil {
		t.Fatal(err)
	}
	st := &unforgettingStore{Store: memstore.New()}
	mw, err := middleware.New(st, nil)
	if err != nil {
		t.Fatal(err)
	}
	bot, err := tele.NewBot(tele.Settings{URL: srv.URL(), Token: srv.Token(), Poller: &tele.LongPoller{Timeout: 10 * time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	telegram.Attach(bot, mw, nil)
	handlePrivacy(bot, mw)
	go bot.Start()
	defer func() {
		_ = srv.Close()
		bot.Stop()
		_ = mw.Close(context.Background())
	}()

	ann := telegramtest.User{ID: 42, FirstName: "Ann"}
	key := store.Key{Channel: "telegram", UserID: "42"}
	saved := func() (store.Record, error) {
		t.Helper()
		if err := mw.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		return st.Get(t.Context(), key)
	}
	sent := 0
	say := func(chat telegramtest.Chat, text string) telegramtest.Call {
		t.Helper()
		if err := srv.Push(telegramtest.Message(ann, chat, text)); err != nil {
			t.Fatal(err)
		}
		sent++
		calls, err := srv.WaitSent(t.Context(), sent)
		if err != nil {
			t.Fatal(err)
		}
		return calls[sent-1]
	}
	if c := say(telegramtest.Private(ann), "/mydata"); c.Method != "sendDocument" {
		t.Errorf("/mydata was answered by %s", c.Method)
	}
	if _, err := saved(); err != nil {
		t.Errorf("before /forgetme: %v", err)
	}
	if c := say(telegramtest.Group(-1001, "all"), "/forgetme"); c.Text() != "Please write me that in private." {
		t.Errorf("in a group: %q", c.Text())
	}
	if c := say(telegramtest.Private(ann), "/forgetme"); !strings.Contains(c.Text(), "nothing else of you") {
		t.Errorf("/forgetme was answered by %q", c.Text())
	}
	if _, err := st.Get(t.Context(), key); !errors.Is(err, store.ErrSuppressed) {
		t.Errorf("after /forgetme: %v, want store.ErrSuppressed", err)
	}
	say(telegramtest.Private(ann), "/remember")
	say(telegramtest.Private(ann), "/mydata")
	if r, err := saved(); err != nil || r.Profile().GivenName != "Ann" {
		t.Errorf("after /remember: %v, %v", r, err)
	}
	st.away.Store(true)
	if c := say(telegramtest.Private(ann), "/forgetme"); c.Text() != "I could not do that just now. Please try again in a minute." {
		t.Errorf("without the store: %q", c.Text())
	}
}
