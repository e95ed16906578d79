package middleware

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

const (
	// leastPeriods is for how many SeenEvery people stay at the least. What a process
	// remembers of somebody, and would not save again, is good for half of them
	// (fieldPeriods); the other half is for events that come late.
	leastPeriods = 2 * fieldPeriods

	// firstSweep is how long after the start the first sweep begins, at the latest,
	// so that processes that start together do not sweep together.
	firstSweep = 30 * time.Minute
	sweepEvery = 24 * time.Hour
	firstResay = time.Minute // when the store refused
)

// sweeps are how a Middleware erases people of whom there is no sign of life.
type sweeps struct {
	store     store.Expirer // nil where the store is none
	retention time.Duration // 0: no sweeps but by Expire
	people    atomic.Uint64 // who were erased

	// turn is held by who sweeps. In it is whom the last one was about to erase
	// when the store refused: bytes of them may be left in a file.
	turn    chan []store.Key
	closing context.Context // ends with Close
	stop    context.CancelFunc
	ended   chan struct{} // closed when the goroutine has returned
}

// validateRetention returns an error where a person who expires could be somebody
// who is there.
func (o *Options) validateRetention(st store.Store) error {
	if o.Retention < 0 {
		return fmt.Errorf("Options.Retention is negative: %w", store.ErrInvalid)
	}
	if o.Retention == 0 {
		return nil
	}
	if _, ok := st.(store.Expirer); !ok {
		return fmt.Errorf("Options.Retention: %w", errNoExpirer)
	}
	if err := mayExpire(o.When, o.seenEvery(), o.Retention); err != nil {
		return fmt.Errorf("Options.Retention: %w", err)
	}
	return nil
}

var errNoExpirer = fmt.Errorf("the store is no store.Expirer, choose another, such as sqlitestore: %w", store.ErrInvalid)

// mayExpire returns nil where those who were silent for that long can be told from
// the others. seenEvery is in seconds.
func mayExpire(when When, seenEvery int64, silence time.Duration) error {
	every := time.Duration(seenEvery) * time.Second
	switch {
	case when == FirstMessage:
		return fmt.Errorf("with Options.When FirstMessage nobody knows who is still there, choose EveryChange: %w", store.ErrInvalid)
	case seenEvery == 0:
		return fmt.Errorf("with a negative Options.SeenEvery nobody knows who is still there, leave it 0: %w", store.ErrInvalid)
	case every > math.MaxInt64/leastPeriods:
		return fmt.Errorf("%d times Options.SeenEvery is longer than time.Duration, make SeenEvery shorter: %w", leastPeriods, store.ErrInvalid)
	case silence < leastPeriods*every:
		return fmt.Errorf("%s of silence is less than %d times Options.SeenEvery, make it %s or longer, or SeenEvery shorter: %w",
			silence.Round(time.Second), leastPeriods, leastPeriods*every, store.ErrInvalid)
	}
	return nil
}

// prepareSweeps is for a Middleware that is not started yet.
func (m *Middleware) prepareSweeps(o *Options) {
	m.sweeps = sweeps{retention: o.Retention, turn: make(chan []store.Key, 1), ended: make(chan struct{})}
	m.sweeps.store, _ = m.store.(store.Expirer)
	m.sweeps.turn <- nil
}

func (m *Middleware) startSweeps() {
	s := &m.sweeps
	s.closing, s.stop = context.WithCancel(context.Background())
	if s.retention == 0 {
		close(s.ended)
		return
	}
	go func() {
		defer close(s.ended)
		m.sweepDaily(s.closing)
	}()
}

// awaitSweeps waits for those that were stopped.
func (m *Middleware) awaitSweeps(ctx context.Context) {
	select {
	case <-m.sweeps.ended:
	case <-ctx.Done():
		return
	}
	select {
	case <-m.sweeps.turn: // for good
	case <-ctx.Done():
	}
}

func (m *Middleware) sweepDaily(ctx context.Context) {
	clock := newSweepClock(m)
	_ = clock.check(ctx) // before people are seen by it; what is wrong comes up again
	wait := rand.N(firstSweep)
	for refusals := 0; ; {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		wait = sweepEvery
		err := clock.check(ctx)
		if err == nil {
			_, err = m.sweep(ctx, clock.silentBefore())
		}
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			refusals = 0
		case refuses(err):
			if refusals++; refusals == 1 {
				m.log.Warn("store refuses; nobody is erased meanwhile whose Options.Retention is over", causeField(err))
			}
			wait = leastPause + rand.N(spanOf(firstResay, refusals))
		case errors.Is(err, errClock):
			m.log.Error("nobody is erased, since everybody in the store is silent for longer than Options.Retention: is this machine's clock ahead? If it is right, call Middleware.Expire")
		default:
			m.log.Error("not everybody is erased whose Options.Retention is over; tried again in a day", causeField(err))
		}
	}
}

// Expire erases everybody of whom there was no sign of life at before or later, as
// store.Record.SilentSince tells, and returns how many that were. It is what
// Options.Retention does once a day, for bots that would rather say when: see there
// what is erased and who hears of it. It takes its time, 100 people a transaction
// with pauses of nine times what one took, and waits for hooks that are slow. Two
// at once take turns; other processes may do the same meanwhile.
//
// LastSeen may be Options.SeenEvery old, so before must be 48 times that ago, or
// earlier. The error wraps store.ErrInvalid where it is not, and where
// Options.Retention cannot be set. Otherwise it is the store's, or wraps
// store.ErrClosed after Close. Those who are counted are gone all the same, and the
// next call goes on. Whoever cannot be erased, as what is kept of them is damaged, is
// left behind, and the error says how many they are. Not to be called in a hook.
func (m *Middleware) Expire(ctx context.Context, before time.Time) (int, error) {
	if m.closing.Load() {
		return 0, fmt.Errorf("middleware: expire: %w", store.ErrClosed)
	}
	if m.sweeps.store == nil {
		return 0, fmt.Errorf("middleware: expire: %w", errNoExpirer)
	}
	if err := mayExpire(m.when, m.seenEvery, time.Since(before)); err != nil {
		return 0, fmt.Errorf("middleware: expire: %w", err)
	}
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(m.sweeps.closing, cancel)()
	people, err := m.sweep(within, before)
	if ctx.Err() == nil && m.closing.Load() {
		err = fmt.Errorf("middleware: expire: cut short by Close: %w", store.ErrClosed)
	}
	return people, err
}
