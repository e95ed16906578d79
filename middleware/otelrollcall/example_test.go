package otelrollcall_test

import (
	"context"
	"fmt"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/middleware/otelrollcall"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// Three lines make metrics and traces, for the providers that the program has set up
// with OpenTelemetry's SDK.
func Example() {
	tel, err := otelrollcall.New(nil)
	if err != nil {
		panic(err)
	}
	mw, err := middleware.New(memstore.New(), &middleware.Options{Tracer: tel})
	if err != nil {
		panic(err)
	}
	if _, err := tel.Watch(mw); err != nil {
		panic(err)
	}

	ctx := context.Background()
	defer mw.Close(ctx)
	s := middleware.Sender{Channel: "irc", UserID: "ann@example.org"}
	s.Set(store.FieldName, "Ann")
	mw.Observe(&s)
	_ = mw.Flush(ctx)
	fmt.Println(mw.Stats().Created, "created")
	// Output:
	// 1 created
}
