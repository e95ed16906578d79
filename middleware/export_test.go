package middleware

// LimitWaiting makes the room for people who are not saved yet small.
func (m *Middleware) LimitWaiting(people, bytes int) {
	m.pending.mu.Lock()
	defer m.pending.mu.Unlock()
	m.pending.maxPeople, m.pending.maxBytes = people, bytes
}

// PendingState is what waits; all zero when everything is saved.
func (m *Middleware) PendingState() (bytes, generations, entries, queue int) {
	m.pending.mu.Lock()
	defer m.pending.mu.Unlock()
	return m.pending.bytes, len(m.pending.alive), len(m.pending.entries), len(m.pending.queue)
}

// BreakRepair has the repair of what cannot be kept panic.
func (m *Middleware) BreakRepair() { m.repairer.log = nil }
