package middleware

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// start makes calls of claims, and gives back those that need more calls than
// may be made.
func (d *deliverer) start(ctx context.Context, claims []store.Claim, calls int) {
	for i, r := range d.group(claims) {
		if i < calls {
			d.launch(ctx, r)
			continue
		}
		for _, c := range r.claims {
			d.release(c, 0, c.Standing.Reason)
		}
	}
}

// group makes one call of each person to erase, and of each batch of others. It
// settles what needs none.
func (d *deliverer) group(claims []store.Claim) []result {
	var groups []result
	var batch result
	for _, c := range claims {
		if _, running := d.busy[c.Standing.Key]; running {
			// The call before has outlived its lease, and this one must not overtake
			// it.
			d.release(c, d.lease(), "the call before still runs")
			continue
		}
		var p part
		err := d.contain(func() error { // the functions of Traits are the backend's
			// To erase is also for those whom the backend served once.
			if p.needed = c.Standing.Erase; p.needed {
				return nil
			}
			if t := d.traits; t.Serves != nil && !t.Serves(c.Standing.Key) {
				p.blame = notServed
				return nil
			}
			p.delivery, p.uncleared, p.needed = deliveryOf(c, d.traits)
			p.fields = slices.Clone(p.delivery.Fields)
			return nil
		})
		if err != nil {
			p.fail(err)
		}
		if err != nil || !p.needed {
			d.finish(c, &p, 0)
			continue
		}
		if c.Standing.Erase {
			groups = append(groups, result{claims: []store.Claim{c}, parts: []part{p}})
			continue
		}
		batch.claims = append(batch.claims, c)
		batch.parts = append(batch.parts, p)
		if len(batch.claims) == d.traits.Batch {
			groups = append(groups, batch)
			batch = result{}
		}
	}
	if len(batch.claims) > 0 {
		groups = append(groups, batch)
	}
	return groups
}

func (d *deliverer) launch(ctx context.Context, r result) {
	if d.limiter != nil {
		d.limiter.AllowN(time.Now(), 1)
	}
	for _, c := range r.claims {
		d.busy[c.Standing.Key] = struct{}{}
	}
	d.inFlight++
	d.show()
	go func() {
		defer func() { d.results <- r }() // also when the backend ends the goroutine
		d.call(ctx, &r)
	}()
}

// call asks the backend, on a goroutine of its own, and notes what it says of
// each person.
func (d *deliverer) call(ctx context.Context, r *result) {
	ctx, end := d.traceCall(ctx, r)
	defer end()
	ctx, cancel := context.WithTimeout(ctx, d.traits.Timeout)
	defer cancel()
	deaf := time.AfterFunc(2*d.traits.Timeout, func() {
		d.log.Warn("backend neither answers nor heeds its context; the person waits")
	})
	defer deaf.Stop()
	for i := range r.parts {
		r.parts[i].fail(errLeft)
	}
	err := d.contain(func() error {
		err := d.ask(ctx, r)
		for i := range r.parts {
			p := &r.parts[i]
			if err != nil {
				p.err = err
			}
			p.read(ctx, r.claims[i].Standing)
		}
		return nil
	})
	if err != nil {
		for i := range r.parts {
			r.parts[i].fail(err)
		}
	}
}

// read makes of p.err, whose methods are the backend's too, what is done about it.
func (p *part) read(ctx context.Context, s store.Standing) {
	p.blame, p.reason = nobody, ""
	if p.err == nil {
		return
	}
	p.blame, p.reason = blameFor(ctx, p.err), reason(p.err, s.Key)
	if p.blame == cannotErase && !s.Erase { // an error that means something else here
		p.blame = theBackend
	}
	if throttled, ok := errors.AsType[*store.ThrottledError](p.err); ok {
		p.after = throttled.After
	}
	p.err = redact(p.err)
}

var errLeft = fmt.Errorf("middleware: the call ended without a result: %w", store.ErrUnanswered)

// fail is for one of ours.
func (p *part) fail(err error) { p.blame, p.reason, p.err = theSilence, err.Error(), err }

// ask makes the call. What it returns is about everybody in it.
func (d *deliverer) ask(ctx context.Context, r *result) error {
	first := &r.parts[0]
	if s := r.claims[0].Standing; s.Erase {
		eraser, ok := d.backend.(store.Eraser)
		if !ok {
			return fmt.Errorf("middleware: erase %s at %s: %w", s.Key, d.name, store.ErrCannotErase)
		}
		first.err = eraser.Erase(ctx, s.Key, s.Remote)
		return nil
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
			logPanic(d.log, "backend panicked", r)
			err = fmt.Errorf("middleware: deliver to %s: it panicked: %w", d.name, store.ErrUnanswered)
		}
	}()
	return ask()
}
