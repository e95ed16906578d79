// Command telegram is a Telegram bot that keeps a profile of everyone who talks
// to it in users.db, tells them so, and answers /mydata, /forgetme and /remember.
//
//	TELEGRAM_TOKEN=... go run ./examples/telegram
package main

import (
	"context"
	"errors"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.uber.org/zap"
	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/adapters/telegram"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

func main() {
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	st, err := sqlitestore.Open("users.db")
	if err != nil {
		log.Fatal(err)
	}
	mw, err := middleware.New(st, &middleware.Options{
		Logger:    zap.Must(zap.NewProduction()),
		OnSuccess: func(ctx context.Context, o middleware.Outcome) { _ = o.Reply(ctx, "I added/updated your information.") },
		OnFailure: func(ctx context.Context, o middleware.Outcome, _ error) { _ = o.Reply(ctx, "I could not save it yet.") },
	})
	if err != nil {
		log.Fatal(err)
	}

	bot, err := tele.NewBot(tele.Settings{
		Token:  os.Getenv("TELEGRAM_TOKEN"),
		URL:    os.Getenv("TELEGRAM_API_URL"), // "": api.telegram.org
		Poller: &tele.LongPoller{Timeout: 10 * time.Second},
	})
	if err != nil { // err holds the token
		log.Fatal("Telegram does not answer, or refuses TELEGRAM_TOKEN")
	}
	telegram.Attach(bot, mw, nil) // the one line
	bot.Handle("/start", func(c tele.Context) error {
		p, _ := telegram.Profile(c)
		return c.Send("Welcome, " + p.DisplayName() + "!")
	})
	handlePrivacy(bot, mw)
	go bot.Start()
	<-ctx.Done()
	bot.Stop()
	if err := errors.Join(mw.Close(ctx), st.Close()); err != nil { // Close saves what waits
		log.Fatal(err)
	}
}
