package prove_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	tele "gopkg.in/telebot.v3"
	telemw "gopkg.in/telebot.v3/middleware"

	"github.com/rollcall-go/rollcall/adapters/telegram"
	"github.com/rollcall-go/rollcall/adapters/telegram/telegramtest"
	"github.com/rollcall-go/rollcall/middleware"
)

// lastUpdate is what the bot says of the last update, by which its end is known.
const lastUpdate = "last"

// telegramScript is n updates of all kinds, of people who rename themselves.
func telegramScript(n int) []json.Marshaler {
	me := telegramtest.User{ID: 110201543, IsBot: true, FirstName: "Rollcall", Username: "rollcall_bot"}
	group := telegramtest.Group(-1001234567890, "Cats")
	channel := telegramtest.Channel(-1009876543210, "News")
	noon := time.Date(2025, 5, 1, 12, 0, 0, 0, time.UTC)
	var all []json.Marshaler
	for i := range n {
		u := telegramtest.User{ID: int64(100 + i%17), FirstName: fmt.Sprint("Ann ", i), Username: fmt.Sprint("ann", i), LanguageCode: "en"}
		private := telegramtest.Private(u)
		update := []telegramtest.Update{
			telegramtest.Message(u, private, fmt.Sprint("hello ", i)),
			telegramtest.Start(u, fmt.Sprint("promo", i)),
			telegramtest.Callback(u, me, private, fmt.Sprint("button", i)),
			telegramtest.Message(u, group, "/help@rollcall_bot"),
			telegramtest.Message(u, group, fmt.Sprint("@rollcall_bot ", i)),
			telegramtest.InlineQuery(u, fmt.Sprint("query ", i)),
			telegramtest.EditedMessage(u, private, fmt.Sprint("edited ", i)),
			telegramtest.ChannelPost(channel, fmt.Sprint("post ", i)),
			telegramtest.AnonymousAdmin(group, "/help"),
			telegramtest.Joined(u, group, u),
			telegramtest.Contact(u, "4915112345678", u.ID),
			telegramtest.Payment(u, nil),
			telegramtest.Blocked(u, me),
			telegramtest.Message(u, private, "fail"),
			telegramtest.Message(u, private, "panic"),
		}[i%15]
		all = append(all, update.At(noon.Add(time.Duration(i)*time.Second)))
	}
	end := telegramtest.User{ID: 1, FirstName: "End"}
	return append(all, telegramtest.Message(end, telegramtest.Private(end), lastUpdate))
}

// playTelegram plays the script to a Synchronous bot. mw may be nil.
func playTelegram(t *testing.T, script []json.Marshaler, mw *middleware.Middleware) *transcript {
	t.Helper()
	srv, err := telegramtest.NewServer(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	s := &transcript{}
	bot, err := tele.NewBot(tele.Settings{
		URL: srv.URL(), Token: srv.Token(), Client: &http.Client{Transport: transport}, Synchronous: true,
		Poller:  &tele.LongPoller{Timeout: 10 * time.Second},
		OnError: func(err error, _ tele.Context) { s.noteError("OnError", err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	bot.Use(telemw.Recover())
	if mw != nil {
		telegram.Attach(bot, mw, &telegram.Options{Scope: telegram.Everyone})
	}
	ended := make(chan struct{})
	bot.Use(func(next tele.HandlerFunc) tele.HandlerFunc {
		return func(c tele.Context) error {
			err := next(c)
			s.note("update %d: %v", c.Update().ID, err)
			if c.Text() == lastUpdate {
				close(ended)
			}
			return err
		}
	})
	reply := func(c tele.Context) error { return c.Send(fmt.Sprint("you said ", c.Text())) }
	bot.Handle(tele.OnText, func(c tele.Context) error {
		switch c.Text() {
		case "fail":
			return errors.New("the handler's own error")
		case "panic":
			panic("the handler's own panic")
		}
		return reply(c)
	})
	bot.Handle("/start", func(c tele.Context) error { return c.Reply("payload " + c.Message().Payload) })
	bot.Handle(tele.OnCallback, func(c tele.Context) error { return c.Respond(&tele.CallbackResponse{Text: c.Data()}) })
	bot.Handle(tele.OnQuery, func(c tele.Context) error { return c.Answer(&tele.QueryResponse{Results: tele.Results{}}) })
	for _, end := range []string{"/help", tele.OnEdited, tele.OnChannelPost, tele.OnUserJoined, tele.OnContact, tele.OnPayment} {
		bot.Handle(end, reply)
	}
	bot.Handle(tele.OnMyChatMember, func(c tele.Context) error { return c.Send("you left") })
	for range 20 {
		srv.Fail("sendMessage", telegramtest.Error{Code: 403, Description: "Forbidden: bot was blocked by the user"})
	}
	if err := srv.Push(script...); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { bot.Start(); close(done) }()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("the bot did not get to the end")
	}
	for _, call := range srv.Sent() {
		s.sent = append(s.sent, call.Method+" "+call.Params["chat_id"]+" "+call.Text())
	}
	srv.Close()
	bot.Stop()
	<-done
	return s
}

func TestTelegramBotIsNotHarmed(t *testing.T) {
	t.Parallel()
	t.Attr("promise", "a telebot bot behaves as without rollcall")
	script := telegramScript(size(60, 600, 20_000))
	without := playTelegram(t, script, nil)
	if len(without.sent) < len(script)/2 || without.errs < len(script)/15 {
		t.Fatalf("of %d updates the bot sent %d answers and had %d errors", len(script), len(without.sent), without.errs)
	}
	for _, p := range plights() {
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			underTrouble(t, p, func(mw *middleware.Middleware) {
				differs(t, playTelegram(t, script, mw), without)
			})
		})
	}
	t.Attr("figure", fmt.Sprintf("%d replies and %d errors the same in %d plights", len(without.sent), without.errs, len(plights())))
}
