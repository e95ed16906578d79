package middleware

import (
	"sync/atomic"
	"time"
)

// lateTables remember when people were last seen unchanged. Such an event is not
// saved again, so the store does not know how late it was: without this, an older
// event that a handler is slow to hand over would win against it.
//
// They hold the people of the last moments, which is as long as handlers are out of
// order, and take no lock. Each lane notes in a table of its own; to read is to look
// into all.
type lateTables [lanes]lateTable

// A lateTable has one word for a person: 43 bits of time, and 21 to know whose it is.
// Should they be the same for two people in one place, once in two million, one may lose
// a change that came out of order until their next event. Time is in milliseconds, as
// platforms tell it at their finest: two events of one count as of the same moment.
type lateTable [2048]atomic.Uint64

const (
	ownerBits = 21
	ownerMask = 1<<ownerBits - 1
)

// lateSlot is where the tables keep a person's events that state these core fields:
// of others they say nothing.
func lateSlot(person uint64, set coreSet) uint64 { return combine(person, uint64(set)) }

// lateWord puts a time before 1970, which no store keeps, at its beginning.
func lateWord(slot uint64, at time.Time) uint64 {
	return uint64(max(0, at.UnixMilli()))<<ownerBits | slot>>(64-ownerBits)
}

// note takes in that the event at this time was unchanged.
func (t *lateTables) note(l lane, slot uint64, at time.Time) {
	place := &t[l][slot%uint64(len(t[l]))]
	word := lateWord(slot, at)
	last := place.Load()
	if sameOwner(last, word) && last >= word {
		return
	}
	place.Store(word)
}

// after reports whether an event later than at was noted. One beyond limit is
// forged or skewed, and does not count.
func (t *lateTables) after(slot uint64, at, limit time.Time) bool {
	word, most := lateWord(slot, at), lateWord(slot, limit)
	for l := range t {
		last := t[l][slot%uint64(len(t[l]))].Load()
		if sameOwner(last, word) && last > word && last <= most {
			return true
		}
	}
	return false
}

func sameOwner(a, b uint64) bool { return a&ownerMask == b&ownerMask }
