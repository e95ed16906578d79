package middleware

import (
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/rollcall-go/rollcall/store"
)

// An observation is what one event says of a person, or several in a row that say
// the same. It holds that as it came: to repair it takes time, which the committer
// has and a bot's handlers have not. Only what is joined to another is repaired before.
type observation struct {
	person      uint64      // slot in the seen table
	statements  []statement // with memory of their own
	first, last time.Time   // of these events
	undated     bool        // both are guesses
	whole       uint64      // fingerprint of all that is stated, and of period
	period      uint64
	core        coreSet
	late        bool // the core fields are out of date
	needless    bool // the table has no use for the parts
	alone       bool // nor for anything but whole
}

// observation returns what s states, and the key of its person, neither of which point
// into memory of s.
func (m *Middleware) observation(s *Sender, seen sighting, now time.Time) (store.Key, observation) {
	key, statements := own(s)
	o := observation{
		person:     seen.person,
		statements: statements,
		first:      seen.at, last: seen.at,
		undated: s.Undated,
	}
	if m.when == FirstMessage {
		o.alone = true
		return key, o
	}
	o.period = m.period(seen.person, seen.at)
	o.whole = seen.whole + o.period
	o.core = s.coreSet()
	o.late = m.late.after(lateSlot(seen.person, o.core), o.saidAt(), now.Add(maxAhead)) // what is beyond that is forged or skewed
	o.needless = !m.seen.HasOther(seen.person, o.whole, maxPeriods)                     // until events of this person are known to differ
	return key, o
}

// said returns when what is stated counts as said, given when it came.
func said(undated bool, at time.Time) time.Time {
	if undated {
		return at.Add(-undatedAge)
	}
	return at
}

func (o *observation) saidAt() time.Time { return said(o.undated, o.last) }

// maxShared is up to how many bytes values share memory: one that outlives the others
// of its event keeps it all from being freed.
const maxShared = 32

// own copies the id and the values of s, as far as they are ever looked at. What is
// short shares one string.
func own(s *Sender) (store.Key, []statement) {
	statements := make([]statement, s.inline+len(s.more))
	copy(statements[copy(statements, s.statements[:s.inline]):], s.more)
	var digits [20]byte
	id := s.appendID(digits[:0])
	size := len(id)
	for i := range statements {
		if n := len(statements[i].value); n <= maxShared {
			size += n
		}
	}
	var text strings.Builder
	text.Grow(size)
	text.Write(id)
	for i := range statements {
		statements[i].value = share(&text, statements[i].value)
	}
	return store.Key{Channel: s.Channel, UserID: text.String()[:len(id)]}, statements
}

// share copies a value, a short one to the end of text, which must have room.
func share(text *strings.Builder, value string) string {
	if len(value) > maxShared {
		return strings.Clone(value[:min(len(value), store.RepairLimit+1)]) // the one tells that it is too long
	}
	start := text.Len()
	text.WriteString(value)
	return text.String()[start:]
}

// appendID appends the UserID that Key has.
func (s *Sender) appendID(b []byte) []byte {
	if s.NumericID != 0 {
		return strconv.AppendUint(b, s.NumericID, 10)
	}
	return append(b, s.UserID...)
}

// repeats reports whether an event of that fingerprint and time says what o says, and
// not before it.
func (o *observation) repeats(whole uint64, undated bool, at time.Time) bool {
	return o.whole == whole && !o.alone && !o.late && !o.undated && !undated && !at.Before(o.last)
}

// replacedBy reports whether nothing is left of o once n, which came later, is joined to
// it, but for when it began.
func (o *observation) replacedBy(n *observation, key store.Key, r *repairer) bool {
	if o.alone || o.late || o.undated || n.late || n.undated || !n.first.After(o.last) || len(o.statements) != len(n.statements) {
		return false
	}
	for i, st := range n.statements {
		if st.field != o.statements[i].field || st.field == store.FieldStartPayload {
			return false
		}
		if _, ok := r.repair(key, n.last, st.field, st.value); !ok {
			return false
		}
	}
	return true
}

// delta returns what o states of key, repaired, as a Record. A value that cannot be
// repaired is left out, and so is what is late; of two statements about one field
// the later call counts.
func (o *observation) delta(key store.Key, r *repairer) store.Record {
	registers := make([]store.Register, 0, len(o.statements))
	at := o.saidAt()
	for _, st := range o.statements {
		if o.late && coreBit(st.field) != 0 {
			continue
		}
		value, ok := r.repair(key, at, st.field, st.value)
		if !ok {
			continue
		}
		reg := store.Register{Field: st.field, Source: store.Observed, Value: value, Cleared: value == "", At: at}
		if st.field == store.FieldStartPayload {
			reg.At = o.first // the earliest is kept of it, so a guess must not be early
		}
		i := len(registers)
		for i > 0 && registers[i-1].Field > reg.Field {
			i--
		}
		if i > 0 && registers[i-1].Field == reg.Field {
			registers[i-1] = reg
			continue
		}
		registers = slices.Insert(registers, i, reg)
	}
	return store.NewRecord(key, o.first, o.last, registers)
}

// A mark is an entry that the seen table is to get once an observation is
// durable.
type mark struct {
	slot, fingerprint uint64
	core              coreSet
	void              bool  // only to be dropped: it is not needed, or two events of this moment disagree
	at                int64 // nanoseconds since 1970
}

// marks returns what the table is to remember once o is durable, and to drop until
// then. The first is that of the event as a whole. Core fields that are out of date
// have no mark.
func (o *observation) marks() []mark {
	at := o.saidAt().UnixNano()
	marks := make([]mark, 0, 2+o.parts())
	marks = append(marks, mark{slot: o.person, fingerprint: o.whole, core: o.core, void: o.late, at: at})
	if o.alone {
		return marks
	}
	if !o.late {
		core := mark{slot: coreSlot(o.person), void: o.needless, at: at}
		if !o.needless {
			core.fingerprint = corePrint(o.statements) + o.period
		}
		marks = append(marks, core)
	}
	long := longPeriod(o.person, o.period)
	for i := range o.statements {
		st := &o.statements[i]
		if coreBit(st.field) != 0 {
			continue
		}
		part := mark{slot: fieldSlot(o.person, st.field), void: o.needless, at: at}
		if !o.needless {
			part.fingerprint = st.print() + long
		}
		marks = append(marks, part)
	}
	return marks
}

// parts is how many fields are looked up by themselves.
func (o *observation) parts() (n int) {
	for i := range o.statements {
		if coreBit(o.statements[i].field) == 0 {
			n++
		}
	}
	return n
}

// A repairer makes values fit to keep.
type repairer struct {
	custom store.CustomFields
	log    *zap.Logger
	// quiet is for those who hold a lock: what cannot be kept is not logged.
	quiet bool
	fix   func(f store.Field, raw string) (value string, ok bool) // store.Repair
}

// repair returns false for what cannot be kept. Nobody's values may end the goroutine
// that saves all others, nor a handler that asks for a profile: should they make the
// repair panic they are such.
func (r *repairer) repair(key store.Key, at time.Time, f store.Field, raw string) (value string, ok bool) {
	if raw == "" {
		return "", f.Known()
	}
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("repairing panicked", zap.String("panic", panicKind(p)), zap.String("field", string(f)), zap.ByteString("stack", debug.Stack()))
			value, ok = "", false
		}
	}()
	value, ok = r.fix(f, raw)
	if ok && value != "" && strings.HasPrefix(string(f), customPrefix) {
		patch := store.Patch{Key: key, At: at, Set: map[store.Field]string{f: value}}
		ok = patch.Validate(r.custom) == nil
	}
	if !ok {
		if !r.quiet {
			r.log.Debug("a value cannot be kept", zap.Stringer("key", key), zap.String("field", string(f)))
		}
		return "", false
	}
	return value, true
}

var customPrefix = string(store.CustomKey(""))
