package middleware

import (
	"context"

	"go.uber.org/zap"

	"github.com/rollcall-go/rollcall/store"
)

// hookQueue is how many outcomes may wait for a slow hook.
const hookQueue = 8192

// An origin is what an Outcome tells of the event that it came from.
type origin struct {
	event string
	start bool
	reply func(ctx context.Context, chat any, text string) error
	chat  any
}

// origin returns no chat where no hook is there to reply, or KeepChat panics.
func (m *Middleware) origin(s *Sender) origin {
	g := origin{event: s.Event, start: s.Start}
	if s.Reply == nil || m.onSuccess == nil && m.onFailure == nil && m.onOutcome == nil {
		return g
	}
	if s.KeepChat == nil || s.Chat == nil {
		g.reply, g.chat = s.Reply, s.Chat
		return g
	}
	m.containAs("KeepChat panicked", func() { // where Observe could not contain it: it tells of its panics
		g.reply, g.chat = s.Reply, s.KeepChat(s.Chat)
	})
	return g
}

func (g origin) outcome(key store.Key) *Outcome {
	return &Outcome{Target: TargetStore, Key: key, Event: g.event, Start: g.start, reply: g.reply, chat: g.chat}
}

// A notice is what a hook is told: one of the two.
type notice struct {
	outcome *Outcome
	retry   *Retry
}

// tell counts an outcome and hands it to the hooks, without waiting for them.
func (m *Middleware) tell(o *Outcome) {
	if o.Target == TargetStore {
		m.counts.add(o.Result, o.Reason)
	} else {
		m.counts.addDelivery(o.Result)
	}
	if m.wantsHook(o.Result) {
		m.post(notice{outcome: o})
	}
}

func (m *Middleware) tellRetry(r *Retry) {
	if m.onRetry != nil {
		m.post(notice{retry: r})
	}
}

func (m *Middleware) post(n notice) {
	select {
	case m.notices <- n:
	default:
		if m.counts.hooksSkipped.Add(1) == 1 {
			m.log.Warn("hooks are too slow; outcomes are skipped from now on, see Stats.HooksSkipped")
		}
	}
}

func (m *Middleware) wantsHook(r Result) bool {
	switch {
	case m.onOutcome != nil:
		return true
	case r == Created, r == Updated, r == Delivered, r == Erased:
		return m.onSuccess != nil
	case r == Failed:
		return m.onFailure != nil
	}
	return false
}

// endForgotten ends an entry that Forget has taken out.
func (m *Middleware) endForgotten(e *entry, tell bool) {
	defer m.pending.done(e)
	if !tell {
		return
	}
	o := e.origin.outcome(e.key)
	o.Result, o.Reason = Dropped, ReasonSuppressed
	m.tell(o)
}

// runHooks calls the hooks, one at a time, until stop ends; then what waits
// still, unless ctx has ended too.
func (m *Middleware) runHooks(ctx context.Context, stop <-chan struct{}) {
	for ctx.Err() == nil {
		select {
		case n := <-m.notices:
			m.callHooks(ctx, n)
		case done := <-m.barriers:
			for n := len(m.notices); n > 0; n-- {
				m.callHooks(ctx, <-m.notices)
			}
			close(done)
		case <-stop:
			for n := len(m.notices); n > 0 && ctx.Err() == nil; n-- {
				m.callHooks(ctx, <-m.notices)
			}
			return
		}
	}
}

func (m *Middleware) callHooks(ctx context.Context, n notice) {
	if n.retry != nil {
		m.contain("OnRetry", func() { m.onRetry(ctx, *n.retry) })
		return
	}
	o := n.outcome
	if m.onOutcome != nil {
		m.contain("OnOutcome", func() { m.onOutcome(ctx, *o) })
	}
	switch o.Result {
	case Created, Updated, Delivered, Erased:
		if m.onSuccess != nil {
			m.contain("OnSuccess", func() { m.onSuccess(ctx, *o) })
		}
	case Failed:
		if m.onFailure != nil {
			m.contain("OnFailure", func() { m.onFailure(ctx, *o, o.Err) })
		}
	}
}

func (m *Middleware) contain(hook string, call func()) {
	m.containAs("hook panicked", call, zap.String("hook", hook))
}
