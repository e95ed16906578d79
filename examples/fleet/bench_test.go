package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/internal/pgtest"
	"github.com/rollcall-go/rollcall/middleware"
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
	space := "bench" + strings.ToLower(rand.Text())
	for _, s := range []struct {
		name    string
		options func(b *testing.B) storeOptions
	}{
		{"sqlite", func(b *testing.B) storeOptions { return storeOptions{File: filepath.Join(b.TempDir(), "users.db")} }},
		{"postgres", func(b *testing.B) storeOptions { return storeOptions{Postgres: pgtest.Private(b).DSN, Space: space} }},
		{"nats", func(*testing.B) storeOptions { return storeOptions{NATS: os.Getenv("ROLLCALL_NATS_URL"), Space: space} }},
	} {
		b.Run(s.name, func(b *testing.B) {
			o := s.options(b)
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

// BenchmarkProcesses has 1 to 8 processes change random people among 100,000, the
// same amount of work in all, and tells what a change costs compared with one
// process: where they meet over the same people, and where each has its own.
func BenchmarkProcesses(b *testing.B) {
	eachStore(b, func(b *testing.B, o storeOptions, st store.Outbox) {
		fill(b, st, 0)
		version := 0
		for _, audience := range []string{"shared", "own"} {
			b.Run(audience, func(b *testing.B) {
				counts := []int{1, 2, 4, 8}
				times := make(map[int][]time.Duration)
				for b.Loop() {
					for _, n := range counts {
						version++
						times[n] = append(times[n], benchProcesses(b, o, n, version, audience == "own"))
					}
				}
				b.ReportMetric(benchChanges/median(times[1]).Seconds(), "changes/s")
				for _, n := range counts[1:] {
					b.ReportMetric(median(times[n]).Seconds()/median(times[1]).Seconds(), fmt.Sprintf("cost-of-%d", n))
				}
			})
		}
	})
}

// A benchTask is what one of the processes does.
type benchTask struct {
	Store            storeOptions
	Batches, Version int
	First, People    int // of whom it changes some
}

// benchProcesses returns how long n processes took together, all ready before.
func benchProcesses(b *testing.B, o storeOptions, n, version int, own bool) time.Duration {
	b.Helper()
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	var others []*exec.Cmd
	var begin []func() error
	for i := range n {
		task := benchTask{Store: o, Batches: benchChanges / benchBatch / n, Version: version, People: benchPeople}
		if own {
			task.First, task.People = i*benchPeople/n, benchPeople/n
		}
		text, err := json.Marshal(task)
		if err != nil {
			b.Fatal(err)
		}
		cmd := exec.CommandContext(b.Context(), exe)
		cmd.Env = append(os.Environ(), benchVariable+"="+string(text))
		cmd.Stderr = os.Stderr
		stdin, err := cmd.StdinPipe()
		if err != nil {
			b.Fatal(err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
			b.Fatal(err)
		}
		others, begin = append(others, cmd), append(begin, stdin.Close)
	}
	return timed(b, func() (err error) {
		for _, start := range begin {
			err = errors.Join(err, start())
		}
		for _, cmd := range others {
			err = errors.Join(err, cmd.Wait())
		}
		return err
	})
}

// performBench is one of the processes.
func performBench(text string) error {
	var task benchTask
	if err := json.Unmarshal([]byte(text), &task); err != nil {
		return err
	}
	st, closeStore, err := task.Store.open(context.Background())
	if err != nil {
		return err
	}
	defer closeStore()
	batches := make([][]store.Record, task.Batches)
	for i := range batches {
		for _, n := range mathrand.Perm(task.People)[:benchBatch] {
			batches[i] = append(batches[i], benchDelta(task.First+n, task.Version))
		}
	}
	fmt.Println("ready")
	untilEnd(os.Stdin)
	for _, deltas := range batches {
		for { // SQLite's locks know no turns: the middleware would come back too
			_, err := st.Apply(context.Background(), deltas)
			if err == nil {
				break
			}
			if !errors.Is(err, store.ErrUnavailable) {
				return err
			}
		}
	}
	return nil
}

// BenchmarkDeliver has one process claim and settle what 100,000 people are owed,
// 100 at a time, of calls that take no time.
func BenchmarkDeliver(b *testing.B) {
	eachStore(b, func(b *testing.B, _ storeOptions, st store.Outbox) {
		fill(b, st, 0)
		enrolled := timed(b, func() error { return st.Enroll(b.Context(), benchBackend) })
		var times []time.Duration
		for b.Loop() {
			if len(times) == benchPeople/benchClaims {
				b.Fatal("nobody is left: choose a smaller -benchtime")
			}
			times = append(times, timed(b, func() error {
				n, err := deliverSome(b.Context(), st)
				if n != benchClaims {
					err = errors.Join(err, fmt.Errorf("%d claims", n))
				}
				return err
			}))
		}
		b.ReportMetric(benchPeople/enrolled.Seconds(), "enrolled/s")
		b.ReportMetric(benchClaims/median(times).Seconds(), "deliveries/s")
	})
}

// deliverSome delivers up to 100 people, to nobody.
func deliverSome(ctx context.Context, st store.Outbox) (int, error) {
	claims, _, err := st.Claim(ctx, benchBackend, benchClaims, time.Minute)
	if err != nil || len(claims) == 0 {
		return 0, err
	}
	settlements := make([]store.Settlement, len(claims))
	for i, c := range claims {
		settlements[i] = store.Settlement{
			Key: c.Standing.Key, Token: c.Standing.Token, Version: c.Standing.Version, Remote: c.Standing.Key.UserID,
		}
	}
	return len(claims), st.Settle(ctx, benchBackend, settlements)
}

// BenchmarkDeliverer has middleware.Deliver bring 100,000 people to a backend that
// takes 32 at once and answers immediately.
func BenchmarkDeliverer(b *testing.B) {
	eachStore(b, func(b *testing.B, _ storeOptions, st store.Outbox) {
		fill(b, st, 0)
		if err := st.Enroll(b.Context(), benchBackend); err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(b.Context())
		defer cancel()
		calls := make(chan struct{})
		ended := make(chan error)
		go func() {
			ended <- middleware.Deliver(ctx, st, &middleware.Options{Backends: []store.Backend{instant{calls: calls, done: ctx.Done()}}})
		}()
		<-calls
		for b.Loop() {
			<-calls
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
		cancel()
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
	})
}

// instant is a backend that counts.
type instant struct {
	calls chan struct{}
	done  <-chan struct{}
}

func (instant) Name() string         { return benchBackend }
func (instant) Traits() store.Traits { return store.Traits{InFlight: 32} }

func (i instant) Deliver(context.Context, store.Delivery) (store.Receipt, error) {
	select {
	case i.calls <- struct{}{}:
	case <-i.done:
	}
	return store.Receipt{}, nil
}
