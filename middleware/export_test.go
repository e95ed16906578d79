package middleware

// LimitWaiting makes the room for people who are not saved yet small.
func (m *Middleware) LimitWaiting(people, bytes int) {
	m.pending.mu.Lock()
	defer m.pending.mu.Unlock()
	m.pending.maxPeople, m.pending.maxBytes = people, bytes
}
