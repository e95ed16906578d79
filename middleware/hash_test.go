package middleware

import (
	"strconv"
	"strings"
	"testing"

	"github.com/rollcall-go/rollcall/internal/seen"
	"github.com/rollcall-go/rollcall/store"
)

const kept = 1<<seen.FingerprintBits - 1

// The low bits are what the seen table keeps, so they are what must differ.
func TestHashTextTellsTextsApart(t *testing.T) {
	texts := make(map[uint64]string)
	add := func(s string) {
		hash := hashText(7, s) & kept
		if other, taken := texts[hash]; taken && other != s {
			t.Fatalf("%q and %q have one hash", s, other)
		}
		texts[hash] = s
	}
	for n := range 70 {
		for _, c := range []string{"a", "\x00", "\xff", "é", "漢"} {
			add(strings.Repeat(c, n))
		}
		base := strings.Repeat("Ann Lee ", 9)[:n]
		add(base)
		for i := range base {
			for bit := range 8 {
				changed := []byte(base)
				changed[i] ^= 1 << bit
				add(string(changed))
			}
		}
	}
	for i := range 200_000 {
		add(strconv.Itoa(i))
	}
}

func TestHashTextDependsOnTheSeed(t *testing.T) {
	for n := range 40 {
		s := strings.Repeat("x", n)
		for bit := range 64 {
			if hashText(42, s)&kept == hashText(42^1<<bit, s)&kept {
				t.Fatalf("of a text of %d bytes, bit %d of the seed does not count", n, bit)
			}
		}
	}
}

func TestHashTextReadsAsFarAsRepair(t *testing.T) {
	long := strings.Repeat("x", store.RepairLimit)
	if hashText(0, long) != hashText(0, long+"y") {
		t.Error("what Repair does not look at makes a value another")
	}
	if hashText(0, long) == hashText(0, long[1:]+"y") {
		t.Error("the last byte that Repair looks at does not count")
	}
}

func TestPeopleSpreadOverTheTable(t *testing.T) {
	const people = 200_000
	for name, id := range map[string]func(i uint64) uint64{
		"one after the other": func(i uint64) uint64 { return 5_000_000_000 + i },
		"every seventh":       func(i uint64) uint64 { return 100_000_000 + 7*i },
		"snowflakes":          func(i uint64) uint64 { return 80351110224678912 + i<<22 },
		"multiples":           func(i uint64) uint64 { return i << 40 },
	} {
		table := seen.New(people)
		slot := func(i uint64) uint64 {
			s := Sender{Channel: "telegram", NumericID: id(i + 1)}
			return s.personSlot()
		}
		for i := range uint64(people) {
			table.Mark(slot(i), i, 0)
		}
		kept := 0
		for i := range uint64(people) {
			if table.Has(slot(i), i) {
				kept++
			}
		}
		if kept < people*999/1000 {
			t.Errorf("%s: %d of %d people were kept", name, kept, people)
		}
	}
}
