package natstest

import (
	"context"
	"errors"
	"flag"
	"fmt"
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
	// unsure is how many people were there already when they were applied again after
	// ErrUnavailable.
	unsure  int
	slowest time.Duration

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
	if !t.Failed() {
		t.Attr("figure", fmt.Sprintf("%d kills under load, %d people acknowledged, 0 lost", *kills, w.acked*batch))
	}
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
