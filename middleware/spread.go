package middleware

import "sync/atomic"

// A spread is a counter that many goroutines add to at once, each in a cell that has
// a cache line of its own.
type spread [lanes]struct {
	n atomic.Uint64
	_ [cacheLine - 8]byte
}

// cacheLine is how many bytes cores take from each other at a time.
const cacheLine = 64

// add adds 1.
func (s *spread) add(l lane) { s[l].n.Add(1) }

// load is the sum of the cells, read one after the other.
func (s *spread) load() (sum uint64) {
	for i := range s {
		sum += s[i].n.Load()
	}
	return sum
}
