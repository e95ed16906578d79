package middleware

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// Drain returns when all that was observed before the call is durable, nothing is
// owed to Options.Backends any more, dead letters aside, and the hooks have heard
// of it. When ctx ends before, the error says how many are still owed to whom. After
// Close it wraps store.ErrClosed. Not to be called in a hook.
func (m *Middleware) Drain(ctx context.Context) error {
	if err := m.Flush(ctx); err != nil {
		return err
	}
	var owed []string
	var refusal error // of the store
	for wait := drainPoll; ; wait = min(2*wait, pollEvery) {
		latest, err := m.owed(ctx)
		switch {
		case err == nil && len(latest) == 0:
			return m.Flush(ctx)
		case err == nil:
			owed = latest
		case ctx.Err() == nil && !refuses(err):
			return err
		}
		if ctx.Err() == nil {
			refusal = err
		}
		pause := time.NewTimer(wait)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return undrained(owed, refusal, ctx.Err())
		case <-m.stopHooks:
			pause.Stop()
			return undrained(owed, refusal, store.ErrClosed)
		}
	}
}

const drainPoll = 10 * time.Millisecond

// undrained says what is owed as the store said it last.
func undrained(owed []string, refusal, why error) error {
	if refusal != nil {
		why = fmt.Errorf("%w; the store: %w", why, refusal)
	}
	if len(owed) == 0 {
		return fmt.Errorf("middleware: drain: gave up before the store said what is owed: %w", why)
	}
	return fmt.Errorf("middleware: drain: gave up with %s owed: %w", strings.Join(owed, ", "), why)
}

// owed says what is owed to which of our own backends: "2 to crm".
func (m *Middleware) owed(ctx context.Context) (owed []string, err error) {
	if len(m.deliverers) == 0 {
		return nil, nil
	}
	backlogs, err := m.Backlogs(ctx)
	if err != nil {
		return nil, err
	}
	enrolled := make(map[string]store.Backlog, len(backlogs))
	for _, b := range backlogs {
		enrolled[b.Backend] = b
	}
	for _, d := range m.deliverers {
		b, ok := enrolled[d.name]
		switch people := max(b.Owed, int(d.untold.Load())); {
		case people > 0:
			owed = append(owed, fmt.Sprintf("%d to %s", people, d.name))
		case ok && !b.Complete, !ok && !d.enrolled.Load():
			owed = append(owed, "everybody to "+d.name)
		}
	}
	return owed, nil
}
