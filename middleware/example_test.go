package middleware_test

import (
	"context"
	"fmt"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// What an adapter does for every event of its platform.
func Example() {
	mw, err := middleware.New(memstore.New(), &middleware.Options{
		OnOutcome: func(_ context.Context, o middleware.Outcome) {
			fmt.Println(o.Key, o.Result, o.Reason, o.Fields)
		},
	})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	defer mw.Close(ctx)

	for i, name := range []string{"Ann", "Ann", "Anna"} {
		s := middleware.Sender{
			Channel: "irc",
			UserID:  "ann@example.org",
			Event:   "PRIVMSG",
			At:      time.Date(2026, 1, 1, 12, i, 0, 0, time.UTC),
		}
		s.Set(store.FieldName, name)
		mw.Observe(&s)
		_ = mw.Flush(ctx) // only so that the output is the same every time
	}
	mw.Observe(&middleware.Sender{Channel: "irc", Drop: middleware.ReasonBot})
	_ = mw.Flush(ctx)
	// Output:
	// irc:ann@example.org created  [name status]
	// irc:ann@example.org unchanged  []
	// irc:ann@example.org updated  [name]
	// : dropped bot []
}

// A backend of one function. The store remembers what it is owed.
func Example_backend() {
	crm := store.BackendFunc("crm", func(_ context.Context, d store.Delivery) error {
		fmt.Println("deliver", d.Profile.Key, d.Fields)
		return nil
	})
	mw, err := middleware.New(memstore.New(), &middleware.Options{Backends: []store.Backend{crm}})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	defer mw.Close(ctx)

	key := store.Key{Channel: "irc", UserID: "ann@example.org"}
	_ = mw.Set(ctx, key, store.Declared, store.Profile{GivenName: "Ann"})
	_ = mw.Drain(ctx)
	_ = mw.Set(ctx, key, store.Declared, store.Profile{Locale: "de"})
	_ = mw.Drain(ctx)
	// Output:
	// deliver irc:ann@example.org [given_name name]
	// deliver irc:ann@example.org [locale]
}

// A process of its own delivers what the bot's process saves.
func ExampleDeliver() {
	st := memstore.New() // in earnest a store that both processes open
	ctx, stop := context.WithCancel(context.Background())
	crm := store.BackendFunc("crm", func(_ context.Context, d store.Delivery) error {
		fmt.Println("deliver", d.Profile.DisplayName())
		stop() // in earnest: at a signal
		return nil
	})
	bot, err := middleware.New(st, nil)
	if err != nil {
		panic(err)
	}
	defer bot.Close(ctx)
	_ = bot.Set(ctx, store.Key{Channel: "irc", UserID: "ann@example.org"}, store.Declared, store.Profile{Name: "Ann"})

	err = middleware.Deliver(ctx, st, &middleware.Options{Backends: []store.Backend{crm}})
	fmt.Println(err)
	// Output:
	// deliver Ann
	// <nil>
}
