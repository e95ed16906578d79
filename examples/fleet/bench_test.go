package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/internal/pgtest"
	"github.com/rollcall-go/rollcall/store"
)

// The benchmarks of docs/scaling.md. They take a nats-server too, with
// sync_interval: always, where ROLLCALL_NATS_URL names one.

const (
	benchPeople   = 100_000
	benchBatch    = 500
	benchChanges  = 20_000 // of one measurement, by all processes together
	benchClaims   = 100
	benchBackend  = "crm"
	benchVariable = "ROLLCALL_FLEET_BENCH"
)

// eachStore runs a benchmark with each store that there is, empty.
func eachStore(b *testing.B, run func(b *testing.B, o storeOptions, st store.Outbox)) {
	for _, s := range []struct {
		name    string
		options func(b *testing.B, space string) storeOptions
	}{
		{"sqlite", func(b *testing.B, _ string) storeOptions {
			return storeOptions{File: filepath.Join(b.TempDir(), "users.db")}
		}},
		{"postgres", func(b *testing.B, space string) storeOptions {
			return storeOptions{Postgres: pgtest.Private(b).DSN, Space: space}
		}},
		{"nats", func(_ *testing.B, space string) storeOptions {
			return storeOptions{NATS: os.Getenv("ROLLCALL_NATS_URL"), Space: space}
		}},
	} {
		b.Run(s.name, func(b *testing.B) {
			o := s.options(b, "bench"+strings.ToLower(rand.Text()))
			if s.name == "nats" && o.NATS == "" {
				b.Skip("ROLLCALL_NATS_URL names no server")
			}
			st, closeStore, err := o.open(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			defer closeStore()
			run(b, o, st)
		})
	}
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

// fill saves everybody, in batches, and returns how long one took.
func fill(b *testing.B, st store.Store, version int) time.Duration {
	b.Helper()
	var times []time.Duration
	for n := 0; n < benchPeople; n += benchBatch {
		var deltas []store.Record
		for i := range benchBatch {
			deltas = append(deltas, benchDelta(n+i, version))
		}
		times = append(times, timed(b, func() error {
			_, err := st.Apply(b.Context(), deltas)
			return err
		}))
	}
	return median(times)
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

func timed(b *testing.B, run func() error) time.Duration {
	b.Helper()
	start := time.Now()
	if err := run(); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}
