package middleware

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/rollcall-go/rollcall/internal/seen"
	"github.com/rollcall-go/rollcall/store"
)

// A Middleware keeps the profiles of the people that adapters observe. All its
// methods may be called from many goroutines at once. Make one with [New]; on a nil
// Middleware only Observe and Known may be called.
type Middleware struct {
	store     store.Store
	log       *zap.Logger
	onSuccess func(context.Context, Outcome)
	onFailure func(context.Context, Outcome, error)
	onOutcome func(context.Context, Outcome)
	onRetry   func(context.Context, Retry)
	tracer    Tracer
	who       func(Sender) bool
	when      When
	repairer  *repairer
	seenEvery int64 // seconds
	attempts  int

	seen        *seen.Table
	late        *lateTables
	pending     *pending
	counts      counts
	notices     chan notice
	barriers    chan chan struct{}
	lastRefusal atomic.Pointer[error]

	outbox          store.Outbox // nil where the store is none
	deliverers      []*deliverer
	stopDeliveries  context.CancelFunc
	cancelCalls     context.CancelFunc
	deliveriesEnded chan struct{} // closed when all deliverers have returned

	sweeps sweeps

	closing     atomic.Bool
	hurry       chan struct{} // holds a token when the next attempt is wanted now
	stopCommits context.CancelFunc
	committed   chan struct{} // closed when the committer has returned
	stopHooks   chan struct{}
	ended       chan struct{} // closed when Close is over
	cancelHooks context.CancelFunc
	hooked      chan struct{} // closed when the hook goroutine has returned
}

// New returns a Middleware that saves to st. st stays the caller's, to be closed
// after Middleware.Close. The Middleware runs two goroutines until then, one more
// with Options.Retention, and some for each backend. o may be nil. The error wraps
// store.ErrInvalid: st is nil, or an option cannot be.
func New(st store.Store, o *Options) (*Middleware, error) {
	m, err := idle(st, o)
	if err != nil {
		return nil, fmt.Errorf("middleware: new: %w", err)
	}
	m.start()
	return m, nil
}

// idle returns a Middleware that does nothing by itself yet.
func idle(st store.Store, o *Options) (*Middleware, error) {
	if v := reflect.ValueOf(st); st == nil || v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, fmt.Errorf("the store is nil; did its Open return an error? %w", store.ErrInvalid)
	}
	if o == nil {
		o = &Options{}
	}
	if err := o.validate(); err != nil {
		return nil, err
	}
	outbox, ok := st.(store.Outbox)
	if len(o.Backends) > 0 && !ok {
		return nil, fmt.Errorf("backends need a store that is a store.Outbox, such as sqlitestore: %w", store.ErrInvalid)
	}
	if err := o.validateRetention(st); err != nil {
		return nil, err
	}
	table := seen.New(o.expectedPeople())
	r := &repairer{custom: slices.Clone(o.CustomFields), log: o.logger(), fix: store.Repair}
	quiet := *r
	quiet.quiet = true
	m := &Middleware{
		seen:      table,
		pending:   newPending(table, &quiet, o.When == FirstMessage),
		store:     st,
		log:       o.logger(),
		onSuccess: o.OnSuccess,
		onFailure: o.OnFailure,
		onOutcome: o.OnOutcome,
		onRetry:   o.OnRetry,
		tracer:    o.Tracer,
		who:       o.Who,
		when:      o.When,
		repairer:  r,
		seenEvery: o.seenEvery(),
		attempts:  o.attempts(),

		late:     new(lateTables),
		notices:  make(chan notice, hookQueue),
		barriers: make(chan chan struct{}),

		hurry:     make(chan struct{}, 1),
		committed: make(chan struct{}),
		stopHooks: make(chan struct{}),
		ended:     make(chan struct{}),
		hooked:    make(chan struct{}),

		outbox:          outbox,
		deliveriesEnded: make(chan struct{}),
	}
	for _, b := range o.Backends {
		m.deliverers = append(m.deliverers, newDeliverer(m, b))
	}
	m.prepareSweeps(o)
	return m, nil
}

func (m *Middleware) start() {
	var commits, hooks context.Context
	commits, m.stopCommits = context.WithCancel(context.Background())
	hooks, m.cancelHooks = context.WithCancel(context.Background())
	m.startDeliveries()
	m.startSweeps()
	go func() {
		defer close(m.committed)
		c := committer{m: m}
		c.run(commits)
	}()
	go func() {
		defer close(m.hooked)
		m.runHooks(hooks, m.stopHooks)
	}()
}
