package prove_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rollcall-go/rollcall/internal/prove/disk"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

// A witness notes what a store was asked for and what it acknowledged, and when, by
// the log of its disk.
type witness struct {
	*sqlitestore.Store
	record *acknowledgements
}

// A span is from before a call until after it, in positions of the log. to is never for
// a call that failed: it may have had its effect.
type span struct{ from, to int }

const never = int(^uint(0) >> 1)

type acknowledgements struct {
	disk *disk.Disk

	mu      sync.Mutex
	applied []appliedDelta
	settled []settledClaim
	forgot  []forgotten
	told    int // outcomes and returns that told the bot of something durable
}

type appliedDelta struct {
	span
	delta store.Record
	owes  bool
}

type settledClaim struct {
	span
	backend string
	key     store.Key
	version int64
	verdict store.Verdict
}

type forgotten struct {
	span
	key store.Key
}

func (w witness) Apply(ctx context.Context, deltas []store.Record) ([]store.Change, error) {
	s := span{from: w.record.disk.Now(), to: never}
	changes, err := w.Store.Apply(ctx, deltas)
	if err == nil {
		s.to = w.record.disk.Now()
	}
	w.record.mu.Lock()
	defer w.record.mu.Unlock()
	for i, d := range deltas {
		w.record.applied = append(w.record.applied, appliedDelta{s, d, err != nil || changes[i].Owes()})
	}
	return changes, err
}

func (w witness) Settle(ctx context.Context, backend string, settlements []store.Settlement) error {
	s := span{from: w.record.disk.Now(), to: never}
	err := w.Store.Settle(ctx, backend, settlements)
	if err == nil {
		s.to = w.record.disk.Now()
	}
	w.record.mu.Lock()
	defer w.record.mu.Unlock()
	for _, x := range settlements {
		w.record.settled = append(w.record.settled, settledClaim{s, backend, x.Key, x.Version, x.Verdict})
	}
	return err
}

func (w witness) Forget(ctx context.Context, key store.Key, suppress bool) error {
	s := span{from: w.record.disk.Now(), to: never}
	err := w.Store.Forget(ctx, key, suppress)
	if err == nil {
		s.to = w.record.disk.Now()
	}
	w.record.mu.Lock()
	defer w.record.mu.Unlock()
	w.record.forgot = append(w.record.forgot, forgotten{s, key})
	return err
}

func (a *acknowledgements) tell() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.told++
}

// outcome notes that a hook heard of the name of somebody as saved.
func (a *acknowledgements) outcome(o middleware.Outcome) {
	now := a.disk.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.told++
	if n, err := strconv.ParseInt(strings.TrimPrefix(o.Profile.Username, "v"), 10, 64); err == nil {
		patch := store.Patch{Key: o.Key, Source: store.Observed, At: changedAt(n), Set: map[store.Field]string{store.FieldUsername: o.Profile.Username}}
		a.applied = append(a.applied, appliedDelta{span: span{now, now}, delta: patch.Record()})
	}
}

// A promise is what must hold of one person after a power cut.
type promise struct {
	record       store.Record
	atLeast      int64 // changes that were acknowledged
	atMost       int64 // those and the ones that were under way
	forgetBegun  bool
	forgetDone   bool
	settledBegun map[string]int64 // the highest version by backend
	settledDone  map[string]int64
	erasing      map[string]bool // an erasure was reported
}

// promised returns what was promised to whom when the power failed at a position.
func (a *acknowledgements) promised(at int) map[store.Key]*promise {
	all := make(map[store.Key]*promise)
	of := func(key store.Key) *promise {
		p := all[key]
		if p == nil {
			p = &promise{settledBegun: make(map[string]int64), settledDone: make(map[string]int64), erasing: make(map[string]bool)}
			all[key] = p
		}
		return p
	}
	for _, x := range a.applied {
		if x.from > at {
			continue
		}
		p := of(x.delta.Key)
		if x.owes {
			p.atMost++
		}
		if x.to <= at {
			p.record = store.Merge(p.record, x.delta)
			if x.owes {
				p.atLeast++
			}
		}
	}
	for _, x := range a.settled {
		if x.from > at {
			continue
		}
		p := of(x.key)
		switch x.verdict {
		case store.VerdictDelivered:
			p.settledBegun[x.backend] = max(p.settledBegun[x.backend], x.version)
			if x.to <= at {
				p.settledDone[x.backend] = max(p.settledDone[x.backend], x.version)
			}
		case store.VerdictErased:
			p.erasing[x.backend] = true
		}
	}
	for _, x := range a.forgot {
		if x.from <= at {
			p := of(x.key)
			p.forgetBegun, p.forgetDone = true, p.forgetDone || x.to <= at
		}
	}
	return all
}

// broken says what a dossier lacks, "" for nothing.
func (p *promise) broken(d store.Dossier, backends []string) string {
	if d.Forgotten || p.forgetDone {
		return p.notForgotten(d, backends)
	}
	if !p.record.Key.IsZero() && !store.Merge(d.Record, p.record).Equal(d.Record) {
		return "what was acknowledged of a person is not there"
	}
	if p.atLeast == 0 {
		return "" // nobody knows whether the first change was made
	}
	for _, b := range backends {
		st, found := standing(d, b)
		switch {
		case !found, st.Version < p.atLeast, st.Version > p.atMost && p.atMost > 0:
			return "a change that was acknowledged is not owed"
		case st.State == store.StateOwed && st.Version <= p.settledDone[b]:
			return "a settlement that was acknowledged is not there"
		case st.State == store.StateDelivered && st.Version > p.settledBegun[b]:
			return "what nobody delivered counts as delivered"
		case st.State != store.StateOwed && st.State != store.StateDelivered:
			return "a standing has the state " + string(st.State)
		}
	}
	return ""
}

func (p *promise) notForgotten(d store.Dossier, backends []string) string {
	switch {
	case !p.forgetBegun:
		return "somebody is forgotten whom nobody asked to forget"
	case !d.Forgotten:
		return "a tombstone that was acknowledged is not there"
	case !d.Record.Key.IsZero():
		return "something is kept of somebody forgotten"
	}
	for _, b := range backends {
		st, found := standing(d, b)
		switch {
		case p.settledDone[b] > 0 && !found:
			return "who was delivered and forgotten is not owed the erasure"
		case found && st.State == store.StateOwed && !st.Erase:
			return "somebody forgotten is owed a delivery"
		case found && st.State == store.StateErased && !p.erasing[b]:
			return "whom nobody erased counts as erased"
		}
	}
	return ""
}

func standing(d store.Dossier, backend string) (store.Standing, bool) {
	i := slices.IndexFunc(d.Standings, func(s store.Standing) bool { return s.Backend == backend })
	if i < 0 {
		return store.Standing{}, false
	}
	return d.Standings[i], true
}

// crm is a backend that fails now and then.
type crm struct {
	name  string
	every int // call that fails
	mu    sync.Mutex
	calls int
}

func (b *crm) Name() string { return b.name }

func (b *crm) Traits() store.Traits {
	return store.Traits{InFlight: 8, Batch: 50, Timeout: 5 * time.Second}
}

func (b *crm) fails() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	return b.calls%b.every == 0
}

func (b *crm) Deliver(_ context.Context, d store.Delivery) (store.Receipt, error) {
	if b.fails() {
		return store.Receipt{}, store.ErrUnavailable
	}
	return store.Receipt{Remote: "r" + d.Profile.Key.UserID}, nil
}

func (b *crm) DeliverBatch(ctx context.Context, ds []store.Delivery) []store.BatchResult {
	results := make([]store.BatchResult, len(ds))
	for i, d := range ds {
		results[i].Receipt, results[i].Err = b.Deliver(ctx, d)
	}
	return results
}

func (b *crm) Erase(context.Context, store.Key, string) error {
	if b.fails() {
		return store.ErrUnavailable
	}
	return nil
}
