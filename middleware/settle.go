package middleware

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/rollcall-go/rollcall/store"
)

// collect takes in what became of a call.
func (d *deliverer) collect(r result) {
	d.inFlight--
	pause := d.judge(time.Now(), r)
	for i, c := range r.claims {
		delete(d.busy, c.Standing.Key)
		d.finish(c, &r.parts[i], pause)
	}
	d.show()
}

// judge tells the gate what a call says of the backend, once for a whole batch:
// that one person was answered shows that it works. It returns the pause that
// the backend asked for.
func (d *deliverer) judge(now time.Time, r result) (pause time.Duration) {
	var worst *part
	var after time.Duration
	answered, throttled := false, false
	for i := range r.parts {
		switch p := &r.parts[i]; p.blame {
		case nobody, thePerson:
			answered = true
		case theLoad:
			throttled, after = true, max(after, p.after)
		case theAccess, theBackend, theSilence:
			if worst == nil || p.blame > worst.blame {
				worst = p
			}
		}
	}
	switch {
	case answered:
		d.answered()
	case worst == nil:
	case worst.blame == theAccess && d.gate.denied(now):
		d.denied(now, worst.reason)
	case worst.blame != theAccess && d.gate.failed(now):
		d.refused(now, worst.reason)
	}
	if throttled {
		pause = d.gate.throttled(now, after)
		d.log.Debug("backend asks for a pause", zap.Duration("pause", pause))
	}
	return pause
}

func (d *deliverer) refused(now time.Time, why string) {
	if d.since.IsZero() {
		d.since = now
		d.log.Warn("backend refuses; what is owed to it waits in the store", zap.String("cause", why))
	}
}

// denied is told as an error: unlike an outage it does not end by itself.
func (d *deliverer) denied(now time.Time, why string) {
	if !d.told {
		d.told = true
		d.log.Error("backend lets nobody in: check its credentials, address and plan; what is owed to it waits in the store", zap.String("cause", why))
	}
	if d.since.IsZero() {
		d.since = now
	}
}

func (d *deliverer) answered() {
	d.gate.answered()
	if !d.since.IsZero() {
		d.log.Info("backend is back", zap.Duration("away", time.Since(d.since)))
		d.since, d.told = time.Time{}, false
	}
}

// release gives a claim back.
func (d *deliverer) release(c store.Claim, after time.Duration, why string) {
	d.settleLater(settled{settlement: store.Settlement{
		Key: c.Standing.Key, Token: c.Standing.Token, Version: c.Standing.Version,
		Verdict: store.VerdictRelease, After: after, Reason: why,
	}})
}

// finish ends a claim as p says.
func (d *deliverer) finish(c store.Claim, p *part, pause time.Duration) {
	s := settled{settlement: settlementOf(c.Standing, p, pause, d.traits.Timeout)}
	d.describe(&s, c, p)
	d.settleLater(s)
}

func (d *deliverer) settleLater(s settled) {
	d.untold.Add(1)
	d.unsettled = append(d.unsettled, s)
}

// settle hands to the outbox what has come to an end, and then tells of it.
func (d *deliverer) settle() error {
	if len(d.unsettled) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	batch := d.unsettled[:min(len(d.unsettled), batchPeople)]
	settlements := make([]store.Settlement, len(batch))
	for i, s := range batch {
		settlements[i] = s.settlement
	}
	err := d.m.containStore(func() error { return d.m.outbox.Settle(ctx, d.name, settlements) })
	if errors.Is(err, store.ErrNotFound) {
		err = nil // somebody withdrew the backend meanwhile
	}
	if err != nil {
		return err
	}
	for _, s := range batch {
		if s.outcome != nil {
			d.m.tell(s.outcome)
		}
		if s.retry != nil {
			d.m.tellRetry(s.retry)
		}
	}
	d.untold.Add(-int64(len(batch)))
	d.unsettled = slices.Delete(d.unsettled, 0, len(batch))
	return d.settle()
}

// describe adds to a settlement what is told once it is durable.
func (d *deliverer) describe(s *settled, c store.Claim, p *part) {
	o := &Outcome{Target: d.name, Key: c.Standing.Key, Err: p.err, Attempts: c.Standing.Attempts + 1}
	switch verdict := s.settlement.Verdict; verdict {
	case store.VerdictDelivered:
		if !p.needed {
			if len(p.uncleared) == 0 {
				return
			}
			o.Attempts--
		}
		o.Result, o.Remote, o.Uncleared = Delivered, p.receipt.Answer, p.uncleared
		o.Profile, o.Fields = c.Record.Profile(), p.fields
	case store.VerdictErased:
		o.Result = Erased
	case store.VerdictUnserved:
		return
	case store.VerdictUnerasable:
		o.Result = Failed
		if d.unerasable++; roundNumber(d.unerasable) {
			d.log.Warn("backend cannot erase; remove people there by hand, see Outbox.Standings with StateUnerasable",
				zap.Uint64("people since the start", d.unerasable))
		}
	case store.VerdictDead:
		o.Result, o.Refused = Failed, slices.Clone(p.receipt.Refused)
		d.buried(c.Standing.Key, p.reason)
	case store.VerdictRetry, store.VerdictRelease:
		if p.blame == ourselves {
			return
		}
		s.retry = &Retry{Target: d.name, Key: c.Standing.Key, Attempts: o.Attempts, After: s.settlement.After, Err: p.err}
		d.log.Debug("delivery is tried again", zap.Stringer("key", c.Standing.Key), zap.String("cause", p.reason),
			zap.Duration("after", s.settlement.After))
		if verdict == store.VerdictRelease || o.Attempts != d.m.attempts {
			return
		}
		o.Result, o.Kept = Failed, true
	}
	s.outcome = o
}

// buried logs dead letters: each at debug level, and some of them for the owner.
func (d *deliverer) buried(key store.Key, why string) {
	d.log.Debug("dead letter", zap.Stringer("key", key), zap.String("cause", why))
	if d.dead++; roundNumber(d.dead) {
		d.log.Warn("backend will not take a person; see Outbox.Standings with StateDead, and Replay once it is put right",
			zap.String("cause", why), zap.Uint64("dead letters since the start", d.dead))
	}
}

// roundNumber is true for 1, 10, 100 and so on: as often as the owner wants to be
// told of what happens again and again.
func roundNumber(n uint64) bool {
	for n >= 10 && n%10 == 0 {
		n /= 10
	}
	return n == 1
}
