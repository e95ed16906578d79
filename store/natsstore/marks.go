package natsstore

import (
	"context"
	"maps"
	"slices"

	"github.com/rollcall-go/rollcall/store"
)

// To remove a place is a request of its own, which the server syncs alone. So where
// a transaction empties many places of one group, it writes a mark beside each, in
// its own batch, and the group is removed by one request when nothing is at any of
// its places. What is marked counts as removed.

const (
	// markFrom is how many of a group have to leave at once to be marked. Fewer
	// are removed one by one.
	markFrom = 8
	// sweepFrom is how many marks a process writes before it looks which groups
	// can be removed.
	sweepFrom = 4000
	// sweepSize is how many groups are removed at once.
	sweepSize = 20
)

// A leaving is a place where a standing is not any more.
type leaving struct {
	backend string
	number  uint64
	place   place
	key     store.Key
}

// group is all of a leaving but the person.
func (l leaving) group() leaving {
	l.key = store.Key{}
	return l
}

// remove decides which of the places that are left are marked, if there is room for
// so many, and which are removed one by one.
func (t *tx) remove(room int) {
	left := slices.DeleteFunc(t.left, func(l leaving) bool { return slices.Contains(t.erased, l.key) })
	sizes := make(map[leaving]int)
	for _, l := range left {
		sizes[l.group()]++
	}
	many := 0
	for _, n := range sizes {
		if n >= markFrom {
			many += n
		}
	}
	for _, l := range left {
		if sizes[l.group()] >= markFrom && many <= room {
			t.marks = append(t.marks, message{subject: t.s.gone(l.backend, l.number) + string(l.place) + "." + keyTokens(l.key)})
		} else {
			t.single = append(t.single, purge{Filter: t.s.at(l.backend, l.number, l.place, l.key)})
		}
	}
	t.left = left
}

// marked returns the places of a lane that are marked, as candidates.
func (s *Store) marked(ctx context.Context, backend string, number uint64, l lane) (marked map[candidate]bool, err error) {
	gone := s.gone(backend, number)
	marked = make(map[candidate]bool)
	for offset, more := 0, true; more; {
		var page map[string]uint64
		var total int
		err = retry(ctx, func() (err error) {
			page, total, err = s.page(ctx, gone+string(l)+".>", offset)
			return err
		})
		if err != nil {
			return nil, err
		}
		for subject := range page {
			if x, err := parseCandidate(gone, subject); err == nil {
				marked[x] = true
			}
		}
		offset += len(page)
		more = len(page) > 0 && offset < total
	}
	return marked, nil
}

// sweep removes the groups of a lane of which nothing is left but what is marked,
// as long as maybe says that this can be so. marked was read before: a mark is
// written in the batch that took the standing away, which was after the whole
// group was there.
func (s *Store) sweep(ctx context.Context, backend string, number uint64, marked map[candidate]bool, maybe func(place) bool) error {
	owed := s.owed(backend, number)
	groups := make(map[place]bool)
	for x := range marked {
		groups[x.place] = true
	}
	var empty []place
	for _, at := range slices.Sorted(maps.Keys(groups)) {
		if !maybe(at) {
			continue
		}
		there, total, err := s.page(ctx, owed+string(at)+".>", 0)
		if err != nil {
			return err
		}
		left := total > len(there)
		for subject := range there {
			x, err := parseCandidate(owed, subject)
			left = left || err != nil || !marked[x]
		}
		if !left {
			empty = append(empty, at)
		}
	}
	for some := range slices.Chunk(empty, sweepSize) {
		if err := s.removeGroups(ctx, backend, number, some); err != nil {
			return err
		}
	}
	return nil
}

// removeGroups removes groups, the places and the marks of each by one request: a place
// without its mark would count, and a mark without its place would hide another place.
func (s *Store) removeGroups(ctx context.Context, backend string, number uint64, groups []place) error {
	purges := make([]purge, len(groups))
	for i, at := range groups {
		purges[i] = purge{Filter: s.group(backend, number, at)}
	}
	return retry(ctx, func() error { return s.purge(ctx, purges) })
}

// sweepAll sweeps a lane.
func (s *Store) sweepAll(ctx context.Context, backend string, number uint64, l lane) error {
	marked, err := s.marked(ctx, backend, number, l)
	if err != nil {
		return err
	}
	return retry(ctx, func() error {
		return s.sweep(ctx, backend, number, marked, func(place) bool { return true })
	})
}

// sweepLater counts marks, and sweeps when there are many.
func (s *Store) sweepLater(ctx context.Context, marks []message, left []leaving) {
	if len(marks) == 0 {
		return
	}
	written := make(map[leaving]int) // by backend and lane
	for _, l := range left {
		of := l.group()
		of.place = place(l.place.lane())
		written[of]++
	}
	for of, n := range written {
		if !s.manyMarks(of, n) {
			continue
		}
		_ = s.sweepAll(ctx, of.backend, of.number, lane(of.place)) // the next one does it
	}
}

func (s *Store) manyMarks(of leaving, n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queue(of.backend, of.number)
	l := lane(of.place)
	q.marks[l] += n
	if q.marks[l] < sweepFrom {
		return false
	}
	q.marks[l] = 0
	return true
}

// countTries is how often count looks for a moment in which nothing is written.
const countTries = 5

// count tells how many places of a lane have no mark. It never tells too few, and
// too many only while others write and sweep.
func (s *Store) count(ctx context.Context, backend string, number uint64, l lane) (n int, err error) {
	for range countTries {
		var places, marks listed
		err = retry(ctx, func() (err error) {
			const behindAll = 1 << 30 // so that none is sent
			// In this order, since a sweep removes marks with their places.
			places, err = s.list(ctx, s.owed(backend, number)+string(l)+".>", behindAll)
			if err == nil && places.Total > 0 {
				marks, err = s.list(ctx, s.gone(backend, number)+string(l)+".>", behindAll)
			}
			return err
		})
		if err != nil || marks.Total == 0 {
			return places.Total, err
		}
		// What was written in between may be marks of places that are not counted.
		between := max(0, int(marks.State.LastSeq)-int(places.State.LastSeq))
		n = min(places.Total, max(0, places.Total-marks.Total+between))
		if between == 0 {
			break
		}
	}
	return n, nil
}
