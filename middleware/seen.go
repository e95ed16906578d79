package middleware

import (
	"math/bits"
	"sync/atomic"
)

// A seenTable remembers what was last made durable of each person, so that an
// unchanged sender is told apart without asking the store. It is bounded, takes
// no lock, and holds no pointers for the collector to follow.
//
// A word is 1 reference bit, 6 bits for a coreSet, 17 bits of tag and 40 bits of
// fingerprint; eight words, one cache line, make a set. A forgotten or evicted
// person costs one question to the store. Two fingerprints are taken for the
// same by mistake once in 2^40 changes.
//
// mark is for one goroutine at a time, which holds the lock of pending. The other
// methods are for all.
type seenTable struct{ sets []seenSet }

type seenSet [setSize]atomic.Uint64

const (
	setSize         = 8
	wordsPerPerson  = 3
	tagBits         = 17
	fingerprintBits = 40
	coreShift       = tagBits + fingerprintBits
	fingerprintMask = 1<<fingerprintBits - 1
	tagMask         = (1<<tagBits - 1) << fingerprintBits
	referenced      = 1 << 63
)

// newSeenTable makes room for people of whom most have one word, and some have
// four.
func newSeenTable(people int) *seenTable {
	return &seenTable{sets: make([]seenSet, max(1, (people*wordsPerPerson+setSize-1)/setSize))}
}

// set goes by the upper bits of slot, and needs no power of two.
func (t *seenTable) set(slot uint64) *seenSet {
	i, _ := bits.Mul64(slot, uint64(len(t.sets)))
	return &t.sets[i]
}

// tag takes the lower bits of slot, which do not choose the set.
func tag(slot uint64) uint64 { return slot << fingerprintBits & tagMask }

// hide mixes a fingerprint with the bits of slot that are not in the tag, since
// many slots share one: that of "active". To hide it twice is to show it.
func hide(slot, fingerprint uint64) uint64 { return (fingerprint ^ slot>>tagBits) & fingerprintMask }

// has reports whether slot was last marked with this fingerprint.
func (t *seenTable) has(slot, fingerprint uint64) bool {
	_, ok := t.core(slot, fingerprint)
	return ok
}

// core also returns the coreSet that came with the mark.
func (t *seenTable) core(slot, fingerprint uint64) (set coreSet, ok bool) {
	want := tag(slot) | hide(slot, fingerprint)
	words := t.set(slot)
	for i := range words {
		w := words[i].Load()
		if w&(tagMask|fingerprintMask) == want && w != 0 {
			if w&referenced == 0 {
				words[i].CompareAndSwap(w, w|referenced)
			}
			return coreSet(w &^ referenced >> coreShift), true
		}
	}
	return 0, false
}

// word returns that of slot, 0 for none.
func (t *seenTable) word(slot uint64) uint64 {
	words := t.set(slot)
	for i := range words {
		if w := words[i].Load(); w != 0 && w&tagMask == tag(slot) {
			return w
		}
	}
	return 0
}

// holds reports whether slot was marked with anything.
func (t *seenTable) holds(slot uint64) bool { return t.word(slot) != 0 }

// hasOther reports whether slot was last marked with a fingerprint that is not
// this one, and not what it was before it counted up to this one, as it does with
// each period.
func (t *seenTable) hasOther(slot, fingerprint uint64) bool {
	w := t.word(slot)
	return w != 0 && (fingerprint-hide(slot, w))&fingerprintMask > maxPeriods
}

// maxPeriods is for how many periods somebody can have been away.
const maxPeriods = 1 << 20

// mark remembers the fingerprint of slot, in place of an empty word or of one that
// nobody asked for since all were last asked for. That keeps more of the busy
// people than to take the reference bits away one by one.
func (t *seenTable) mark(slot, fingerprint uint64, set coreSet) {
	word := uint64(set)<<coreShift | tag(slot) | hide(slot, fingerprint)
	words := t.set(slot)
	empty := -1
	for i := range words {
		w := words[i].Load()
		if w != 0 && w&tagMask == tag(slot) {
			words[i].Store(word | w&referenced)
			return
		}
		if w == 0 && empty < 0 {
			empty = i
		}
	}
	if empty < 0 {
		empty = words.evict(int(fingerprint % setSize))
	}
	words[empty].Store(word)
}

// evict returns the place of a word that the set can do without. It begins to look
// anywhere.
func (words *seenSet) evict(anywhere int) int {
	for i := range setSize {
		if at := (anywhere + i) % setSize; words[at].Load()&referenced == 0 {
			return at
		}
	}
	for i := range words {
		words[i].And(^uint64(referenced))
	}
	return anywhere
}

// drop forgets slot.
func (t *seenTable) drop(slot uint64) {
	words := t.set(slot)
	for i := range words {
		for w := words[i].Load(); w != 0 && w&tagMask == tag(slot); w = words[i].Load() {
			if words[i].CompareAndSwap(w, 0) { // has may have touched it
				break
			}
		}
	}
}
