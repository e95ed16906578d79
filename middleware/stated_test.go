package middleware

import (
	"strings"
	"testing"
	"unsafe"

	"pgregory.net/rapid"

	"github.com/rollcall-go/rollcall/store"
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
		if _, set := s.core(); core != set {
			t.Fatalf("core %b, want %b", core, set)
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
	address := func(s string) uintptr { return uintptr(unsafe.Pointer(unsafe.StringData(s))) }
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
