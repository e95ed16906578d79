package telegram_test

import (
	"testing"

	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/adapters/telegram"
	"github.com/rollcall-go/rollcall/adapters/telegram/telegramtest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// telebot builds its chain anew for every update, so any middleware costs one
// allocation; rollcall may cost no more than one that does nothing.
func TestUnchangedSenderCostsNoAllocation(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for name, u := range map[string]telegramtest.Update{
		"message":  say(ann, "hi"),
		"command":  telegramtest.Start(ann, "ref_7").At(noon),
		"callback": telegramtest.Callback(ann, telegramtest.User{ID: 1, IsBot: true, FirstName: "B"}, telegramtest.Private(ann), "\fx|1"),
		"group":    telegramtest.Message(ann, cats, "😀 hello @rollcall_bot").At(noon),
		"dropped":  telegramtest.Message(ann, cats, "hello").At(noon),
	} {
		t.Run(name, func(t *testing.T) {
			base := allocations(t, u, func(bot *tele.Bot, _ *middleware.Middleware) {
				bot.Use(func(next tele.HandlerFunc) tele.HandlerFunc {
					return func(c tele.Context) error { return next(c) }
				})
			})
			if got := allocations(t, u, func(bot *tele.Bot, mw *middleware.Middleware) { telegram.Attach(bot, mw, nil) }); got != base {
				t.Errorf("Attach: %v allocations an update, a middleware that does nothing %v", got, base)
			}
			if got := allocations(t, u, func(bot *tele.Bot, mw *middleware.Middleware) { bot.Use(telegram.Middleware(mw, nil)) }); got != base {
				t.Errorf("Middleware: %v allocations an update, a middleware that does nothing %v", got, base)
			}
		})
	}
}

func offlineBot(t testing.TB) (*tele.Bot, *middleware.Middleware) {
	t.Helper()
	bot, err := tele.NewBot(tele.Settings{Offline: true, Synchronous: true})
	if err != nil {
		t.Fatal(err)
	}
	bot.Me = me
	mw, err := middleware.New(memstore.New(), &middleware.Options{SeenEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mw.Close(t.Context()) })
	return bot, mw
}

func allocations(t *testing.T, update telegramtest.Update, attach func(*tele.Bot, *middleware.Middleware)) float64 {
	t.Helper()
	bot, mw := offlineBot(t)
	attach(bot, mw)
	handled := 0
	count := func(tele.Context) error { handled++; return nil }
	for _, endpoint := range []string{tele.OnText, tele.OnCallback, "/start", "\fx"} {
		bot.Handle(endpoint, count)
	}
	u := decode(t, update)
	process := func() {
		u.ID++
		bot.ProcessUpdate(u)
	}
	process()
	if err := mw.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := testing.AllocsPerRun(200, process)
	if handled != 202 {
		t.Fatalf("the handler ran %d times", handled)
	}
	return n
}

func BenchmarkProcessUpdate(b *testing.B) {
	for name, attach := range map[string]func(*tele.Bot, *middleware.Middleware){
		"none": func(*tele.Bot, *middleware.Middleware) {},
		"noop": func(bot *tele.Bot, _ *middleware.Middleware) {
			bot.Use(func(next tele.HandlerFunc) tele.HandlerFunc { return func(c tele.Context) error { return next(c) } })
		},
		"rollcall": func(bot *tele.Bot, mw *middleware.Middleware) { telegram.Attach(bot, mw, nil) },
	} {
		b.Run(name, func(b *testing.B) {
			bot, mw := offlineBot(b)
			attach(bot, mw)
			bot.Handle(tele.OnText, nothing)
			u := decode(b, say(ann, "hi"))
			u.ID = 1
			bot.ProcessUpdate(u)
			if err := mw.Flush(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				u.ID++
				bot.ProcessUpdate(u)
			}
		})
	}
}
