package natstest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/natsstore"
)

// A load is what writers say beside a bot, as fast as they can while a server is killed,
// and else with a rest, in which the others come to follow the leader.
type load struct {
	writers [4]writer
	full    atomic.Bool
	acked   atomic.Int64 // people
	running sync.WaitGroup

	killed int           // servers
	bursts time.Duration // at full speed
	burst  int64         // people who were acknowledged then
}

// run writes until ctx ends. Whom it saves is owed too, and has to be delivered in the
// five minutes that Drain has, on whatever disk: it goes no faster than the deliveries.
func (l *load) run(ctx context.Context, t *testing.T, st *natsstore.Store, b *bot) {
	for i := range l.writers {
		w := &l.writers[i]
		w.number = i
		w.done = func(int) {
			saved := l.acked.Add(batch)
			for saved-b.crm.held() > 2000 && ctx.Err() == nil {
				time.Sleep(10 * time.Millisecond)
			}
			if !l.full.Load() {
				time.Sleep(100 * time.Millisecond)
			}
		}
		l.running.Go(func() {
			if err := w.run(ctx, st); err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
}

// kill kills a node of three at full speed, and starts it again.
func (l *load) kill(t *testing.T, n *node) {
	t.Helper()
	began, before := time.Now(), l.acked.Load()
	l.full.Store(true)
	time.Sleep(500 * time.Millisecond)
	n.kill()
	l.killed++
	time.Sleep(200 * time.Millisecond)
	l.full.Store(false)
	l.burst += l.acked.Load() - before
	l.bursts += time.Since(began)
	n.start(t)
}

// check wants all who were acknowledged to be there, and none to have been reported as
// Created twice. It returns how many they are.
//
// Nor may more go unreported than were on the way when a server was killed, or came back
// and had another elected. The store asks again where an answer is lost, and cannot tell
// that it was it who saved them once a deliverer has claimed them.
func (l *load) check(t *testing.T, st store.Outbox) (people int) {
	t.Helper()
	created, unsure := 0, 0
	var slowest time.Duration
	for i := range l.writers {
		w := &l.writers[i]
		w.check(t, st)
		people += w.acked * batch
		created += w.created
		unsure += w.unsure
		slowest = max(slowest, w.slowest)
	}
	unreported := people - created - unsure
	if unreported < 0 || unreported > 2*l.killed*len(l.writers)*batch {
		t.Errorf("of %d people %d were reported as Created, and %d were there after ErrUnavailable: %d went unreported when %d servers were killed", people, created, unsure, unreported, l.killed)
	}
	t.Logf("%d people acknowledged, %d of them after ErrUnavailable, %d not reported as Created, the slowest Apply took %s", people, unsure, unreported, slowest.Round(time.Millisecond))
	return people
}

func perSecond(n int64, in time.Duration) int64 { return int64(float64(n) / in.Seconds()) }

func TestKilledLeadersLoseNothing(t *testing.T) {
	t.Parallel()
	nodes := cluster(t)
	js := connect(t, nodes...)
	st := open(t, js, "kills", 3)
	b := newBot(t, st)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var l load
	began := time.Now()
	l.run(ctx, t, st, b)
	l.running.Go(func() { b.run(ctx) })
	b.awaitCalls(t, 1000)
	awaitLeader := func() (n *node) {
		await(t, "the bucket has no leader, or not all follow it", func(ctx context.Context) bool {
			n = leader(ctx, nodes, js, "KV_kills")
			return n != nil
		})
		return n
	}
	followers := 0
	for i := range *kills {
		n := awaitLeader()
		b.phase.Store(stalling)
		l.kill(t, n)
		if i%8 == 1 { // now and then one that follows, too
			n = awaitLeader()
			others := make([]*node, 0, 2)
			for _, other := range nodes {
				if other != n {
					others = append(others, other)
				}
			}
			l.kill(t, others[rand.IntN(2)])
			followers++
		}
	}
	awaitLeader()
	b.phase.Store(cut)
	for _, n := range nodes[1:] {
		n.kill()
		l.killed++
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
	l.running.Wait()
	elapsed, calls := time.Since(began), b.calls.Load()
	awaitLeader()
	b.check(t)
	people := l.check(t, st)
	owed(t, st, store.Backlog{})
	if got := b.crm.check(t, st); got != people+botPeople {
		t.Errorf("%d people are kept, want %d of the writers and %d of the bot", got, people, botPeople)
	}
	b.log(t)
	p99, before := percentile(b.took[stalling], 99), percentile(b.took[quiet], 99)
	if p99 > 2*before && p99 > time.Millisecond {
		t.Attr("missed", p99.String())
	}
	if !t.Failed() {
		t.Attr("figure", fmt.Sprintf("leaders of three killed: %d, followers: %d, amid %d people/s of %d writers and %d events/s of a bot; %d people acknowledged, 0 lost; p99 of Observe %s through the kills, %s before",
			*kills, followers, perSecond(l.burst, l.bursts), len(l.writers), perSecond(calls, elapsed), people+botPeople, p99, before))
	}
}
