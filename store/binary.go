package store

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"
)

// The bytes of a Record, version 1. Numbers are varints, text is its length and
// its bytes, and a time is an instant: -1 for the zero time, else nanoseconds
// since 1970.
//
//	version, channel, user id, first seen, last seen less first seen,
//	number of registers, and for each:
//	  code of its field, or 0 and the field's name
//	  source*2 + cleared
//	  instant less that of the register before, or less last seen
//	  value
const binaryVersion = 1

// minRegister is the fewest bytes that a register takes: an answer to who claims
// many of them in few bytes.
const minRegister = 4

const noTime = -1

// fieldOfCode has "" for a code that no field has.
var fieldOfCode = func() (fields []Field) {
	for _, s := range specList {
		fields = append(fields, make([]Field, max(0, int(s.code)+1-len(fields)))...)
		fields[s.code] = s.field
	}
	return fields
}()

// MarshalBinary returns r in the form of [Record.AppendBinary].
func (r Record) MarshalBinary() ([]byte, error) { return r.AppendBinary(nil) }

// AppendBinary appends r to b in a compact form with a version, for stores that
// keep a record as one value. The Key is part of it: it costs few bytes, and a
// store that looks at it notices a value that came under a wrong key. Every
// later version of rollcall reads what this one writes.
//
// The error wraps ErrInvalid, and b is returned as it was, when the registers of
// r are not sorted, one has a Source that does not exist, or a time is not zero
// and outside of 1970 to 2262. [NewRecord] and [Patch.Record] sort, and bring
// times into these years.
func (r Record) AppendBinary(b []byte) ([]byte, error) {
	e := encoder{out: slices.Grow(b, r.roomForBytes())}
	e.out = append(e.out, binaryVersion)
	e.text(r.Key.Channel)
	e.text(r.Key.UserID)
	first := e.instant(r.FirstSeen, 0)
	last := e.instant(r.LastSeen, first)
	e.out = binary.AppendUvarint(e.out, uint64(len(r.Registers)))
	for i, reg := range r.Registers {
		if reg.Source > Pinned || i > 0 && r.Registers[i-1].comparePlace(&r.Registers[i]) >= 0 {
			e.fail("its registers are not those of a Record")
		}
		if s, ok := specs[reg.Field]; ok {
			e.out = binary.AppendUvarint(e.out, s.code)
		} else {
			e.out = append(e.out, 0)
			e.text(string(reg.Field))
		}
		said := byte(reg.Source) << 1
		if reg.Cleared {
			said |= 1
		}
		e.out = append(e.out, said)
		last = e.instant(reg.At, last)
		e.text(reg.Value)
	}
	if e.problem != "" {
		return b, fmt.Errorf("encode record: %s: %w", e.problem, ErrInvalid)
	}
	return e.out, nil
}

// roomForBytes is about how many bytes r takes, rather a few too many.
func (r Record) roomForBytes() int {
	n := 48 + len(r.Key.Channel) + len(r.Key.UserID)
	for _, reg := range r.Registers {
		n += 16 + len(reg.Value)
		if _, ok := specs[reg.Field]; !ok {
			n += len(reg.Field)
		}
	}
	return n
}

// An encoder goes on after a failure and keeps the first.
type encoder struct {
	out     []byte
	problem string
}

func (e *encoder) fail(problem string) {
	if e.problem == "" {
		e.problem = problem
	}
}

func (e *encoder) text(s string) {
	e.out = binary.AppendUvarint(e.out, uint64(len(s)))
	e.out = append(e.out, s...)
}

// instant appends t less base and returns t.
func (e *encoder) instant(t time.Time, base int64) int64 {
	at := int64(noTime)
	if !t.IsZero() {
		at = t.UnixNano()
		if t.Unix() < 0 || t.Unix() >= math.MaxInt64/int64(time.Second) {
			e.fail("a time is outside of 1970 to 2262")
		}
	}
	e.out = binary.AppendVarint(e.out, at-base)
	return at
}

// UnmarshalBinary reads what [Record.AppendBinary] wrote and keeps nothing of
// data. It is safe to call with any bytes: it takes memory in proportion to
// len(data) and never panics. The error wraps ErrInvalid and leaves r as it was.
// It says so when a newer version of rollcall wrote the bytes. The values are
// not validated again.
func (r *Record) UnmarshalBinary(data []byte) error {
	if len(data) == 0 || data[0] == 0 {
		return fmt.Errorf("decode record: these are not the bytes of one: %w", ErrInvalid)
	}
	if data[0] > binaryVersion {
		return fmt.Errorf("decode record: format %d, this version of rollcall knows %d: update rollcall: %w",
			data[0], binaryVersion, ErrInvalid)
	}
	d := decoder{in: data, whole: string(data), at: 1}
	got := Record{Key: Key{Channel: d.text(), UserID: d.text()}}
	var first, last int64
	got.FirstSeen, first = d.instant(0)
	got.LastSeen, last = d.instant(first)
	n := d.uvarint()
	if n > uint64(len(data)-d.at)/minRegister {
		d.fail("more registers than bytes")
		n = 0
	}
	if n > 0 {
		got.Registers = make([]Register, n)
	}
	for i := range got.Registers {
		reg := &got.Registers[i]
		reg.Field = d.field()
		said := d.uvarint()
		reg.Source, reg.Cleared = Source(said>>1), said&1 == 1
		reg.At, last = d.instant(last)
		reg.Value = d.text()
		if said>>1 > uint64(Pinned) || i > 0 && got.Registers[i-1].comparePlace(reg) >= 0 {
			d.fail("the registers are not those of a Record")
		}
		if d.problem != "" {
			break
		}
	}
	if d.problem == "" && d.at < len(data) {
		d.fail("bytes behind the end")
	}
	if d.problem != "" {
		return fmt.Errorf("decode record: %s: %w", d.problem, ErrInvalid)
	}
	*r = got
	return nil
}

// A decoder reads nothing more after a failure. Texts are parts of one copy of
// the bytes.
type decoder struct {
	in      []byte
	whole   string
	at      int
	problem string
}

const truncated = "the bytes end too early"

func (d *decoder) fail(problem string) {
	if d.problem == "" {
		d.problem = problem
	}
	d.at = len(d.in)
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.in[d.at:])
	if n <= 0 {
		d.fail(truncated)
		return 0
	}
	d.at += n
	return v
}

func (d *decoder) text() string {
	n := d.uvarint()
	if n > uint64(len(d.in)-d.at) {
		d.fail(truncated)
		return ""
	}
	from := d.at
	d.at += int(n)
	return d.whole[from:d.at]
}

func (d *decoder) field() Field {
	code := d.uvarint()
	if code == 0 {
		return Field(d.text())
	}
	if code >= uint64(len(fieldOfCode)) || fieldOfCode[code] == "" {
		d.fail("a field that this version of rollcall does not know: update rollcall")
		return ""
	}
	return fieldOfCode[code]
}

// instant reads the difference to base and returns the time, also as a number.
func (d *decoder) instant(base int64) (time.Time, int64) {
	diff, n := binary.Varint(d.in[d.at:])
	if n <= 0 {
		d.fail(truncated)
		return time.Time{}, noTime
	}
	d.at += n
	at := base + diff
	switch {
	case at == noTime:
		return time.Time{}, noTime
	case at < 0:
		d.fail("a time before 1970")
		return time.Time{}, noTime
	}
	return time.Unix(0, at).UTC(), at
}
