package main

import (
	"context"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/natsstore"
	"github.com/rollcall-go/rollcall/store/pgstore"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

// storeOptions say which store all processes share.
type storeOptions struct {
	File           string // of SQLite, unless one of the next two is set
	Postgres, NATS string
	Space          string // the schema or bucket
}

func (o storeOptions) String() string {
	switch {
	case o.Postgres != "":
		return "schema " + o.Space + " of the Postgres"
	case o.NATS != "":
		return "bucket " + o.Space + " of the nats-server"
	default:
		return o.File
	}
}

// open opens the store. What it returns beside it closes it.
func (o storeOptions) open(ctx context.Context) (store.Outbox, func(), error) {
	switch {
	case o.Postgres != "":
		return o.openPostgres(ctx)
	case o.NATS != "":
		return o.openNATS(ctx)
	}
	st, err := sqlitestore.Open(o.File)
	if err != nil {
		return nil, nil, err
	}
	return st, func() { _ = st.Close() }, nil
}

func (o storeOptions) openPostgres(ctx context.Context) (store.Outbox, func(), error) {
	pool, err := pgxpool.New(ctx, o.Postgres)
	if err != nil {
		return nil, nil, err
	}
	st, err := pgstore.New(ctx, pool, &pgstore.Options{Schema: o.Space})
	if err != nil {
		pool.Close()
		return nil, nil, err
	}
	return st, func() { _ = st.Close(); pool.Close() }, nil
}

func (o storeOptions) openNATS(ctx context.Context) (store.Outbox, func(), error) {
	nc, err := nats.Connect(o.NATS, nats.MaxReconnects(-1))
	if err != nil {
		return nil, nil, err
	}
	js, err := jetstream.New(nc)
	if err != nil {
		nc.Close()
		return nil, nil, err
	}
	// A bot in production asks for SyncAlways, and sets it on the server.
	st, err := natsstore.New(ctx, js, &natsstore.Options{
		Bucket: o.Space, MayLoseOnPowerCut: func(warning string) { fmt.Fprintln(os.Stderr, warning) },
	})
	if err != nil {
		nc.Close()
		return nil, nil, err
	}
	return st, func() { _ = st.Close(); nc.Close() }, nil
}
