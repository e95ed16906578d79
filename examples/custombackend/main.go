// Command custombackend shows a backend for a service that rollcall has none for:
// an address book with an HTTP API. It runs the address book on loopback for a
// moment and prints what reaches it as people come, change and are forgotten.
//
//	go run ./examples/custombackend
//
// backend.go is the backend and backend_test.go the test that every backend
// should have. service.go stands for the service.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) error {
	book := NewService("the token")
	server := httptest.NewServer(book)
	defer server.Close()
	contacts, err := NewContacts(server.URL, "the token")
	if err != nil {
		return err
	}
	mw, err := middleware.New(memstore.New(), &middleware.Options{
		Backends: []store.Backend{contacts},
		OnSuccess: func(_ context.Context, o middleware.Outcome) {
			fmt.Fprintln(out, o.Target, o.Result, o.Key, o.Fields)
		},
		OnFailure: func(_ context.Context, o middleware.Outcome, err error) {
			fmt.Fprintln(out, o.Target, o.Result, o.Key, err)
		},
	})
	if err != nil {
		return err
	}
	step := func(what string, do func() error) error {
		fmt.Fprintln(out, "\n"+what)
		if err := do(); err != nil {
			return err
		}
		if err := mw.Drain(ctx); err != nil {
			return err
		}
		fmt.Fprintf(out, "the address book has %v\n", book.Contact("telegram:42"))
		return nil
	}
	ann := store.Key{Channel: "telegram", UserID: "42"}
	says := func(given, family, username string) func() error {
		return func() error { // what an adapter makes of an event
			s := middleware.Sender{Channel: ann.Channel, UserID: ann.UserID, Event: "message"}
			s.Set(store.FieldGivenName, given)
			s.Set(store.FieldFamilyName, family)
			s.Set(store.FieldUsername, username)
			mw.Observe(&s)
			return nil
		}
	}
	for _, err := range []error{
		step("Ann writes to the bot.", says("Ann", "Lee", "ann")),
		step("She tells it her address.", func() error {
			return mw.Set(ctx, ann, store.Declared, store.Profile{Email: "ann@example.org"})
		}),
		step("She marries, and gives up her username.", says("Ann", "Lee-Cho", "")),
		step("Somebody else has the username that she takes next.", func() error {
			book.Put("bob", map[string]string{"handle": "ann_lee"})
			return says("Ann", "Lee-Cho", "ann_lee")()
		}),
		step("She takes another one.", says("Ann", "Lee-Cho", "annlc")),
		step("She wants to be forgotten.", func() error { return mw.Forget(ctx, ann) }),
		mw.Close(ctx),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}
