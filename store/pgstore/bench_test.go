package pgstore

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rollcall-go/rollcall/internal/pgtest"
	"github.com/rollcall-go/rollcall/store"
)

const benchBatch = 500

// BenchmarkApply compares batches of 500 people, on a server that syncs, with what
// could be done with the same rows, made beforehand and neither read nor merged:
// COPY of 500 in one transaction, and an upsert of each in one of its own. COPY can
// only add: beside changed people it copies as many new ones. Of two that write at once,
// as two bots do, the time of a batch is half of what both take.
func BenchmarkApply(b *testing.B) {
	for _, c := range []struct {
		name    string
		people  int // who are there before
		writers int // at once
	}{{"new", 0, 1}, {"changed", 50_000, 1}, {"changed/writers=2", 50_000, 2}} {
		b.Run(c.name, func(b *testing.B) {
			ctx := b.Context()
			pool := pgtest.Connect(b, pgtest.Private(b).DSN)
			s, err := New(ctx, pool, nil)
			if err != nil {
				b.Fatal(err)
			}
			for n := 0; n < c.people; n += benchBatch {
				if _, err := s.Apply(ctx, benchDeltas(n, benchBatch, 0)); err != nil {
					b.Fatal(err)
				}
			}
			for _, table := range []string{"copied", "upserted"} {
				if _, err := pool.Exec(ctx, "CREATE TABLE "+table+" (LIKE rollcall.people INCLUDING ALL)"); err != nil {
					b.Fatal(err)
				}
			}
			if _, err := pool.Exec(ctx, "INSERT INTO upserted SELECT * FROM rollcall.people"); err != nil {
				b.Fatal(err)
			}
			var ours, copies, singles []time.Duration
			next := 0
			b.ResetTimer()
			for version := 1; b.Loop(); version++ {
				deltas := benchDeltas(next, benchBatch, version)
				next += benchBatch
				rows := benchRows(b, deltas)
				upserts := rows
				if c.people > 0 {
					deltas = deltas[:0]
					for _, n := range rand.Perm(c.people)[:c.writers*benchBatch] {
						deltas = append(deltas, benchDeltas(n, 1, version)...)
					}
					upserts = benchRows(b, deltas[:benchBatch])
				}
				ours = append(ours, timed(b, func() error {
					var running sync.WaitGroup
					errs := make([]error, c.writers)
					for w := range errs {
						running.Go(func() { _, errs[w] = s.Apply(ctx, deltas[w*benchBatch:][:benchBatch]) })
					}
					running.Wait()
					return errors.Join(errs...)
				})/time.Duration(c.writers))
				copies = append(copies, timed(b, func() error {
					_, err := pool.CopyFrom(ctx, pgx.Identifier{"copied"}, benchColumns(), pgx.CopyFromRows(rows))
					return err
				}))
				singles = append(singles, timed(b, func() error {
					for _, row := range upserts[:20] {
						if _, err := pool.Exec(ctx, upsertSQL, row...); err != nil {
							return err
						}
					}
					return nil
				})*benchBatch/20)
			}
			b.ReportMetric(benchBatch/median(ours).Seconds(), "people/s")
			b.ReportMetric(median(copies).Seconds()/median(ours).Seconds(), "of-COPY")
			b.ReportMetric(median(singles).Seconds()/median(ours).Seconds(), "x-upserts")
		})
	}
}

func benchColumns() []string {
	names := []string{"forgotten", "channel", "user_id"}
	for _, c := range columnsOf(whole) {
		names = append(names, c.name)
	}
	return names
}

var upsertSQL = func() string {
	names := benchColumns()
	var params, set []string
	for i, name := range names {
		params = append(params, fmt.Sprint("$", i+1))
		set = append(set, name+" = excluded."+name)
	}
	return "INSERT INTO upserted (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(params, ", ") +
		") ON CONFLICT (channel, user_id) DO UPDATE SET " + strings.Join(set, ", ")
}()

func benchDeltas(first, n, version int) []store.Record {
	deltas := make([]store.Record, n)
	for i := range deltas {
		deltas[i] = store.Patch{
			Key: store.Key{Channel: "telegram", UserID: fmt.Sprint(100_000_000 + first + i)},
			At:  time.Unix(1_700_000_000+int64(version), 0),
			Set: map[store.Field]string{
				store.FieldGivenName:  fmt.Sprint("Ann ", version),
				store.FieldFamilyName: "Schmidt",
				store.FieldUsername:   fmt.Sprint("ann_", first+i),
				store.FieldLocale:     "de",
				store.FieldStatus:     "active",
				store.FieldIsPremium:  "true",
			},
		}.Record()
	}
	return deltas
}

// benchRows are the values of the rows that deltas of new people make.
func benchRows(b *testing.B, deltas []store.Record) [][]any {
	rows := make([][]any, len(deltas))
	for i, d := range deltas {
		var one personRows
		p := d.Profile()
		if err := one.add(d, &p); err != nil {
			b.Fatal(err)
		}
		rows[i] = []any{false, d.Key.Channel, d.Key.UserID}
		for _, array := range one.arrays(whole) {
			rows[i] = append(rows[i], first(array))
		}
	}
	return rows
}

// first returns the element of an array of one, nil for an empty one.
func first(array any) any {
	switch a := array.(type) {
	case []string:
		return a[0]
	case pgtype.FlatArray[[]byte]:
		return a[0]
	case pgtype.FlatArray[bool]:
		return a[0]
	case pgtype.FlatArray[*string]:
		if len(a) > 0 {
			return *a[0]
		}
	case pgtype.FlatArray[*time.Time]:
		if len(a) > 0 {
			return *a[0]
		}
	}
	return nil
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

func timed(b *testing.B, run func() error) time.Duration {
	start := time.Now()
	if err := run(); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}
