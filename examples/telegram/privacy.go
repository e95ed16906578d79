package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"time"

	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/adapters/telegram"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// handlePrivacy answers people who ask what is kept of them, want to be forgotten,
// or change their mind. In private chats alone: a group need not know.
func handlePrivacy(bot *tele.Bot, mw *middleware.Middleware) {
	private := func(answer func(ctx context.Context, c tele.Context, person store.Key) error) tele.HandlerFunc {
		return func(c tele.Context) error {
			if c.Chat() == nil || c.Chat().Type != tele.ChatPrivate || c.Sender() == nil {
				return c.Send("Please write me that in private.")
			}
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			person := store.Key{Channel: telegram.Channel, UserID: strconv.FormatInt(c.Sender().ID, 10)}
			if err := answer(ctx, c, person); err != nil {
				return c.Send("I could not do that just now. Please try again in a minute.")
			}
			return nil
		}
	}
	bot.Handle("/mydata", private(func(ctx context.Context, c tele.Context, person store.Key) error {
		all, err := mw.Export(ctx, person)
		if err != nil {
			return err
		}
		text, err := json.MarshalIndent(all, "", "  ")
		if err != nil {
			return err
		}
		return c.Send(&tele.Document{File: tele.FromReader(bytes.NewReader(text)), FileName: "mydata.json", MIME: "application/json"})
	}))
	bot.Handle("/forgetme", private(func(ctx context.Context, c tele.Context, person store.Key) error {
		if err := mw.Forget(ctx, person); err != nil {
			return err
		}
		return c.Send("You are forgotten. I keep your number, and nothing else of you, so as not to take you in again. /remember undoes that.")
	}))
	bot.Handle("/remember", private(func(ctx context.Context, c tele.Context, person store.Key) error {
		if err := mw.Readmit(ctx, person); err != nil {
			return err
		}
		return c.Send("With your next message I take you in again.")
	}))
}
