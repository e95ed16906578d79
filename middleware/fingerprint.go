package middleware

import (
	"math/bits"
	"strconv"
	"time"

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
	return combine(hashText(0, s.Channel), s.NumericID)
}

func keySlot(channel, userID string) uint64 {
	id, ok := numeric(userID)
	if !ok {
		id = hashText(0, userID)
	}
	return combine(hashText(0, channel), id)
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
func fieldSlot(person uint64, f store.Field) uint64 { return combine(person, hashField(f)) }

// coreSlot is where it keeps the core fields, together.
func coreSlot(person uint64) uint64 { return combine(person, 0) }

func hashField(f store.Field) uint64 { return hashText(0, string(f)) }

// print is the fingerprint of what is stated about one field.
func (st *statement) print() uint64 { return hashText(hashField(st.field), st.value) }

// whole is the fingerprint of all that s states, in whatever order. Plain loops
// spare the hot path a call of a function value for each statement.
func (s *Sender) whole() uint64 {
	if s.print != 0 {
		return uint64(s.print)
	}
	var sum uint64
	for i := range s.statements[:s.inline] {
		sum += s.statements[i].print()
	}
	for i := range s.more {
		sum += s.more[i].print()
	}
	return sum
}

// A coreSet is some of the core fields. They are in nearly every event, and compared
// together. The others come and go with the kind of event.
type coreSet uint8

// core returns the fingerprint of the core fields that s states, and which they
// are.
func (s *Sender) core() (sum uint64, set coreSet) {
	sum, set = corePrint(s.statements[:s.inline])
	if len(s.more) > 0 {
		sumMore, setMore := corePrint(s.more)
		return sum + sumMore, set | setMore
	}
	return sum, set
}

// corePrint is the fingerprint of the core fields, in whatever order.
func corePrint(statements []statement) (sum uint64, set coreSet) {
	for i := range statements {
		if bit := codeOf(statements[i].field).core(); bit != 0 {
			sum += statements[i].print()
			set |= bit
		}
	}
	return sum, set
}

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
