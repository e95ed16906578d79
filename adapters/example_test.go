package adapters_test

import (
	"context"
	"fmt"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// A page is an event of a platform whose library calls a func(page).
type page struct {
	from string
	name *string // nil: this event does not say
	at   time.Time
}

// fromPage is the pure half of an adapter.
func fromPage(p page) middleware.Sender {
	s := middleware.Sender{Channel: "pager", UserID: p.from, Event: "page", At: p.at}
	if p.from == "" {
		s.Drop = middleware.ReasonNobody
	}
	if p.name != nil {
		s.Set(store.FieldName, *p.name)
	}
	return s
}

// observed is the other half.
func observed(mw *middleware.Middleware, next func(page)) func(page) {
	return func(p page) {
		s := fromPage(p)
		mw.Observe(&s)
		next(p)
	}
}

// The smallest adapter: a pure function, and a wrapper for the handler.
func Example() {
	mw, err := middleware.New(memstore.New(), &middleware.Options{
		OnOutcome: func(_ context.Context, o middleware.Outcome) {
			fmt.Printf("%s %s %v %q\n", o.Key, o.Result, o.Fields, o.Reason)
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	handle := observed(mw, func(page) { /* the bot answers */ })
	ctx := context.Background()
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i, p := range []page{
		{from: "7", name: new("Ann")},
		{from: "7"}, // says nothing of the name, which stays
		{from: "7", name: new("")},
		{},
	} {
		p.at = noon.Add(time.Duration(i) * time.Second)
		handle(p)
		if err := mw.Flush(ctx); err != nil {
			fmt.Println(err)
		}
	}
	if err := mw.Close(ctx); err != nil {
		fmt.Println(err)
	}
	// Output:
	// pager:7 created [name status] ""
	// pager:7 unchanged [] ""
	// pager:7 updated [name] ""
	// : dropped [] "nobody"
}
