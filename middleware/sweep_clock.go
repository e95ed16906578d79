package middleware

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/rollcall-go/rollcall/store"
)

// A sweepClock is the time that daily sweeps go by. A machine whose clock is a year
// ahead must not erase everybody.
type sweepClock struct {
	m     *Middleware
	began time.Time // the start, or when the clock was corrected; its monotonic reading counts
	wall  time.Time // what the clock said then
	// proved is that wall was right, or behind: by then somebody had been seen for
	// whom Options.Retention was not over.
	proved bool
}

func newSweepClock(m *Middleware) *sweepClock {
	now := time.Now()
	return &sweepClock{m: m, began: now, wall: now.Round(0)}
}

var errClock = errors.New("everybody is silent for longer than Options.Retention")

// check returns nil where a sweep may erase people, and errClock where it would
// erase people and the clock may be ahead.
func (c *sweepClock) check(ctx context.Context) error {
	ahead := time.Now().Round(0).Sub(c.steady())
	switch {
	case c.proved && ahead > sweepEvery:
		c.m.log.Warn("the clock was set ahead, or the machine slept; until a restart Options.Retention is over so much later", zap.Duration("later", ahead))
		return nil
	case c.proved:
		return nil
	case ahead > maxAhead: // it was wrong, and is corrected
		c.began = time.Now()
		c.wall = c.began.Round(0)
	}
	before := c.silentBefore()
	if !before.Before(c.wall) { // who was seen since then may be silent by now
		c.proved = true
		return nil
	}
	seen, err := c.anybody(ctx, store.Filter{SeenSince: before, SeenBefore: c.wall})
	if err != nil || seen {
		c.proved = seen
		return err
	}
	silent, err := c.anybody(ctx, store.Filter{SeenBefore: before})
	if err == nil && silent {
		err = errClock
	}
	return err
}

// anybody reports whether a listing has somebody.
func (c *sweepClock) anybody(ctx context.Context, f store.Filter) (found bool, err error) {
	f.Limit = 1
	err = c.m.containStore(func() error {
		for key, err := range keysOf(ctx, c.m.store, f) {
			switch {
			case err == nil:
				found = true
			case key.IsZero():
				return fmt.Errorf("middleware: expire: %w", err)
			}
		}
		return nil
	})
	return found, err
}

// silentBefore is the time at which Options.Retention ends. LastSeen can be older
// than the truth by SeenEvery, and nobody goes too early for it.
func (c *sweepClock) silentBefore() time.Time {
	now := time.Now().Round(0)
	if steady := c.steady(); steady.Before(now) {
		now = steady
	}
	return now.Add(-c.m.sweeps.retention).Add(-time.Duration(c.m.seenEvery) * time.Second) // their sum may overflow
}

// steady is what the clock would say had nobody set it since it began.
func (c *sweepClock) steady() time.Time { return c.wall.Add(time.Since(c.began)) }
