package sqlitestore

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

const (
	benchPeople = 100_000
	benchBatch  = 500
)

// BenchmarkApply compares batches of 500 changes of random people among 100,000
// with the least that could be done: a loop over one prepared upsert through
// database/sql, on the same tables and settings, of rows made beforehand, that
// neither reads nor merges.
func BenchmarkApply(b *testing.B) {
	path := filepath.Join(b.TempDir(), "users.db")
	s, err := Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var people []store.Record
	for n := range benchPeople {
		if people = append(people, benchDelta(n, 0)); len(people) == benchBatch {
			if _, err := s.Apply(b.Context(), people); err != nil {
				b.Fatal(err)
			}
			people = people[:0]
		}
	}
	version := 0
	batch := func() []store.Record {
		version++
		var deltas []store.Record
		for _, n := range rand.Perm(benchPeople)[:benchBatch] {
			deltas = append(deltas, benchDelta(n, version))
		}
		return deltas
	}

	// A file of its own: two connections to one empty each other's cache.
	other := filepath.Join(b.TempDir(), "bare.db")
	if err := s.Backup(b.Context(), other); err != nil {
		b.Fatal(err)
	}
	db, err := sql.Open("sqlite", uri(other, settings))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("PRAGMA journal_mode = wal"); err != nil {
		b.Fatal(err)
	}
	upsert, err := db.Prepare(bareUpsert())
	if err != nil {
		b.Fatal(err)
	}
	defer upsert.Close()
	var ours, bare []time.Duration
	b.ResetTimer()
	for range b.N {
		deltas, rows := batch(), bareRows(b, batch())
		ours = append(ours, timed(b, func() error {
			_, err := s.Apply(b.Context(), deltas)
			return err
		}))
		bare = append(bare, timed(b, func() error {
			tx, err := db.Begin()
			if err != nil {
				return err
			}
			st := tx.Stmt(upsert)
			defer st.Close()
			for _, row := range rows {
				if _, err := st.Exec(row...); err != nil {
					return err
				}
			}
			return tx.Commit()
		}))
	}
	b.ReportMetric(benchBatch/median(ours).Seconds(), "rows/s")
	b.ReportMetric(benchBatch/median(bare).Seconds(), "bare-rows/s")
	b.ReportMetric(median(bare).Seconds()/median(ours).Seconds(), "of-bare")
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

func benchDelta(n, version int) store.Record {
	return store.Patch{
		Key: store.Key{Channel: "telegram", UserID: fmt.Sprint(100_000_000 + n)},
		At:  time.Unix(1_700_000_000+int64(version), 0),
		Set: map[store.Field]string{
			store.FieldGivenName:  fmt.Sprint("Ann ", version),
			store.FieldFamilyName: "Schmidt",
			store.FieldUsername:   fmt.Sprint("ann_", n),
			store.FieldLocale:     "de",
			store.FieldStatus:     "active",
			store.FieldIsPremium:  "true",
		},
	}.Record()
}

func bareUpsert() string {
	names := append(columns[:len(columns):len(columns)], "search", "record")
	var set []string
	for _, c := range names {
		set = append(set, c+" = excluded."+c)
	}
	return "INSERT INTO profiles (" + strings.Join(names, ", ") + ", channel, user_id) VALUES (" +
		strings.Repeat("?, ", len(names)) + "?, ?) ON CONFLICT (channel, user_id) DO UPDATE SET " + strings.Join(set, ", ")
}

func bareRows(b *testing.B, deltas []store.Record) [][]any {
	rows := make([][]any, len(deltas))
	for i, d := range deltas {
		blob, err := d.MarshalBinary()
		if err != nil {
			b.Fatal(err)
		}
		p := d.Profile()
		for _, c := range cells(&p) {
			rows[i] = append(rows[i], c.value())
		}
		rows[i] = append(rows[i], store.SearchText(p), blob, d.Key.Channel, d.Key.UserID)
	}
	return rows
}
