package middleware

import (
	"context"
	"slices"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// A Tracer sees from inside how long the store and the backends take, for traces
// and metrics; package otelrollcall has one for OpenTelemetry.
//
// The Start methods are called before the store or a backend is asked. What they
// return is the context of the question, so that the traces of a database's or an
// HTTP client nest below; it has to be made of ctx, and nil stands for ctx. The End
// methods get it too, when the question is over, and always come.
//
// They run on the goroutine that asks, which waits for them: the one that saves, or
// that of the call, of which many run at once. The bot's is never among them. A panic
// is logged and contained. What they are given is theirs until they return.
//
// Set, Get and the other methods that ask the store on the caller's goroutine, with
// the caller's context, Import among them, are the caller's to trace.
type Tracer interface {
	// TraceCommitStart is told of a transaction that saves people.
	TraceCommitStart(ctx context.Context, c Commit) context.Context
	// TraceCommitEnd is told of it again, with Commit.Err.
	TraceCommitEnd(ctx context.Context, c Commit)
	// TraceCallStart is told of a call to a backend.
	TraceCallStart(ctx context.Context, c Call) context.Context
	// TraceCallEnd is told of it again, with the Result and Err of each person.
	TraceCallEnd(ctx context.Context, c Call)
}

// A Commit is one question to the store to save people whom Observe has taken in.
type Commit struct {
	// Waited is for how long each of them has been waiting by now, since the first
	// observation that is not durable. There are 1 to 500.
	Waited []time.Duration
	// Err is nil when they are durable. It may name a Key, but no value. All of them
	// then wait on, or are asked about again in smaller parts.
	Err error
}

// A Call is one call to a backend.
type Call struct {
	Backend string // its name
	Erase   bool   // it is asked to erase, and else to deliver
	// People are those whom the call is about: one, or up to Traits.Batch.
	People []Called
}

// A Called is one person whom a [Call] is about.
type Called struct {
	Key     store.Key
	Attempt int // which of this delivery it is, from 1
	// Owed is for how long by now the backend has been owed this, at the least: from
	// the change to the first attempt that is exact, by the store's clock. After
	// that the store does not know it to the second any more.
	Owed time.Duration
	// Bulk means that it is owed by an enrolling or a Resync, behind what just happens.
	Bulk bool
	// Result and Err are set in TraceCallEnd. Err is nil, or the backend's own with
	// URLs taken out of its text, which may name a Key.
	Result CallResult
	Err    error
}

// A CallResult is what a call to a backend means for one person. The Outcome, or the
// [Retry], comes when the store has noted it.
type CallResult string

// The results of a call.
const (
	CallDelivered   CallResult = "delivered"    // the backend has the person as they were then
	CallErased      CallResult = "erased"       // the backend has erased the person
	CallRetried     CallResult = "retried"      // it failed or was not answered, and is tried again
	CallThrottled   CallResult = "throttled"    // the backend asked for a pause; it is tried again
	CallDenied      CallResult = "denied"       // the backend lets nobody in; it is tried again
	CallDead        CallResult = "dead letter"  // the backend will not take the person
	CallCannotErase CallResult = "cannot erase" // the backend has no way to
	CallAbandoned   CallResult = "abandoned"    // Close did not wait for it; the next process tries again
)

func (p *part) callResult(erase bool) CallResult {
	switch p.blame {
	case nobody:
		if erase {
			return CallErased
		}
		return CallDelivered
	case thePerson:
		return CallDead
	case theLoad:
		return CallThrottled
	case theAccess:
		return CallDenied
	case cannotErase:
		return CallCannotErase
	case ourselves:
		return CallAbandoned
	}
	return CallRetried
}

// traceCommit tells the Tracer of a commit that begins. end tells of its end.
func (m *Middleware) traceCommit(ctx context.Context, batch []*entry) (traced context.Context, end func(error)) {
	if m.tracer == nil {
		return ctx, func(error) {}
	}
	waited := func() []time.Duration {
		now := time.Now()
		spans := make([]time.Duration, len(batch))
		for i, e := range batch {
			spans[i] = now.Sub(e.since)
		}
		return spans
	}
	ctx = m.traceStart(ctx, func() context.Context { return m.tracer.TraceCommitStart(ctx, Commit{Waited: waited()}) })
	return ctx, func(err error) {
		m.containAs("tracer panicked", func() { m.tracer.TraceCommitEnd(ctx, Commit{Waited: waited(), Err: err}) })
	}
}

// traceCall tells the Tracer of a call that begins. end tells of its end.
func (d *deliverer) traceCall(ctx context.Context, r *result) (traced context.Context, end func()) {
	tracer := d.m.tracer
	if tracer == nil {
		return ctx, func() {}
	}
	began := time.Now()
	c := Call{Backend: d.name, Erase: r.claims[0].Standing.Erase, People: make([]Called, len(r.claims))}
	for i, claim := range r.claims {
		s := claim.Standing
		c.People[i] = Called{Key: s.Key, Attempt: s.Attempts + 1, Bulk: s.Bulk, Owed: owedFor(claim, began)}
	}
	people := slices.Clone(c.People)
	ctx = d.m.traceStart(ctx, func() context.Context { return tracer.TraceCallStart(ctx, c) })
	return ctx, func() {
		c := Call{Backend: c.Backend, Erase: c.Erase, People: people}
		took := time.Since(began)
		for i := range people {
			p := &r.parts[i]
			people[i].Result, people[i].Err = p.callResult(c.Erase), p.err
			people[i].Owed += took
		}
		d.m.containAs("tracer panicked", func() { tracer.TraceCallEnd(ctx, c) })
	}
}

func (m *Middleware) traceStart(ctx context.Context, start func() context.Context) context.Context {
	var made context.Context
	m.containAs("tracer panicked", func() { made = start() }) //nolint:fatcontext // once, not in a loop
	if made == nil {
		return ctx
	}
	return made
}

// owedFor is for how long a claim has been owed, at the least. The store knows that
// for the first attempt; after it only when the next one became due. Then there is
// still the time of the last change, which goes by the platform's clock and moves on
// when the person is seen again.
func owedFor(c store.Claim, now time.Time) time.Duration {
	owed := max(0, c.Waited)
	if s := c.Standing; s.Attempts == 0 && s.Reason == "" {
		return owed
	}
	var last time.Time
	for _, r := range c.Record.Registers {
		if r.At.After(last) && slices.Contains(c.Standing.Fields, r.Field) {
			last = r.At
		}
	}
	if age := now.Sub(last); !last.IsZero() && age < undatedAge/2 {
		owed = max(owed, age)
	}
	return owed
}
