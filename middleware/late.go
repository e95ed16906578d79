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

// A lateTable is that of a lane. The words of an entry are bound together by check, so
// that a torn entry is as good as none: two goroutines may share a lane.
type lateTable [1024]struct{ check, at atomic.Uint64 }

// lateSlot is where the tables keep a person's events that state these core fields:
// of others they say nothing.
func lateSlot(person uint64, set coreSet) uint64 { return combine(person, uint64(set)) }

// note takes in that the event at this time was unchanged.
func (t *lateTables) note(l lane, slot uint64, at time.Time) {
	e := &t[l][slot%uint64(len(t[l]))]
	now := uint64(at.UnixNano())
	last := e.at.Load()
	if e.check.Load()^last == slot && int64(last) >= int64(now) {
		return
	}
	e.at.Store(now)
	e.check.Store(slot ^ now)
}

// after reports whether an event later than at was noted, both in nanoseconds since
// 1970. One more than maxAhead from now is forged or skewed, and does not count.
func (t *lateTables) after(slot uint64, at, now int64) bool {
	i := slot % uint64(len(t[0]))
	for l := range t {
		e := &t[l][i]
		if last := e.at.Load(); int64(last) > at && int64(last) <= now+int64(maxAhead) && e.check.Load()^last == slot {
			return true
		}
	}
	return false
}
