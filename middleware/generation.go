package middleware

import "slices"

// A generation is the entries made between two calls of Flush.
type generation struct {
	number uint64
	alive  int // entries without an Outcome
}

type waiter struct {
	last uint64 // generation that is waited for, and all before it
	done chan struct{}
}

// drained returns a channel that is closed once all who wait now are settled.
func (p *pending) drained() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	done := make(chan struct{})
	if p.now.alive > 0 {
		p.before = append(p.before, p.now)
		p.now = &generation{number: p.now.number + 1}
	}
	if len(p.before) == 0 {
		close(done)
		return done
	}
	p.waiters = append(p.waiters, waiter{p.now.number - 1, done})
	signal(p.pressing)
	return done
}

// giveUp is for who does not wait for drained any more.
func (p *pending) giveUp(drained <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiters = slices.DeleteFunc(p.waiters, func(w waiter) bool { return w.done == drained })
}

// done ends the wait of those who wait for e, in drained.
func (p *pending) done(e *entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.release(e)
}

func (p *pending) release(e *entry) {
	if e.gen.alive--; e.gen.alive > 0 || e.gen == p.now {
		return
	}
	p.before = slices.DeleteFunc(p.before, func(g *generation) bool { return g == e.gen })
	p.waiters = slices.DeleteFunc(p.waiters, func(w waiter) bool {
		over := len(p.before) == 0 || p.before[0].number > w.last
		if over {
			close(w.done)
		}
		return over
	})
}
