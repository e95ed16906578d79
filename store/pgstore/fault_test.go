package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-go/rollcall/internal/pgtest"
	"github.com/rollcall-go/rollcall/internal/processtest"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/pgstore"
)

// through writes and delivers while trouble makes trouble, as the middleware would:
// what failed is sent again. Afterwards nothing may be lost. trouble returns what it was.
func through(t *testing.T, pool *pgxpool.Pool, schema string, trouble func() string) {
	const writers, people = 4, 30
	st := open(t, pool, schema)
	if err := st.Enroll(t.Context(), "crm"); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	said := make([][]store.Record, writers)
	failures := make([]int, writers+1)
	for w := range writers {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				var batch []store.Record
				for i := range 10 {
					key := store.Key{Channel: "telegram", UserID: strconv.Itoa((n*7 + i*w) % people)}
					batch = append(batch, observed(key, epoch.Add(time.Duration(n)*time.Second), map[store.Field]string{
						store.NickField(strconv.Itoa(w)): fmt.Sprint("nick ", n),
					}))
				}
				failures[w] += untilDone(t, func() error {
					_, err := st.Apply(t.Context(), batch)
					return err
				})
				said[w] = append(said[w], batch...)
			}
		})
	}
	wg.Go(func() {
		for ctx.Err() == nil {
			failures[writers] += untilDone(t, func() error { return deliverOnce(t.Context(), st) })
		}
	})
	what := trouble()
	stop()
	wg.Wait()

	var all []store.Record
	for _, deltas := range said {
		all = append(all, deltas...)
	}
	want := processtest.Merged(all)
	for key, r := range want {
		if got, err := st.Get(t.Context(), key); err != nil || !got.Equal(r) {
			t.Errorf("%s is not what was acknowledged: %v", key, err)
		}
	}
	time.Sleep(lease) // of claims whose answer was lost
	if err := deliver(t.Context(), st, io.Discard); err != nil {
		t.Fatal(err)
	}
	delivered := 0
	for s, err := range st.Standings(t.Context(), store.StandingFilter{State: store.StateDelivered}) {
		if err != nil {
			t.Fatal(err)
		}
		if s.Key.UserID != s.Remote {
			t.Errorf("%s was delivered as %q", s.Key, s.Remote)
		}
		delivered++
	}
	if delivered != len(want) {
		t.Errorf("%d of %d people are delivered", delivered, len(want))
	}
	total := 0
	for _, n := range failures {
		total += n
	}
	if total == 0 {
		t.Error("the test is blind: the store met no trouble")
	}
	if !t.Failed() {
		t.Attr("figure", fmt.Sprintf("%s, %d calls failed and were made again; %d deltas acknowledged, 0 lost, %d people delivered", what, total, len(all), delivered))
	}
}

// untilDone repeats call, and returns how often it failed.
func untilDone(t *testing.T, call func() error) (failures int) {
	for {
		err := call()
		if err == nil || t.Context().Err() != nil {
			return failures
		}
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("not ErrUnavailable: %v", err)
			return failures
		}
		failures++
		time.Sleep(5 * time.Millisecond)
	}
}

const lease = 300 * time.Millisecond

func deliverOnce(ctx context.Context, st *pgstore.Store) error {
	claims, _, err := st.Claim(ctx, "crm", 5, lease)
	if err != nil {
		return err
	}
	var settlements []store.Settlement
	for _, c := range claims {
		settlements = append(settlements, store.Settlement{
			Key: c.Standing.Key, Token: c.Standing.Token, Version: c.Standing.Version, Remote: c.Record.Key.UserID,
		})
	}
	return st.Settle(ctx, "crm", settlements)
}

func TestConnectionsCut(t *testing.T) {
	name := "cut " + pgtest.Schema(t)[:12]
	config, err := pgxpool.ParseConfig(pgtest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	config.ConnConfig.RuntimeParams["application_name"] = name
	config.MaxConns = 6
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	killer := pgtest.Pool(t)
	through(t, pool, pgtest.Schema(t), func() string {
		cut := 0
		for range 60 {
			time.Sleep(10 * time.Millisecond)
			var n int
			err := killer.QueryRow(t.Context(),
				"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1", name).Scan(&n)
			if err != nil {
				t.Error(err)
			}
			cut += n
		}
		return fmt.Sprintf("%d connections cut", cut)
	})
}

func TestServerRestartsUnderLoad(t *testing.T) {
	server := pgtest.Private(t)
	through(t, pgtest.Connect(t, server.DSN), "rollcall", func() string {
		stops := []func() error{server.Stop, server.Crash, server.Crash}
		for i, stop := range stops {
			time.Sleep(200 * time.Millisecond)
			if err := errors.Join(stop(), server.Start()); err != nil {
				t.Fatalf("restart %d: %v", i, err)
			}
		}
		time.Sleep(200 * time.Millisecond)
		return fmt.Sprintf("%d restarts, 2 of them crashes", len(stops))
	})
}

// A connection to a server that has become a standby is alive, and good for nothing:
// the pool has to look for another one.
func TestConnectionToAStandbyIsGivenUp(t *testing.T) {
	schema := pgtest.Schema(t)
	open(t, pgtest.Pool(t), schema)
	config := pgtest.Pool(t).Config()
	config.MaxConns = 1
	made := 0
	config.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		made++
		if made > 1 {
			return nil
		}
		_, err := c.Exec(ctx, "SET default_transaction_read_only = on")
		return err
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	st := open(t, pool, schema)
	delta := observed(store.Key{Channel: "telegram", UserID: "1"}, epoch, nil)
	if _, err := st.Apply(t.Context(), []store.Record{delta}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Apply on a standby: %v", err)
	}
	if changes, err := st.Apply(t.Context(), []store.Record{delta}); err != nil || !changes[0].Created {
		t.Errorf("Apply when the other server can be had: %v, %v", changes, err)
	}
	if made != 2 {
		t.Errorf("%d connections were made, want 2", made)
	}
}
