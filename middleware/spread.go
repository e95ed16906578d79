package middleware

import "sync/atomic"

// A spread is a counter that many cores add to at once. Each adds to a cell of its
// own cache line as a rule, or they would wait for each other at every message.
type spread [16]struct {
	n atomic.Uint64
	_ [cacheLine - 8]byte
}

// cacheLine is how many bytes cores take from each other at a time.
const cacheLine = 64

// add adds 1, in the cell that a hash chooses.
func (s *spread) add(hash uint64) { s[hash%uint64(len(s))].n.Add(1) }

// load is the sum of the cells, read one after the other.
func (s *spread) load() (sum uint64) {
	for i := range s {
		sum += s[i].n.Load()
	}
	return sum
}
