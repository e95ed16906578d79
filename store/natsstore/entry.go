package natsstore

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
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
}

// A standing is a [store.Standing] with where it is found.
type standing struct {
	store.Standing
	number uint64 // of the enrolment: what an earlier one left counts no more
	place  place  // "" where nobody looks for it
}

const (
	entryVersion   = 1
	flagKept       = 1
	flagSuppressed = 2
)

func (e *entry) empty() bool { return !e.kept && !e.suppressed && len(e.standings) == 0 }

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

// decodeEntry reads what encode wrote for key.
func decodeEntry(key store.Key, data []byte) (entry, error) {
	e := entry{key: key}
	if len(data) == 0 {
		return e, nil
	}
	if data[0] > entryVersion {
		return e, fmt.Errorf("%w: its format is %d", ErrNewerSchema, data[0])
	}
	if data[0] != entryVersion || len(data) < 3 || data[1]&^(flagKept|flagSuppressed) != 0 {
		return e, fmt.Errorf("%w: this is not an entry", ErrCorrupt)
	}
	e.kept, e.suppressed = data[1]&flagKept != 0, data[1]&flagSuppressed != 0
	size, n := binary.Uvarint(data[2:])
	if n <= 0 || size > uint64(len(data)-2-n) {
		return e, fmt.Errorf("%w: an entry ends too early", ErrCorrupt)
	}
	record, rest := data[2+n:2+n+int(size)], data[2+n+int(size):]
	if e.kept {
		if err := e.record.UnmarshalBinary(record); err != nil {
			return e, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		if e.record.Key != key {
			return e, fmt.Errorf("%w: an entry is of somebody else", ErrCorrupt)
		}
	}
	if len(rest) == 0 {
		return e, nil
	}
	var list []standingJSON
	if err := json.Unmarshal(rest, &list); err != nil {
		return e, fmt.Errorf("%w: the standings of an entry cannot be read", ErrCorrupt)
	}
	for _, j := range list {
		e.standings = append(e.standings, standing{number: j.Number, place: j.Place, Standing: store.Standing{
			Backend: j.Backend, Key: key, State: j.State, Version: j.Version, Fields: j.Fields, All: j.All, Erase: j.Erase,
			Bulk: j.Bulk, Due: time.UnixMilli(j.Due).UTC(), Token: j.Token, Touched: j.Touched, Attempts: j.Attempts,
			Reason: j.Reason, Remote: j.Remote,
		}})
	}
	return e, nil
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
