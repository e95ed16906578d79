package middleware

import (
	"time"

	"go.uber.org/zap"
)

// maxAhead is how far an event's time may lie ahead of this machine's clock. A
// forged or skewed time would otherwise win against every later event.
const maxAhead = 5 * time.Minute

// undatedAge is how much older than others an Undated event counts. Those of one
// person keep their order among themselves.
const undatedAge = 30 * 365 * 24 * time.Hour

// Observe takes note of a sender. It never blocks, never panics and does no
// I/O, so it can stand in the way of every event of a bot; a sender who has not
// changed costs no allocation, unless OnOutcome is to be told. What became of
// the observation is counted in Stats and told to the hooks. Observe does not
// change s and keeps no pointer to it, so that s can live on the caller's stack.
// A nil Sender is nobody; a nil Middleware observes nothing.
func (m *Middleware) Observe(s *Sender) {
	if m == nil {
		return
	}
	if s == nil {
		s = &Sender{}
	}
	defer func() {
		if r := recover(); r != nil {
			logPanic(m.log, "observing panicked", r)
			m.end(s, Dropped, ReasonPanic)
		}
	}()
	seen, result, reason := m.judge(s)
	if result == "" {
		result, reason = m.take(s, seen)
	}
	if result != "" {
		m.end(s, result, reason)
	}
}

// A sighting is who was seen when, in the seen table's terms.
type sighting struct {
	person uint64 // slot in the table
	whole  uint64 // fingerprint of all that is stated
	at     time.Time
}

func (s *Sender) sighting(at time.Time) sighting {
	return sighting{person: s.personSlot(), whole: s.whole(), at: at}
}

// judge returns what becomes of s, "" where it may be news.
func (m *Middleware) judge(s *Sender) (seen sighting, _ Result, _ Reason) {
	if reason := m.leaveOut(s); reason != "" {
		if s.Drop == ReasonPanic {
			m.log.Error("adapter panicked", zap.String("channel", s.Channel), zap.String("event", s.Event))
		}
		return seen, Dropped, reason
	}
	at := s.At
	if at.IsZero() {
		at = time.Now()
	}
	seen = s.sighting(at)
	if m.unchanged(s, seen) {
		if m.when == FirstMessage {
			return seen, Dropped, ReasonWhen
		}
		return seen, Unchanged, ""
	}
	if m.seen.Has(seen.person, suppressedPrint(m.period(seen.person, seen.at))) {
		return seen, Dropped, ReasonSuppressed
	}
	if s.validateKey() != nil {
		return seen, Dropped, ReasonInvalidKey
	}
	return seen, "", ""
}

// take has what may be news wait to be saved. The result is "" where it waits by
// itself.
func (m *Middleware) take(s *Sender, seen sighting) (Result, Reason) {
	now := time.Now()
	seen.at = plausible(seen.at, now)
	// The table has nobody who waits.
	if m.when != FirstMessage && !m.seen.Holds(seen.person) && m.pending.repeat(s, seen.whole+m.period(seen.person, seen.at), seen.at.UnixNano()) {
		return Coalesced, ""
	}
	return m.pending.add(m.entry(s, seen, now))
}

// leaveOut returns why s makes no profile, "" when it does.
func (m *Middleware) leaveOut(s *Sender) Reason {
	if m.closing.Load() {
		return ReasonClosed
	}
	reason := s.Drop
	if m.who != nil {
		switch {
		case m.who(*s):
			reason = ""
		case reason == "":
			reason = ReasonWho
		}
	}
	switch {
	case reason != "":
		return reason
	case s.NumericID == 0 && s.UserID == "":
		return ReasonNobody
	case m.when == StartOnly && !s.Start:
		return ReasonWhen
	}
	return ""
}

// end counts an observation that is over, and tells OnOutcome.
func (m *Middleware) end(s *Sender, r Result, reason Reason) {
	if reason == ReasonClosed || !m.wantsHook(r) { // after Close nobody listens
		m.counts.add(r, reason)
		return
	}
	o := m.origin(s).outcome(s.Key())
	o.Result, o.Reason = r, reason
	m.tell(o)
}

// entry returns what the store is to be told of s.
func (m *Middleware) entry(s *Sender, seen sighting, now time.Time) *entry {
	e := &entry{since: now, origin: m.origin(s)}
	e.key, e.one = m.observation(s, seen, now)
	return e
}

// plausible returns at, or now where at cannot be.
func plausible(at, now time.Time) time.Time {
	if at.Sub(now) > maxAhead || at.Unix() < 0 {
		return now
	}
	return at
}
