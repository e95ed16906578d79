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

// An old table of users, as database/sql would read it, becomes profiles.
func ExampleMiddleware_Import() {
	rows := []struct {
		id, name, email string
		changed         time.Time
	}{
		{"42", "Ann", "ann@example.org", time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)},
		{"43", "Bea", "", time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)},
		{"", "somebody without an id", "", time.Time{}},
	}
	old := func(yield func(middleware.Sender, error) bool) {
		for _, row := range rows { // for rows.Next(), and at the end yield(middleware.Sender{}, rows.Err())
			s := middleware.Sender{Channel: "telegram", UserID: row.id, Event: "import", At: row.changed}
			s.Set(store.FieldName, row.name)
			if row.email != "" { // "" in the old table says nothing
				s.Set(store.FieldEmail, row.email)
			}
			if !yield(s, nil) {
				return
			}
		}
	}

	ctx := context.Background()
	mw, err := middleware.New(memstore.New(), nil)
	if err != nil {
		panic(err)
	}
	defer mw.Close(ctx)
	for range 2 { // a second time nothing is new
		p, err := mw.Import(ctx, old, &middleware.ImportOptions{Progress: func(p middleware.ImportProgress) {
			fmt.Println("so far:", p.Read)
		}})
		fmt.Println(p.Created, "created,", p.Unchanged, "unchanged, dropped:", p.Dropped, err)
	}
	// Output:
	// so far: 3
	// 2 created, 0 unchanged, dropped: map[nobody:1] <nil>
	// so far: 3
	// 0 created, 2 unchanged, dropped: map[nobody:1] <nil>
}
