package middleware

import (
	"sync/atomic"
	"time"
)

// A Clock tells an adapter the time of events that carry none. It goes by the
// platform: the time of the last event that carried one, plus what has passed
// here since that came in. So events that come late, after the bot was down or
// from a file, keep their order, and this machine's clock may be wrong.
//
// The zero Clock is ready, and knows nothing until the first Note. It may be used
// from many goroutines at once.
type Clock struct {
	noted atomic.Int64 // Unix, in nanoseconds
	ahead atomic.Int64 // of this machine's clock, in nanoseconds
}

// Note takes in the time that an event carries, as the event comes in.
func (c *Clock) Note(at time.Time) {
	if ns := at.UnixNano(); c.noted.Load() != ns {
		c.noted.Store(ns)
		c.ahead.Store(int64(time.Until(at)))
	}
}

// Now returns the time for an event that carries none. Before the first Note that
// is this machine's, and known is false: see Sender.Undated.
func (c *Clock) Now() (at time.Time, known bool) {
	return time.Now().Add(time.Duration(c.ahead.Load())), c.noted.Load() != 0
}
