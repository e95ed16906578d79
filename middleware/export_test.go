package middleware

import "github.com/rollcall-go/rollcall/store"

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
	return m.pending.bytes, m.pending.now.alive + len(m.pending.before), len(m.pending.entries), len(m.pending.queue)
}

// BreakRepair has the repair of a value panic. Nothing may have been observed yet.
func (m *Middleware) BreakRepair(value string) {
	fix := func(f store.Field, raw string) (string, bool) {
		if raw == value {
			panic("broken")
		}
		return store.Repair(f, raw)
	}
	m.repairer.fix, m.pending.repairer.fix = fix, fix
}

// Waiters is how many calls wait for all to be saved.
func (m *Middleware) Waiters() int {
	m.pending.mu.Lock()
	defer m.pending.mu.Unlock()
	return len(m.pending.waiters)
}
