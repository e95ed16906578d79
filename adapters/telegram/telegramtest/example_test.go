package telegramtest_test

import (
	"context"
	"fmt"
	"log"
	"time"

	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/adapters/telegram/telegramtest"
)

// A test of a bot of one's own: push what people do, look at what the bot sent.
func Example() {
	srv, err := telegramtest.NewServer(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	bot, err := tele.NewBot(tele.Settings{URL: srv.URL(), Token: srv.Token(), Poller: &tele.LongPoller{Timeout: 10 * time.Second}})
	if err != nil {
		log.Fatal(err)
	}
	bot.Handle(tele.OnText, func(c tele.Context) error { return c.Send("You said " + c.Text()) })
	go bot.Start()

	ann := telegramtest.User{ID: 42, FirstName: "Ann"}
	if err := srv.Push(telegramtest.Message(ann, telegramtest.Private(ann), "hello")); err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	sent, err := srv.WaitSent(ctx, 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(sent[0].Method, sent[0].ChatID(), sent[0].Text())

	srv.Close() // then Stop need not wait for a poll
	bot.Stop()
	// Output: sendMessage 42 You said hello
}
