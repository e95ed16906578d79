package middleware

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/rollcall-go/rollcall/store"
)

const (
	defaultInFlight = 4
	defaultTimeout  = 20 * time.Second
	// leaseMargin is how much longer a claim lasts than its call can matter, and for how
	// long the answer to Claim may be under way.
	leaseMargin = 10 * time.Second
	// pollEvery is how often the outbox is asked for what other processes wrote.
	pollEvery = time.Second
	// settleTimeout bounds one call of the outbox.
	settleTimeout = 30 * time.Second
)

// A deliverer brings one backend up to date: it claims what is owed, makes the
// calls, each on a goroutine of its own, and settles. All else is done by the
// goroutine that runs it.
type deliverer struct {
	m       *Middleware
	backend store.Backend
	name    string
	traits  store.Traits
	log     *zap.Logger

	gate      gate
	limiter   *rate.Limiter // nil: no bound
	inFlight  int           // calls
	busy      map[store.Key]struct{}
	results   chan result
	wake      chan struct{} // holds a token when something new may be owed
	unsettled []settled
	untold    atomic.Int64 // how many are in unsettled, or are being told
	refusals  int          // of the outbox in a row
	hurry     atomic.Bool  // Replay wants the next try now
	dead      uint64
	// unerasable counts as dead does, since the start
	unerasable uint64
	since      time.Time   // when the backend began to refuse; zero when it works
	told       bool        // that it lets nobody in, since then
	enrolled   atomic.Bool // by us
	withdrawn  bool        // by somebody, since then

	shownMu sync.Mutex
	shown   doing // to Backends
}

// A result is what became of one call.
type result struct {
	claims []store.Claim
	parts  []part // one for each claim
}

// A part is what a call says of one person.
type part struct {
	delivery  store.Delivery // the backend's own; zero for an erasure
	fields    []store.Field  // those of delivery
	uncleared []store.Field
	needed    bool // something is to be asked
	receipt   store.Receipt
	err       error // without URLs
	reason    string
	blame     blame
	after     time.Duration // of theLoad
}

// A settled is a settlement that the outbox has not taken yet, and what is told
// once it has.
type settled struct {
	settlement store.Settlement
	outcome    *Outcome
	retry      *Retry
}

func newDeliverer(m *Middleware, b store.Backend) *deliverer {
	t := b.Traits()
	t.InFlight = cmp.Or(t.InFlight, defaultInFlight)
	t.Timeout = cmp.Or(t.Timeout, defaultTimeout)
	t.Batch = max(1, t.Batch)
	d := &deliverer{
		m: m, backend: b, name: b.Name(), traits: t,
		log:     m.log.With(zap.String("backend", b.Name())),
		busy:    make(map[store.Key]struct{}),
		results: make(chan result, t.InFlight),
		wake:    make(chan struct{}, 1),
	}
	if t.Rate.Calls > 0 {
		// A tenth of a second's worth may go at once, so that a high rate does not
		// need a transaction for each call.
		perSecond := float64(t.Rate.Calls) / t.Rate.Per.Seconds()
		d.limiter = rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond/10)))
	}
	return d
}

func (d *deliverer) nudge() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// run delivers until claiming ends, and then waits for the calls in flight until
// calling ends.
func (d *deliverer) run(claiming, calling context.Context) {
	timer := time.NewTimer(pollEvery)
	defer timer.Stop()
	for claiming.Err() == nil {
		for len(d.results) > 0 { // settle them in one transaction
			d.collect(<-d.results)
		}
		wait := d.dispatch(claiming, calling)
		if wait <= 0 {
			continue
		}
		d.show()
		timer.Reset(wait)
		select {
		case r := <-d.results:
			d.collect(r)
		case <-d.wake:
		case <-timer.C:
		case <-claiming.Done():
		}
	}
	for d.inFlight > 0 {
		select {
		case r := <-d.results:
			d.collect(r)
		case <-calling.Done():
			d.abandon()
		}
	}
	_ = d.settle()
}

// abandon waits a little longer for calls whose context has just ended.
func (d *deliverer) abandon() {
	grace := time.NewTimer(hookGrace)
	defer grace.Stop()
	for d.inFlight > 0 {
		select {
		case r := <-d.results:
			d.collect(r)
		case <-grace.C:
			d.log.Warn("backend does not heed its context; its calls are left behind", zap.Int("calls", d.inFlight))
			d.inFlight = 0
			d.show()
		}
	}
}

// dispatch settles what has come to an end and starts what may be started. It
// returns after which time to look again, when nothing happens before.
func (d *deliverer) dispatch(claiming, calling context.Context) time.Duration {
	if err := d.settle(); err != nil {
		return d.outboxRefuses(err)
	}
	now := time.Now()
	if d.hurry.Swap(false) {
		d.gate.hurry()
	}
	if pause := d.gate.pause(now); pause > 0 {
		return pause
	}
	calls := d.gate.allow(d.traits.InFlight-d.inFlight, d.inFlight)
	if d.limiter != nil && calls > 0 {
		tokens := d.limiter.TokensAt(now)
		if tokens < 1 {
			wait := time.Duration((1 - tokens) / float64(d.limiter.Limit()) * float64(time.Second))
			return max(wait, time.Millisecond)
		}
		calls = min(calls, int(tokens))
	}
	if calls == 0 {
		return pollEvery // a result comes before
	}
	ctx, cancel := context.WithTimeout(claiming, settleTimeout)
	defer cancel()
	var claims []store.Claim
	var next time.Duration
	began := time.Now()
	err := d.m.containStore(func() (err error) {
		claims, next, err = d.m.outbox.Claim(ctx, d.name, min(calls*d.traits.Batch, batchPeople), d.lease())
		return err
	})
	late := err == nil && len(claims) > 0 && time.Since(began) > leaseMargin
	if late || claiming.Err() != nil {
		for _, c := range claims {
			d.release(c, 0, c.Standing.Reason)
		}
	}
	switch {
	case claiming.Err() != nil:
		return 0
	case late:
		return d.outboxRefuses(errLateClaim)
	case errors.Is(err, store.ErrNotFound):
		d.missing()
		return pollEvery
	case err != nil:
		return d.outboxRefuses(err)
	}
	d.outboxAnswers()
	if len(claims) == 0 {
		if next <= 0 || next > pollEvery {
			return pollEvery
		}
		return next
	}
	d.start(calling, claims, calls)
	return 0
}

// errLateClaim is for claims that ran for so long while their answer was under way that
// a call could outlive them.
var errLateClaim = fmt.Errorf("the answer to a claim took more than %s", leaseMargin)

// lease is how long a claim lasts. The process may end in the call, and then
// nobody may repeat it before it can no longer land.
func (d *deliverer) lease() time.Duration { return 2*d.traits.Timeout + leaseMargin }

// missing is for a backend that the outbox does not know: not yet, or not any
// more.
func (d *deliverer) missing() {
	if d.enrolled.Load() && !d.withdrawn {
		d.withdrawn = true
		d.log.Warn("backend was withdrawn from the store; nothing is delivered until it is enrolled again")
	}
}

func (d *deliverer) outboxRefuses(err error) time.Duration {
	if d.refusals++; d.refusals == 1 {
		d.log.Warn("store refuses; nothing is delivered meanwhile", causeField(err))
	}
	return max(10*time.Millisecond, rand.N(min(maxBackoff, spanOf(firstBackoff, d.refusals))))
}

func (d *deliverer) outboxAnswers() {
	if d.refusals > 0 {
		d.log.Info("store is back, deliveries go on", zap.Int("refusals", d.refusals))
	}
	d.refusals, d.withdrawn = 0, false
}
