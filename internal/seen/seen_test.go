package seen

import (
	"math/rand/v2"
	"sync"
	"testing"
)

func TestTableRemembersTheLastMark(t *testing.T) {
	table := New(1000)
	r := rand.New(rand.NewPCG(1, 2))
	last := make(map[uint64]uint64)
	slots := make([]uint64, 300)
	for i := range slots {
		slots[i] = r.Uint64()
	}
	for range 10_000 {
		slot, print := slots[r.IntN(len(slots))], r.Uint64()
		table.Mark(slot, print, 0)
		last[slot] = print
	}
	kept := 0
	for slot, print := range last {
		if table.Has(slot, print) {
			kept++
		}
		if table.Has(slot, print+1) {
			t.Fatalf("slot %x has a fingerprint that it was never marked with", slot)
		}
	}
	if kept < 297 {
		t.Errorf("at 15 %% load %d of 300 slots were kept", kept)
	}
}

func TestTableForgetsWhatIsDropped(t *testing.T) {
	table := New(10)
	table.Mark(7, 1, 0)
	table.Drop(7)
	if table.Has(7, 1) {
		t.Error("a dropped slot is still there")
	}
	table.Drop(7)
	table.Mark(7, 2, 0)
	if !table.Has(7, 2) {
		t.Error("a slot cannot be marked again after a drop")
	}
}

func TestTableNeverTakesAChangeForKnown(t *testing.T) {
	table := New(64) // full many times over, so that every mark evicts
	r := rand.New(rand.NewPCG(3, 4))
	const rounds = 200_000
	for range rounds {
		slot, print := r.Uint64N(4096)*0x9e3779b97f4a7c15, r.Uint64()
		if table.Has(slot, print) {
			t.Fatal("a fingerprint is known that was never marked")
		}
		table.Mark(slot, print, 0)
		if !table.Has(slot, print) {
			t.Fatal("a mark was not kept")
		}
	}
}

func TestTableKeepsThoseWhoAreAskedFor(t *testing.T) {
	table := New(1) // one set
	table.Mark(0, 1, 0)
	for i := range uint64(100) {
		table.Has(0, 1)
		table.Mark(i+1, 1, 0)
	}
	if !table.Has(0, 1) {
		t.Error("somebody who talks all the time was evicted by people who talked once")
	}
}

func TestTableTellsSlotsOfOneSetApart(t *testing.T) {
	for bit := range 64 {
		table := New(1000)
		const slot = 0x123456789abcdef1
		table.Mark(slot, 7, 0)
		if table.Has(slot^1<<bit, 7) {
			t.Fatalf("slots that differ in bit %d are one: a stranger with the same value is taken for known", bit)
		}
	}
}

func TestTableFromManyGoroutines(t *testing.T) {
	table := New(128)
	var wg sync.WaitGroup
	for g := range uint64(4) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(g, 0))
			for range 5_000 {
				slot := r.Uint64N(512) * 0x9e3779b97f4a7c15
				if table.Has(slot, slot^1) {
					t.Error("a fingerprint is known that was never marked")
				}
				if r.IntN(8) == 0 {
					table.Drop(slot)
				}
			}
		})
	}
	r := rand.New(rand.NewPCG(9, 9))
	for range 20_000 {
		slot := r.Uint64N(512) * 0x9e3779b97f4a7c15
		table.Mark(slot, slot, 0)
	}
	wg.Wait()
}

func BenchmarkTableHit(b *testing.B) {
	table := New(1 << 16)
	slots := make([]uint64, 1<<16)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range slots {
		slots[i] = r.Uint64()
		table.Mark(slots[i], slots[i], 0)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		table.Has(slots[i&(1<<16-1)], slots[i&(1<<16-1)])
		i++
	}
}
