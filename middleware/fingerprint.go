package middleware

import (
	"math/bits"
	"strconv"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/rollcall-go/rollcall/store"
)

func mix(x uint64) uint64 {
	x ^= x >> 32
	x *= 0xe9846af9b1a615d
	x ^= x >> 32
	x *= 0xe9846af9b1a615d
	return x ^ x>>28
}

// combine multiplies, which mixes more bits an instruction than anything else.
func combine(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xe7037ed1a0b428db)
	return (hi ^ lo) + a
}

// personSlot is where the seen table keeps a person. It is the same for a
// NumericID and for its decimal UserID.
func (s *Sender) personSlot() uint64 {
	if s.NumericID == 0 {
		return keySlot(s.Channel, s.UserID)
	}
	return combine(xxh3.HashString(s.Channel), s.NumericID)
}

func keySlot(channel, userID string) uint64 {
	id, ok := numeric(userID)
	if !ok {
		id = xxh3.HashString(userID)
	}
	return combine(xxh3.HashString(channel), id)
}

// numeric reads an id that strconv.FormatUint has written.
func numeric(id string) (n uint64, ok bool) {
	if id == "" || id[0] < '1' || id[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseUint(id, 10, 64)
	return n, err == nil
}

// fieldSlot is where the seen table keeps a field that is looked up by itself.
func fieldSlot(person uint64, f store.Field) uint64 {
	hash, _ := hashField(f)
	return combine(person, hash)
}

// hashField returns a field's hash, made beforehand for those that are in nearly
// every event. together is true for the fields that are part of the one
// fingerprint of a person. The others come and go with the kind of event, and
// would make the fingerprint change without any change of the person.
func hashField(f store.Field) (hash uint64, together bool) {
	switch f {
	case store.FieldGivenName:
		return givenNameHash, true
	case store.FieldFamilyName:
		return familyNameHash, true
	case store.FieldUsername:
		return usernameHash, true
	case store.FieldIsPremium:
		return isPremiumHash, true
	case store.FieldName:
		return nameHash, true
	case store.FieldPicture:
		return pictureHash, true
	case store.FieldStatus:
		return statusHash, false
	case store.FieldLocale:
		return localeHash, false
	}
	return xxh3.HashString(string(f)), false
}

var (
	givenNameHash  = xxh3.HashString(string(store.FieldGivenName))
	familyNameHash = xxh3.HashString(string(store.FieldFamilyName))
	usernameHash   = xxh3.HashString(string(store.FieldUsername))
	isPremiumHash  = xxh3.HashString(string(store.FieldIsPremium))
	nameHash       = xxh3.HashString(string(store.FieldName))
	pictureHash    = xxh3.HashString(string(store.FieldPicture))
	statusHash     = xxh3.HashString(string(store.FieldStatus))
	localeHash     = xxh3.HashString(string(store.FieldLocale))
)

const clearedHash = 0x9e3779b97f4a7c15

func (st *statement) valueHash() uint64 {
	if st.value == "" {
		return clearedHash
	}
	return xxh3.HashString(st.value[:min(len(st.value), store.RepairLimit)])
}

// A digest sums up the fields of a sender that are compared together: shape says
// which they are, values what is said of them.
type digest struct{ shape, values uint64 }

func (d *digest) add(field, value uint64) {
	d.shape += field
	d.values += combine(field, value)
}

// fingerprint is what the seen table keeps of a person for a period.
func (d digest) fingerprint(period uint64) uint64 { return mix(d.values + period) }

// lateSlot is where the late table keeps a person's events of this shape.
func (d digest) lateSlot(person uint64) uint64 { return combine(person, d.shape) }

// period numbers the spans of SeenEvery that at falls into. They begin at
// another moment for each person, so that not all are saved again at once.
func (m *Middleware) period(person uint64, at time.Time) uint64 {
	if m.seenEvery <= 0 {
		return 0
	}
	return uint64(at.Unix()+int64(person%uint64(m.seenEvery))) / uint64(m.seenEvery)
}

// suppressedPrint is the fingerprint of a person who was forgotten with a
// tombstone.
func suppressedPrint(period uint64) uint64 { return mix(period ^ 0x5bd1e9955bd1e995) }

// A mark is an entry that the seen table is to get once an observation is
// durable.
type mark struct {
	slot, fingerprint uint64
	at                time.Time
	void              bool // two events of this moment disagree
}

// unchanged reports whether all that s says is known to be durable.
func (m *Middleware) unchanged(s *Sender, person, period uint64, at time.Time) bool {
	if m.when == FirstMessage {
		return m.seen.has(person, 0)
	}
	// Plain loops spare the hot path a call of a function value for each statement.
	var d digest
	for i := range s.inline {
		if !m.known(&s.statements[i], person, &d) {
			return false
		}
	}
	for i := range s.more {
		if !m.known(&s.more[i], person, &d) {
			return false
		}
	}
	if !m.seen.has(person, d.fingerprint(period)) {
		return false
	}
	if !s.Undated {
		m.late.note(d.lateSlot(person), at)
	}
	return true
}

// known adds to d what is compared together, and looks the rest up.
func (m *Middleware) known(st *statement, person uint64, d *digest) bool {
	field, together := hashField(st.field)
	if together {
		d.add(field, st.valueHash())
		return true
	}
	return m.seen.has(combine(person, field), st.valueHash())
}

// marks returns what the table is to remember of s, which counts as said at that
// time. late is true when the fields that are compared together are out of date;
// then they have no mark.
func (m *Middleware) marks(s *Sender, person, period uint64, at time.Time) (marks []mark, late bool) {
	marks = make([]mark, 1, 4)
	var d digest
	for st := range s.each {
		if field, together := hashField(st.field); together {
			d.add(field, st.valueHash())
			continue
		}
		marks = append(marks, mark{slot: fieldSlot(person, st.field), fingerprint: st.valueHash(), at: at})
	}
	switch {
	case m.when == FirstMessage:
		marks[0] = mark{slot: person, at: at}
	case m.late.after(d.lateSlot(person), at, time.Now().Add(maxAhead)):
		return marks[1:], true
	default:
		marks[0] = mark{slot: person, fingerprint: d.fingerprint(period), at: at}
	}
	return marks, false
}
