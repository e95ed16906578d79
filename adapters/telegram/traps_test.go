package telegram_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/adapters/telegram"
	"github.com/rollcall-go/rollcall/adapters/telegram/telegramtest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// In telebot, c.Message().Sender of a callback is the bot.
func TestCallbackMessageIsWrittenByTheBot(t *testing.T) {
	t.Parallel()
	r := attached(t, nil)
	var author string
	r.bot.Handle(tele.OnCallback, func(c tele.Context) error { author = c.Message().Sender.Username; return nil })
	r.run().push(telegramtest.Callback(ann, r.me(), cats, "ok"))
	r.awaitHandled(1)
	if o := r.settle(1)[0]; o.Key != annAt || author != r.me().Username {
		t.Errorf("observed %s, and the message is by %q", o.Key, author)
	}
	if p := r.profile(annAt); time.Since(p.LastSeen) > time.Minute {
		t.Errorf("seen at %v, the date of the bot's old message", p.LastSeen)
	}
}

func TestStandInsAreNobody(t *testing.T) {
	t.Parallel()
	news := telegramtest.Channel(-1009876543210, "News")
	for _, c := range []struct {
		name   string
		update telegramtest.Update
		want   middleware.Reason
	}{
		{"anonymous admin", telegramtest.AnonymousAdmin(cats, "/help"), middleware.ReasonAnonymous},
		{"777000 is not marked as a bot", telegramtest.AutoForward(news, cats, "news"), middleware.ReasonService},
		{"Channel_Bot", telegramtest.Message(telegramtest.ChannelBot, cats, "hi").With("sender_chat", news), middleware.ReasonChannel},
		{"poll answer of a chat", telegramtest.PollAnswer(telegramtest.ChannelBot, "5", 0).With("voter_chat", news), middleware.ReasonChannel},
		{"my_chat_member of an anonymous admin has no sender_chat", telegramtest.MyChatMember(telegramtest.GroupAnonymousBot, telegramtest.User{ID: 1, IsBot: true, FirstName: "B"}, cats, "member", "administrator"), middleware.ReasonAnonymous},
		{"channel post has no sender", telegramtest.ChannelPost(news, "news"), middleware.ReasonChannel},
		{"another bot", telegramtest.Message(telegramtest.User{ID: 9, IsBot: true, FirstName: "B"}, cats, "hi"), middleware.ReasonBot},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := attached(t, &telegram.Options{Scope: telegram.Everyone}).run()
			r.push(c.update, say(ann, "hi")) // the second shows that the first was delivered
			outcomes := r.settle(2)
			i := slices.IndexFunc(outcomes, func(o middleware.Outcome) bool { return o.Result == middleware.Dropped })
			if i < 0 || outcomes[i].Reason != c.want {
				t.Fatalf("outcomes %v, want %q", results(outcomes), c.want)
			}
			if c.want != middleware.ReasonBot && !outcomes[i].Key.IsZero() {
				t.Errorf("a filter could let %s in", outcomes[i].Key)
			}
		})
	}
}

func TestAbsentLastNameClears(t *testing.T) {
	t.Parallel()
	r := attached(t, nil).run()
	after := ann
	after.LastName = ""
	r.push(say(ann, "1"), say(after, "2").At(noon.Add(time.Second)))
	r.settle(2)
	if p := r.profile(annAt); p.FamilyName != "" || p.GivenName != "Ann" || p.Username != "ann_lee" {
		t.Errorf("kept %+v", p)
	}
}

func TestAbsentUsernameClears(t *testing.T) {
	t.Parallel()
	r := attached(t, nil).run()
	after := ann
	after.Username = ""
	r.push(say(ann, "1"), say(after, "2").At(noon.Add(time.Second)))
	r.settle(2)
	if p := r.profile(annAt); p.Username != "" || p.GivenName != "Ann" || p.FamilyName != "Lee" {
		t.Errorf("kept %+v", p)
	}
}

func TestAbsentPremiumClears(t *testing.T) {
	t.Parallel()
	r := attached(t, nil).run()
	before := ann
	before.IsPremium = true
	r.push(say(before, "1"))
	if o := r.settle(1)[0]; !o.Profile.IsPremium {
		t.Fatal("premium was never known")
	}
	r.push(say(ann, "2").At(noon.Add(time.Second)))
	r.settle(2)
	if p := r.profile(annAt); p.IsPremium || p.GivenName != "Ann" {
		t.Errorf("kept %+v", p)
	}
}

func TestAbsentLanguageSaysNothing(t *testing.T) {
	t.Parallel()
	r := attached(t, nil).run()
	after := ann
	after.LanguageCode = ""
	r.push(say(ann, "1"), say(after, "2").At(noon.Add(time.Second)))
	r.settle(2)
	if p := r.profile(annAt); p.Locale != "en" {
		t.Errorf("locale %q", p.Locale)
	}
}

func TestDeletedAccountKeepsItsNames(t *testing.T) {
	t.Parallel()
	r := attached(t, nil).run()
	r.push(say(ann, "1"), say(telegramtest.User{ID: 42}, "2").At(noon.Add(time.Second)))
	r.settle(2)
	if p := r.profile(annAt); p.GivenName != "Ann" || p.FamilyName != "Lee" || p.Username != "ann_lee" {
		t.Errorf("kept %+v", p)
	}
}

func TestContactOfSomebodyElseIsIgnored(t *testing.T) {
	t.Parallel()
	r := attached(t, nil).run()
	r.push(telegramtest.Contact(ann, "4915112345678", 43).At(noon), telegramtest.Contact(ann, "4915112345678", 0).At(noon))
	r.settle(2)
	if p := r.profile(annAt); p.PhoneNumber != "" {
		t.Fatalf("phone %q", p.PhoneNumber)
	}
	r.push(telegramtest.Contact(ann, "14155552671", 42).At(noon.Add(time.Second)))
	r.settle(3)
	if p := r.profile(annAt); p.PhoneNumber != "+14155552671" || p.PhoneVerified {
		t.Errorf("phone %q, verified %v", p.PhoneNumber, p.PhoneVerified)
	}
}

func TestSharedUsersAreNotKept(t *testing.T) {
	t.Parallel()
	r := attached(t, &telegram.Options{Scope: telegram.Everyone}).run()
	users := []any{map[string]any{"user_id": 43, "first_name": "Bob"}}
	r.push(telegramtest.Service(ann, telegramtest.Private(ann), "users_shared", map[string]any{"request_id": 1, "users": users}).At(noon))
	r.settle(1)
	r.unknown(keyOf(bob))
}

func TestForwardOriginsReplyAuthorsAndTextMentionsAreNotTheUser(t *testing.T) {
	t.Parallel()
	for name, update := range map[string]telegramtest.Update{
		"forward origin": say(ann, "x").With("forward_origin", map[string]any{"type": "user", "sender_user": bob, "date": 1}),
		"reply author":   telegramtest.Message(ann, cats, "x").With("reply_to_message", map[string]any{"message_id": 1, "date": 1, "chat": cats, "from": bob, "text": "y"}),
		"text mention":   telegramtest.Message(ann, cats, "Bob").With("entities", []any{map[string]any{"type": "text_mention", "offset": 0, "length": 3, "user": bob}}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := attached(t, &telegram.Options{Scope: telegram.Everyone}).run()
			r.push(update)
			if o := r.settle(1)[0]; o.Key != annAt || o.Profile.GivenName != "Ann" {
				t.Errorf("observed %s as %q", o.Key, o.Profile.GivenName)
			}
			r.unknown(keyOf(bob))
		})
	}
}

// telebot sets Message.Payload only in ProcessUpdate.
func TestStartPayloadBeforeTelebotParsesIt(t *testing.T) {
	t.Parallel()
	r := attached(t, nil).run()
	r.push(telegramtest.Start(ann, "ref_7").At(noon))
	if o := r.settle(1)[0]; !o.Start || o.Profile.StartPayload != "ref_7" {
		t.Errorf("start %v, payload %q", o.Start, o.Profile.StartPayload)
	}
}

// By default telebot runs a goroutine for each handler, so the middleware sees
// updates in any order.
func TestHandlersOutOfOrderCannotBringAnOldNameBack(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	h := telegram.Middleware(r.mw, nil)(nothing)
	renamed := ann
	renamed.FirstName = "Anna"
	for _, u := range []telegramtest.Update{say(renamed, "2").WithID(11), say(ann, "1").WithID(10)} {
		h(r.bot.NewContext(decode(t, u))) // both within one second
		if err := r.mw.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if p := r.profile(annAt); p.GivenName != "Anna" {
		t.Errorf("the older update won: %q", p.GivenName)
	}
}

// A button carries no time. With that of this machine, it would win against all
// later messages of a backlog.
func TestUndatedUpdateOfABacklogDoesNotWinOverLaterOnes(t *testing.T) {
	t.Parallel()
	r := attached(t, nil).run()
	renamed := ann
	renamed.FirstName = "Anna"
	r.push(
		say(ann, "1"),
		telegramtest.Callback(renamed, r.me(), telegramtest.Private(ann), "yes"),
		telegramtest.Blocked(renamed, r.me()).At(noon.Add(time.Hour)),
	)
	r.settle(3)
	p := r.profile(annAt)
	if p.GivenName != "Anna" || p.Status != store.StatusBlocked || !p.LastSeen.Equal(noon.Add(time.Hour)) {
		t.Errorf("kept %q, %s, last seen %v", p.GivenName, p.Status, p.LastSeen)
	}
}

func TestUndatedUpdateAtTheHeadOfABacklogGivesWay(t *testing.T) {
	t.Parallel()
	r := attached(t, nil).run()
	renamed := ann
	renamed.FirstName = "Anna"
	r.push(telegramtest.Callback(ann, r.me(), telegramtest.Private(ann), "yes"), say(renamed, "2"))
	r.settle(2)
	if p := r.profile(annAt); p.GivenName != "Anna" || !p.FirstSeen.Equal(noon) {
		t.Errorf("kept %q, first seen %v", p.GivenName, p.FirstSeen)
	}
}

// A boost that changed comes with the date on which it was added.
func TestOldBoostDoesNotTurnTheClockBack(t *testing.T) {
	t.Parallel()
	r := attached(t, &telegram.Options{Scope: telegram.Everyone}).run()
	renamed := ann
	renamed.FirstName = "Anna"
	r.push(say(ann, "1"))
	r.settle(1)
	r.push(
		json.RawMessage(`{"chat_boost":{"chat":{"id":-1001234567890,"type":"supergroup","title":"Cats"},"boost":{"boost_id":"b","add_date":1600000000,"expiration_date":1900000000,"source":{"source":"premium","user":{"id":43,"is_bot":false,"first_name":"Bob"}}}}}`),
		telegramtest.Callback(renamed, r.me(), telegramtest.Private(ann), "yes"),
	)
	r.settle(3)
	if p := r.profile(annAt); p.GivenName != "Anna" || p.LastSeen.Before(noon) {
		t.Errorf("kept %q, last seen %v", p.GivenName, p.LastSeen)
	}
	if p := r.profile(keyOf(bob)); p.LastSeen.Unix() != 1600000000 {
		t.Errorf("the boost counts as of %v", p.LastSeen)
	}
}

func TestBlockedStaysBlockedUntilThePrivateChat(t *testing.T) {
	t.Parallel()
	r := attached(t, nil).run()
	r.push(
		telegramtest.Blocked(ann, r.me()).At(noon),
		telegramtest.Message(ann, cats, "/help").At(noon.Add(time.Second)),
	)
	r.settle(2)
	if p := r.profile(annAt); p.Status != store.StatusBlocked {
		t.Errorf("status %q after a command in a group, where people who blocked the bot can write", p.Status)
	}
	r.push(say(ann, "hi again").At(noon.Add(2 * time.Second)))
	r.settle(3)
	if p := r.profile(annAt); p.Status != store.StatusActive {
		t.Errorf("status %q after a private message", p.Status)
	}
	r.push(telegramtest.Blocked(ann, r.me()).At(noon.Add(3*time.Second)), telegramtest.Unblocked(ann, r.me()).At(noon.Add(4*time.Second)))
	r.settle(5)
	if p := r.profile(annAt); p.Status != store.StatusActive {
		t.Errorf("status %q after unblocking", p.Status)
	}
}

func TestOrderInfoIsOptIn(t *testing.T) {
	t.Parallel()
	order := &telegramtest.Order{Name: "Bob", PhoneNumber: "14155552671", Email: "ann@example.org", ShippingAddress: &telegramtest.Address{CountryCode: "DE", City: "Berlin", StreetLine1: "Hauptstr. 1", PostCode: "10115"}}
	for _, on := range []bool{false, true} {
		r := attached(t, &telegram.Options{OrderInfo: on}).run()
		r.push(telegramtest.Payment(ann, order).At(noon))
		p := r.settle(1)[0].Profile
		if got := p.Email == "ann@example.org" && p.PhoneNumber == "+14155552671" && p.Address.Locality == "Berlin"; got != on || p.GivenName != "Ann" {
			t.Errorf("order info %v: kept %+v", on, p)
		}
	}
}

func TestHugeNameIsTakenInPart(t *testing.T) {
	t.Parallel()
	r := attached(t, nil)
	r.bot.Handle(tele.OnText, nothing)
	u := decode(t, say(ann, "hi").WithID(1))
	u.Message.Sender.FirstName = strings.Repeat("Ann\u202e\u0301", 10<<20/8)
	r.bot.ProcessUpdate(u)
	r.awaitHandled(1)
	if n := len(r.settle(1)[0].Profile.GivenName); n == 0 || n > 4<<10 {
		t.Errorf("a name of %d bytes is kept", n)
	}
}

// telebot changes Message.Payload and Callback.Data in ProcessUpdate, and
// handlers may change anything. Under -race this fails when an update is read
// after it was handed on.
func TestUpdateIsReadBeforeTelebotChangesIt(t *testing.T) {
	t.Parallel()
	r := attached(t, nil)
	r.bot.Handle("/start", func(c tele.Context) error {
		*c.Message() = tele.Message{Chat: &tele.Chat{}}
		return nil
	})
	r.bot.Handle(tele.OnCallback, func(c tele.Context) error {
		*c.Callback() = tele.Callback{}
		return nil
	})
	r.run()
	for i := range 20 {
		r.push(telegramtest.Start(ann, fmt.Sprint(i)).At(noon), telegramtest.Callback(bob, r.me(), telegramtest.Private(bob), "x"))
	}
	r.awaitHandled(40)
	r.settle(40)
}

func TestManyHandlersAtOnce(t *testing.T) {
	t.Parallel()
	r := attached(t, nil)
	r.bot.Handle(tele.OnText, nothing)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				r.bot.ProcessUpdate(decode(t, say(telegramtest.User{ID: int64(1 + i), FirstName: "P"}, "x").WithID(1+g*50+i)))
			}
		})
	}
	wg.Wait()
	r.awaitHandled(400)
	r.settle(400)
	if n := r.mw.Stats().Created; n != 50 {
		t.Errorf("%d people, want 50", n)
	}
}
