package sqlitestore

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
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
	s := benchStore(b)
	version := 0
	batch := func() []store.Record {
		version++
		return benchChange(version)
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

// benchStore is a Store that holds all people.
func benchStore(b *testing.B) *Store {
	s, err := Open(filepath.Join(b.TempDir(), "users.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	var people []store.Record
	for n := range benchPeople {
		if people = append(people, benchDelta(n, 0)); len(people) == benchBatch {
			if _, err := s.Apply(b.Context(), people); err != nil {
				b.Fatal(err)
			}
			people = people[:0]
		}
	}
	return s
}

// benchChange is a change of random people.
func benchChange(version int) []store.Record {
	var deltas []store.Record
	for _, n := range rand.Perm(benchPeople)[:benchBatch] {
		deltas = append(deltas, benchDelta(n, version))
	}
	return deltas
}

// BenchmarkApplyOwing is BenchmarkApply with backends, to each of which everybody
// was delivered before: with them a batch also reads and writes so many standings.
func BenchmarkApplyOwing(b *testing.B) {
	for _, backends := range []int{0, 1, 3} {
		b.Run(fmt.Sprintf("backends=%d", backends), func(b *testing.B) {
			s := benchStore(b)
			for i := range backends {
				benchDelivered(b, s, fmt.Sprint("backend-", i))
			}
			var times []time.Duration
			for version := 1; b.Loop(); version++ {
				deltas := benchChange(version)
				times = append(times, timed(b, func() error {
					_, err := s.Apply(b.Context(), deltas)
					return err
				}))
			}
			b.ReportMetric(benchBatch/median(times).Seconds(), "rows/s")
		})
	}
}

// BenchmarkDeliver claims and settles 500 people at a time, of 100,000 that are
// owed.
func BenchmarkDeliver(b *testing.B) {
	s := benchStore(b)
	if err := s.Enroll(b.Context(), "crm"); err != nil {
		b.Fatal(err)
	}
	var claiming, settling []time.Duration
	for b.Loop() {
		if len(claiming) > 0 && len(claiming)%(benchPeople/benchBatch) == 0 {
			b.StopTimer()
			if err := s.Resync(b.Context(), "crm"); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
		var claims []store.Claim
		claiming = append(claiming, timed(b, func() (err error) {
			claims, _, err = s.Claim(b.Context(), "crm", benchBatch, time.Minute)
			return err
		}))
		if len(claims) != benchBatch {
			b.Fatalf("%d claims", len(claims))
		}
		settling = append(settling, timed(b, func() error { return s.Settle(b.Context(), "crm", delivered(claims)) }))
	}
	b.ReportMetric(benchBatch/median(claiming).Seconds(), "claims/s")
	b.ReportMetric(benchBatch/median(settling).Seconds(), "settlements/s")
}

// benchDelivered enrolls a backend and delivers everybody to it.
func benchDelivered(b *testing.B, s *Store, backend string) {
	if err := s.Enroll(b.Context(), backend); err != nil {
		b.Fatal(err)
	}
	for {
		claims, _, err := s.Claim(b.Context(), backend, 5000, time.Minute)
		if err != nil {
			b.Fatal(err)
		}
		if len(claims) == 0 {
			return
		}
		if err := s.Settle(b.Context(), backend, delivered(claims)); err != nil {
			b.Fatal(err)
		}
	}
}

func delivered(claims []store.Claim) []store.Settlement {
	settlements := make([]store.Settlement, len(claims))
	for i, c := range claims {
		settlements[i] = store.Settlement{
			Key: c.Standing.Key, Token: c.Standing.Token, Version: c.Standing.Version, Remote: c.Standing.Key.UserID,
		}
	}
	return settlements
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

func bareRows(b testing.TB, deltas []store.Record) [][]any {
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

// BenchmarkCopy copies 100,000 people with a backend from one file to another, and
// then once more, when nothing is new. heap-MB is what both hold at the most beyond
// what was held before.
func BenchmarkCopy(b *testing.B) {
	src := benchStore(b)
	benchDelivered(b, src, "crm")
	for b.Loop() {
		dst, err := Open(filepath.Join(b.TempDir(), "copy.db"))
		if err != nil {
			b.Fatal(err)
		}
		before, most := heap(), uint64(0)
		for _, unit := range []string{"people/s", "again/s"} {
			took := timed(b, func() error {
				return store.Copy(b.Context(), dst, src, &store.CopyOptions{Progress: func(p store.CopyProgress) {
					if p.People%10_000 == 0 {
						most = max(most, heap())
					}
				}})
			})
			b.ReportMetric(benchPeople/took.Seconds(), unit)
		}
		b.ReportMetric(float64(most-min(most, before))/(1<<20), "heap-MB")
		if err := dst.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// heap returns the bytes of Go's heap that are in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
