// Command customadapter shows an adapter for a platform that rollcall has none
// for: a chat over TCP, one JSON object a line. It runs the chat and a bot on
// loopback for a moment and prints who is in the store afterwards.
//
//	go run ./examples/customadapter
//
// adapter.go is the adapter and adapter_test.go the test that every adapter
// should have. client.go and server.go stand for the platform.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
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
	server, err := Serve()
	if err != nil {
		return err
	}
	defer server.Close()
	bot, err := Dial(ctx, server.Addr(), "rollbot")
	if err != nil {
		return err
	}
	defer bot.Close()

	people := memstore.New()
	mw, err := middleware.New(people, &middleware.Options{
		OnOutcome: func(_ context.Context, o middleware.Outcome) {
			fmt.Fprintln(out, o.Key, o.Result, o.Fields, o.Reason)
		},
	})
	if err != nil {
		return err
	}
	script := []Message{
		{From: &User{ID: 42, Nick: "ann", Name: "Ann Lee"}, Text: "!start from-the-poster"},
		{From: &User{ID: 42, Nick: "ann", Name: "Ann Lee-Cho"}, Text: "I married"},
		{From: &User{ID: 43, Nick: "bob", Name: "Bob"}, Room: "lobby", Text: "does it rain?"},
		{From: &User{ID: 44, Nick: "cy", Name: "Cyrus"}, Room: "lobby", Text: "rollbot: hello"},
		{From: &User{ID: 7, Nick: "news", Bot: true}, Text: "it rains"},
		{Text: "the server restarts at noon"},
	}
	done := make(chan struct{}, len(script))
	bot.Handle(Observed(bot, mw, func(Message) { done <- struct{}{} }))
	stopped := make(chan error, 1)
	go func() { stopped <- bot.Run() }()
	for _, m := range script {
		if _, err := server.Say(m); err != nil {
			return err
		}
		select {
		case <-done:
		case err := <-stopped:
			return err
		}
		if err := mw.Flush(ctx); err != nil {
			return err
		}
	}
	if err := mw.Close(ctx); err != nil {
		return err
	}
	fmt.Fprintln(out)
	for p, err := range people.List(ctx, store.Filter{}) {
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s %q %s %q\n", p.Key, p.DisplayName(), p.Username, p.StartPayload)
	}
	return nil
}
