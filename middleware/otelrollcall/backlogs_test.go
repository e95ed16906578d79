package otelrollcall

import (
	"context"
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// A counter is a store whose Backlogs does what a test tells it to, and counts.
type counter struct {
	mu    sync.Mutex
	asked int
	do    func(ctx context.Context) error
}

func (c *counter) ask(ctx context.Context) ([]store.Backlog, error) {
	c.mu.Lock()
	c.asked++
	asked, do := c.asked, c.do
	c.mu.Unlock()
	if do != nil {
		if err := do(ctx); err != nil {
			return []store.Backlog{{Backend: "half", Owed: 7}}, err
		}
	}
	return []store.Backlog{{Backend: "crm", Owed: asked}}, nil
}

func (c *counter) becomes(do func(context.Context) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.do = do
}

func (c *counter) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked
}

func TestBacklogsAreAskedForOnceInAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &counter{}
		b := backlogs{ask: c.ask, every: time.Minute}
		for second := range 180 {
			if got := b.latest(t.Context()); len(got) != 1 || got[0].Owed != 1+second/60 {
				t.Fatalf("after %ds latest is %+v", second, got)
			}
			time.Sleep(time.Second)
		}
		if c.count() != 3 {
			t.Errorf("asked %d times in three minutes", c.count())
		}
		once := backlogs{ask: c.ask, every: math.MaxInt64}
		for range 2 {
			if got := once.latest(t.Context()); len(got) != 1 || got[0].Owed != 4 {
				t.Errorf("asked once, latest is %+v", got)
			}
			time.Sleep(300 * 24 * time.Hour)
		}
		never := backlogs{ask: c.ask, every: -1}
		if got := never.latest(t.Context()); got != nil || c.count() != 4 {
			t.Errorf("never asked, latest is %+v", got)
		}
	})
}

func TestBacklogsOfAStoreThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &counter{}
		b := backlogs{ask: c.ask, every: time.Minute}
		b.latest(t.Context())
		release := make(chan struct{})
		c.becomes(func(context.Context) error { <-release; return nil }) // heeds no context
		time.Sleep(time.Minute)
		began := time.Now()
		if got := b.latest(t.Context()); len(got) != 1 || got[0].Owed != 1 {
			t.Errorf("while it hangs latest is %+v, want that of before", got)
		}
		if took := time.Since(began); took != patience {
			t.Errorf("a collection waited %s", took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began = time.Now()
		b.latest(ctx)
		if took := time.Since(began); took != 0 {
			t.Errorf("a collection whose context is over waited %s", took)
		}
		time.Sleep(2 * time.Minute)
		if got := b.latest(t.Context()); got != nil {
			t.Errorf("minutes later latest is %+v, want none", got)
		}
		if c.count() != 2 {
			t.Errorf("%d questions run beside each other", c.count()-1)
		}
		c.becomes(nil)
		close(release)
		synctest.Wait()
		if got := b.latest(t.Context()); len(got) != 1 {
			t.Errorf("after it answered latest is %+v", got)
		}
	})
}

func TestBacklogsOfAStoreThatFails(t *testing.T) {
	for name, do := range map[string]func(context.Context) error{
		"error":           func(context.Context) error { return fmt.Errorf("away: %w", store.ErrUnavailable) },
		"panic":           func(context.Context) error { panic("x") },
		"heeds a context": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &counter{}
				b := backlogs{ask: c.ask, every: time.Minute}
				b.latest(t.Context())
				c.becomes(do)
				time.Sleep(time.Minute)
				b.latest(t.Context())
				time.Sleep(askTimeout)
				if got := b.latest(t.Context()); got != nil {
					t.Errorf("latest is %+v, want none", got)
				}
				c.becomes(nil)
				time.Sleep(time.Minute)
				if got := b.latest(t.Context()); len(got) != 1 || got[0].Backend != "crm" {
					t.Errorf("when it is back latest is %+v", got)
				}
			})
		})
	}
}
