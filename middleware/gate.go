package middleware

import (
	"math/rand/v2"
	"time"
)

const (
	// tripAfter is how many failures in a row stop all deliveries to a backend.
	tripAfter = 5
	// firstPause and maxPause bound the random pauses between tries.
	firstPause = time.Second
	maxPause   = 5 * time.Minute
	// deniedPause is the first pause where the backend lets nobody in: somebody
	// has to do something about it.
	deniedPause = 30 * time.Second
)

// A gate says how many calls may go to one backend now. It is open as long as
// the backend answers. After failures in a row it is tripped: calls pause, and
// then one is let through at a time, until one is answered. It is used by one
// goroutine.
type gate struct {
	until    time.Time
	failures int // in a row
	denials  int // in a row
	tripped  bool
}

// pause returns for how long no call may go.
func (g *gate) pause(now time.Time) time.Duration { return max(0, g.until.Sub(now)) }

// allow returns how many more calls may go beside those in flight.
func (g *gate) allow(free, inFlight int) int {
	if !g.tripped {
		return free
	}
	if inFlight > 0 {
		return 0
	}
	return min(1, free)
}

// answered is for every answer that shows that the backend works. It reports
// whether that is news.
func (g *gate) answered() (back bool) {
	back = g.tripped
	g.tripped, g.failures, g.denials = false, 0, 0
	return back
}

// failed is for a call without an answer, or with one that says that the backend
// does not work. It reports whether the gate tripped by it.
func (g *gate) failed(now time.Time) (tripped bool) {
	g.failures++
	if g.failures < tripAfter && !g.tripped {
		return false
	}
	tripped, g.tripped = !g.tripped, true
	g.hold(now, jitter(firstPause, g.failures))
	return tripped
}

// denied is for a backend that does not let us in. That may be about one person
// after all, so the next one is tried at once, and only then calls pause.
func (g *gate) denied(now time.Time) (tripped bool) {
	g.denials++
	tripped, g.tripped = g.denials == 2, true
	if g.denials > 1 {
		span := spanOf(deniedPause, g.denials-2)
		g.hold(now, span/2+rand.N(span/2))
	}
	return tripped
}

// throttled is for a backend that asks for a pause, or for less, where after is
// 0. It returns the pause.
func (g *gate) throttled(now time.Time, after time.Duration) time.Duration {
	if after <= 0 {
		g.failures++
		after = jitter(firstPause, g.failures)
	}
	after = min(max(after, firstPause), maxPause)
	after += rand.N(after/10 + 1)
	g.hold(now, after)
	return after
}

func (g *gate) hold(now time.Time, pause time.Duration) {
	if until := now.Add(pause); until.After(g.until) {
		g.until = until
	}
}

// jitter returns a random pause before the try that follows this many failures:
// full jitter over a span that doubles.
func jitter(first time.Duration, failures int) time.Duration {
	return rand.N(spanOf(first, failures))
}

// spanOf doubles first as often as said, up to maxPause.
func spanOf(first time.Duration, doublings int) time.Duration {
	for range doublings {
		if first *= 2; first >= maxPause {
			return maxPause
		}
	}
	return first
}
