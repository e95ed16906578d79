// Package seen remembers what is known of each person, in a few bytes, so that somebody
// who is the same as before is told apart without asking a store.
//
//	table := seen.New(100_000)
//	table.Mark(slot, fingerprint, 0)
//	table.Has(slot, fingerprint) // true
//
// A slot stands for a person, or a part of what is known of one; a fingerprint, for
// what is known. Both are hashes whose bits are all as good as each other.
package seen

import (
	"math/bits"
	"sync/atomic"
)

// A Table remembers the fingerprint that each slot was last marked with. It is
// bounded, takes no lock, and holds no pointers for the collector to follow.
//
// A word is 1 reference bit, 6 bits of note, 17 bits of tag and 40 bits of
// fingerprint; eight words, one cache line, make a set. Each slot has a place of its own
// in its set to begin at, where it mostly is: a processor that foresees where a search
// ends is twice as fast. Somebody who is evicted costs
// one question to the store. Two fingerprints are taken for the same by mistake once
// in 2^40 changes.
//
// Mark is for one goroutine at a time. The other methods are for all.
type Table struct{ sets []set }

type set [setSize]atomic.Uint64

// A Note is 6 bits that are kept with a fingerprint.
type Note uint8

// FingerprintBits is how many bits of a fingerprint count, the lowest.
const FingerprintBits = 40

const (
	setSize         = 8
	wordsPerPerson  = 3
	tagBits         = 17
	noteShift       = tagBits + FingerprintBits
	fingerprintMask = 1<<FingerprintBits - 1
	tagMask         = (1<<tagBits - 1) << FingerprintBits
	referenced      = 1 << 63
)

// New makes room for people of whom most have one slot, and some have four: 24 bytes
// for each.
func New(people int) *Table {
	return &Table{sets: make([]set, max(1, (people*wordsPerPerson+setSize-1)/setSize))}
}

// set goes by the upper bits of slot, and needs no power of two.
func (t *Table) set(slot uint64) *set {
	i, _ := bits.Mul64(slot, uint64(len(t.sets)))
	return &t.sets[i]
}

// tag takes the lower bits of slot, which do not choose the set.
func tag(slot uint64) uint64 { return slot << FingerprintBits & tagMask }

// hide mixes a fingerprint with the bits of slot that are not in the tag, since
// many slots share one: that of "active". To hide it twice is to show it.
func hide(slot, fingerprint uint64) uint64 { return (fingerprint ^ slot>>tagBits) & fingerprintMask }

// Has reports whether slot was last marked with this fingerprint.
func (t *Table) Has(slot, fingerprint uint64) bool {
	_, ok := t.Note(slot, fingerprint)
	return ok
}

// Note also returns what was noted with the mark.
func (t *Table) Note(slot, fingerprint uint64) (note Note, ok bool) {
	want := tag(slot) | hide(slot, fingerprint)
	words := t.set(slot)
	for n := range uint64(setSize) {
		word := &words[(slot+n)%setSize]
		w := word.Load()
		differs := (w ^ want) & (tagMask | fingerprintMask)
		if differs == 0 && w != 0 {
			if w&referenced == 0 {
				word.CompareAndSwap(w, w|referenced)
			}
			return Note(w &^ referenced >> noteShift), true
		}
		if differs <= fingerprintMask && w != 0 {
			return 0, false // a slot has one word
		}
	}
	return 0, false
}

// word returns that of slot, 0 for none.
func (t *Table) word(slot uint64) uint64 {
	words := t.set(slot)
	for n := range uint64(setSize) {
		if w := words[(slot+n)%setSize].Load(); w != 0 && w&tagMask == tag(slot) {
			return w
		}
	}
	return 0
}

// Holds reports whether slot was marked with anything.
func (t *Table) Holds(slot uint64) bool { return t.word(slot) != 0 }

// HasOther reports whether slot was last marked with a fingerprint that is neither
// this one nor among those right below it, of which the number is given.
func (t *Table) HasOther(slot, fingerprint, below uint64) bool {
	w := t.word(slot)
	return w != 0 && (fingerprint-hide(slot, w))&fingerprintMask > below
}

// Mark remembers the fingerprint of slot, in place of an empty word or of one that
// nobody asked for since all were last asked for. That keeps more of the busy
// people than to take the reference bits away one by one.
func (t *Table) Mark(slot, fingerprint uint64, note Note) {
	word := uint64(note)<<noteShift | tag(slot) | hide(slot, fingerprint)
	words := t.set(slot)
	var empty *atomic.Uint64
	for n := range uint64(setSize) {
		at := &words[(slot+n)%setSize]
		w := at.Load()
		if w != 0 && w&tagMask == tag(slot) {
			at.Store(word | w&referenced)
			return
		}
		if w == 0 && empty == nil {
			empty = at
		}
	}
	if empty == nil {
		empty = words.evict(slot)
	}
	empty.Store(word)
}

// evict returns a word that the set can do without, the first from where slot begins.
func (words *set) evict(slot uint64) *atomic.Uint64 {
	for n := range uint64(setSize) {
		if at := &words[(slot+n)%setSize]; at.Load()&referenced == 0 {
			return at
		}
	}
	for i := range words {
		words[i].And(^uint64(referenced))
	}
	return &words[slot%setSize]
}

// Drop forgets slot.
func (t *Table) Drop(slot uint64) {
	words := t.set(slot)
	for n := range uint64(setSize) {
		word := &words[(slot+n)%setSize]
		for w := word.Load(); w != 0 && w&tagMask == tag(slot); w = word.Load() {
			if word.CompareAndSwap(w, 0) { // else Has has touched it
				return
			}
		}
	}
}
