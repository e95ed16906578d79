package main

import (
	"encoding/json"
	"time"

	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/adapters/telegram"
	"github.com/rollcall-go/rollcall/adapters/telegram/telegramtest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// unchangedSender is a message of somebody who is known, by telebot's ProcessUpdate to
// the handler. telebot makes its chain anew for each update, so a middleware that does
// nothing is the least that any can cost.
func unchangedSender() Subject {
	const noop = "a no-op bot.Use"
	return Subject{
		Name: "unchanged sender, telebot",
		Sides: []Side{
			{Name: "rollcall", Loop: processUpdate(func(bot *tele.Bot, mw *middleware.Middleware) { telegram.Attach(bot, mw, nil) })},
			{Name: noop, Loop: processUpdate(func(bot *tele.Bot, _ *middleware.Middleware) {
				bot.Use(func(next tele.HandlerFunc) tele.HandlerFunc {
					return func(c tele.Context) error { return next(c) }
				})
			})},
		},
		Instructions: true,
		Claims: []Claim{
			{Of: "allocations", Metric: Allocs, Against: noop, Form: Extra, Wanted: AtMost(0), Guard: AtMost(0), Possible: new(0.0), Limit: "the Sender stays on the stack, and the table that knows who has not changed holds numbers only"},
			{
				Of: "instructions", Metric: Instructions, Against: noop, Form: Extra, Wanted: AtMost(1000), Guard: AtMost(1100),
				// A middleware that does only the first, as it was measured before this one was written.
				Possible: new(417.0),
				Limit: "to hash what is said of the sender and look it up takes some 410 here too; 370 find out whose update it is, of what kind and time, " +
					"and that it is no repeat; 90 note the time, so that an older one cannot win; 100 keep a panic of ours away from the bot",
			},
		},
	}
}

func processUpdate(attach func(*tele.Bot, *middleware.Middleware)) func(*Env) (func(int) error, error) {
	return func(e *Env) (func(int) error, error) {
		bot, err := tele.NewBot(tele.Settings{Offline: true, Synchronous: true})
		if err != nil {
			return nil, err
		}
		bot.Me = &tele.User{ID: 1, IsBot: true, Username: "rollcall_bot"}
		mw, err := middleware.New(memstore.New(), nil)
		if err != nil {
			return nil, err
		}
		e.Cleanup(func() error { return mw.Close(e) })
		attach(bot, mw)
		bot.Handle(tele.OnText, func(tele.Context) error { return nil })
		ann := telegramtest.User{ID: 42, FirstName: "Ann", LastName: "Lee", Username: "ann_lee", LanguageCode: "en"}
		data, err := telegramtest.Message(ann, telegramtest.Private(ann), "hi").At(time.Now()).MarshalJSON()
		if err != nil {
			return nil, err
		}
		var u tele.Update
		if err := json.Unmarshal(data, &u); err != nil {
			return nil, err
		}
		loop := func(n int) error {
			for range n {
				u.ID++
				bot.ProcessUpdate(u)
			}
			return nil
		}
		if err := loop(1); err != nil {
			return nil, err
		}
		return loop, mw.Flush(e)
	}
}
