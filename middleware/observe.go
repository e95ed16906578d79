package middleware

import (
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/rollcall-go/rollcall/store"
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
			m.log.Error("observing panicked", zap.String("panic", panicKind(r)), zap.ByteString("stack", debug.Stack()))
			m.end(s, Dropped, ReasonPanic)
		}
	}()
	e, result, reason := m.judge(s)
	if e != nil {
		result, reason = m.pending.add(e)
	}
	if result != "" {
		m.end(s, result, reason)
	}
}

// judge returns an entry for what may be news, or else what becomes of s.
func (m *Middleware) judge(s *Sender) (*entry, Result, Reason) {
	if reason := m.leaveOut(s); reason != "" {
		if s.Drop == ReasonPanic {
			m.log.Error("adapter panicked", zap.String("channel", s.Channel), zap.String("event", s.Event))
		}
		return nil, Dropped, reason
	}
	at := s.At
	if at.IsZero() {
		at = time.Now()
	}
	person := s.personSlot()
	period := m.period(person, at)
	if m.unchanged(s, person, period, at) {
		if m.when == FirstMessage {
			return nil, Dropped, ReasonWhen
		}
		return nil, Unchanged, ""
	}
	if m.seen.has(person, suppressedPrint(period)) {
		return nil, Dropped, ReasonSuppressed
	}
	return m.entry(s, person, at)
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
	o := s.origin().outcome(s.Key())
	o.Result, o.Reason = r, reason
	m.tell(o)
}

// entry returns what the store is to be told of s.
func (m *Middleware) entry(s *Sender, person uint64, at time.Time) (*entry, Result, Reason) {
	key := s.Key()
	if err := key.Validate(); err != nil {
		return nil, Dropped, ReasonInvalidKey
	}
	if s.NumericID == 0 { // else Key has just made it
		key.UserID = strings.Clone(key.UserID)
	}
	now := time.Now()
	at = plausible(at, now)
	saidAt := said(s, at)
	marks, late := m.marks(s, person, m.period(person, at), saidAt, now.Add(maxAhead))
	return &entry{
		key:    key,
		person: person,
		delta:  m.delta(s, key, at, saidAt, late),
		since:  now,
		marks:  marks,
		origin: s.origin(),
	}, "", ""
}

// plausible returns at, or now where at cannot be.
func plausible(at, now time.Time) time.Time {
	if at.After(now.Add(maxAhead)) || at.Unix() < 0 {
		return now
	}
	return at
}

// said returns when what s states counts as said, given when it came.
func said(s *Sender, at time.Time) time.Time {
	if s.Undated {
		return at.Add(-undatedAge)
	}
	return at
}

// delta returns what s states, repaired, as a Record. A value that cannot be
// repaired is left out, and so is what is late; of two statements about one
// field the later call counts.
func (m *Middleware) delta(s *Sender, key store.Key, seen, at time.Time, late bool) store.Record {
	registers := make([]store.Register, 0, s.inline+len(s.more))
	for st := range s.each {
		if late && coreBit(st.field) != 0 {
			continue
		}
		value, ok := m.repair(key, at, st.field, st.value)
		if !ok {
			continue
		}
		r := store.Register{Field: st.field, Source: store.Observed, Value: value, Cleared: value == "", At: at}
		if st.field == store.FieldStartPayload {
			r.At = seen // the earliest is kept of it, so a guess must not be early
		}
		if i := slices.IndexFunc(registers, func(o store.Register) bool { return o.Field == r.Field }); i >= 0 {
			registers[i] = r
			continue
		}
		registers = append(registers, r)
	}
	own(registers)
	return store.NewRecord(key, seen, seen, registers)
}

func (m *Middleware) repair(key store.Key, at time.Time, f store.Field, raw string) (value string, ok bool) {
	if raw == "" {
		return "", f.Known()
	}
	value, ok = store.Repair(f, raw)
	if ok && value != "" && strings.HasPrefix(string(f), customPrefix) {
		patch := store.Patch{Key: key, At: at, Set: map[store.Field]string{f: value}}
		ok = patch.Validate(m.custom) == nil
	}
	if !ok {
		m.log.Debug("a value cannot be kept", zap.Stringer("key", key), zap.String("field", string(f)))
		return "", false
	}
	return value, true
}

// maxShared is up to how many bytes values share memory: one that outlives the others
// of its event keeps it all from being freed.
const maxShared = 32

// own copies the values, which may point into the whole event. Most are short, and
// one string holds these.
func own(registers []store.Register) {
	size := 0
	for _, r := range registers {
		if len(r.Value) <= maxShared {
			size += len(r.Value)
		}
	}
	var b strings.Builder
	b.Grow(size)
	for i := range registers {
		r := &registers[i]
		if len(r.Value) > maxShared {
			r.Value = strings.Clone(r.Value)
			continue
		}
		start := b.Len()
		b.WriteString(r.Value)
		r.Value = b.String()[start:]
	}
}

var customPrefix = string(store.CustomKey(""))
