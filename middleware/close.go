package middleware

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

const (
	// lastGrace is what Close takes when its ctx has ended before the call.
	lastGrace = 2 * time.Second
	// hookGrace is what hooks get to hear of the end, once ctx has ended.
	hookGrace = 100 * time.Millisecond
)

// Flush returns when all that was observed before the call is durable and its
// hooks have run, or with an error when ctx ends before that. The error says how
// many people are not saved yet and wraps why the store last refused.
// After Close it wraps store.ErrClosed.
func (m *Middleware) Flush(ctx context.Context) error {
	if m.closing.Load() {
		return fmt.Errorf("middleware: flush: %w", store.ErrClosed)
	}
	drained := m.pending.drained()
	select {
	case <-drained:
	case <-ctx.Done():
		m.pending.giveUp(drained)
		return m.unsaved("flush", m.pending.len(), ctx.Err())
	case <-m.stopHooks: // Close is through, or gave up
		select {
		case <-drained:
		default:
			return m.unsaved("flush", m.pending.len(), store.ErrClosed)
		}
	}
	told := make(chan struct{})
	select {
	case m.barriers <- told:
	case <-m.hooked:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("middleware: flush: all is saved, but hooks still run: %w", ctx.Err())
	}
	select {
	case <-told:
	case <-m.hooked:
	case <-ctx.Done():
		return fmt.Errorf("middleware: flush: all is saved, but hooks still run: %w", ctx.Err())
	}
	return nil
}

func (m *Middleware) unsaved(op string, people int, why error) error {
	if refusal := m.lastRefusal.Load(); refusal != nil {
		why = fmt.Errorf("%w; the store: %w", why, *refusal)
	}
	return fmt.Errorf("middleware: %s: gave up with %d unsaved: %w", op, people, why)
}

// Close stops the intake, saves what waits, lets the hooks finish, and returns.
// When ctx ends first, or the store is closed already, it gives up: the error says how
// many people were not saved, and each of their observations ends as Failed. A ctx that
// has ended already gets two seconds, so that a deferred Close behind a cancelled main
// context still saves.
//
// Calls to backends that run are waited for, and no new ones begin: what is owed
// stays in the store, and is delivered by the next process. Drain before, where
// there will be none. Of people whose Options.Retention is over the page that is being
// erased is waited for, and the next process goes on.
//
// Close leaves the store open, and Get, Set, Unset, Forget and Readmit, which
// ask it directly, work on. Observe drops what comes after Close. A second
// Close waits for the first and returns nil, or an error when its ctx ends
// before. Neither Close nor Flush may be called in a hook, which they would wait
// for.
func (m *Middleware) Close(ctx context.Context) error {
	if m.closing.Swap(true) {
		select {
		case <-m.ended:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("middleware: close: another Close is at work: %w", ctx.Err())
		}
	}
	defer close(m.ended)
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), lastGrace)
		defer cancel()
	}
	m.pending.close()
	m.sweeps.stop()
	m.hurry <- struct{}{}
	select {
	case <-m.pending.drained():
	case <-m.committed: // the store is closed
	case <-ctx.Done():
	}
	m.stopCommits()
	select {
	case <-m.committed:
	case <-ctx.Done():
	}
	err := m.abandon(ctx)
	m.awaitSweeps(ctx)
	m.endDeliveries(ctx)

	close(m.stopHooks)
	m.awaitHooks(ctx)
	m.cancelHooks()
	return err
}

func (m *Middleware) awaitHooks(ctx context.Context) {
	select {
	case <-m.hooked:
		return
	case <-ctx.Done():
	}
	grace := time.NewTimer(hookGrace)
	defer grace.Stop()
	select {
	case <-m.hooked:
	case <-grace.C:
	}
}

// abandon ends what could not be saved.
func (m *Middleware) abandon(ctx context.Context) error {
	untold, people := m.pending.abandon()
	if people == 0 {
		return nil
	}
	err := m.unsaved("close", people, cmp.Or(ctx.Err(), errStoreFirst))
	for _, o := range untold {
		m.tell(o)
	}
	return err
}

var errStoreFirst = errors.New("the store was closed before the Middleware")

var errAbandoned = fmt.Errorf("middleware: not saved before Close gave up: %w", store.ErrClosed)
