package telegram_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/adapters/telegram"
	"github.com/rollcall-go/rollcall/adapters/telegram/telegramtest"
	"github.com/rollcall-go/rollcall/middleware"
)

func TestReplyGoesWhereTheEventCameFrom(t *testing.T) {
	t.Parallel()
	inTopic := func(u telegramtest.Update) telegramtest.Update {
		return u.With("is_topic_message", true).With("message_thread_id", 5)
	}
	bot := telegramtest.User{ID: 1, IsBot: true, FirstName: "B"}
	shown := map[string]any{"message_id": 3, "date": 1, "chat": cats, "from": bot, "is_topic_message": true, "message_thread_id": 5}
	for _, c := range []struct {
		name         string
		update       telegramtest.Update
		chat, thread string
	}{
		{"private", say(ann, "hi"), "42", ""},
		{"group", telegramtest.Message(ann, cats, "/help"), "-1001234567890", ""},
		{"topic of a forum", inTopic(telegramtest.Message(ann, cats, "/help")), "-1001234567890", "5"},
		{"edit in a topic", inTopic(telegramtest.EditedMessage(ann, cats, "/help")), "-1001234567890", "5"},
		{"topic of a private chat", inTopic(say(ann, "hi")), "42", "5"},
		{"thread of answers, which is no topic", telegramtest.Message(ann, cats, "/help").With("message_thread_id", 5), "-1001234567890", ""},
		{"button in a group", telegramtest.Callback(ann, bot, cats, "x"), "-1001234567890", ""},
		{"button in a topic", telegramtest.Callback(ann, bot, cats, "x").With("message", shown), "-1001234567890", "5"},
		{"button of an inline message", telegramtest.Callback(ann, bot, cats, "x").With("message", nil).With("inline_message_id", "7"), "42", ""},
		{"inline query", telegramtest.InlineQuery(ann, "x"), "42", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := attached(t, nil).run()
			r.push(c.update)
			if err := r.settle(1)[0].Reply(t.Context(), "saved"); err != nil {
				t.Fatal(err)
			}
			sent := r.srv.Sent()
			if len(sent) != 1 || sent[0].Text() != "saved" || sent[0].Params["chat_id"] != c.chat || sent[0].Params["message_thread_id"] != c.thread {
				t.Errorf("sent %+v", sent)
			}
		})
	}
}

func TestReplyGoesByTheBotThatGotTheEvent(t *testing.T) {
	t.Parallel()
	first, second := newRig(t, nil), newRig(t, nil)
	h := telegram.Middleware(first.mw, nil)(nothing) // one for both bots
	for i, r := range []*rig{first, second, first} {
		text := fmt.Sprint(i)
		if err := h(r.bot.NewContext(decode(t, say(ann, text).WithID(1+i)))); err != nil {
			t.Fatal(err)
		}
		if err := first.settle(1 + i)[i].Reply(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	for r, want := range map[*rig][]string{first: {"0", "2"}, second: {"1"}} {
		var got []string
		for _, c := range r.srv.Sent() {
			got = append(got, c.Text())
		}
		if !slices.Equal(got, want) {
			t.Errorf("sent %q, want %q", got, want)
		}
	}
}

func TestReplyToAGroupThatHasBecomeASupergroup(t *testing.T) {
	t.Parallel()
	r := attached(t, nil).run()
	r.push(telegramtest.Message(ann, telegramtest.Group(-77, "Cats"), "/help"))
	o := r.settle(1)[0]
	r.srv.Fail("sendMessage", telegramtest.Error{Code: 400, MigrateTo: -1001234567890})
	if err := o.Reply(t.Context(), "saved"); err != nil {
		t.Fatal(err)
	}
	sent := r.srv.Sent()
	if len(sent) != 2 || sent[1].Params["chat_id"] != "-1001234567890" || sent[1].Text() != "saved" { // the first was refused
		t.Errorf("sent %+v", sent)
	}
	r.srv.Fail("sendMessage", telegramtest.Error{Code: 400, MigrateTo: -2}, telegramtest.Error{Code: 400, MigrateTo: -3})
	if _, ok := errors.AsType[tele.GroupError](o.Reply(t.Context(), "x")); !ok {
		t.Error("a group that moves for ever is followed")
	}
}

// A hook may keep an Outcome and answer from anywhere, when telebot and the handlers have
// long made something else of the update.
func TestRepliesOfManyGoroutinesAfterTheUpdateHasChanged(t *testing.T) {
	t.Parallel()
	r := attached(t, nil)
	r.bot.Handle(tele.OnText, func(c tele.Context) error {
		m := c.Message()
		*m.Chat, m.ThreadID, m.TopicMessage = tele.Chat{ID: 7}, 8, false
		return nil
	})
	r.run().push(say(ann, "hi").With("is_topic_message", true).With("message_thread_id", 5))
	r.awaitHandled(1)
	o := r.settle(1)[0]
	if err := r.mw.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := o.Reply(t.Context(), "saved"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	sent := r.srv.Sent()
	for _, c := range sent {
		if c.Params["chat_id"] != "42" || c.Params["message_thread_id"] != "5" {
			t.Errorf("sent %+v", c)
		}
	}
	if len(sent) != 8 {
		t.Errorf("sent %d times", len(sent))
	}
}

// Two bots count their updates each for themselves.
func TestEqualUpdateIDsOfTwoBotsAreTwoUpdates(t *testing.T) {
	t.Parallel()
	first := newRig(t, nil)
	other, err := tele.NewBot(tele.Settings{Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	other.Me = &tele.User{ID: 99, IsBot: true}
	h := telegram.Middleware(first.mw, nil)(nothing) // one for both bots
	for i, c := range []struct {
		bot *tele.Bot
		who telegramtest.User
	}{{first.bot, ann}, {other, bob}, {first.bot, ann}, {other, bob}} {
		if err := h(c.bot.NewContext(decode(t, say(c.who, "x").WithID(7+i/2)))); err != nil {
			t.Fatal(err)
		}
	}
	first.settle(4)
}

func TestReplyWithoutAChat(t *testing.T) {
	t.Parallel()
	r := attached(t, nil).run()
	r.push(telegramtest.Service(ann, cats, "x", 1).With("chat", nil).With("from", nil))
	if err := r.settle(1)[0].Reply(t.Context(), "x"); !errors.Is(err, middleware.ErrNoChat) {
		t.Errorf("error %v", err)
	}
}

func TestReplyWithAContextThatIsOver(t *testing.T) {
	t.Parallel()
	r := attached(t, nil).run()
	r.push(say(ann, "hi"))
	o := r.settle(1)[0]
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := o.Reply(ctx, "x"); !errors.Is(err, context.Canceled) || len(r.srv.Sent()) != 0 {
		t.Errorf("error %v, sent %v", err, r.srv.Sent())
	}
}

// Telebot's errors of the network hold the URL of the request, and with it the
// bot's token.
func TestTokenIsNotInReplyErrors(t *testing.T) {
	t.Parallel()
	r := attached(t, nil).run()
	r.push(say(ann, "hi"))
	o := r.settle(1)[0]
	r.srv.Close()
	if _, err := r.bot.Send(tele.ChatID(42), "x"); err == nil || !strings.Contains(err.Error(), r.srv.Token()) {
		t.Fatalf("telebot's own error no longer holds the token: %v", err)
	}
	err := o.Reply(t.Context(), "x")
	if err == nil {
		t.Fatal("no error though the server is gone")
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if text := fmt.Sprintf("%v %+v %#v", e, e, e); strings.Contains(text, r.srv.Token()) || strings.Contains(text, "AAHdq") {
			t.Errorf("holds the token: %T", e)
		}
	}
	if _, ok := errors.AsType[*net.OpError](err); !ok || !strings.Contains(err.Error(), "<token>") {
		t.Errorf("the cause is gone: %v", err)
	}
}

func TestReplyErrorsOfTheAPIKeepTheirType(t *testing.T) {
	t.Parallel()
	r := attached(t, nil).run()
	r.push(say(ann, "hi"))
	o := r.settle(1)[0]
	r.srv.Fail("sendMessage", telegramtest.Error{Code: 429, RetryAfter: 7}, telegramtest.Error{Code: 403, Description: "Forbidden: bot was blocked by the user"})
	if flood, ok := errors.AsType[tele.FloodError](o.Reply(t.Context(), "x")); !ok || flood.RetryAfter != 7 {
		t.Errorf("flood %+v", flood)
	}
	if err := o.Reply(t.Context(), "x"); !errors.Is(err, tele.ErrBlockedByUser) {
		t.Errorf("error %v", err)
	}
}
