package middleware

import (
	"slices"
	"sync"

	"github.com/rollcall-go/rollcall/internal/seen"
	"github.com/rollcall-go/rollcall/store"
)

// pending holds the people who wait to be saved, one entry each.
type pending struct {
	maxPeople, maxBytes int
	seen                *seen.Table
	repairer            *repairer
	firstOnly           bool // what joins an entry is not saved

	mu      sync.Mutex
	closed  bool
	entries map[store.Key]*entry
	queue   []*entry // those not in flight, oldest first
	bytes   int
	outside map[store.Key]int // imports under way of people who have an entry without them, see reserve

	now     *generation   // of entries made now
	before  []*generation // those that somebody is left of, oldest first
	waiters []waiter

	wake     chan struct{} // holds one token when the queue has work
	enough   int           // people in the queue that hurry the committer
	pressing chan struct{} // holds one token when so many wait, or somebody waits for them
}

func newPending(seen *seen.Table, r *repairer, firstOnly bool) *pending {
	return &pending{
		seen:      seen,
		repairer:  r,
		firstOnly: firstOnly,
		maxPeople: 100_000,
		maxBytes:  64 << 20,
		entries:   make(map[store.Key]*entry),
		outside:   make(map[store.Key]int),
		now:       new(generation),
		wake:      make(chan struct{}, 1),
		pressing:  make(chan struct{}, 1),
	}
}

// add takes a new observation in. result is Coalesced when it joined an entry
// that waits already, "" when it waits by itself, and Dropped with a reason
// when the intake has ended, or there is no room for what it adds.
func (p *pending) add(n *entry) (result Result, reason Reason) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return Dropped, ReasonClosed
	}
	old := p.entries[n.key]
	if old != nil && old.inFlight && old.next != nil {
		old = old.next
	}
	if old != nil && p.firstOnly && !old.forgotten {
		return Coalesced, ""
	}
	size := entrySize(n)
	if old == nil && (len(p.entries) >= p.maxPeople || p.bytes+size > p.maxBytes) {
		return Dropped, ReasonOverload
	}
	// From here on the table must not answer for this person: somebody who
	// changes back before the change is durable has to be seen. settle, which
	// marks, holds the lock too.
	p.conceal(n)
	if old == nil || old.inFlight {
		p.begin(n, size)
		if old != nil {
			old.next = n
			return "", ""
		}
		p.entries[n.key] = n
		p.push(n)
		return "", ""
	}
	one, joined := old.one, old.joined
	old.join(n, p.repairer)
	if size = entrySize(old); size > old.size && p.bytes+size-old.size > p.maxBytes {
		old.one, old.joined = one, joined
		return Dropped, ReasonOverload
	}
	p.resize(old, size)
	p.keep(old)
	if old.told {
		old.origin, old.told, old.failures = n.origin, false, 0
		return "", ""
	}
	return Coalesced, ""
}

// conceal has the seen table not answer for the person of e, whatever it holds of parts.
func (p *pending) conceal(e *entry) {
	p.seen.Drop(e.one.person)
	p.seen.Drop(coreSlot(e.one.person))
}

// unmark also has it forget the parts that e states.
func (p *pending) unmark(e *entry) {
	for _, mk := range e.marks() {
		p.seen.Drop(mk.slot)
	}
}

// repeat takes in an observation that says the same as the last one of an entry that
// waits. That is what most of those say who are busy when their change is not saved yet.
func (p *pending) repeat(s *Sender, whole uint64, at int64) bool {
	var digits [20]byte
	id := s.appendID(digits[:0])
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.entries[store.Key{Channel: s.Channel, UserID: string(id)}]
	if e != nil && e.inFlight {
		e = e.next
	}
	if e == nil || e.told || p.closed || e.joined != nil || !e.one.repeats(whole, s.Undated, at) {
		return false
	}
	e.one.last = at
	return true
}

// begin counts an entry that is taken in.
func (p *pending) begin(e *entry, size int) {
	e.gen = p.now
	e.gen.alive++
	p.resize(e, size)
}

func (p *pending) resize(e *entry, size int) {
	p.bytes += size - e.size
	e.size = size
}

func (p *pending) push(e *entry) {
	p.queue = append(p.queue, e)
	signal(p.wake)
	if len(p.queue) == p.enough {
		signal(p.pressing)
	}
}

// signal leaves a token where there is none.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// pressed reports whether the committer is to go on at once: enough people wait, or
// somebody waits for them. Otherwise pressing tells when that comes.
func (p *pending) pressed(enough int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.enough = enough
	select {
	case <-p.pressing:
	default:
	}
	return len(p.queue) >= enough || len(p.waiters) > 0 || p.closed
}

// take hands at most n entries to the committer, oldest first.
func (p *pending) take(n int) []*entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	n = min(n, len(p.queue))
	batch := make([]*entry, n)
	copy(batch, p.queue)
	clear(p.queue[:n])
	p.queue = p.queue[n:]
	if len(p.queue) == 0 {
		p.queue = nil
	}
	for _, e := range batch {
		e.inFlight = true
	}
	return batch
}

// settle ends the flight of an entry that is saved, or never will be, and has
// the seen table remember marks, unless something newer of the person waits. With
// no marks it forgets those of e.
// forgotten is true when Forget came meanwhile; tell, when its observation has
// had no Outcome yet. After that Outcome comes done.
//
// repeat is what came meanwhile and says the same. It is over too, as Unchanged:
// whoever writes all the time would otherwise be saved again with each batch. After
// its Outcome comes done.
func (p *pending) settle(e *entry, marks []mark) (forgotten, tell bool, repeat *entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bytes -= e.size
	tell, e.told = !e.told, true
	sure := !e.forgotten && !e.unsure && p.outside[e.key] == 0
	if sure && e.next != nil && p.repeats(e, e.next, marks) {
		repeat, e.next = e.next, nil
		p.bytes -= repeat.size
	}
	p.replace(e, e.next)
	if marks == nil {
		p.unmark(e)
	}
	// The parts first: the table answers for the person again with the marks before them.
	for _, mk := range slices.Backward(marks) {
		if mk.void || !sure || e.next != nil {
			p.seen.Drop(mk.slot)
		} else {
			p.seen.Mark(mk.slot, mk.fingerprint, seen.Note(mk.core))
		}
	}
	return e.forgotten, tell, repeat
}

// repeats reports whether n, which came after e, says nothing that is not durable
// with e, of which marks are to be remembered.
func (p *pending) repeats(e, n *entry, marks []mark) bool {
	if len(marks) == 0 || marks[0].void {
		return false
	}
	whole := n.marks()[0]
	if whole.void || whole.slot != marks[0].slot || whole.fingerprint != marks[0].fingerprint {
		return false
	}
	return slices.EqualFunc(n.record(p.repairer).Registers, e.record(p.repairer).Registers, func(a, b store.Register) bool {
		return a.Field == b.Field && a.Value == b.Value && a.Cleared == b.Cleared
	})
}

// replace puts what came of the person while e was in flight into e's place, nil
// for nothing.
func (p *pending) replace(e, next *entry) {
	if next == nil {
		delete(p.entries, e.key)
		return
	}
	p.entries[next.key] = next
	p.push(next)
}

// keep has the map hold the Key that e has since it was joined to another.
func (p *pending) keep(e *entry) {
	if e.joined != nil && p.entries[e.key] == e {
		p.entries[e.key] = e
	}
}

// putBack ends the flight of an entry that the store refused. It waits again,
// behind all others. What came meanwhile joins it and is returned, for its
// Outcome. An entry that Forget has taken out does not wait any more: forgotten
// is true, tell as in settle, and done is to be called.
func (p *pending) putBack(e *entry) (coalesced *entry, forgotten, tell bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e.inFlight, e.unsure = false, false
	next := e.next
	e.next = nil
	if e.forgotten {
		p.bytes -= e.size
		tell, e.told = !e.told, true
		p.replace(e, next)
		return nil, true, tell
	}
	if next != nil {
		e.join(next, p.repairer)
		p.bytes -= next.size
		p.release(next) // e is older, so that those who wait for next wait for e
		p.resize(e, entrySize(e))
		p.keep(e)
		if e.told {
			e.origin, e.told, e.failures = next.origin, false, 0
			next = nil
		}
	}
	if !e.aside {
		p.push(e)
	}
	return next, false, false
}

// unsure keeps what the store is just answering of a person out of the seen
// table.
func (p *pending) unsure(key store.Key) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.entries[key]; e != nil {
		e.unsure = e.inFlight
	}
}

// forget takes a person out. It returns the entry that is over with it, nil
// where none is, and whether its observation has had no Outcome yet; done is to
// be called after that. One that is in flight ends when it lands.
func (p *pending) forget(key store.Key) (over *entry, tell bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.entries[key]
	if e == nil {
		return nil, false
	}
	if e.inFlight {
		e.forgotten = true
		over, e.next = e.next, nil
	} else {
		over = e
		delete(p.entries, key)
		p.queue = slices.DeleteFunc(p.queue, func(q *entry) bool { return q == e })
	}
	if over == nil {
		return nil, false
	}
	p.bytes -= over.size
	tell, over.told = !over.told, true
	return over, tell
}

// peek returns what waits of one person, joined; a zero Record where nothing
// does.
func (p *pending) peek(key store.Key) store.Record {
	var r store.Record
	for _, e := range p.waiting(key) {
		r = store.Merge(r, e.record(p.repairer))
	}
	return r
}

// waiting returns copies of what waits of one person.
func (p *pending) waiting(key store.Key) (all []entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for e := p.entries[key]; e != nil; e = e.next {
		if !e.forgotten {
			all = append(all, entry{key: e.key, one: e.one, joined: e.joined})
		}
	}
	return all
}

// len returns how many people wait.
func (p *pending) len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.entries)
}

// close ends the intake.
func (p *pending) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	signal(p.pressing)
	for _, e := range p.entries {
		p.recall(e)
	}
}

// abandon empties the queue at the end, and returns those without an Outcome
// and how many people are not saved.
func (p *pending) abandon() (untold []*Outcome, people int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	people = len(p.entries)
	for _, first := range p.entries {
		for e := first; e != nil; e = e.next {
			if !e.told {
				e.told = true
				o := e.origin.outcome(e.key)
				o.Result, o.Err, o.Attempts = Failed, errAbandoned, e.failures
				untold = append(untold, o)
			}
		}
	}
	return untold, people
}
