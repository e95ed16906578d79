package middleware

import (
	"math"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"
)

func TestLateTableKnowsWhoseTimeItHas(t *testing.T) {
	at := time.Unix(1000, 0)
	noted := at.UnixNano()
	const ann, bob = 5, 5 + 1<<63 // in one place
	for l := range lane(lanes) {
		tables := new(lateTables)
		tables.note(l, ann, at)
		if tables.after(bob, noted-int64(time.Second), noted) {
			t.Error("one person's time counts for another in the same place")
		}
		if tables.after(ann, noted, noted) {
			t.Error("an event of the same moment is late")
		}
		if tables.after(ann, noted-int64(time.Minute), noted-int64(maxAhead)-1) {
			t.Error("a time that cannot be counts")
		}
		tables.note(l, ann, at.Add(-time.Second))
		tables.note((l+1)%lanes, ann, at.Add(-time.Hour))
		if !tables.after(ann, noted-int64(time.Millisecond), noted-int64(maxAhead)) {
			t.Error("an older note took the place of a newer one")
		}
	}
}

// Platforms count updates by the nanosecond: the order of two is kept to the last.
func TestLateTableIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	tables := new(lateTables)
	for slot := range uint64(len(lateTable{})) {
		noted := r.Int64N(1 << 62)
		apart := r.Int64N(10) - 5
		tables.note(0, slot, time.Unix(0, noted))
		if late := tables.after(slot, noted+apart, noted); late != (apart < 0) {
			t.Fatalf("an event %d ns after the noted one is late: %v", apart, late)
		}
	}
}

// Else cores would wait for each other at each message.
func TestGoroutinesHaveLanesOfTheirOwn(t *testing.T) {
	const goroutines = 64
	var all sync.WaitGroup
	all.Add(goroutines)
	taken := make(chan lane, goroutines)
	for range goroutines {
		go func() {
			taken <- thisLane()
			all.Done()
			all.Wait() // a goroutine that has ended leaves its stack to the next
		}()
	}
	all.Wait()
	used := make(map[lane]bool)
	for range goroutines {
		used[<-taken] = true
	}
	if len(used) < lanes/2 {
		t.Errorf("%d goroutines use %d lanes of %d", goroutines, len(used), lanes)
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
