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
	// irc:ann@example.org created  [name]
	// irc:ann@example.org unchanged  []
	// irc:ann@example.org updated  [name]
	// : dropped bot []
}
