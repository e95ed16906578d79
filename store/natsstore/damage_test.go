package natsstore

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// What is damaged is found, keeps what was there, and takes no other part with it.
func TestDamagedEntriesAreRepaired(t *testing.T) {
	key := store.Key{Channel: "telegram", UserID: "42"}
	whole := entry{key: key, kept: true, record: store.Patch{Key: key, At: time.Unix(1e9, 0)}.Record()}
	whole.standings = []standing{{number: 3, Standing: store.Standing{Backend: "crm", Key: key, State: store.StateOwed, Version: 7}}}
	data, err := whole.encode()
	if err != nil {
		t.Fatal(err)
	}
	record, err := whole.record.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	replace := func(old, by string) []byte { return bytes.Replace(data, []byte(old), []byte(by), 1) }
	enrolled := registry{Backends: map[string]enrolment{"crm": {Number: 3}}}
	for _, test := range []struct {
		name     string
		data     []byte
		damaged  bool
		repaired bool
		state    store.State
		version  int64
	}{
		{"nothing", data, false, false, store.StateOwed, 7},
		{"not an entry", []byte("hello"), true, true, store.StateDead, 99},
		{"cut short", data[:9], true, true, store.StateDead, 99},
		{"the record", bytes.Replace(data, record[:2], []byte{0xff, 0xff}, 1), true, false, store.StateOwed, 7},
		{"the standings", replace(`"b":`, `"b"`), false, true, store.StateDead, 99},
		{"a state", replace(`"owed"`, `"lost"`), false, true, store.StateDead, 7},
		{"the fields", replace(`"v":7`, `"v":7,"f":["b","a"]`), false, true, store.StateOwed, 7},
	} {
		e := decodeEntry(key, test.data)
		e.find(enrolled, 99)
		st, _, found := e.standing("crm")
		if e.damaged != test.damaged || e.kept == test.damaged || e.repaired("crm") != test.repaired {
			t.Errorf("%s: damaged %t, kept %t, repaired %t", test.name, e.damaged, e.kept, e.repaired("crm"))
		}
		if !found || st.State != test.state || st.Version != test.version || st.Touched != test.repaired || st.All != test.repaired {
			t.Errorf("%s: stands %+v", test.name, st)
		}
		if err := e.usable(); (errors.Is(err, ErrCorrupt) || errors.Is(err, ErrNewerSchema)) != test.damaged {
			t.Errorf("%s: %v", test.name, err)
		}
		again, err := e.encode()
		if err != nil {
			t.Fatal(err)
		}
		if back := decodeEntry(key, again); back.damaged != test.damaged || !bytes.Equal(back.rest, e.rest) || back.lost {
			t.Errorf("%s: comes back as %+v", test.name, back)
		}
		if test.damaged && !bytes.Contains(test.data, e.rest) {
			t.Errorf("%s: what was there is lost", test.name)
		}
	}
}
