package middleware

import (
	"slices"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// An entry is one person who waits to be saved.
type entry struct {
	key    store.Key
	latest observation   // the one that came last
	before *folded       // those before that one and unlike it; nil for none
	since  time.Time     // when the first of all came, by this machine's clock
	delta  *store.Record // all that waits, made by the committer for itself

	origin   origin // the observation that the Outcome is about
	failures int    // refusals of the store since origin came
	turns    int    // on the sideline
	size     int    // bytes that it is counted with
	gen      uint64 // the Flush generation that it belongs to
	next     *entry // came while this one was in flight

	told      bool // its Outcome was Failed already
	inFlight  bool // the committer has it in a batch
	forgotten bool // Forget came while this one was in flight
	unsure    bool // Readmit came while this one was in flight: its answer may be out of date
	aside     bool // waits for a turn of its own, see sideline
	outside   bool // is imported while another of the person waits, see reserve
}

// folded is what several observations of a person come to.
type folded struct {
	delta store.Record
	marks []mark
}

// join takes a newer arrival of the same person into e. What it says is merged;
// which observation's fingerprints are remembered goes by time.
func (e *entry) join(n *entry, r *repairer) {
	if n.before == nil && e.latest.repeats(n.latest.whole, n.latest.undated, n.latest.first) {
		e.latest.last = n.latest.last
		return
	}
	f := folded{e.record(r), e.marks()}
	if n.before != nil {
		f.delta = store.Merge(f.delta, n.before.delta)
		f.marks = joinMarks(f.marks, n.before.marks)
	}
	e.before, e.latest = &f, n.latest
}

// record returns all that waits, as one Record.
func (e *entry) record(r *repairer) store.Record {
	delta := e.latest.delta(e.key, r)
	if e.before != nil {
		delta = store.Merge(e.before.delta, delta)
	}
	return delta
}

// marks returns what the seen table may remember once all that waits is durable.
// The first is that of an event as a whole.
func (e *entry) marks() []mark {
	marks := e.latest.marks()
	if e.before != nil {
		marks = joinMarks(slices.Clone(e.before.marks), marks)
	}
	return marks
}

// joinMarks adds to marks, which it may change.
func joinMarks(marks, more []mark) []mark {
	for _, n := range more {
		i := slices.IndexFunc(marks, func(m mark) bool { return m.slot == n.slot })
		switch {
		case i < 0:
			marks = append(marks, n)
		case n.at.After(marks[i].at):
			marks[i] = n
		case n.at.Equal(marks[i].at) && n.fingerprint != marks[i].fingerprint:
			// Two events of one moment disagree. Which of them won is for the
			// store to say, so none of that moment is remembered.
			marks[i].void = true
		}
	}
	return marks
}

// entrySize estimates what an entry holds in memory, its place in the map and the
// queue included: a little too much, since maxBytes is a promise.
func entrySize(e *entry) int {
	const fixed, statement, register, oneMark = 440, 32 + 16, 64 + 16, 48
	size := fixed + len(e.key.UserID) + statement*len(e.latest.statements)
	for _, st := range e.latest.statements {
		size += len(st.value)
	}
	if f := e.before; f != nil {
		size += register*len(f.delta.Registers) + oneMark*cap(f.marks)
		for _, r := range f.delta.Registers {
			size += len(r.Field) + len(r.Value)
		}
	}
	return size
}
