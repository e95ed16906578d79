package middleware

import (
	"math"
	"strconv"
	"testing"
	"time"
)

func TestSeenTableTellsSlotsOfOneSetApart(t *testing.T) {
	for bit := range 64 {
		table := newSeenTable(1000)
		const slot = 0x123456789abcdef1
		table.mark(slot, 7, 0)
		if table.has(slot^1<<bit, 7) {
			t.Fatalf("slots that differ in bit %d are one: a stranger with the same value is taken for known", bit)
		}
	}
}

func TestLateTableKnowsWhoseTimeItHas(t *testing.T) {
	var table lateTable
	at := time.Unix(1000, 0)
	table.note(5, at)
	if table.after(5+uint64(len(table)), at.Add(-1), at.Add(time.Hour)) {
		t.Error("one person's time counts for another in the same place")
	}
	if table.after(5, at, at.Add(time.Hour)) {
		t.Error("an event of the same moment is not late")
	}
	table.note(5, at.Add(-time.Second))
	if !table.after(5, at.Add(-1), at.Add(time.Hour)) {
		t.Error("an older note took the place of a newer one")
	}
}

func TestNumericIDsHaveTheSlotOfTheirDecimalForm(t *testing.T) {
	for _, id := range []uint64{1, 42, 1<<53 + 1, math.MaxUint64} {
		number, text := Sender{Channel: "x", NumericID: id}, Sender{Channel: "x", UserID: strconv.FormatUint(id, 10)}
		if number.personSlot() != text.personSlot() {
			t.Errorf("%d is two people", id)
		}
	}
	slots := make(map[uint64]string)
	for _, id := range []string{"42", "042", "+42", "4_2", " 42", "42 ", "0", "00", "18446744073709551616", "0x2a"} {
		s := Sender{Channel: "x", UserID: id}
		if other, taken := slots[s.personSlot()]; taken {
			t.Errorf("%q and %q are one person", id, other)
		}
		slots[s.personSlot()] = id
	}
}
