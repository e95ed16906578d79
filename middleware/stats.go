package middleware

import (
	"slices"
	"sync/atomic"
)

// Stats are counters since New, and how much waits now.
type Stats struct {
	// How many observations ended in each Result at the store. Middleware.Drops
	// tells why those were Dropped.
	Created, Updated, Unchanged, Coalesced, Dropped, Failed uint64
	// How many deliveries to backends ended so, all backends together.
	// Undelivered are those that Failed.
	Delivered, Erased, Undelivered uint64
	// Expired is how many people were erased from the store, because there was no
	// sign of life of them.
	Expired uint64
	// HooksSkipped is how many outcomes no hook was told of, because too many
	// waited for a slow one.
	HooksSkipped uint64
	// Waiting is how many people are not saved yet. What is owed to backends
	// tells Middleware.Backlogs.
	Waiting int
}

// Counts have cache lines of their own: what lies beside them is read for each message.
type counts struct {
	_         [cacheLine]byte
	unchanged spread

	created, updated, coalesced, failed, hooksSkipped atomic.Uint64

	// dropped is by place in reasons; the last is for those that are not in it.
	dropped [len(reasons) + 1]atomic.Uint64

	delivered, erased, undelivered atomic.Uint64

	_ [cacheLine]byte
}

// addDelivery counts an Outcome of a backend.
func (c *counts) addDelivery(r Result) {
	switch r {
	case Delivered:
		c.delivered.Add(1)
	case Erased:
		c.erased.Add(1)
	case Failed:
		c.undelivered.Add(1)
	}
}

// reasons are all that Drops tells apart, those first that busy groups have most of.
var reasons = [...]Reason{
	ReasonUnaddressed, ReasonBot, ReasonNobody, ReasonSystem, ReasonWho, ReasonWhen, ReasonSuppressed,
	ReasonWebhook, ReasonChannel, ReasonAnonymous, ReasonService,
	ReasonMalformed, ReasonInvalidKey, ReasonOverload, ReasonClosed, ReasonPanic,
}

// drop counts what was dropped.
func (c *counts) drop(reason Reason) {
	i := slices.Index(reasons[:], reason)
	if i < 0 {
		i = len(reasons)
	}
	c.dropped[i].Add(1)
}

// add counts an Outcome of the store.
func (c *counts) add(r Result, reason Reason) {
	switch r {
	case Created:
		c.created.Add(1)
	case Updated:
		c.updated.Add(1)
	case Unchanged:
		c.unchanged.add(thisLane())
	case Coalesced:
		c.coalesced.Add(1)
	case Dropped:
		c.drop(reason)
	case Failed:
		c.failed.Add(1)
	}
}

// Stats returns the counters of now. They are read one after the other, so
// their sum may lag behind by what happens meanwhile.
func (m *Middleware) Stats() Stats {
	var dropped uint64
	for i := range m.counts.dropped {
		dropped += m.counts.dropped[i].Load()
	}
	return Stats{
		Created:      m.counts.created.Load(),
		Updated:      m.counts.updated.Load(),
		Unchanged:    m.counts.unchanged.load(),
		Coalesced:    m.counts.coalesced.Load(),
		Dropped:      dropped,
		Failed:       m.counts.failed.Load(),
		Delivered:    m.counts.delivered.Load(),
		Erased:       m.counts.erased.Load(),
		Undelivered:  m.counts.undelivered.Load(),
		Expired:      m.sweeps.people.Load(),
		HooksSkipped: m.counts.hooksSkipped.Load(),
		Waiting:      m.pending.len(),
	}
}

// ReasonOther stands in Drops for a Sender.Drop that is none of the reasons.
const ReasonOther Reason = "other"

// Drops tells how many observations were Dropped since New, by each Reason, those
// that never came included. Add them up for Stats.Dropped.
func (m *Middleware) Drops() map[Reason]uint64 {
	drops := make(map[Reason]uint64, len(m.counts.dropped))
	for i, reason := range reasons {
		drops[reason] = m.counts.dropped[i].Load()
	}
	drops[ReasonOther] = m.counts.dropped[len(reasons)].Load()
	return drops
}
