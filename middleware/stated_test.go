package middleware

import (
	"strings"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

func TestWhatIsPackedIsReadBack(t *testing.T) {
	t.Parallel()
	fields := append(store.Fields(), "", "no such field", store.NickField("197038439483310086"), store.CustomKey("tier"),
		store.NickField(strings.Repeat("9", 300)))
	lengths := rapid.OneOf(rapid.IntRange(0, 300), rapid.SampledFrom([]int{127, 128, store.RepairLimit - 1, store.RepairLimit, store.RepairLimit + 1, 1 << 20}))
	rapid.Check(t, func(t *rapid.T) {
		s := Sender{Channel: "slack", UserID: rapid.StringN(1, 20, -1).Draw(t, "id")}
		var want []statement
		for range rapid.IntRange(0, inlineStatements+3).Draw(t, "statements") {
			st := statement{rapid.SampledFrom(fields).Draw(t, "field"), ""}
			if n := lengths.Draw(t, "length"); n > 0 {
				st.value = strings.Repeat(rapid.StringN(1, 4, -1).Draw(t, "text"), n)[:n]
			}
			s.Set(st.field, st.value)
			st.value = st.value[:min(len(st.value), store.RepairLimit+1)]
			want = append(want, st)
		}
		key, packed, core := pack(&s)
		if key != s.Key() {
			t.Fatalf("key %v, want %v", key, s.Key())
		}
		if sum, set := s.core(); core != set || packed.corePrint() != sum {
			t.Fatalf("core %b with the fingerprint %x, want %b with %x", core, packed.corePrint(), set, sum)
		}
		i := 0
		for got := range packed.all {
			if i == len(want) || got != want[i] {
				t.Fatalf("statement %d of %d is %.50q", i, len(want), got)
			}
			i++
		}
		if i < len(want) {
			t.Fatalf("%d statements are left of %d", i, len(want))
		}
	})
}

func TestEveryCodeHasItsField(t *testing.T) {
	t.Parallel()
	for c, f := range coded {
		if got := codeOf(f); got != code(c) {
			t.Errorf("the code of %q is %d, want %d", f, got, c)
		}
	}
	if last, none := codePicture.core(), codeLocale.core()|byName.core(); last != 1<<5 || none != 0 {
		t.Errorf("the last core field has bit %b, all others %b", last, none)
	}
}

func address(s string) uintptr { return uintptr(unsafe.Pointer(unsafe.StringData(s))) }

// What is short and lives long does not keep what is long with it.
func TestAShortValueKeepsNoLongOneFromBeingFreed(t *testing.T) {
	t.Parallel()
	s := Sender{Channel: "telegram", NumericID: 42}
	s.Set(store.FieldGivenName, "Ann")
	s.Set(store.FieldBio, strings.Repeat("b", store.RepairLimit))
	s.Set(store.NickField("7"), "Annie")
	key, packed, _ := pack(&s)
	o := observation{stated: packed, fields: 3}
	registers := o.delta(key, &repairer{fix: store.Repair}).Registers
	short := []string{key.UserID}
	for _, r := range registers {
		if r.Field != store.FieldBio {
			short = append(short, r.Value, string(r.Field))
		}
	}
	within := func(s string) bool { // the id is in front
		return address(s)-(address(string(packed))-uintptr(len(key.UserID))) < uintptr(len(packed))
	}
	for _, s := range short {
		if within(s) {
			t.Errorf("%q lies in the text of %d bytes that it came in", s, len(packed))
		}
	}
	if len(short) != 5 || !within(string(packed[100:])) {
		t.Errorf("of %d texts nothing can be told", len(short))
	}
}

// An id comes in one text with what is stated. Once that is joined to something else it
// would keep the text for nothing, uncounted, for as long as the person waits.
func TestTheIDOfAJoinedEntryKeepsNoTextFromBeingFreed(t *testing.T) {
	t.Parallel()
	for name, refused := range map[string]bool{"waiting": false, "put back": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := idle(memstore.New(), nil)
			if err != nil {
				t.Fatal(err)
			}
			now := time.Now()
			observe := func(second int, f store.Field, value string) {
				s := Sender{Channel: "telegram", NumericID: 42, At: now.Add(time.Duration(second) * time.Second)}
				s.Set(f, value)
				m.Observe(&s)
			}
			key := store.Key{Channel: "telegram", UserID: "42"}
			observe(0, store.FieldBio, strings.Repeat("b", 200))
			behind := address(string(m.pending.entries[key].one.stated))
			if refused {
				batch := m.pending.take(1)
				observe(1, store.FieldGivenName, "Ann")
				m.pending.putBack(batch[0])
			} else {
				observe(1, store.FieldGivenName, "Ann")
			}
			for kept, e := range m.pending.entries {
				for _, id := range []string{kept.UserID, e.key.UserID, e.joined.delta.Key.UserID} {
					if address(id)+uintptr(len(id)) == behind {
						t.Errorf("the id %s lies in front of what the first event stated", id)
					}
				}
			}
		})
	}
}
