package natsstore

import (
	"maps"
	"time"
)

// A stray is a place without a standing and without a mark: a process ended between
// two steps. A place whose standing is elsewhere is none yet, since its mark may have
// been written after it was listed, with the standing. If it is listed once more it
// has no mark, and never will.

// staleAfter is the age from which a stray is removed. Younger ones may be those of a
// transaction that is under way, which would have to begin again: that is all it
// costs. Until then a Backlog counts them, and Drain waits.
const staleAfter = 2 * answerTime

// clear removes a stray, or notes that x may be one. The person is written again, so
// that a transaction which is about to put a standing there fails and takes another
// place.
func (t *tx) clear(p *person, backend string, x candidate) {
	number := t.registry.Backends[backend].Number
	if !t.s.stray(backend, number, x) {
		t.noted = append(t.noted, leaving{backend: backend, number: number, place: x.place, key: x.key})
		return
	}
	if t.now.Sub(time.UnixMilli(x.due)) >= staleAfter {
		t.leaveAt(p, backend, x.place)
	}
}

// leaveAt removes a place where no standing was, and which therefore has no mark.
func (t *tx) leaveAt(p *person, backend string, at place) {
	t.single = append(t.single, purge{Filter: t.s.at(backend, t.registry.Backends[backend].Number, at, p.key)})
	p.dirty = true
}

func (s *Store) stray(backend string, number uint64, x candidate) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue(backend, number).strays[x.place.lane()][x]
}

// note is called when a transaction is committed.
func (s *Store) note(noted []leaving) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, at := range noted {
		q, l := s.queue(at.backend, at.number), at.place.lane()
		if q.noted[l] == nil {
			q.noted[l] = make(map[candidate]bool)
		}
		due, _ := at.place.due()
		q.noted[l][candidate{key: at.key, place: at.place, due: due}] = true
	}
}

// notedBefore returns what is noted of a lane before it is listed.
func (s *Store) notedBefore(backend string, number uint64, l lane) map[candidate]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.queue(backend, number).noted[l])
}

// confirm says which of those that were noted were listed again. The others are gone,
// or elsewhere in the lane where only a part of it was listed.
func (s *Store) confirm(backend string, number uint64, l lane, listed []candidate, noted map[candidate]bool, part bool) {
	strays := make(map[candidate]bool)
	for _, x := range listed {
		if noted[x] {
			strays[x] = true
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queue(backend, number)
	q.strays[l] = strays
	if !part {
		maps.DeleteFunc(q.noted[l], func(x candidate, _ bool) bool { return noted[x] && !strays[x] })
	}
}
