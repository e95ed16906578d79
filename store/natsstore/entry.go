package natsstore

import (
	"encoding/binary"
	"encoding/json"
	"slices"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// An entry is all that is kept of one person, as one value in the bucket:
//
//	entryVersion, flags, length of the record, the record (Record.AppendBinary),
//	the standings (JSON)
//
// Empty data is a person of whom nothing is kept.
type entry struct {
	key        store.Key
	record     store.Record
	kept       bool // there is a record
	suppressed bool // there is a tombstone
	standings  []standing

	// damaged is true where there may be a record that cannot be read. What was
	// there in its place stays, for whoever can make something of it.
	damaged bool
	rest    []byte
	format  byte // of what is no entry
	// lost is true where it cannot be read what standings there are.
	lost bool
}

// A standing is a [store.Standing] with where it is found.
type standing struct {
	store.Standing
	number uint64 // of the enrolment: what an earlier one left counts no more
	place  place  // "" where nobody looks for it
	// repaired is true for what was damaged, see repair.
	repaired bool
}

const (
	entryVersion   = 1
	flagKept       = 1
	flagSuppressed = 2
	flagDamaged    = 4 // in the place of flagKept
)

func (e *entry) empty() bool {
	return !e.kept && !e.damaged && !e.suppressed && len(e.standings) == 0
}

// A standingJSON has short names, since there is one for each person and backend.
type standingJSON struct {
	Backend  string        `json:"b"`
	Number   uint64        `json:"n"`
	Place    place         `json:"p,omitempty"`
	State    store.State   `json:"s"`
	Version  int64         `json:"v"`
	Fields   []store.Field `json:"f,omitempty"`
	All      bool          `json:"all,omitempty"`
	Erase    bool          `json:"erase,omitempty"`
	Bulk     bool          `json:"bulk,omitempty"`
	Due      int64         `json:"due"`
	Token    int64         `json:"token,omitempty"`
	Touched  bool          `json:"touched,omitempty"`
	Attempts int           `json:"attempts,omitempty"`
	Reason   string        `json:"reason,omitempty"`
	Remote   string        `json:"remote,omitempty"`
}

func (e *entry) encode() ([]byte, error) {
	if e.empty() {
		return nil, nil
	}
	var record []byte
	flags := byte(0)
	if e.suppressed {
		flags |= flagSuppressed
	}
	if e.kept {
		flags |= flagKept
		var err error
		if record, err = e.record.MarshalBinary(); err != nil {
			return nil, err
		}
	}
	if e.damaged {
		flags |= flagDamaged
		record = e.rest
	}
	b := append(make([]byte, 0, len(record)+16), entryVersion, flags)
	b = binary.AppendUvarint(b, uint64(len(record)))
	b = append(b, record...)
	if len(e.standings) == 0 {
		return b, nil
	}
	list := make([]standingJSON, len(e.standings))
	for i, st := range e.standings {
		list[i] = standingJSON{
			Backend: st.Backend, Number: st.number, Place: st.place, State: st.State, Version: st.Version,
			Fields: st.Fields, All: st.All, Erase: st.Erase, Bulk: st.Bulk, Due: st.Due.UnixMilli(), Token: st.Token,
			Touched: st.Touched, Attempts: st.Attempts, Reason: st.Reason, Remote: st.Remote,
		}
	}
	standings, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	return append(b, standings...), nil
}

// decodeEntry reads what encode wrote for key. What is damaged is no error, since
// one person must not stop what is done with many.
func decodeEntry(key store.Key, data []byte) entry {
	e := entry{key: key}
	if len(data) == 0 {
		return e
	}
	flags, record, list, ok := splitEntry(data)
	if !ok {
		e.damaged, e.rest, e.format, e.lost = true, data, data[0], true
		return e
	}
	e.kept, e.suppressed, e.damaged = flags&flagKept != 0, flags&flagSuppressed != 0, flags&flagDamaged != 0
	if e.kept && (e.record.UnmarshalBinary(record) != nil || e.record.Key != key) {
		e.record, e.kept, e.damaged = store.Record{}, false, true
	}
	if e.damaged {
		e.rest = record
	}
	if len(list) == 0 {
		return e
	}
	var standings []standingJSON
	if json.Unmarshal(list, &standings) != nil {
		e.lost = true
		return e
	}
	for _, j := range standings {
		e.standings = append(e.standings, repair(standing{number: j.Number, place: j.Place, Standing: store.Standing{
			Backend: j.Backend, Key: key, State: j.State, Version: j.Version, Fields: j.Fields, All: j.All, Erase: j.Erase,
			Bulk: j.Bulk, Due: time.UnixMilli(j.Due).UTC(), Token: j.Token, Touched: j.Touched, Attempts: j.Attempts,
			Reason: j.Reason, Remote: j.Remote,
		}}))
	}
	return e
}

func splitEntry(data []byte) (flags byte, record, standings []byte, ok bool) {
	if len(data) < 3 || data[0] != entryVersion || data[1]&^(flagKept|flagSuppressed|flagDamaged) != 0 {
		return 0, nil, nil, false
	}
	size, n := binary.Uvarint(data[2:])
	if n <= 0 || size > uint64(len(data)-2-n) {
		return 0, nil, nil, false
	}
	return data[1], data[2+n : 2+n+int(size)], data[2+n+int(size):], true
}

// standing returns how the person stands with a backend.
func (e *entry) standing(backend string) (st store.Standing, at place, found bool) {
	for _, st := range e.standings {
		if st.Backend == backend {
			return st.Standing, st.place, true
		}
	}
	return store.Standing{Backend: backend, Key: e.key}, "", false
}

// withoutLeftovers drops the standings of backends that were withdrawn.
func (e *entry) withoutLeftovers(r registry) {
	e.standings = slices.DeleteFunc(e.standings, func(st standing) bool {
		b, ok := r.Backends[st.Backend]
		return !ok || b.Number != st.number
	})
}
