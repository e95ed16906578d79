package middleware

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/rollcall-go/rollcall/store"
)

const (
	batchPeople   = 500              // in one transaction
	commitTimeout = 30 * time.Second // for one call of the store
	firstBackoff  = 500 * time.Millisecond
	maxBackoff    = 30 * time.Second

	// gathering is for how long the committer rests after a transaction, unless it
	// has enough for a full one. Somebody's first change in a while is saved at once.
	gathering = 5 * time.Millisecond
)

// A committer saves what is pending. It is one goroutine, so a person's
// observations are saved in the order in which they came.
type committer struct {
	m        *Middleware
	limit    int // people in the next transaction; halved when the store refuses, for a disk that is nearly full
	refusals int // of the store in a row
	since    time.Time
	span     time.Duration // the next wait is random within it
	struck   *entry        // whom the store last refused with an error of no known kind
}

func (c *committer) run(ctx context.Context) {
	c.limit, c.span = batchPeople, firstBackoff
	for {
		batch := c.m.pending.take(c.limit)
		if len(batch) == 0 {
			select {
			case <-c.m.pending.wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		err := c.save(ctx, batch)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			c.remember(err)
			if c.m.closing.Load() && errors.Is(err, store.ErrClosed) {
				return // Close waits for nothing more
			}
			c.backOff(ctx, err)
		} else {
			c.gather(ctx)
		}
	}
}

// gather waits until the next transaction is worth its cost.
func (c *committer) gather(ctx context.Context) {
	if c.m.pending.pressed(c.limit) {
		return
	}
	rest := time.NewTimer(gathering)
	defer rest.Stop()
	select {
	case <-rest.C:
	case <-c.m.pending.pressing:
	case <-ctx.Done():
	}
}

// save brings a batch to its end, or back into the queue. An error means that
// the store as a whole refuses, so that going on makes no sense for a while.
func (c *committer) save(ctx context.Context, batch []*entry) error {
	changes, err := c.ask(ctx, batch)
	switch {
	case err == nil:
		c.accepted()
		for i, e := range batch {
			c.saved(e, &changes[i])
		}
		if slices.ContainsFunc(changes, store.Change.Owes) {
			c.m.nudge()
		}
		return nil
	case refuses(err) || ctx.Err() != nil:
		c.putBack(batch)
		return err
	case len(batch) > 1:
		// One of them may be what the store objects to: find it, save the rest.
		half := len(batch) / 2
		if err := c.save(ctx, batch[:half]); err != nil {
			c.putBack(batch[half:])
			return err
		}
		return c.save(ctx, batch[half:])
	case errors.Is(err, store.ErrInvalid):
		c.rejected(batch[0], err)
		return nil
	default:
		// An error of no known kind. The same person alone may be at fault; two
		// people in a row mean that the store is.
		strange := c.struck != nil && c.struck != batch[0]
		c.struck = batch[0]
		if strange {
			c.putBack(batch)
			return err
		}
		c.remember(err)
		c.m.log.Warn("store refuses one person", causeField(err))
		c.m.log.Debug("store refuses one person", zap.Stringer("key", batch[0].key), zap.Error(err))
		if o := c.m.pending.sideline(batch[0], c.m.attempts, err); o != nil {
			c.m.tell(o)
		}
		c.putBack(batch)
		return nil
	}
}

// refuses reports whether err is about the store and not about a person.
func refuses(err error) bool {
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrClosed) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// ask puts a batch to the store, and takes a panic or a wrong answer for a
// refusal.
func (c *committer) ask(ctx context.Context, batch []*entry) (changes []store.Change, err error) {
	ctx, end := c.m.traceCommit(ctx, batch)
	defer func() { end(err) }()
	return c.m.apply(ctx, batch)
}

// apply is ask without a trace.
func (m *Middleware) apply(ctx context.Context, batch []*entry) (changes []store.Change, err error) {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	deaf := time.AfterFunc(2*commitTimeout, func() {
		m.log.Warn("store neither answers nor heeds its context; nothing is saved", zap.Int("waiting", m.pending.len()))
	})
	defer deaf.Stop()
	deltas := make([]store.Record, len(batch))
	for i, e := range batch {
		deltas[i] = e.record(m.repairer)
	}
	err = m.containStore(func() error {
		if m.when == FirstMessage {
			changes, err = m.introduce(ctx, deltas)
			return err
		}
		changes, err = m.store.Apply(ctx, deltas)
		return err
	})
	return answered(changes, err, len(deltas))
}

// introduce applies those deltas whose people were never seen. For the others
// it answers with the zero Change.
func (m *Middleware) introduce(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
	var strangers []store.Record
	var places []int
	for i, d := range deltas {
		kept, err := m.store.Get(ctx, d.Key)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		if kept.FirstSeen.IsZero() {
			strangers, places = append(strangers, d), append(places, i)
		}
	}
	changes := make([]store.Change, len(deltas))
	if len(strangers) == 0 {
		return changes, nil
	}
	made, err := m.store.Apply(ctx, strangers)
	if made, err = answered(made, err, len(strangers)); err != nil {
		return nil, err
	}
	for i, place := range places {
		changes[place] = made[i]
	}
	return changes, nil
}

func answered(changes []store.Change, err error, deltas int) ([]store.Change, error) {
	if err == nil && len(changes) != deltas {
		return nil, fmt.Errorf("middleware: the store answered %d deltas with %d changes: %w", deltas, len(changes), store.ErrUnavailable)
	}
	return changes, err
}

func (c *committer) saved(e *entry, change *store.Change) {
	forgotten, tell, repeat := c.m.pending.settle(e, c.m.marksAfter(e, change))
	if forgotten {
		change = &store.Change{Suppressed: true}
	}
	defer c.m.repeated(repeat, change)
	defer c.m.pending.done(e)
	if !tell {
		return
	}
	result, reason := c.m.resultOf(change)
	if !c.m.wantsHook(result) {
		c.m.counts.add(result, reason)
		return
	}
	o := e.origin.outcome(e.key)
	o.Profile, o.Fields, o.Attempts = change.Profile, change.Fields, e.failures+1
	o.Result, o.Reason = result, reason
	c.m.tell(o)
}

// repeated ends an observation that said nothing new, as Observe does with those who
// are known. nil is none.
func (m *Middleware) repeated(e *entry, change *store.Change) {
	if e == nil {
		return
	}
	defer m.pending.done(e)
	whole := e.marks()[0]
	m.late.note(thisLane(), lateSlot(whole.slot, whole.core), time.Unix(0, whole.at))
	if e.told { // by Close, which gave up meanwhile
		return
	}
	o := e.origin.outcome(e.key)
	o.Result, o.Profile = Unchanged, change.Profile
	o.Profile.Nicks, o.Profile.Custom = maps.Clone(o.Profile.Nicks), maps.Clone(o.Profile.Custom) // the other Outcome has these
	m.tell(o)
}

// marksAfter returns what the seen table may remember of e, given what the store
// has answered, and what it is to forget.
func (m *Middleware) marksAfter(e *entry, change *store.Change) []mark {
	marks := e.marks()
	if !change.Suppressed && !change.Outdated {
		return marks
	}
	marks = slices.Clone(marks)
	for i := range marks {
		marks[i].void = true
	}
	if change.Suppressed {
		person := e.one.person
		marks[0] = mark{slot: person, fingerprint: suppressedPrint(m.period(person, e.record(m.pending.repairer).LastSeen))}
	}
	return marks
}

func (m *Middleware) resultOf(change *store.Change) (Result, Reason) {
	switch {
	case change.Suppressed:
		return Dropped, ReasonSuppressed
	case change.Created:
		return Created, ""
	case m.when == FirstMessage:
		return Dropped, ReasonWhen
	case len(change.Fields) > 0:
		return Updated, ""
	default:
		return Unchanged, ""
	}
}

// rejected ends an observation that the store will never take.
func (c *committer) rejected(e *entry, err error) {
	c.m.log.Debug("store rejects a person", zap.Stringer("key", e.key), zap.Error(err))
	forgotten, tell, _ := c.m.pending.settle(e, nil)
	if forgotten {
		c.m.endForgotten(e, tell)
		return
	}
	defer c.m.pending.done(e)
	if !tell {
		return
	}
	o := e.origin.outcome(e.key)
	o.Result, o.Err, o.Attempts = Failed, err, e.failures+1
	c.m.tell(o)
}

func (c *committer) putBack(batch []*entry) {
	for _, e := range batch {
		coalesced, forgotten, tell := c.m.pending.putBack(e)
		if forgotten {
			c.m.endForgotten(e, tell)
		}
		if coalesced != nil {
			o := coalesced.origin.outcome(coalesced.key)
			o.Result = Coalesced
			c.m.tell(o)
		}
	}
}

// remember keeps why the store last refused, which Flush and Close say when they give up.
func (c *committer) remember(refusal error) { c.m.lastRefusal.Store(&refusal) }

func (c *committer) accepted() {
	if c.refusals > 0 {
		c.m.log.Info("store is back", zap.Int("refusals", c.refusals), zap.Duration("away", time.Since(c.since)),
			zap.Int("waiting", c.m.pending.len()))
	}
	c.m.lastRefusal.Store(nil)
	c.refusals, c.span, c.struck = 0, firstBackoff, nil
	c.limit = min(2*c.limit, batchPeople)
}

// backOff tells those whose patience ended, and waits before the store is asked
// again: full jitter over a doubling span.
func (c *committer) backOff(ctx context.Context, cause error) {
	m := c.m
	if c.refusals++; c.refusals == 1 {
		c.since = time.Now()
		m.log.Warn("store refuses; what is observed waits in memory", causeField(cause), zap.Int("waiting", m.pending.len()))
	}
	c.limit = max(1, c.limit/2)
	for _, o := range m.pending.failed(m.attempts, cause) {
		m.tell(o)
	}
	wait := time.NewTimer(rand.N(c.span))
	defer wait.Stop()
	c.span = min(2*c.span, maxBackoff)
	select {
	case <-wait.C:
	case <-m.hurry:
		c.span = firstBackoff
	case <-ctx.Done():
	}
}
