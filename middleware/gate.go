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
	asked   time.Time // the backend asked for a pause until then
	until   time.Time // our own pause
	tripped bool

	failures, denials, throttles int // in a row
}

// pause returns for how long no call may go.
func (g *gate) pause(now time.Time) time.Duration {
	return max(0, g.asked.Sub(now), g.until.Sub(now))
}

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

// answered is for every answer that shows that the backend works. A pause that
// the backend asked for goes on.
func (g *gate) answered() { *g = gate{asked: g.asked} }

// failed is for a call without an answer, or with one that says that the backend
// does not work. It reports whether calls pause now.
func (g *gate) failed(now time.Time) bool {
	if g.until.After(now) {
		return true // the call was under way when the pause began
	}
	g.failures++
	if g.failures < tripAfter && !g.tripped {
		return false
	}
	g.tripped = true
	g.until = now.Add(jitter(firstPause, g.failures-tripAfter))
	return true
}

// denied is for a backend that does not let us in. That may be about one person
// after all, so the next one is tried at once, and only then calls pause. It
// reports whether they do.
func (g *gate) denied(now time.Time) bool {
	if g.until.After(now) {
		return true
	}
	g.denials++
	g.tripped = true
	if g.denials == 1 {
		return false
	}
	span := spanOf(deniedPause, g.denials-2)
	g.until = now.Add(span/2 + rand.N(span/2))
	return true
}

// hurry ends our own pause, so that one call goes now.
func (g *gate) hurry() { g.until = time.Time{} }

// throttled is for a backend that asks for a pause, and did not say how long
// where after is 0. It returns the pause.
func (g *gate) throttled(now time.Time, after time.Duration) time.Duration {
	if after <= 0 {
		if !g.asked.After(now) { // else the call was under way when the pause began
			g.throttles++
		}
		after = jitter(firstPause, g.throttles)
	}
	after = min(max(after, firstPause), maxPause)
	after += rand.N(after/10 + 1)
	if asked := now.Add(after); asked.After(g.asked) {
		g.asked = asked
	}
	return after
}

// state is what the gate looks like from outside.
func (g *gate) state(now time.Time) Gate {
	switch {
	case g.denials > 0:
		return GateDenied
	case g.tripped:
		return GateTripped
	case g.asked.After(now):
		return GateThrottled
	}
	return GateOpen
}

// next returns until when no call may go.
func (g *gate) next() time.Time {
	if g.asked.After(g.until) {
		return g.asked
	}
	return g.until
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
