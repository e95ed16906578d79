package middleware

import (
	"slices"
	"strings"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// An entry is one person who waits to be saved.
type entry struct {
	key    store.Key
	one    observation // unless joined is set; then of the person alone
	joined *joined     // what several that are unlike come to
	since  time.Time   // when the first came, by this machine's clock

	origin   origin // the observation that the Outcome is about
	failures int    // refusals of the store since origin came
	turns    int    // on the sideline
	size     int    // bytes that it is counted with
	gen      *generation
	next     *entry // came while this one was in flight

	told      bool // its Outcome was Failed already
	inFlight  bool // the committer has it in a batch
	forgotten bool // Forget came while this one was in flight
	unsure    bool // Readmit came while this one was in flight: its answer may be out of date
	aside     bool // waits for a turn of its own, see sideline
	outside   bool // is imported while another of the person waits, see reserve
}

// joined is what several observations of a person come to.
type joined struct {
	delta store.Record
	marks []mark
}

// join takes a newer arrival of the same person into e. What it says is merged;
// which observation's fingerprints are remembered goes by time.
func (e *entry) join(n *entry, r *repairer) {
	if e.joined == nil && n.joined == nil {
		if !n.one.late && e.one.repeats(n.one.whole, n.one.undated, n.one.first) {
			e.one.last = n.one.last
			return
		}
		if e.one.replacedBy(&n.one, e.key, r) {
			first := e.one.first
			e.one = n.one
			e.one.first = first
			return
		}
	}
	if e.joined == nil {
		e.key.UserID = strings.Clone(e.key.UserID) // it came in one text with what was stated
	}
	was, is := e.record(r), n.record(r)
	delta := store.Merge(was, is)
	if len(was.Registers) > 0 && len(is.Registers) > 0 { // else it shares them
		own(delta.Registers)
	}
	e.joined = &joined{delta, joinMarks(e.marks(), n.marks())}
	e.one = observation{person: e.one.person}
}

// record returns all that waits, as one Record.
func (e *entry) record(r *repairer) store.Record {
	if e.joined != nil {
		return e.joined.delta
	}
	return e.one.delta(e.key, r)
}

// marks returns what the seen table may remember once all that waits is durable.
// The first is that of an event as a whole. They are not to be changed.
func (e *entry) marks() []mark {
	if e.joined != nil {
		return e.joined.marks
	}
	return e.one.marks()
}

// joinMarks returns the marks of both, of two for one slot that of the later event.
func joinMarks(a, b []mark) []mark {
	more := 0
	for _, n := range b {
		if !slices.ContainsFunc(a, func(m mark) bool { return m.slot == n.slot }) {
			more++
		}
	}
	marks := append(make([]mark, 0, len(a)+more), a...) // which is what counts while they wait
	for _, n := range b {
		i := slices.IndexFunc(marks, func(m mark) bool { return m.slot == n.slot })
		switch {
		case i < 0:
			marks = append(marks, n)
		case n.at > marks[i].at:
			marks[i] = n
		case n.at == marks[i].at && n.fingerprint != marks[i].fingerprint:
			// Two events of one moment disagree. Which of them won is for the
			// store to say, so none of that moment is remembered.
			marks[i].void = true
		}
	}
	return marks
}

// entrySize estimates what an entry holds in memory, its place in the map and the
// queue included: too much, for short values more than twice of it, since maxBytes is a
// promise. One observation counts as if it were joined to another already, so that to be
// joined seldom needs room.
func entrySize(e *entry) int {
	const fixed, register, oneMark = 544, 64, 32
	const rounding = 16 // of what texts of their own take
	size := fixed + len(e.key.UserID)
	if j := e.joined; j != nil {
		size += register*len(j.delta.Registers) + oneMark*cap(j.marks)
		for _, r := range j.delta.Registers {
			size += len(r.Field) + len(r.Value) + rounding
		}
		return size
	}
	return size + register*e.one.fields + oneMark*(2+e.one.parts()) + len(e.one.stated)
}
