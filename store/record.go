package store

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// A Record is all that is kept of one person, with its provenance: for each
// field and source one Register. It is also the form of a change: a Record with
// few registers says just these, and [Merge] joins it to what is kept.
//
// Make one with [Patch.Record] or [NewRecord]. A Record is a value: its
// methods and Merge change no registers, and share them. A [Store] shares none with
// its callers.
type Record struct {
	Key Key `json:"key"`
	// Registers are sorted by field, then source, one for each pair.
	Registers []Register `json:"registers,omitempty"`
	// FirstSeen and LastSeen are in whole seconds, and zero for somebody who was
	// never seen.
	FirstSeen time.Time `json:"first_seen,omitzero"`
	LastSeen  time.Time `json:"last_seen,omitzero"`
}

// A Register is the last thing that one source said of one field.
type Register struct {
	Field   Field     `json:"field"`
	Source  Source    `json:"source"`
	Cleared bool      `json:"cleared,omitempty"` // the source says: no value
	Value   string    `json:"value,omitempty"`   // "" when Cleared
	At      time.Time `json:"at"`                // UTC
}

func (r *Register) comparePlace(o *Register) int {
	if c := strings.Compare(string(r.Field), string(o.Field)); c != 0 {
		return c
	}
	return cmp.Compare(r.Source, o.Source)
}

// beats reports whether r, and not o, is kept of two registers for the same
// place. It is a total order on their contents, which is all that convergence
// needs: the later time wins, then a value over none, then the greater value.
// The start payload alone is of the first touch: there the earlier time wins.
func (r *Register) beats(o *Register) bool {
	if r.Field == FieldStartPayload && r.Source == Observed {
		if r.Cleared != o.Cleared {
			return o.Cleared
		}
		if c := r.At.Compare(o.At); c != 0 {
			return c < 0
		}
		return r.Value > o.Value
	}
	if c := r.At.Compare(o.At); c != 0 {
		return c > 0
	}
	if r.Cleared != o.Cleared {
		return o.Cleared
	}
	return r.Value > o.Value
}

// NewRecord returns the Record that holds these registers, in any order and
// with duplicates: of two for one place the one that [Merge] keeps stays. It
// takes the slice over. Times are brought into UTC and the years 1970 to 2242;
// firstSeen and lastSeen are cut to whole seconds. A zero time stays zero.
func NewRecord(key Key, firstSeen, lastSeen time.Time, registers []Register) Record {
	sorted := true
	for i := range registers {
		registers[i].At = keptTime(registers[i].At)
		sorted = sorted && (i == 0 || registers[i-1].comparePlace(&registers[i]) < 0)
	}
	if !sorted {
		registers = sortRegisters(registers)
	}
	return Record{
		Key:       key,
		Registers: registers,
		FirstSeen: keptTime(firstSeen).Truncate(time.Second),
		LastSeen:  keptTime(lastSeen).Truncate(time.Second),
	}
}

// sortRegisters leaves one register for each place.
func sortRegisters(registers []Register) []Register {
	slices.SortStableFunc(registers, func(a, b Register) int {
		if c := a.comparePlace(&b); c != 0 {
			return c
		}
		if a.beats(&b) {
			return -1
		}
		if b.beats(&a) {
			return 1
		}
		return 0
	})
	return slices.CompactFunc(registers, func(a, b Register) bool { return a.comparePlace(&b) == 0 })
}

// Merge joins two records of one person: field by field and source by source
// the one that was said later stays, FirstSeen is the earlier and LastSeen the
// later one. It is commutative, associative and idempotent, so records converge
// whatever the order, grouping and repetition in which changes reach them. A
// zero Record is its neutral element. It changes neither argument.
func Merge(a, b Record) Record {
	m := Record{
		Key:       a.Key,
		FirstSeen: earliest(a.FirstSeen, b.FirstSeen),
		LastSeen:  latest(a.LastSeen, b.LastSeen),
	}
	if m.Key.IsZero() {
		m.Key = b.Key
	}
	if len(a.Registers) == 0 || len(b.Registers) == 0 {
		m.Registers = a.Registers
		if len(a.Registers) == 0 {
			m.Registers = b.Registers
		}
		return m
	}
	m.Registers = make([]Register, 0, places(a.Registers, b.Registers)) // what waits to be saved is merged, and kept
	i, j := 0, 0
	for i < len(a.Registers) && j < len(b.Registers) {
		x, y := &a.Registers[i], &b.Registers[j]
		switch c := x.comparePlace(y); {
		case c < 0:
			m.Registers = append(m.Registers, *x)
			i++
		case c > 0:
			m.Registers = append(m.Registers, *y)
			j++
		default:
			if y.beats(x) {
				x = y
			}
			m.Registers = append(m.Registers, *x)
			i++
			j++
		}
	}
	m.Registers = append(m.Registers, a.Registers[i:]...)
	m.Registers = append(m.Registers, b.Registers[j:]...)
	return m
}

// places is how many places a and b have together.
func places(a, b []Register) int {
	n, i, j := len(a)+len(b), 0, 0
	for i < len(a) && j < len(b) {
		switch c := a[i].comparePlace(&b[j]); {
		case c < 0:
			i++
		case c > 0:
			j++
		default:
			n--
			i++
			j++
		}
	}
	return n
}

// Equal reports whether two records say the same.
func (r Record) Equal(o Record) bool {
	return r.Key == o.Key && r.FirstSeen.Equal(o.FirstSeen) && r.LastSeen.Equal(o.LastSeen) &&
		slices.EqualFunc(r.Registers, o.Registers, func(a, b Register) bool {
			return a.Field == b.Field && a.Source == b.Source && a.Value == b.Value &&
				a.Cleared == b.Cleared && a.At.Equal(b.At)
		})
}

// Profile resolves r to what a reader sees: of each field the value of the
// highest source that has one. A verified flag counts only when it comes from
// the source whose email or phone number is seen.
func (r Record) Profile() Profile {
	p := Profile{Key: r.Key, FirstSeen: r.FirstSeen, LastSeen: r.LastSeen}
	v := view{rest: r.Registers}
	for reg := v.next(); reg != nil; reg = v.next() {
		p.put(reg.Field, reg.Value)
	}
	if p.Name == "" {
		p.Name = joinName(p.GivenName, p.MiddleName, p.FamilyName)
	}
	if p.Status == "" && !r.FirstSeen.IsZero() {
		p.Status = StatusActive
	}
	return p
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// keptTime is normalTime for a time that may be unknown, and then stays zero.
func keptTime(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return normalTime(t)
}

// normalTime brings a time into the form that records keep: UTC, no monotonic
// reading, and within what fits into 64 bits of nanoseconds since 1970.
func normalTime(t time.Time) time.Time {
	const last = 1 << 33
	if seconds := t.Unix(); seconds < 0 {
		t = time.Unix(0, 0)
	} else if seconds >= last {
		t = time.Unix(last, 0)
	}
	return t.Round(0).UTC()
}
