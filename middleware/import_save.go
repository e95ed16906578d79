package middleware

import (
	"context"
	"errors"
	"slices"

	"go.uber.org/zap"

	"github.com/rollcall-go/rollcall/store"
)

// save brings the batch to its end, or leaves all that is not saved of it.
func (im *importer) save(ctx context.Context) error {
	if !im.m.pending.reserve(im.batch, im.m.when != FirstMessage) {
		return store.ErrClosed
	}
	left := im.batch
	defer func() {
		for _, e := range left { // after an error
			im.m.pending.leave(e, nil)
		}
	}()
	return im.saveSome(ctx, &left, len(left))
}

// saveSome saves the first n of left, and takes them off. Where the store refuses
// them for one person's sake it finds out whose.
func (im *importer) saveSome(ctx context.Context, left *[]*entry, n int) error {
	batch := (*left)[:n]
	if n == 0 {
		return nil
	}
	changes, err := im.m.apply(ctx, batch)
	switch {
	case err == nil:
		im.struck = nil
		*left = (*left)[n:]
		for i, e := range batch {
			im.saved(e, &changes[i])
		}
		if slices.ContainsFunc(changes, store.Change.Owes) {
			im.m.nudge()
		}
		return nil
	case refuses(err) || ctx.Err() != nil:
		return err
	case n > 1:
		if err := im.saveSome(ctx, left, n/2); err != nil {
			return err
		}
		return im.saveSome(ctx, left, n-n/2)
	case !errors.Is(err, store.ErrInvalid):
		// As in the committer: two people in a row mean that the store is at fault.
		if im.struck != nil {
			return err
		}
		im.struck = batch[0]
	}
	im.m.log.Warn("store refuses one person who is imported", causeField(err))
	im.m.log.Debug("store refuses one person who is imported", zap.Stringer("key", batch[0].key), zap.Error(err))
	*left = (*left)[1:]
	im.m.pending.leave(batch[0], nil)
	im.next.count(Failed, "")
	return nil
}

func (im *importer) saved(e *entry, change *store.Change) {
	forgotten, repeat := im.m.pending.leave(e, im.m.marksAfter(e, change))
	im.m.repeated(repeat, change)
	if forgotten {
		change = &store.Change{Suppressed: true}
	}
	im.next.count(im.m.resultOf(change))
}

// expect has the table not answer for somebody whom an import has read: who changes
// back before the change is durable has to be seen.
func (p *pending) expect(e *entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conceal(e)
}

// reserve takes the entries of an import in as if the committer had them in
// flight, so that what comes of their people meanwhile waits, and what Forget and
// Readmit do meanwhile is known. Somebody who waits to be saved already keeps that
// place, and so does everybody if places is false; their entries stay outside. It
// returns false once the intake has ended.
//
// The table must not answer for anybody until what it is to remember is settled.
func (p *pending) reserve(batch []*entry, places bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	for _, e := range batch {
		e.told = true // no hook is to hear of it
		p.conceal(e)
		if e.outside = !places || p.entries[e.key] != nil; e.outside {
			p.outside[e.key]++ // whoever is saved meanwhile is not sure to be the last word
			continue
		}
		e.inFlight = true
		p.begin(e, entrySize(e))
		p.entries[e.key] = e
	}
	return true
}

// leave ends what reserve began. What it returns is as in settle.
func (p *pending) leave(e *entry, marks []mark) (forgotten bool, repeat *entry) {
	if !e.outside {
		forgotten, _, repeat = p.settle(e, marks)
		p.done(e)
		return forgotten, repeat
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	// Whether the entry of the committer or this one came to the store first, and
	// so which of them is the last word, only the store knows.
	p.unmark(e)
	if p.outside[e.key]--; p.outside[e.key] == 0 {
		delete(p.outside, e.key)
	}
	if other := p.entries[e.key]; other != nil {
		other.unsure = other.inFlight
	}
	return false, nil
}
