package natsstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// A queue is what Claim remembers of a backend between calls, so that a long
// backlog is not listed each time: candidates that were due when they were
// listed, the longest due first. What becomes due later comes behind all of them.
type queue struct {
	number uint64
	lanes  map[lane][]candidate
	marks  map[lane]int                // written by this process since it swept
	noted  map[lane]map[candidate]bool // see strays.go
	strays map[lane]map[candidate]bool
}

const (
	// shortWait is how long to wait for what others are about to claim.
	shortWait = 20 * time.Millisecond
	// claimSize is how many candidates are looked at in one transaction.
	claimSize = 400
)

// Claim implements [store.Outbox]. It tells time by this machine's clock.
func (s *Store) Claim(ctx context.Context, backend string, limit int, lease time.Duration) ([]store.Claim, time.Duration, error) {
	c := claimer{s: s, backend: backend, limit: limit, lease: lease}
	err := c.claim(ctx)
	switch {
	case len(c.claims) > 0:
		return c.claims, 0, nil // an error comes again, and these are claimed
	case err != nil:
		return nil, 0, s.fail(ctx, fmt.Sprintf("claim from %q", backend), err)
	case c.wait > 0:
		return nil, max(c.wait, time.Millisecond), nil
	}
	return nil, 0, nil
}

type claimer struct {
	s       *Store
	backend string
	limit   int
	lease   time.Duration

	number uint64
	claims []store.Claim
	wait   time.Duration // until the first of those that are not due, 0 for none
}

// claim goes by what is remembered of the backend, and asks for its enrolment only
// where that brings nothing: each transaction checks it.
func (c *claimer) claim(ctx context.Context) error {
	if c.number = c.s.remembered(c.backend); c.number != 0 {
		err := c.claimLanes(ctx)
		if len(c.claims) > 0 || err != nil && !errors.Is(err, errNotEnrolled) {
			return err
		}
	}
	e, err := c.s.enrolment(ctx, c.backend)
	if err != nil || e.Number == c.number {
		return err
	}
	c.number, c.wait = e.Number, 0
	return c.claimLanes(ctx)
}

func (c *claimer) claimLanes(ctx context.Context) error {
	// Once more, since what was in the bulk lane may have become live meanwhile.
	for i, l := range []lane{laneLive, laneBulk, laneLive} {
		if i == 2 && (len(c.claims) > 0 || c.wait > 0) {
			break
		}
		for next, more := 0, true; len(c.claims) < c.limit; {
			candidates := c.s.take(c.backend, c.number, l, min(c.limit-len(c.claims), claimSize))
			if len(candidates) == 0 {
				if !more {
					break
				}
				var err error
				if next, err = c.list(ctx, l, next); err != nil {
					return err
				}
				more = next > 0
				continue
			}
			if err := c.try(ctx, l, candidates); err != nil {
				c.s.forgetQueue(c.backend)
				return err
			}
		}
	}
	return nil
}

// candidates lists up to 100,000 places of a lane, from the one at offset on, those
// without a mark. next is the offset of those behind them, 0 where there are none.
// Subjects of others are passed over.
func (s *Store) candidates(ctx context.Context, backend string, number uint64, l lane, offset int) (listed []candidate, next int, err error) {
	owed := s.owed(backend, number)
	var subjects map[string]uint64
	var marked map[candidate]bool
	noted := s.notedBefore(backend, number, l)
	err = retry(ctx, func() error {
		page, total, err := s.page(ctx, owed+string(l)+".>", offset)
		subjects, next = page, 0
		if end := offset + len(page); len(page) > 0 && end < total {
			next = end
		}
		return err
	})
	if err == nil && len(subjects) > 0 {
		marked, err = s.marked(ctx, backend, number, l)
	}
	if err != nil {
		return nil, 0, err
	}
	inUse := make(map[place]bool)
	for _, subject := range slices.Sorted(maps.Keys(subjects)) {
		if x, err := parseCandidate(owed, subject); err == nil && !marked[x] {
			listed = append(listed, x)
			inUse[x.place] = true
		}
	}
	s.confirm(backend, number, l, listed, noted, offset > 0 || next > 0)
	_ = s.sweep(ctx, backend, number, marked, func(at place) bool { return !inUse[at] }) // the next one does it
	return listed, next, nil
}

func (c *claimer) waitFor(d time.Duration) {
	if d = max(d, 1); c.wait == 0 || d < c.wait {
		c.wait = d
	}
}

// list fills a lane of the queue with what is due, from the place at offset on. next is
// the offset of more that may be due, 0 where there is none.
func (c *claimer) list(ctx context.Context, l lane, offset int) (next int, err error) {
	listed, next, err := c.s.candidates(ctx, c.backend, c.number, l, offset)
	if err != nil {
		return 0, err
	}
	now := time.Now()
	var due []candidate
	for _, x := range listed {
		if when := time.UnixMilli(x.due); (store.Standing{State: store.StateOwed, Due: when}).DueAt(now) {
			due = append(due, x)
		} else {
			c.waitFor(when.Sub(now))
			next = 0
		}
	}
	c.s.keep(c.backend, c.number, l, due)
	return next, nil
}

// try claims those of the candidates that are still due.
func (c *claimer) try(ctx context.Context, l lane, candidates []candidate) error {
	keys := make([]store.Key, len(candidates))
	for i, x := range candidates {
		keys[i] = x.key
	}
	type tried struct {
		claims []store.Claim
		later  []candidate // whose claim ran out, to be claimed by when that was
		waits  []time.Duration
	}
	done, err := update(ctx, c.s, keys, func(t *tx) (r tried, err error) {
		if e, err := t.backend(c.backend); err != nil || e.Number != c.number {
			return r, cmp.Or(err, errNotEnrolled)
		}
		for _, x := range candidates {
			p := t.people[x.key]
			st, at, _ := p.standing(c.backend)
			switch {
			case p.repaired(c.backend):
				if t.put(p, letDie(st, t.now)); at != x.place {
					t.leaveAt(p, c.backend, x.place)
				}
			case at != x.place:
				if t.clear(p, c.backend, x); st.State == store.StateOwed { // somebody else moved it just now
					r.waits = append(r.waits, max(st.Due.Sub(t.now), shortWait))
				}
			case !st.DueAt(t.now):
				r.waits = append(r.waits, st.Due.Sub(t.now))
			case p.damaged && !st.Erase:
				t.put(p, letDie(st, t.now))
			case st.Token != 0 && x.due != st.Due.UnixMilli():
				r.later = append(r.later, t.requeue(p, c.backend))
			default:
				claimed := st.Claimed(1+rand.Int64N(math.MaxInt64), t.now, c.lease)
				t.put(p, claimed)
				r.claims = append(r.claims, store.Claim{Standing: clone(claimed), Record: p.record, Waited: st.Overdue(t.now)})
			}
		}
		return r, nil
	})
	if err != nil {
		return err
	}
	c.claims = append(c.claims, done.claims...)
	for _, wait := range done.waits {
		c.waitFor(wait)
	}
	c.s.insert(c.backend, c.number, l, done.later)
	return nil
}

// requeue gives a standing whose claim has run out the place of when it did.
func (t *tx) requeue(p *person, backend string) candidate {
	i := slices.IndexFunc(p.standings, func(st standing) bool { return st.Backend == backend })
	t.move(p.key, &p.standings[i])
	p.dirty = true
	at := p.standings[i].place
	due, _ := at.due()
	return candidate{key: p.key, place: at, due: due}
}

func clone(st store.Standing) store.Standing {
	st.Fields = slices.Clone(st.Fields)
	return st
}

// take removes up to n candidates from a lane.
func (s *Store) take(backend string, number uint64, l lane, n int) []candidate {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queue(backend, number)
	n = min(n, len(q.lanes[l]))
	taken := q.lanes[l][:n:n]
	q.lanes[l] = q.lanes[l][n:]
	return taken
}

func (s *Store) keep(backend string, number uint64, l lane, due []candidate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue(backend, number).lanes[l] = due
}

func (s *Store) insert(backend string, number uint64, l lane, more []candidate) {
	if len(more) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queue(backend, number)
	all := slices.Concat(q.lanes[l], more)
	slices.SortFunc(all, func(a, b candidate) int { return cmp.Compare(a.place, b.place) })
	q.lanes[l] = all
}

// queue is called with s.mu held.
func (s *Store) queue(backend string, number uint64) *queue {
	q := s.queues[backend]
	if q == nil || q.number != number {
		q = &queue{number: number, lanes: make(map[lane][]candidate), marks: make(map[lane]int), noted: make(map[lane]map[candidate]bool), strays: make(map[lane]map[candidate]bool)}
		s.queues[backend] = q
	}
	return q
}

// remembered returns the number of the enrolment that a queue is of, 0 for none.
func (s *Store) remembered(backend string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.queues[backend]; q != nil {
		return q.number
	}
	return 0
}

func (s *Store) forgetQueue(backend string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.queues, backend)
}
