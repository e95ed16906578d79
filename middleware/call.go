package middleware

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"go.uber.org/zap"

	"github.com/rollcall-go/rollcall/store"
)

// call asks the backend, on a goroutine of its own, and notes what it says of
// each person.
func (d *deliverer) call(ctx context.Context, r *result) {
	ctx, cancel := context.WithTimeout(ctx, d.traits.Timeout)
	defer cancel()
	err := d.contain(func() error { return d.ask(ctx, r) })
	for i := range r.parts {
		p := &r.parts[i]
		if err != nil {
			p.err = err
		}
		p.blame = blameFor(ctx, p.err)
	}
}

// ask makes the call. What it returns is about everybody in it.
func (d *deliverer) ask(ctx context.Context, r *result) error {
	first := &r.parts[0]
	if s := r.claims[0].Standing; s.Erase {
		eraser, ok := d.backend.(store.Eraser)
		if !ok {
			return fmt.Errorf("middleware: erase %s at %s: %w", s.Key, d.name, store.ErrCannotErase)
		}
		return eraser.Erase(ctx, s.Key, s.Remote)
	}
	batcher, ok := d.backend.(store.Batcher)
	if !ok || d.traits.Batch == 1 {
		first.receipt, first.err = d.backend.Deliver(ctx, first.delivery)
		return nil
	}
	batch := make([]store.Delivery, len(r.parts))
	for i, p := range r.parts {
		batch[i] = p.delivery
	}
	results := batcher.DeliverBatch(ctx, batch)
	if len(results) != len(batch) {
		return fmt.Errorf("middleware: deliver to %s: it answered %d deliveries with %d results: %w",
			d.name, len(batch), len(results), store.ErrUnavailable)
	}
	for i, res := range results {
		r.parts[i].receipt, r.parts[i].err = res.Receipt, res.Err
	}
	return nil
}

// contain makes an error of a panic. The request may have been sent before it.
func (d *deliverer) contain(ask func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			d.log.Error("backend panicked", zap.String("panic", panicKind(r)), zap.ByteString("stack", debug.Stack()))
			err = fmt.Errorf("middleware: deliver to %s: it panicked: %w", d.name, store.ErrUnanswered)
		}
	}()
	return ask()
}

// collect takes in what became of a call.
func (d *deliverer) collect(r result) {
	d.inFlight--
	now := time.Now()
	pause := d.judge(now, r)
	for i, c := range r.claims {
		delete(d.busy, c.Standing.Key)
		p := &r.parts[i]
		s := settled{settlement: settlementOf(c.Standing, p.blame, p.err, pause, d.traits.Timeout)}
		d.describe(&s, c, p)
		d.settleLater(s)
	}
}

// judge tells the gate what a call says of the backend, once for a whole batch:
// that one person was answered shows that it works.
func (d *deliverer) judge(now time.Time, r result) (pause time.Duration) {
	worst := r.parts[0]
	for _, p := range r.parts {
		switch {
		case p.blame == ourselves, p.blame == cannotErase:
			return 0
		case p.blame == nobody, p.blame == thePerson:
			d.answered()
			return 0
		case p.blame > worst.blame:
			worst = p
		}
	}
	switch worst.blame {
	case theLoad:
		throttled, _ := errors.AsType[*store.ThrottledError](worst.err)
		pause = d.gate.throttled(now, throttled.After)
		d.log.Debug("backend asks for a pause", zap.Duration("pause", pause))
	case theAccess:
		if d.gate.denied(now) {
			d.tripped(now, r, worst.err)
		}
	case theBackend:
		if d.gate.failed(now) {
			d.tripped(now, r, worst.err)
		}
	}
	return pause
}

func (d *deliverer) tripped(now time.Time, r result, err error) {
	d.since = now
	d.log.Warn("backend refuses; what is owed to it waits in the store", zap.String("cause", reason(err, r.claims[0].Standing.Key)))
}

func (d *deliverer) answered() {
	if d.gate.answered() && !d.since.IsZero() {
		d.log.Info("backend is back", zap.Duration("away", time.Since(d.since)))
		d.since = time.Time{}
	}
}

// describe adds to a settlement what is told once it is durable.
func (d *deliverer) describe(s *settled, c store.Claim, p *part) {
	o := &Outcome{
		Target: d.name, Key: c.Standing.Key, Profile: p.delivery.Profile, Fields: p.delivery.Fields,
		Uncleared: p.uncleared, Attempts: c.Standing.Attempts + 1,
	}
	switch verdict := s.settlement.Verdict; verdict {
	case store.VerdictDelivered:
		o.Result, o.Remote = Delivered, p.receipt.Answer
		s.settlement.Remote = p.receipt.Remote
	case store.VerdictErased:
		o.Result = Erased
	case store.VerdictUnerasable:
		o.Result, o.Err = Failed, p.err
		d.log.Warn("backend cannot erase; remove the person there by hand, see Outbox.Standings")
	case store.VerdictDead:
		o.Result, o.Err = Failed, p.err
		d.buried(c.Standing.Key, s.settlement.Reason)
	case store.VerdictRetry, store.VerdictRelease:
		if p.blame == ourselves {
			return
		}
		s.retry = &Retry{Target: d.name, Key: c.Standing.Key, Attempts: o.Attempts, After: s.settlement.After, Err: p.err}
		d.log.Debug("delivery is tried again", zap.Stringer("key", c.Standing.Key), zap.String("cause", s.settlement.Reason),
			zap.Duration("after", s.settlement.After))
		if verdict == store.VerdictRelease || o.Attempts != d.m.attempts {
			return
		}
		o.Result, o.Err, o.Kept = Failed, p.err, true
	}
	s.outcome = o
}

// buried logs dead letters: each at debug level, and for the owner the first, the
// tenth, the hundredth and so on.
func (d *deliverer) buried(key store.Key, why string) {
	d.log.Debug("dead letter", zap.Stringer("key", key), zap.String("cause", why))
	d.dead++
	n := d.dead
	for n%10 == 0 {
		n /= 10
	}
	if n == 1 {
		d.log.Warn("backend will not take a person; see Outbox.Standings, and Replay once it is put right",
			zap.String("cause", why), zap.Uint64("dead letters since the start", d.dead))
	}
}
