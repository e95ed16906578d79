package middleware

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// ImportOptions are the settings of [Middleware.Import]. The zero value and nil are
// ready to use.
type ImportOptions struct {
	// Progress is called after every 500 senders or less, on the caller's goroutine.
	// nil: nobody is told.
	Progress func(p ImportProgress)
}

// ImportProgress says how far a [Middleware.Import] is. What it counts is decided:
// saved, found to be saved already, or left out for good.
type ImportProgress struct {
	// Read is how many senders this is about, the first of the sequence. It is the
	// sum of all below.
	Read int
	// Created, Updated and Unchanged are as the Results of these names.
	Created, Updated, Unchanged int
	// Coalesced is how many were joined to another of the same person among the
	// same 500.
	Coalesced int
	// Failed is how many the store will not take, whoever asks again: the row of
	// the person is damaged, say. The log tells of them.
	Failed int
	// Dropped is how many make no profile, by the reason. The map is the receiver's.
	Dropped map[Reason]int
}

// Import saves many people at once who were not observed one by one: an old table
// of users, the members of a guild. It takes the same decisions as Observe: who
// becomes a profile (Options.Who, Options.When), what is repaired, what is older
// than what is kept and gives way. Only, it waits for the store where Observe never
// does, and so needs no room for those who wait. It returns when all of senders is
// durable. It may be called while bots run, and by several goroutines.
//
// Set Sender.At to when what it states was true: of an old table, when the row was
// changed last. Then a later observation stays, whichever came first, and
// Profile.FirstSeen and LastSeen become what the senders' times say. Without a time
// they count as seen now, and as the newest word.
//
// No hook hears of an imported sender, and Stats do not count it: a million people
// did not just write, and shall not be greeted. What is new is owed to
// Options.Backends, as after any change, and of these deliveries the hooks hear.
// Afterwards the first event that says the same as the import costs no write, if it
// falls into the same period of Options.SeenEvery as Sender.At, and ExpectedPeople
// has room for everybody. Who was silent for Options.Retention by their Sender.At is
// erased at the next sweep: leave it zero to give them that long from now.
//
// An error ends the import, and is wrapped: of senders, of the store (see
// [store.Store]), of ctx, or store.ErrClosed after Close. The ImportProgress beside
// it, as the last that Progress was told, counts what is durable; the up to 500
// senders behind it may have been saved or not. To go on, skip Progress.Read
// senders or begin anew: to import the same again changes nothing. A panic of
// senders or of Progress is the caller's. That senders is nil is store.ErrInvalid.
func (m *Middleware) Import(ctx context.Context, senders iter.Seq2[Sender, error], o *ImportOptions) (ImportProgress, error) {
	im := importer{m: m, places: make(map[store.Key]*entry, batchPeople)}
	if o != nil {
		im.told = o.Progress
	}
	if senders == nil {
		return im.done, fmt.Errorf("middleware: import: the sequence of senders is nil: %w", store.ErrInvalid)
	}
	im.next.Dropped, im.done.Dropped = make(map[Reason]int), make(map[Reason]int)
	if err := im.run(ctx, senders); err != nil {
		return im.report(), fmt.Errorf("middleware: import: after %d senders: %w", im.done.Read, err)
	}
	return im.report(), nil
}

// An importer is one call of Import.
type importer struct {
	m    *Middleware
	told func(ImportProgress) // nil for nobody

	batch  []*entry
	places map[store.Key]*entry // of batch
	next   ImportProgress       // what was read since done
	done   ImportProgress
	struck *entry // whom the store last refused with an error of no known kind
}

func (im *importer) run(ctx context.Context, senders iter.Seq2[Sender, error]) error {
	var s Sender // one for all, which hooks of Options may let escape
	for sender, err := range senders {
		if err != nil {
			if flushed := im.flush(ctx); flushed != nil {
				return flushed
			}
			return err
		}
		s = sender
		im.take(&s)
		if im.next.Read == batchPeople {
			if err := im.flush(ctx); err != nil {
				return err
			}
		}
	}
	return im.flush(ctx)
}

// take decides what becomes of one sender.
func (im *importer) take(s *Sender) {
	im.next.Read++
	defer func() {
		if r := recover(); r != nil {
			logPanic(im.m.log, "importing panicked", r)
			im.next.Dropped[ReasonPanic]++
		}
	}()
	seen, result, reason := im.m.judge(s)
	if result == Unchanged && im.places[s.Key()] != nil {
		result = "" // the table does not know what the batch says of the person
	}
	if result != "" {
		im.next.count(result, reason)
		return
	}
	now := time.Now()
	seen.at = plausible(seen.at, now)
	e := im.m.entry(s, seen, now)
	im.m.pending.expect(e)
	if first := im.places[e.key]; first != nil {
		if im.m.when != FirstMessage {
			first.join(e, im.m.repairer)
		}
		im.next.Coalesced++
		return
	}
	im.places[e.key] = e
	im.batch = append(im.batch, e)
}

// flush saves what was read since the last one, and tells of it.
func (im *importer) flush(ctx context.Context) error {
	if im.next.Read == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if im.m.closing.Load() { // which some senders may have been dropped for
		return store.ErrClosed
	}
	err := im.save(ctx)
	im.batch = im.batch[:0]
	clear(im.places)
	if err != nil {
		return err
	}
	im.done.add(im.next)
	clear(im.next.Dropped)
	im.next = ImportProgress{Dropped: im.next.Dropped}
	if im.told != nil {
		im.told(im.report())
	}
	return nil
}

// report returns what is done, in a copy for the caller.
func (im *importer) report() ImportProgress {
	p := im.done
	p.Dropped = maps.Clone(p.Dropped)
	return p
}

func (p *ImportProgress) count(r Result, reason Reason) {
	switch r {
	case Created:
		p.Created++
	case Updated:
		p.Updated++
	case Unchanged:
		p.Unchanged++
	case Dropped:
		p.Dropped[reason]++
	case Failed:
		p.Failed++
	}
}

func (p *ImportProgress) add(o ImportProgress) {
	p.Read += o.Read
	p.Created += o.Created
	p.Updated += o.Updated
	p.Unchanged += o.Unchanged
	p.Coalesced += o.Coalesced
	p.Failed += o.Failed
	for reason, n := range o.Dropped {
		p.Dropped[reason] += n
	}
}
