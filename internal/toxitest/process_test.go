package toxitest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-go/rollcall/internal/processtest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/pgstore"
)

// The variables that make this binary another process, with a task and a store.
const (
	taskVariable   = "TOXITEST_TASK"
	dsnVariable    = "TOXITEST_DSN"
	schemaVariable = "TOXITEST_SCHEMA"
)

// otherProcess does a task until standard input ends, and returns the exit code.
func otherProcess(task string) int {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	told := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(told)
	}()
	err := func() error {
		st, closePool, err := reach(ctx)
		if err != nil {
			return err
		}
		defer closePool()
		if task == "write" {
			return write(ctx, st, told)
		}
		go func() {
			<-told
			stop()
		}()
		return middleware.Deliver(ctx, st, &middleware.Options{Backends: []store.Backend{printer{}}})
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// reach opens the store, when the line lets it.
func reach(ctx context.Context) (st *pgstore.Store, closePool func(), err error) {
	config, err := pgxpool.ParseConfig(os.Getenv(dsnVariable))
	if err != nil {
		return nil, nil, err
	}
	config.MaxConns = 3
	config.PingTimeout = time.Second
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, nil, err
	}
	_, err = insist(ctx, func(ctx context.Context) error {
		st, err = pgstore.New(ctx, pool, &pgstore.Options{Schema: os.Getenv(schemaVariable)})
		return err
	})
	return st, pool.Close, err
}

// insist makes a call until it succeeds, and returns how often it did not.
func insist(ctx context.Context, call func(ctx context.Context) error) (failures int, err error) {
	for {
		once, cancel := context.WithTimeout(ctx, time.Second)
		err := call(once)
		fair := err == nil || expected(once, err)
		cancel()
		if err == nil || !fair || ctx.Err() != nil {
			return failures, err
		}
		failures++
		time.Sleep(10 * time.Millisecond)
	}
}

// A report is a line that a process writes.
type report struct {
	Batch    int             `json:",omitzero"` // from 1; of people of its own, which was acknowledged
	Failures int             `json:",omitzero"` // of all calls, at the end
	Owed     *store.Delivery `json:",omitzero"` // what was delivered
}

func (r report) print() error { return json.NewEncoder(os.Stdout).Encode(r) }

// sharedDeltas are the same in every process, ten of each person.
func sharedDeltas() []store.Record { return processtest.Deltas(10*people, people) }

// ownDeltas are a batch of people whom only one process knows.
func ownDeltas(pid, n int) []store.Record {
	var deltas []store.Record
	for i := range batch {
		deltas = append(deltas, stated(store.Key{Channel: "discord", UserID: fmt.Sprintf("%d:%d:%d", pid, n, i)}))
	}
	return deltas
}

// write saves the shared deltas again and again, each time in another order, and
// batches of people of its own in between. When told to stop it ends the round.
func write(ctx context.Context, st *pgstore.Store, told <-chan struct{}) error {
	r := rand.New(rand.NewPCG(uint64(os.Getpid()), 0))
	deltas := sharedDeltas()
	failures, n := 0, 0
	apply := func(batch []store.Record) error {
		more, err := insist(ctx, func(ctx context.Context) error {
			_, err := st.Apply(ctx, batch)
			return err
		})
		failures += more
		return err
	}
	for {
		r.Shuffle(len(deltas), func(i, j int) { deltas[i], deltas[j] = deltas[j], deltas[i] })
		for rest := deltas; len(rest) > 0; n++ {
			some := min(1+r.IntN(60), len(rest))
			if err := errors.Join(apply(rest[:some]), apply(ownDeltas(os.Getpid(), n))); err != nil {
				return err
			}
			if err := (report{Batch: n + 1}).print(); err != nil {
				return err
			}
			rest = rest[some:]
		}
		select {
		case <-told:
			return report{Failures: failures + 1}.print()
		default:
		}
	}
}

// A printer is a backend that reports each delivery.
type printer struct{}

func (printer) Name() string { return "crm" }

// Traits has a short Timeout, so that what a dead process has claimed is soon due again.
func (printer) Traits() store.Traits { return store.Traits{Timeout: 100 * time.Millisecond} }

func (printer) Deliver(_ context.Context, d store.Delivery) (store.Receipt, error) {
	return store.Receipt{Remote: "crm of " + d.Profile.Key.String()}, report{Owed: &d}.print()
}
