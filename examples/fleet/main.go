// Command fleet shows four processes on one store, without a token, a server or a
// network: two telebot.v3 bots and a discordgo session whose audiences overlap, and
// a deliverer that brings everybody to two other systems. Half-way it kills (kill -9)
// one bot and the deliverer, starts them again, and shows that nothing is lost.
//
//	go run ./examples/fleet                     into fleet.db; run it twice
//	go run ./examples/fleet -postgres DSN       into a Postgres
//	go run ./examples/fleet -nats URL           into a JetStream bucket
//	go run ./examples/fleet -people 200         with a larger audience
//
// The platforms and the two systems are doubles on loopback. The other processes are
// this program too, with a role in their environment; they end when it does, however
// it ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

type options struct {
	store  storeOptions
	people int
}

func main() {
	if role, ok := os.LookupEnv(roleVariable); ok {
		os.Exit(perform(role))
	}
	var o options
	flag.StringVar(&o.store.File, "db", "fleet.db", "the SQLite `file` to keep the people in")
	flag.StringVar(&o.store.Postgres, "postgres", "", "keep them in the Postgres of this `DSN` instead")
	flag.StringVar(&o.store.NATS, "nats", "", "keep them in the JetStream of the nats-server at this `URL` instead")
	flag.StringVar(&o.store.Space, "space", "rollcall_fleet", "the `name` of the Postgres schema or JetStream bucket")
	flag.IntVar(&o.people, "people", 16, "how many people there are, 8 or more")
	flag.Parse()
	switch {
	case flag.NArg() > 0:
		fmt.Fprintf(os.Stderr, "fleet: what is %q? -h lists the flags.\n", flag.Arg(0))
		os.Exit(2)
	case o.people < 8:
		fmt.Fprintln(os.Stderr, "fleet: -people has to be 8 or more.")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o, os.Stdout, os.Stderr)
	stopped := ctx.Err() != nil
	stop()
	if err != nil && (!stopped || !errors.Is(err, context.Canceled)) {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
}
