package middleware

import (
	"math/bits"
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
	person      uint64 // slot in the seen table
	stated      stated
	first, last int64  // of these events: nanoseconds since 1970
	whole       uint64 // fingerprint of all that is stated, and of period
	period      uint64
	fields      int     // how many are stated
	core        coreSet // which of the core fields are
	undated     bool    // first and last are guesses
	late        bool    // the core fields are out of date
	needless    bool    // the table has no use for the parts
	alone       bool    // nor for anything but whole
}

// observation returns what s states, and the key of its person, neither of which point
// into memory of s.
func (m *Middleware) observation(s *Sender, seen sighting, now time.Time) (store.Key, observation) {
	at := seen.at.UnixNano()
	o := observation{person: seen.person, first: at, last: at, undated: s.Undated, fields: s.inline + len(s.more)}
	var key store.Key
	key, o.stated, o.core = pack(s)
	o.period = m.period(seen.person, seen.at)
	if m.when == FirstMessage {
		o.whole, o.alone = o.period, true
		return key, o
	}
	o.whole = seen.whole + o.period
	o.late = m.late.after(lateSlot(o.person, o.core), o.saidAt(), now.UnixNano())
	o.needless = !m.seen.HasOther(o.person, o.whole, maxPeriods) // until events of this person are known to differ
	return key, o
}

// parts is how many fields are looked up by themselves, at the most.
func (o *observation) parts() int { return o.fields - bits.OnesCount8(uint8(o.core)) }

// saidAt returns when what is stated counts as said.
func (o *observation) saidAt() int64 {
	if o.undated {
		return o.last - int64(undatedAge)
	}
	return o.last
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
func (o *observation) repeats(whole uint64, undated bool, at int64) bool {
	return o.whole == whole && !o.late && !o.undated && !undated && at >= o.last
}

// replacedBy reports whether nothing is left of o once n, which came later, is joined to
// it, but for when it began.
func (o *observation) replacedBy(n *observation, key store.Key, r *repairer) bool {
	if n.late || n.undated || n.first <= o.last || o.fields != n.fields {
		return false
	}
	was, is := o.stated, n.stated
	for is != "" {
		var old, st statement
		old, was = was.next()
		st, is = is.next()
		if st.field != old.field || st.field == store.FieldStartPayload {
			return false
		}
		if _, ok := r.repair(key, time.Unix(0, n.last), st.field, st.value); !ok {
			return false
		}
	}
	return true
}

// delta returns what o states of key, repaired, as a Record. A value that cannot be
// repaired is left out, and so is what is late; of two statements about one field
// the later call counts.
func (o *observation) delta(key store.Key, r *repairer) store.Record {
	registers := make([]store.Register, 0, o.fields)
	at, first, last := time.Unix(0, o.saidAt()), time.Unix(0, o.first), time.Unix(0, o.last)
	for st := range o.stated.all {
		if o.late && codeOf(st.field).core() != 0 {
			continue
		}
		value, ok := r.repair(key, at, st.field, st.value)
		if !ok {
			continue
		}
		reg := store.Register{Field: st.field, Source: store.Observed, Value: value, Cleared: value == "", At: at}
		if st.field == store.FieldStartPayload {
			reg.At = first // the earliest is kept of it, so a guess must not be early
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
	if len(o.stated) > maxShared {
		own(registers)
	}
	return store.NewRecord(key, first, last, registers)
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
	at := o.saidAt()
	marks := make([]mark, 0, 2+o.parts())
	marks = append(marks, mark{slot: o.person, fingerprint: o.whole, core: o.core, void: o.late, at: at})
	if o.alone {
		return marks
	}
	if !o.late {
		core := mark{slot: coreSlot(o.person), void: o.needless, at: at}
		if !o.needless {
			core.fingerprint = o.stated.corePrint() + o.period
		}
		marks = append(marks, core)
	}
	long := longPeriod(o.person, o.period)
	for st := range o.stated.all {
		if codeOf(st.field).core() != 0 {
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
			logPanic(r.log, "repairing panicked", p, zap.String("field", string(f)))
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
