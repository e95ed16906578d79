package middleware

import (
	"math/bits"
	"time"
)

// A Print stands for all that an event states about a person: see
// [Middleware.Known]. It is worth nothing outside of the process. Begin with any
// number but 0, such as one that tells kinds of event apart.
type Print uint64

// Text returns the Print of p with one more text, which may be empty. The order
// counts.
func (p Print) Text(s string) Print { return Print(hashText(uint64(p), s)) }

// Known spares an adapter the statements of a sender who has not changed, which
// most events are of. When it returns true the observation is over, and counted
// as Unchanged. When it returns false, the adapter states what the event says and
// calls Observe with the same s; there may be many reasons, such as an option
// that wants to see each Sender.
//
// print has to be made of all that decides what will be stated: events of one
// person with the same Print must state the same. Known looks at Channel, UserID,
// NumericID, At, Undated and Drop of s; the rest can be set after it. Observe
// alone will do, at some more cost.
func (m *Middleware) Known(s *Sender, print Print) bool {
	if m == nil || print == 0 || s.Drop != "" || m.who != nil || m.onOutcome != nil || m.when != EveryChange || m.closing.Load() {
		return false
	}
	s.print = print
	if s.NumericID == 0 && s.UserID == "" || s.At.IsZero() {
		return false
	}
	person := s.personSlot()
	set, ok := m.seen.core(person, uint64(print)+m.period(person, s.At))
	if !ok {
		return false
	}
	m.unchangedAt(s, person, set, s.At)
	m.counts.unchanged.add(person)
	return true
}

// unchanged reports whether all that s says is known to be durable. As a rule
// the table holds one word of a person, for the last event as a whole. Of those
// whose events differ in what they state it holds the parts too.
func (m *Middleware) unchanged(s *Sender, person, period uint64, at time.Time) bool {
	if m.when == FirstMessage {
		return m.seen.has(person, 0)
	}
	set, ok := m.seen.core(person, s.whole()+period)
	if !ok {
		if set, ok = m.partsKnown(s, person, period); !ok {
			return false
		}
	}
	m.unchangedAt(s, person, set, at)
	return true
}

// fieldPeriods is for how many periods a field is remembered that is looked up by
// itself. Another process may erase the person meanwhile, and it would be missing
// from the next profile.
const fieldPeriods = 24

// longPeriod numbers such spans, which begin at another moment for each person.
func longPeriod(person, period uint64) uint64 { return (period + person%fieldPeriods) / fieldPeriods }

// partsKnown also returns which core fields s states.
func (m *Middleware) partsKnown(s *Sender, person, period uint64) (set coreSet, ok bool) {
	core, set := s.core()
	if !m.seen.has(coreSlot(person), core+period) {
		return 0, false
	}
	long := longPeriod(person, period)
	for st := range s.each {
		if coreBit(st.field) == 0 && !m.seen.has(fieldSlot(person, st.field), st.print()+long) {
			return 0, false
		}
	}
	return set, true
}

func (m *Middleware) unchangedAt(s *Sender, person uint64, set coreSet, at time.Time) {
	if !s.Undated {
		m.late.note(lateSlot(person, set), at)
	}
}

// A mark is an entry that the seen table is to get once an observation is
// durable.
type mark struct {
	slot, fingerprint uint64
	core              coreSet
	void              bool // only to be dropped: it is not needed, or two events of this moment disagree
	at                time.Time
}

// marks returns what the table is to remember of s, which counts as said at that
// time, and to drop until then. late is true when the core fields are out of
// date; then they have no mark. What is beyond latest is forged or skewed.
func (m *Middleware) marks(s *Sender, person, period uint64, at, latest time.Time) (marks []mark, late bool) {
	if m.when == FirstMessage {
		return []mark{{slot: person, at: at}}, false
	}
	core, set := s.core()
	late = m.late.after(lateSlot(person, set), at, latest)
	whole := s.whole() + period
	needless := !m.seen.hasOther(person, whole) // until events of this person are known to differ
	marks = make([]mark, 0, 2+s.inline+len(s.more)-bits.OnesCount8(uint8(set)))
	marks = append(marks, mark{slot: person, fingerprint: whole, core: set, void: late, at: at})
	if !late {
		marks = append(marks, mark{slot: coreSlot(person), fingerprint: core + period, void: needless, at: at})
	}
	long := longPeriod(person, period)
	for st := range s.each {
		if coreBit(st.field) == 0 {
			marks = append(marks, mark{slot: fieldSlot(person, st.field), fingerprint: st.print() + long, void: needless, at: at})
		}
	}
	return marks, late
}
