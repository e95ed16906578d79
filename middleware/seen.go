package middleware

import (
	"math/bits"
	"sync/atomic"
)

// A seenTable remembers what was last made durable of each person, so that an
// unchanged sender is told apart without asking the store. It is bounded, takes
// no lock, and holds no pointers for the collector to follow.
//
// A word is 1 reference bit, 23 bits of tag and 40 bits of fingerprint; eight
// words, one cache line, make a set. A forgotten or evicted person costs one
// question to the store. Two fingerprints are taken for the same by mistake
// once in 2^40 changes.
//
// mark is for one goroutine, the committer. has and drop are for all.
type seenTable struct {
	words []atomic.Uint64
	sets  uint64 // a power of two
}

const (
	setSize         = 8
	fingerprintBits = 40
	fingerprintMask = 1<<fingerprintBits - 1
	tagMask         = (1<<23 - 1) << fingerprintBits
	referenced      = 1 << 63
)

// newSeenTable makes room for people with three words each, the person and two
// fields that are looked up by themselves. It is at most half full then: at three
// quarters, one in six people would have to ask the store.
func newSeenTable(people int) *seenTable {
	sets := max(1, uint64(people)*6/setSize)
	sets = 1 << bits.Len64(sets-1)
	return &seenTable{words: make([]atomic.Uint64, sets*setSize), sets: sets}
}

func (t *seenTable) set(slot uint64) []atomic.Uint64 {
	i := slot & (t.sets - 1) * setSize
	return t.words[i : i+setSize : i+setSize]
}

// tag takes the bits of slot that do not choose the set.
func tag(slot uint64) uint64 { return slot >> 1 & tagMask }

// word is what is kept of a slot. The fingerprint is mixed with the bits of slot
// that choose neither set nor tag, since many slots share one: that of "active".
func word(slot, fingerprint uint64) uint64 {
	return tag(slot) | (fingerprint^slot>>1)&fingerprintMask
}

// has reports whether slot was last marked with this fingerprint.
func (t *seenTable) has(slot, fingerprint uint64) bool {
	want := word(slot, fingerprint)
	set := t.set(slot)
	for i := range set {
		w := set[i].Load()
		if w&^referenced == want && w != 0 {
			if w&referenced == 0 {
				set[i].CompareAndSwap(w, w|referenced)
			}
			return true
		}
	}
	return false
}

// mark remembers the fingerprint of slot, in place of what the set can best do
// without: an empty word, else the first that nobody asked for since the last
// time it was looked at.
func (t *seenTable) mark(slot, fingerprint uint64) {
	word := word(slot, fingerprint)
	set := t.set(slot)
	empty := -1
	for i := range set {
		w := set[i].Load()
		if w != 0 && w&tagMask == tag(slot) {
			set[i].Store(word | w&referenced)
			return
		}
		if w == 0 && empty < 0 {
			empty = i
		}
	}
	if empty >= 0 {
		set[empty].Store(word)
		return
	}
	hand := int(fingerprint % setSize)
	for {
		w := set[hand].Load()
		if w&referenced == 0 {
			set[hand].Store(word)
			return
		}
		set[hand].CompareAndSwap(w, w&^referenced)
		hand = (hand + 1) % setSize
	}
}

// drop forgets slot.
func (t *seenTable) drop(slot uint64) {
	set := t.set(slot)
	for i := range set {
		for w := set[i].Load(); w != 0 && w&tagMask == tag(slot); w = set[i].Load() {
			if set[i].CompareAndSwap(w, 0) { // has may have touched it
				break
			}
		}
	}
}
