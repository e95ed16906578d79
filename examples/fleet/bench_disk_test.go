package main

import (
	"context"
	"database/sql"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcall-go/rollcall/store"
)

// BenchmarkDisk tells how many bytes a person takes: saved once, then with one
// backend that everybody was delivered to, and then changed and delivered once more.
// What a store gives back only in its own time counts too.
func BenchmarkDisk(b *testing.B) {
	eachStore(b, func(b *testing.B, o storeOptions, st store.Outbox) {
		for b.Loop() {
			batch := fill(b, st, 0)
			b.ReportMetric(benchBatch/batch.Seconds(), "new/s")
			report := func(name string) { b.ReportMetric(float64(onDisk(b, o))/benchPeople, name) }
			report("B/person")
			if err := st.Enroll(b.Context(), benchBackend); err != nil {
				b.Fatal(err)
			}
			deliverAll(b, st)
			report("B/delivered")
			fill(b, st, 1)
			deliverAll(b, st)
			report("B/changed")
		}
	})
}

func deliverAll(b *testing.B, st store.Outbox) {
	b.Helper()
	for {
		n, err := deliverSome(b.Context(), st)
		if err != nil {
			b.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

func onDisk(b *testing.B, o storeOptions) int64 {
	b.Helper()
	size, err := o.size(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return size
}

// size is how large the store is: the file without its log, tables with their
// indexes, or the stream.
func (o storeOptions) size(ctx context.Context) (size int64, err error) {
	switch {
	case o.Postgres != "":
		conn, err := pgx.Connect(ctx, o.Postgres)
		if err != nil {
			return 0, err
		}
		defer conn.Close(ctx)
		err = conn.QueryRow(ctx, `SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE c.relkind = 'r' AND n.nspname = $1`, o.Space).Scan(&size)
		return size, err
	case o.NATS != "":
		nc, err := nats.Connect(o.NATS)
		if err != nil {
			return 0, err
		}
		defer nc.Close()
		js, err := jetstream.New(nc)
		if err != nil {
			return 0, err
		}
		stream, err := js.Stream(ctx, "KV_"+o.Space)
		if err != nil {
			return 0, err
		}
		return int64(stream.CachedInfo().State.Bytes), nil
	default:
		db, err := sql.Open("sqlite", o.File)
		if err != nil {
			return 0, err
		}
		defer db.Close()
		err = db.QueryRowContext(ctx, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").Scan(&size)
		return size, err
	}
}
