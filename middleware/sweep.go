package middleware

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"go.uber.org/zap"

	"github.com/rollcall-go/rollcall/store"
)

const (
	sweepPeople = 100 // in one transaction
	// leftInARow is how many people in a row a sweep leaves behind, before it takes the
	// store to be at fault and not them.
	leftInARow = 100
	// Between two transactions a sweep rests for nine times what one took, so that
	// it takes a tenth of the store's time.
	sweepRest  = 9
	leastPause = 50 * time.Millisecond
)

// A sweep goes through those who were not seen since a time, and lets the store
// erase who is silent since then.
type sweep struct {
	m      *Middleware
	before time.Time
	page   []store.Key
	people int // who were erased

	left    int // of whom the store cannot do it
	inARow  int // of those, up to now
	because error
}

func (m *Middleware) sweep(ctx context.Context, before time.Time) (people int, err error) {
	s := sweep{m: m, before: before}
	select {
	case s.page = <-m.sweeps.turn:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	defer func() { m.sweeps.turn <- s.page }()
	if err = ctx.Err(); err == nil && !m.closing.Load() {
		err = m.containStore(func() error { return s.run(ctx) })
	}
	if s.people > 0 {
		m.log.Info("people were erased of whom there was no sign of life", zap.Int("people", s.people))
	}
	if s.left > 0 {
		m.log.Warn("the store cannot erase some people of whom there was no sign of life", zap.Int("people", s.left), causeField(s.because))
	}
	if err == nil && s.left > 0 {
		err = fmt.Errorf("middleware: expire: the store cannot erase %d people: %w", s.left, s.because)
	}
	return s.people, err
}

func (s *sweep) run(ctx context.Context) error {
	if err := s.erase(ctx); err != nil {
		return err
	}
	began := time.Now()
	for key, err := range keysOf(ctx, s.m.store, store.Filter{SeenBefore: s.before}) {
		switch {
		case err == nil:
			s.page = append(s.page, key)
		case key.IsZero():
			if refused := s.erase(ctx); refused != nil {
				return refused
			}
			return err
		default:
			s.leave(key, err)
		}
		if len(s.page) < sweepPeople {
			continue
		}
		if err := s.erase(ctx); err != nil {
			return err
		}
		if err := s.rest(ctx, time.Since(began)); err != nil {
			return err
		}
		began = time.Now()
	}
	return s.erase(ctx)
}

// keysOf yields those whom a listing has. Those who are damaged come with an error; one
// without a Key ends it.
func keysOf(ctx context.Context, st store.Store, f store.Filter) iter.Seq2[store.Key, error] {
	return func(yield func(store.Key, error) bool) {
		for {
			var end error
			for p, err := range st.List(ctx, f) {
				if err != nil {
					end = err
					break
				}
				if !yield(p.Key, nil) {
					return
				}
			}
			damaged, ok := errors.AsType[*store.DamagedError](end)
			if !ok || refuses(end) || damaged.Key.Compare(f.After) <= 0 {
				if end != nil {
					yield(store.Key{}, end)
				}
				return
			}
			if !yield(damaged.Key, end) {
				return
			}
			f.After = damaged.Key
		}
	}
}

// erase hands the page to the store, and parts of it where the store objects to
// somebody. Who is left of it stays there where the store may want them again.
func (s *sweep) erase(ctx context.Context) error {
	for n := len(s.page); n > 0; {
		err := s.expire(ctx, s.page[:n])
		switch {
		case err == nil:
			s.inARow = 0
			s.page = s.page[:copy(s.page, s.page[n:])]
			n = len(s.page)
		case refuses(err) || ctx.Err() != nil:
			return err
		case n > 1:
			n /= 2
		default:
			s.leave(s.page[0], err)
			s.page = s.page[:copy(s.page, s.page[1:])]
			if s.inARow++; s.inARow == leftInARow {
				s.page = s.page[:0]
				return err
			}
			n = min(1, len(s.page)) // the next one is likely to be like them
		}
	}
	return nil
}

func (s *sweep) expire(ctx context.Context, keys []store.Key) error {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	expired, err := s.m.sweeps.store.Expire(ctx, keys, s.before)
	if err == nil && len(expired) != len(keys) {
		err = fmt.Errorf("middleware: the store answered of %d people for %d: %w", len(expired), len(keys), store.ErrUnavailable)
	}
	for i, key := range keys[:min(len(keys), len(expired))] {
		if expired[i] {
			s.people++
			s.m.sweeps.people.Add(1)
			s.m.tell(&Outcome{Target: TargetStore, Result: Erased, Key: key})
		}
	}
	s.m.nudge()
	return err
}

// leave goes on without somebody, until the next sweep.
func (s *sweep) leave(key store.Key, err error) {
	s.left++
	s.because = err
	s.m.log.Debug("the store cannot erase somebody of whom there was no sign of life", zap.Stringer("key", key), zap.Error(err))
}

// rest leaves the store to others, and lets the hooks catch up.
func (s *sweep) rest(ctx context.Context, took time.Duration) error {
	for pause := max(leastPause, sweepRest*took); ; pause = leastPause {
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		if len(s.m.notices) <= hookQueue/2 {
			return nil
		}
	}
}
