package natstest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/natsstore"
)

var kills = flag.Int("kills", 2, "how many leaders are killed under load, and how often the one node is")

// A writer applies people of its own, and notes who was acknowledged.
type writer struct {
	number  int
	acked   int // batches
	created int
	// unsure is how many people were in batches of which Apply once said that it
	// could not tell, by ErrUnavailable.
	unsure  int
	slowest time.Duration

	rest time.Duration   // after each batch
	done func(acked int) // may be nil
}

const batch = 10

func (w *writer) key(n, i int) store.Key {
	return store.Key{Channel: "telegram", UserID: fmt.Sprintf("%d:%d:%d", w.number, n, i)}
}

func (w *writer) run(ctx context.Context, st store.Store) error {
	for ; ctx.Err() == nil; w.acked++ {
		var deltas []store.Record
		for i := range batch {
			deltas = append(deltas, store.Patch{
				Key: w.key(w.acked, i), At: epoch, Set: map[store.Field]string{store.FieldGivenName: fmt.Sprint("Ann ", w.acked)},
			}.Record())
		}
		began := time.Now()
		for tried := false; ; tried = true {
			changes, err := st.Apply(context.WithoutCancel(ctx), deltas)
			if errors.Is(err, store.ErrUnavailable) && (ctx.Err() == nil || time.Since(began) < 2*time.Minute) {
				continue
			}
			if err != nil {
				return err
			}
			for _, c := range changes {
				if c.Created {
					w.created++
				} else if tried {
					w.unsure++
				}
			}
			break
		}
		w.slowest = max(w.slowest, time.Since(began))
		if w.done != nil {
			w.done(w.acked + 1)
		}
		time.Sleep(w.rest)
	}
	return nil
}

// check wants all that was acknowledged to be there and to be owed.
func (w *writer) check(t *testing.T, st store.Outbox) {
	t.Helper()
	for n := range w.acked {
		for i := range batch {
			if _, err := st.Get(t.Context(), w.key(n, i)); err != nil {
				t.Errorf("batch %d of %d of writer %d was acknowledged and is lost: %v", n, w.acked, w.number, err)
				return
			}
		}
	}
}

func TestKilledLeadersLoseNothing(t *testing.T) {
	t.Parallel()
	nodes := cluster(t)
	js := connect(t, nodes...)
	st := open(t, js, "kills", 3)
	b := newBot(t, st)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	writers := make([]writer, 4)
	var acked atomic.Int64
	var running sync.WaitGroup
	for i := range writers {
		// Whom they save is owed too, and has to be delivered in the five minutes that
		// Drain has, on whatever disk: they go no faster than the deliveries.
		writers[i].number, writers[i].rest = i, 100*time.Millisecond
		writers[i].done = func(int) {
			saved := acked.Add(batch)
			for saved-b.crm.held() > 2000 && ctx.Err() == nil {
				time.Sleep(10 * time.Millisecond)
			}
		}
		running.Go(func() {
			if err := writers[i].run(ctx, st); err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	running.Go(func() { b.run(ctx) })
	b.awaitCalls(t, 1000)
	awaitLeader := func() (n *node) {
		await(t, "the bucket has no leader, or not all follow it", func(ctx context.Context) bool {
			n = leader(ctx, nodes, js, "KV_kills")
			return n != nil
		})
		return n
	}
	for range *kills {
		time.Sleep(500 * time.Millisecond)
		n := awaitLeader()
		b.phase.Store(stalling)
		n.kill()
		time.Sleep(200 * time.Millisecond)
		n.start(t)
	}
	awaitLeader()
	b.phase.Store(cut)
	for _, n := range nodes[1:] {
		n.kill()
	}
	applied := b.st.applied.Load()
	b.awaitCalls(t, 1000)
	if more := b.st.applied.Load() - applied; more > 1 { // one may have been answered before
		t.Errorf("the test is blind: the bot saved %d times with one server of three", more)
	}
	for _, n := range nodes[1:] {
		n.start(t)
	}
	stop()
	running.Wait()
	awaitLeader()
	b.check(t)
	people, created, unsure := 0, 0, 0
	var slowest time.Duration
	for i := range writers {
		writers[i].check(t, st)
		people += writers[i].acked * batch
		created += writers[i].created
		unsure += writers[i].unsure
		slowest = max(slowest, writers[i].slowest)
	}
	owed(t, st, store.Backlog{})
	if got := b.crm.check(t, st); got != people+botPeople {
		t.Errorf("%d people are kept, want %d of the writers and %d of the bot", got, people, botPeople)
	}
	if created+unsure != people {
		t.Errorf("%d of %d people were reported as Created, and %d may have been in vain", created, people, unsure)
	}
	t.Logf("%d leaders killed, %d people acknowledged, %d of them after ErrUnavailable, the slowest Apply took %s",
		*kills, people, unsure, slowest.Round(time.Millisecond))
	b.log(t)
	if !t.Failed() {
		t.Attr("figure", fmt.Sprintf("%d leaders of three killed under load, %d people acknowledged, 0 lost; p99 of Observe %s through the kills, %s before",
			*kills, people+botPeople, percentile(b.took[stalling], 99), percentile(b.took[quiet], 99)))
	}
}

func TestKillOfTheOneNode(t *testing.T) {
	t.Parallel()
	n := single(t)
	st := open(t, connect(t, n), "restart", 1)
	if err := st.Enroll(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var progress atomic.Int64
	w := writer{done: func(acked int) { progress.Store(int64(acked)) }}
	done := make(chan error)
	go func() { done <- w.run(ctx, st) }()
	for killed := range *kills + 1 {
		await(t, "nothing is written", func(context.Context) bool { return progress.Load() >= int64(10+10*killed) })
		if killed < *kills {
			n.kill()
			n.start(t)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	w.check(t, st)
	owed(t, st, store.Backlog{Owed: w.acked * batch})
	if w.created+w.unsure != w.acked*batch {
		t.Errorf("%d of %d people were reported as Created", w.created, w.acked*batch)
	}
	t.Logf("%d people acknowledged over %d kills", w.acked*batch, *kills)
}

func TestNoServer(t *testing.T) {
	n := single(t)
	st := open(t, connect(t, n), "gone", 1)
	n.kill()
	defer n.start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	ann := store.Patch{Key: person(1), At: epoch}.Record()
	if _, err := st.Apply(ctx, []store.Record{ann}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Apply without a server, until the caller gives up: %v", err)
	}
	if _, err := natsstore.New(ctx, connect(t, n), &natsstore.Options{SyncAlways: true}); err == nil {
		t.Error("New without a server returns no error")
	}
}
