package store_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// Merge keeps its laws for whatever records a damaged or foreign store may hold.
func FuzzMerge(f *testing.F) {
	data, err := typicalRecord().MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	short := []byte{1, 0, 0, 1, 0, 1, 0, 1, 'x', 5, 12, 1, 'v'}
	f.Add(data, data, short)
	f.Add(short, data, []byte{})
	for _, at := range []time.Duration{0, 1} { // of one moment, and of two
		var said [3][]byte
		for i, name := range []string{"Ann", "Bea", ""} {
			p := store.Patch{Key: ann, At: noon.Add(time.Duration(i) * at), Set: map[store.Field]string{store.FieldName: name}}
			if name == "" {
				p.Set, p.Clear = nil, []store.Field{store.FieldName}
			}
			if said[i], err = p.Record().MarshalBinary(); err != nil {
				f.Fatal(err)
			}
		}
		f.Add(said[0], said[1], said[2])
	}
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		var records [3]store.Record
		for i, data := range [][]byte{a, b, c} {
			if err := records[i].UnmarshalBinary(data); err != nil {
				t.Skip()
			}
			records[i].Key = ann // Merge is of one person
		}
		x, y, z := records[0], records[1], records[2]
		if !store.Merge(x, y).Equal(store.Merge(y, x)) {
			t.Errorf("not commutative: %v and %v", x, y)
		}
		if !store.Merge(store.Merge(x, y), z).Equal(store.Merge(x, store.Merge(y, z))) {
			t.Errorf("not associative: %v, %v, %v", x, y, z)
		}
		if !store.Merge(x, x).Equal(x) || !store.Merge(x, store.Record{}).Equal(x) {
			t.Errorf("not idempotent: %v", x)
		}
		if after, change := x.Apply(y); change.Same != after.Equal(x) || !reflect.DeepEqual(change.Profile, after.Profile()) {
			t.Errorf("%v applied to %v says %+v", y, x, change)
		}
	})
}

// What is exported as JSON can be read, and says the same again.
func FuzzJSON(f *testing.F) {
	for _, v := range []any{
		store.Dossier{Key: ann, Record: typicalRecord(), Standings: []store.Standing{{Backend: "crm", State: store.StateDead, Reason: "x"}}},
		typicalRecord().Profile(), store.Standing{Backend: "crm", Key: ann, State: store.StateOwed, Fields: []store.Field{store.FieldBio}},
	} {
		data, err := json.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"record":{"registers":[{"source":"pinned","at":"9999-12-31T23:59:59Z"},{"source":7}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		again[store.Dossier](t, data)
		again[store.Record](t, data)
		again[store.Profile](t, data)
		again[store.Standing](t, data)
		again[store.Source](t, data)
	})
}

// again reads a T, and wants what is read to survive another writing and reading.
func again[T any](t *testing.T, data []byte) {
	t.Helper()
	var first, second T
	if json.Unmarshal(data, &first) != nil {
		return
	}
	written, err := json.Marshal(first)
	if err != nil {
		return // such as a year that JSON has no form for
	}
	if err := json.Unmarshal(written, &second); err != nil {
		t.Fatalf("%T is written as %s, which cannot be read: %v", first, written, err)
	}
	if rewritten, err := json.Marshal(second); err != nil || string(rewritten) != string(written) {
		t.Errorf("%T is written as %s, read, and then as %s; %v", first, written, rewritten, err)
	}
}
