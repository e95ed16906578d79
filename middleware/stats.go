package middleware

import "sync/atomic"

// Stats are counters since New, and how much waits now.
type Stats struct {
	// How many observations ended in each Result at the store.
	Created, Updated, Unchanged, Coalesced, Dropped, Failed uint64
	// How many deliveries to backends ended so, all backends together.
	// Undelivered are those that Failed.
	Delivered, Erased, Undelivered uint64
	// HooksSkipped is how many outcomes no hook was told of, because too many
	// waited for a slow one.
	HooksSkipped uint64
	// Waiting is how many people are not saved yet. What is owed to backends
	// tells Middleware.Backlogs.
	Waiting int
}

type counts struct {
	created, updated, unchanged, coalesced, dropped, failed, hooksSkipped atomic.Uint64

	delivered, erased, undelivered atomic.Uint64
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

// add counts an Outcome of the store.
func (c *counts) add(r Result) {
	switch r {
	case Created:
		c.created.Add(1)
	case Updated:
		c.updated.Add(1)
	case Unchanged:
		c.unchanged.Add(1)
	case Coalesced:
		c.coalesced.Add(1)
	case Dropped:
		c.dropped.Add(1)
	case Failed:
		c.failed.Add(1)
	}
}

// Stats returns the counters of now. They are read one after the other, so
// their sum may lag behind by what happens meanwhile.
func (m *Middleware) Stats() Stats {
	return Stats{
		Created:      m.counts.created.Load(),
		Updated:      m.counts.updated.Load(),
		Unchanged:    m.counts.unchanged.Load(),
		Coalesced:    m.counts.coalesced.Load(),
		Dropped:      m.counts.dropped.Load(),
		Failed:       m.counts.failed.Load(),
		Delivered:    m.counts.delivered.Load(),
		Erased:       m.counts.erased.Load(),
		Undelivered:  m.counts.undelivered.Load(),
		HooksSkipped: m.counts.hooksSkipped.Load(),
		Waiting:      m.pending.len(),
	}
}
