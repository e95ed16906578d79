package pgstore

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-go/rollcall/internal/pgtest"
	"github.com/rollcall-go/rollcall/store"
)

// beforeWaiting calls itself before each look at what waits for another try.
type beforeWaiting func()

func (f beforeWaiting) TraceBatchStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceBatchStartData) context.Context {
	for _, q := range d.Batch.QueuedQueries {
		if strings.Contains(q.SQL, "s.due > statement_timestamp() AND s.token = 0") {
			f()
		}
	}
	return ctx
}

func (beforeWaiting) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (beforeWaiting) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}
func (beforeWaiting) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}
func (beforeWaiting) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// What is tried again at once, and in vain, waits once more by the time Replay looks
// again. It must not go on with them for as long as the backend refuses.
func TestReplayEndsBesideADeliverer(t *testing.T) {
	deliverer := enrolledStore(t)
	mustApply(t, deliverer, renamed(ann, 1), renamed(bob, 1))
	looks := 0
	config := pgtest.Pool(t).Config()
	config.ConnConfig.Tracer = beforeWaiting(func() {
		if looks++; looks > 20 {
			return
		}
		claims, _, err := deliverer.Claim(t.Context(), "crm", 2, time.Minute)
		if err != nil || len(claims) != 2 {
			t.Errorf("look %d: %d claims, %v", looks, len(claims), err)
		}
		settlements := make([]store.Settlement, len(claims))
		for i, c := range claims {
			settlements[i] = settlement(c.Standing)
			settlements[i].Verdict, settlements[i].After = store.VerdictRetry, 10*time.Minute
		}
		if err := deliverer.Settle(t.Context(), "crm", settlements); err != nil {
			t.Error(err)
		}
	})
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	s, err := New(t.Context(), pool, &Options{Schema: deliverer.schema})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := s.Replay(t.Context(), "crm", store.Key{}); n != 0 || err != nil {
		t.Errorf("%d dead letters are replayed, %v; there are none", n, err)
	}
	if looks == 0 || looks > 2 { // one for each lane
		t.Errorf("Replay looked %d times at two people", looks)
	}
}
