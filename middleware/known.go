package middleware

import "time"

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
// NumericID, At, Undated and Drop of s, which is not nil; the rest can be set after
// it. Observe alone will do, at some more cost.
func (m *Middleware) Known(s *Sender, print Print) bool {
	if m == nil || print == 0 || s.Drop != "" || m.who != nil || m.onOutcome != nil || m.when != EveryChange || m.closing.Load() {
		return false
	}
	s.print = print
	if s.NumericID == 0 && s.UserID == "" || s.At.IsZero() {
		return false
	}
	person := s.personSlot()
	note, ok := m.seen.Note(person, uint64(print)+m.period(person, s.At))
	if !ok {
		return false
	}
	l := thisLane()
	m.unchangedAt(l, s, person, coreSet(note), s.At)
	m.counts.unchanged.add(l)
	return true
}

// unchanged reports whether all that s says is known to be durable. As a rule
// the table holds one word of a person, for the last event as a whole. Of those
// whose events differ in what they state it holds the parts too.
func (m *Middleware) unchanged(s *Sender, seen sighting) bool {
	person, period := seen.person, m.period(seen.person, seen.at)
	if m.when == FirstMessage {
		return m.seen.Has(person, period)
	}
	note, ok := m.seen.Note(person, seen.whole+period)
	set := coreSet(note)
	if !ok {
		if set, ok = m.partsKnown(s, person, period); !ok {
			return false
		}
	}
	m.unchangedAt(thisLane(), s, person, set, seen.at)
	return true
}

// maxPeriods is for how many periods somebody can have been away. A fingerprint counts
// up with each.
const maxPeriods = 1 << 20

// fieldPeriods is for how many periods a field is remembered that is looked up by
// itself. Another process may erase the person meanwhile, and it would be missing
// from the next profile.
const fieldPeriods = 24

// longPeriod numbers such spans, which begin at another moment for each person.
func longPeriod(person, period uint64) uint64 { return (period + person%fieldPeriods) / fieldPeriods }

// partsKnown also returns which core fields s states.
func (m *Middleware) partsKnown(s *Sender, person, period uint64) (set coreSet, ok bool) {
	parts := coreSlot(person)
	if !m.seen.Holds(parts) {
		return 0, false
	}
	core, set := s.core()
	if !m.seen.Has(parts, core+period) {
		return 0, false
	}
	long := longPeriod(person, period)
	for st := range s.each {
		if codeOf(st.field).core() == 0 && !m.seen.Has(fieldSlot(person, st.field), st.print()+long) {
			return 0, false
		}
	}
	return set, true
}

func (m *Middleware) unchangedAt(l lane, s *Sender, person uint64, set coreSet, at time.Time) {
	if !s.Undated {
		m.late.note(l, lateSlot(person, set), at)
	}
}
