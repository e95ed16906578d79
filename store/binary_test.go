package store_test

import (
	"bytes"
	"encoding"
	"encoding/hex"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcall-go/rollcall/internal/hostile"
	"github.com/rollcall-go/rollcall/store"
)

var _ interface {
	encoding.BinaryAppender
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
} = new(store.Record)

func roundTrip(t interface{ Fatal(...any) }, r store.Record) store.Record {
	data, err := r.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var back store.Record
	if err := back.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	clear(data) // nothing of it may be kept
	return back
}

func TestARecordComesBackFromItsBytes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := records.Draw(t, "record")
		if back := roundTrip(t, r); !back.Equal(r) {
			t.Fatalf("%v\n%v", back, r)
		}
	})
}

func TestHostileTextComesBackFromItsBytes(t *testing.T) {
	t.Parallel()
	for _, s := range hostile.Texts {
		r := store.Patch{
			Key: store.Key{Channel: s, UserID: s}, At: noon,
			Set: map[store.Field]string{store.FieldName: s, store.NickField(s): s, store.Field(s): s},
		}.Record()
		if back := roundTrip(t, r); !back.Equal(r) {
			t.Errorf("%.60q: %v", s, back)
		}
	}
}

func TestTimesComeBackExactlyAndInUTC(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{
		{}, time.Unix(0, 0), time.Unix(0, 1), time.Unix(1<<33, 0), noon.Add(time.Nanosecond), noon.In(time.FixedZone("", 3600)),
		time.Unix(math.MaxInt64/int64(time.Second)-1, 999_999_999),
	} {
		r := store.Record{Key: ann, FirstSeen: at, LastSeen: noon, Registers: []store.Register{
			{Field: "name", Value: "Ann", At: noon}, {Field: "status", Value: "left", At: at}, {Field: "username", At: noon},
		}}
		back := roundTrip(t, r)
		if !back.Equal(r) {
			t.Errorf("%v: %v", at, back)
		}
		if got := back.Registers[1].At; got != at.UTC() || got.IsZero() != at.IsZero() {
			t.Errorf("%v came back as %v", at, got)
		}
	}
}

func TestNewRecordMakesWhatCanBeEncoded(t *testing.T) {
	t.Parallel()
	for at, want := range map[time.Time]time.Time{
		{}: {}, time.Time{}.In(time.FixedZone("", 3600)): {}, noon.In(time.FixedZone("", 3600)): noon,
		time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC): time.Unix(0, 0).UTC(),
		time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC): time.Unix(1<<33, 0).UTC(),
	} {
		r := store.NewRecord(ann, at, at, []store.Register{{Field: "status", At: at}, {Field: "name", At: at}})
		if r.FirstSeen != want || r.LastSeen != want || r.Registers[0].At != want || r.Registers[1].At != want {
			t.Errorf("%v: %+v", at, r)
		}
		roundTrip(t, r)
	}
}

func TestRecordsThatNobodyMakesAreNotEncoded(t *testing.T) {
	t.Parallel()
	reg := func(f store.Field, s store.Source, at time.Time) store.Register {
		return store.Register{Field: f, Source: s, At: at}
	}
	for name, r := range map[string]store.Record{
		"unsorted":       {Registers: []store.Register{reg("name", 0, noon), reg("email", 0, noon)}},
		"twice":          {Registers: []store.Register{reg("name", 0, noon), reg("name", 0, noon)}},
		"unknown source": {Registers: []store.Register{reg("name", 3, noon)}},
		"before 1970":    {FirstSeen: time.Unix(-1, 0)},
		"after 2262":     {Registers: []store.Register{reg("name", 0, time.Unix(1<<34, 0))}},
	} {
		b, err := r.AppendBinary([]byte("kept"))
		if !errors.Is(err, store.ErrInvalid) || string(b) != "kept" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}

// The numbers of the fields are for ever: a new field gets the next one, and
// this list only ever grows at its end.
func TestTheBytesOfEachFieldNeverChange(t *testing.T) {
	t.Parallel()
	order := []store.Field{
		"name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
		"website", "email", "email_verified", "gender", "birthdate", "zoneinfo", "locale", "phone_number",
		"phone_number_verified", "address.formatted", "address.street_address", "address.locality", "address.region",
		"address.postal_code", "address.country", "username", "status", "is_premium", "bio", "start_payload",
	}
	if len(order) != len(store.Fields()) {
		t.Errorf("%d fields are pinned, there are %d", len(order), len(store.Fields()))
	}
	for i, f := range order {
		r := store.Record{Registers: []store.Register{{Field: f, Value: "v", At: time.Unix(0, 5)}}}
		got, err := r.MarshalBinary()
		// version 1, no key, two zero times (-1, and 0 more), one register: code,
		// observed, 6 more than -1, "v"
		want := []byte{1, 0, 0, 1, 0, 1, byte(i + 1), 0, 12, 1, 'v'}
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: % x, want % x", f, got, want)
		}
	}
}

func TestTheBytesOfVersion1NeverChange(t *testing.T) {
	t.Parallel()
	const golden = "010874656c656772616d0a373132333435363738398080b4bdb6f6da9831000b000b637573746f6d" +
		"2e706c616e028080c58bc6d1010622676f6c64220a02000f616e6e406578616d706c652e6f72670b" +
		"0300000300ffffc48bc6d101064f274e65696c02000009416e6e2d4d617269651a00000474727565" +
		"0f00000570742d425201000010416e6e2d4d61726965204f274e65696c1c00000f737072696e672d" +
		"63616d706169676e1900000661637469766518000008616e6e6d61726965"
	r := typicalRecord()
	got, err := r.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if hex.EncodeToString(got) != golden {
		t.Errorf("%x", got)
	}
	var back store.Record
	data, _ := hex.DecodeString(golden)
	if err := back.UnmarshalBinary(data); err != nil || !back.Equal(r) {
		t.Errorf("%v, %v", back, err)
	}
}

func TestAFieldStoredByNameIsReadOnceItHasANumber(t *testing.T) {
	t.Parallel()
	data := append([]byte{1, 0, 0, 1, 0, 1, 0, 4}, "name"...)
	data = append(data, 0, 12, 1, 'v')
	var r store.Record
	if err := r.UnmarshalBinary(data); err != nil || r.Profile().Name != "v" {
		t.Errorf("%v, %v", r, err)
	}
}

func TestBytesOfANewerVersionSayToUpdate(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{
		"format": {2, 0, 0, 1, 0, 0},
		"field":  {1, 0, 0, 1, 0, 1, 100, 0, 12, 1, 'v'},
	} {
		r := typicalRecord()
		err := r.UnmarshalBinary(data)
		if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), "update rollcall") {
			t.Errorf("%s: %v", name, err)
		}
		if !r.Equal(typicalRecord()) {
			t.Errorf("%s: the record changed", name)
		}
	}
}

func TestDamagedBytesAreRefused(t *testing.T) {
	t.Parallel()
	good, err := typicalRecord().MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var r store.Record
	for n := range good {
		if err := r.UnmarshalBinary(good[:n]); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("the first %d bytes: %v", n, err)
		}
	}
	for name, data := range map[string][]byte{
		"bytes behind the end":     append(bytes.Clone(good), 0),
		"version 0":                {0, 0, 0, 1, 0, 0},
		"an endless number":        bytes.Repeat([]byte{0xff}, 50),
		"a text beyond the end":    {1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
		"more registers than fit":  {1, 0, 0, 1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 0, 12, 0},
		"unsorted":                 {1, 0, 0, 1, 0, 2, 1, 0, 12, 0, 2, 0, 0, 0},
		"one place twice":          {1, 0, 0, 1, 0, 2, 1, 0, 12, 0, 1, 0, 0, 0},
		"an unknown source":        {1, 0, 0, 1, 0, 1, 1, 6, 12, 0},
		"a time before 1970":       {1, 0, 0, 3, 0, 0},
		"a time that wraps around": {1, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 0},
	} {
		if err := r.UnmarshalBinary(data); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
	if !r.Equal(store.Record{}) {
		t.Error("a refusal changed the record")
	}
}

func TestUnmarshalBinaryTakesMemoryInProportion(t *testing.T) {
	claims := append([]byte{1, 0, 0, 1, 0, 0x80, 0x80, 0x40}, bytes.Repeat([]byte{0xff}, 4<<10)...) // a million registers
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var r store.Record
	err := r.UnmarshalBinary(claims)
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; err == nil || n > 128<<10 {
		t.Errorf("%d bytes allocated, %v", n, err)
	}
}

func TestATypicalRecordIsReadInThreeAllocationsAtMost(t *testing.T) {
	data, err := typicalRecord().MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var r store.Record
	if n := testing.AllocsPerRun(100, func() { _ = r.UnmarshalBinary(data) }); n > 3 {
		t.Errorf("%v allocations", n)
	}
	b := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { b, _ = typical.AppendBinary(b[:0]) }); n > 0 {
		t.Errorf("%v allocations to append", n)
	}
}

var typical = typicalRecord()

func FuzzUnmarshalBinary(f *testing.F) {
	data, err := typicalRecord().MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte{})
	f.Add([]byte{1, 0, 0, 1, 0, 1, 0, 1, 'x', 5, 12, 1, 'v'})
	f.Add([]byte{1, 0, 0, 1, 0, 2, 2, 0, 12, 0, 1, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		var r store.Record
		if err := r.UnmarshalBinary(data); err != nil {
			if !errors.Is(err, store.ErrInvalid) || !r.Equal(store.Record{}) {
				t.Fatalf("%v, %v", r, err)
			}
			return
		}
		r.Profile()
		if back := roundTrip(t, r); !back.Equal(r) {
			t.Fatalf("%v\n%v", back, r)
		}
		if !store.Merge(r, r).Equal(r) {
			t.Fatal("not the registers of a Record")
		}
	})
}
