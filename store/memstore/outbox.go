package memstore

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

var _ store.Outbox = (*Store)(nil)

// A backend is one that was enrolled, with how each person stands with it.
type backend struct {
	name      string
	standings map[store.Key]store.Standing
	began     time.Time // the last Enroll or Resync
	total     int       // how many people that was about
}

func (b *backend) standing(key store.Key) store.Standing {
	if s, ok := b.standings[key]; ok {
		return s
	}
	return store.Standing{Backend: b.name, Key: key}
}

// owe makes a change owed to every backend. It is called with s.mu held, as disown is.
func (s *Store) owe(key store.Key, c store.Change, now time.Time) {
	if !c.Owes() {
		return
	}
	for _, b := range s.backends {
		b.standings[key] = b.standing(key).Changed(c.Fields, now)
	}
}

// disown keeps that the person is to be erased wherever they may be.
func (s *Store) disown(key store.Key, now time.Time) {
	for _, b := range s.backends {
		if forgotten, keep := b.standing(key).Forgotten(now); keep {
			b.standings[key] = forgotten
		} else {
			delete(b.standings, key)
		}
	}
}

// Enroll implements [store.Outbox], in a single step.
func (s *Store) Enroll(ctx context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return fmt.Errorf("memstore: enroll %q: %w", name, err)
	}
	if s.backends[name] == nil {
		b := &backend{name: name, standings: make(map[store.Key]store.Standing)}
		s.backends[name] = b
		s.bulk(b)
	}
	return nil
}

// Resync implements [store.Outbox], in a single step.
func (s *Store) Resync(ctx context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.enrolled(ctx, name)
	if err != nil {
		return fmt.Errorf("memstore: resync %q: %w", name, err)
	}
	s.bulk(b)
	return nil
}

func (s *Store) bulk(b *backend) {
	b.began, b.total = time.Now(), len(s.people)
	for key := range s.people {
		b.standings[key] = b.standing(key).Bulked(b.began)
	}
}

// Withdraw implements [store.Outbox].
func (s *Store) Withdraw(ctx context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return fmt.Errorf("memstore: withdraw %q: %w", name, err)
	}
	delete(s.backends, name)
	return nil
}

// Replay implements [store.Outbox].
func (s *Store) Replay(ctx context.Context, name string, key store.Key) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.enrolled(ctx, name)
	if err != nil {
		return 0, fmt.Errorf("memstore: replay %q: %w", name, err)
	}
	now := time.Now()
	n := 0
	for _, st := range b.standings {
		if !(store.StandingFilter{Key: key}).Match(st) {
			continue
		}
		b.standings[st.Key] = st.Replayed(now)
		if st.State == store.StateDead {
			n++
		}
	}
	return n, nil
}

// Claim implements [store.Outbox]. It looks at all standings of the backend.
func (s *Store) Claim(ctx context.Context, name string, limit int, lease time.Duration) ([]store.Claim, time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.enrolled(ctx, name)
	if err != nil {
		return nil, 0, fmt.Errorf("memstore: claim from %q: %w", name, err)
	}
	now := time.Now()
	var due []store.Standing
	var next time.Time // when the first of those that are not due will be
	for _, st := range b.standings {
		switch {
		case st.DueAt(now):
			due = append(due, st)
		case st.State == store.StateOwed && (next.IsZero() || st.Due.Before(next)):
			next = st.Due
		}
	}
	if len(due) == 0 {
		if next.IsZero() {
			return nil, 0, nil
		}
		return nil, next.Sub(now), nil
	}
	slices.SortFunc(due, compareUrgency)
	var claims []store.Claim
	for _, st := range due[:min(max(limit, 0), len(due))] {
		claimed := st.Claimed(1+rand.Int64N(math.MaxInt64), now, lease)
		b.standings[st.Key] = claimed
		claims = append(claims, store.Claim{Standing: cloneStanding(claimed), Record: clone(s.people[st.Key]), Waited: st.Overdue(now)})
	}
	return claims, 0, nil
}

func compareUrgency(a, b store.Standing) int {
	if a.Bulk != b.Bulk {
		if b.Bulk {
			return -1
		}
		return 1
	}
	return cmp.Or(a.Due.Compare(b.Due), a.Key.Compare(b.Key))
}

// Settle implements [store.Outbox].
func (s *Store) Settle(ctx context.Context, name string, settlements []store.Settlement) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.enrolled(ctx, name)
	if err != nil {
		return fmt.Errorf("memstore: settle with %q: %w", name, err)
	}
	now := time.Now()
	for _, x := range settlements {
		if st, ok := b.standings[x.Key]; ok {
			b.standings[x.Key] = st.Settled(x, now)
		}
	}
	return nil
}

// Standings implements [store.Outbox]. It copies those that match when the
// iteration begins.
func (s *Store) Standings(ctx context.Context, f store.StandingFilter) iter.Seq2[store.Standing, error] {
	return func(yield func(store.Standing, error) bool) {
		standings, err := s.matching(ctx, f)
		for _, st := range standings {
			if err = ctx.Err(); err != nil {
				break
			}
			if !yield(st, nil) {
				return
			}
		}
		if err != nil {
			yield(store.Standing{}, fmt.Errorf("memstore: standings: %w", err))
		}
	}
}

func (s *Store) matching(ctx context.Context, f store.StandingFilter) ([]store.Standing, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	if err := f.Validate(); err != nil {
		return nil, err
	}
	if f.Backend != "" && s.backends[f.Backend] == nil {
		return nil, errNotEnrolled
	}
	var standings []store.Standing
	for _, b := range s.backends {
		for _, st := range b.standings {
			if f.Match(st) {
				standings = append(standings, cloneStanding(st))
			}
		}
	}
	slices.SortFunc(standings, func(a, b store.Standing) int {
		return cmp.Or(cmp.Compare(a.Backend, b.Backend), a.Key.Compare(b.Key))
	})
	return standings, nil
}

// Backlogs implements [store.Outbox].
func (s *Store) Backlogs(ctx context.Context) ([]store.Backlog, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx); err != nil {
		return nil, fmt.Errorf("memstore: backlogs: %w", err)
	}
	var backlogs []store.Backlog
	for _, name := range slices.Sorted(maps.Keys(s.backends)) {
		b := s.backends[name]
		backlog := store.Backlog{Backend: name, Complete: true, Total: b.total, Elapsed: time.Since(b.began)}
		for _, st := range b.standings {
			switch st.State {
			case store.StateOwed:
				backlog.Owed++
				if st.Bulk {
					backlog.Bulk++
				}
			case store.StateDead:
				backlog.Dead++
			}
		}
		backlogs = append(backlogs, backlog)
	}
	return backlogs, nil
}

var errNotEnrolled = fmt.Errorf("the backend is not enrolled: %w", store.ErrNotFound)

// enrolled is called with s.mu held.
func (s *Store) enrolled(ctx context.Context, name string) (*backend, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	if b := s.backends[name]; b != nil {
		return b, nil
	}
	return nil, errNotEnrolled
}

func cloneStanding(s store.Standing) store.Standing {
	s.Fields = slices.Clone(s.Fields)
	return s
}
