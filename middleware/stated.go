package middleware

import (
	"encoding/binary"
	"strings"

	"github.com/rollcall-go/rollcall/store"
)

// stated is what one event states, in one string: statement after statement the field,
// which is its code, or byName and the name, and the value. A text stands behind its
// length. So the caller of Observe pays for one allocation, which the collector need not
// look into.
type stated string

// A code stands for a field that most events state. The first are the core fields, each
// with the bit of its coreSet.
type code uint8

const (
	byName code = iota
	codeGivenName
	codeFamilyName
	codeUsername
	codeIsPremium
	codeName
	codePicture
	codeLocale
	codeStatus
)

const coreFields coreSet = 1<<codePicture - 1

func codeOf(f store.Field) code {
	switch f {
	case store.FieldGivenName:
		return codeGivenName
	case store.FieldFamilyName:
		return codeFamilyName
	case store.FieldUsername:
		return codeUsername
	case store.FieldIsPremium:
		return codeIsPremium
	case store.FieldName:
		return codeName
	case store.FieldPicture:
		return codePicture
	case store.FieldLocale:
		return codeLocale
	case store.FieldStatus:
		return codeStatus
	}
	return byName
}

var coded = [...]store.Field{
	codeGivenName:  store.FieldGivenName,
	codeFamilyName: store.FieldFamilyName,
	codeUsername:   store.FieldUsername,
	codeIsPremium:  store.FieldIsPremium,
	codeName:       store.FieldName,
	codePicture:    store.FieldPicture,
	codeLocale:     store.FieldLocale,
	codeStatus:     store.FieldStatus,
}

// core returns the bit of a core field, 0 for all others.
func (c code) core() coreSet { return 1 << c >> 1 & coreFields }

// maxShared is up to how many bytes texts share memory: one that outlives the others
// keeps it all from being freed.
const maxShared = 256

// pack copies the id of s and what s states, as far as that is ever looked at, and
// returns which core fields are stated. Nothing of it points into memory of s.
func pack(s *Sender) (store.Key, stated, coreSet) {
	var (
		room [maxShared]byte
		core coreSet
	)
	text := s.appendID(room[:0])
	id := len(text)
	for i := range s.statements[:s.inline] {
		text = s.statements[i].appendTo(text, &core)
	}
	for i := range s.more {
		text = s.more[i].appendTo(text, &core)
	}
	all := string(text)
	key := store.Key{Channel: s.Channel, UserID: all[:id]}
	if len(all) > maxShared {
		key.UserID = strings.Clone(key.UserID)
	}
	return key, stated(all[id:]), core
}

func (st *statement) appendTo(text []byte, core *coreSet) []byte {
	c := codeOf(st.field)
	*core |= c.core()
	text = append(text, byte(c))
	if c == byName {
		text = appendText(text, string(st.field))
	}
	// One byte more than counts tells that a value is too long.
	return appendText(text, st.value[:min(len(st.value), store.RepairLimit+1)])
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// all yields the statements, which share memory with p.
func (p stated) all(yield func(statement) bool) {
	for p != "" {
		var st statement
		if st, p = p.next(); !yield(st) {
			return
		}
	}
}

// next returns the first statement and what comes after it. p is not empty.
func (p stated) next() (st statement, rest stated) {
	c := code(p[0])
	rest = p[1:]
	if c == byName {
		var name string
		name, rest = rest.text()
		st.field = store.Field(name)
	} else {
		st.field = coded[c]
	}
	st.value, rest = rest.text()
	return st, rest
}

func (p stated) text() (text string, rest stated) {
	n, behind := binary.Uvarint([]byte(p[:min(len(p), binary.MaxVarintLen64)]))
	p = p[behind:]
	return string(p[:n]), p[n:]
}

// corePrint is the fingerprint of the core fields, as that of a Sender is.
func (p stated) corePrint() (sum uint64) {
	for st := range p.all {
		if codeOf(st.field).core() != 0 {
			sum += st.print()
		}
	}
	return sum
}

// own copies what registers say, so that of the events it came from nothing else is kept.
func own(registers []store.Register) {
	size := 0
	for _, r := range registers {
		size += len(r.Value)
		if codeOf(r.Field) == byName {
			size += len(r.Field)
		}
	}
	clone := strings.Clone
	if size <= maxShared {
		var text strings.Builder
		text.Grow(size)
		clone = func(s string) string {
			start := text.Len()
			text.WriteString(s)
			return text.String()[start:]
		}
	}
	for i := range registers {
		r := &registers[i]
		r.Value = clone(r.Value)
		if codeOf(r.Field) == byName {
			r.Field = store.Field(clone(string(r.Field)))
		}
	}
}
