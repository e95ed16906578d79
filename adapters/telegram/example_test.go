package telegram_test

import (
	"context"
	"fmt"
	"log"
	"time"

	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/adapters/telegram"
	"github.com/rollcall-go/rollcall/adapters/telegram/telegramtest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// A bot with rollcall attached. The server stands in for Telegram, so that this
// runs anywhere; with a real token, leave Settings.URL out.
func Example() {
	srv, err := telegramtest.NewServer(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()

	mw, err := middleware.New(memstore.New(), &middleware.Options{
		OnSuccess: func(_ context.Context, o middleware.Outcome) {
			fmt.Println(o.Event, o.Result, o.Key, o.Fields)
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer mw.Close(context.Background())

	bot, err := tele.NewBot(tele.Settings{URL: srv.URL(), Token: srv.Token(), Poller: &tele.LongPoller{Timeout: 10 * time.Second}})
	if err != nil {
		log.Fatal(err)
	}
	telegram.Attach(bot, mw, nil) // the one line
	bot.Handle("/start", func(c tele.Context) error {
		p, err := telegram.Profile(c)
		if err != nil {
			return c.Send("Welcome!")
		}
		return c.Send("Welcome, " + p.DisplayName())
	})
	go bot.Start()

	ctx := context.Background()
	ann := telegramtest.User{ID: 42, FirstName: "Ann", LastName: "Lee"}
	srv.Push(telegramtest.Start(ann, "newsletter"))
	sent, err := srv.WaitSent(ctx, 1)
	if err != nil {
		log.Fatal(err)
	}
	mw.Flush(ctx)
	fmt.Println(sent[0].Text())

	srv.Close() // then Stop need not wait for a poll
	bot.Stop()
	// Output:
	// message created telegram:42 [family_name given_name start_payload status]
	// Welcome, Ann Lee
}

// FromUpdate alone says what an update tells of its sender, for programs that
// have updates but no bot.
func ExampleFromUpdate() {
	update := &tele.Update{ID: 7, Message: &tele.Message{
		Unixtime: 1714564800,
		Sender:   &tele.User{ID: 42, FirstName: "Ann"},
		Chat:     &tele.Chat{ID: 42, Type: tele.ChatPrivate},
		Text:     "/start newsletter",
	}}
	s := telegram.FromUpdate(update, nil, nil)
	p := s.Patch()
	fmt.Println(s.Key(), s.Event, s.Start, p.Set["start_payload"])
	fmt.Println(p.Set["given_name"], p.At.Format(time.RFC3339Nano))
	// Output:
	// telegram:42 message true newsletter
	// Ann 2024-05-01T12:00:00.000000007Z
}
