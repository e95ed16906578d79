package rocketchat

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/rollcall-go/rollcall/store/backend/rest"
)

// A budget counts the calls to each endpoint that the server still allows. It
// knows that from the headers X-RateLimit-Limit, -Remaining and -Reset alone,
// which a server leaves out for those whom it does not limit. The zero budget is
// ready to use.
type budget struct {
	mu     sync.Mutex
	routes map[string]*window
}

// A window is what is known of one endpoint.
type window struct {
	flying int       // calls without an answer yet
	limit  int       // calls a window; 0: no limit is known
	left   int       // calls that were left at the last answer
	reset  int64     // the server's name of this window: when it ends, in its epoch milliseconds
	until  time.Time // when it ends, by our clock
}

// defaultWindow is how long a server counts calls unless it was told otherwise.
const defaultWindow = time.Minute

// take reserves one call, which [budget.give] ends, or returns how long to wait.
func (b *budget) take(route string, now time.Time) (wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.routes == nil {
		b.routes = make(map[string]*window)
	}
	w := b.routes[route]
	if w == nil {
		w = new(window)
		b.routes[route] = w
	}
	if w.limit > 0 {
		if !now.Before(w.until) {
			w.left, w.reset, w.until = w.limit, 0, now.Add(defaultWindow)
		}
		if w.left-w.flying <= 0 {
			return w.until.Sub(now)
		}
	}
	w.flying++
	return 0
}

// give ends a call and learns from its answer. It returns how long the window
// still lasts, 0 where the answer does not say. A 429 without the headers is not
// the server's own, and whoever gets it waits as it says.
func (b *budget) give(route string, a rest.Answer, now time.Time) (wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := b.routes[route]
	w.flying--
	if a.Status == 0 {
		if w.left > 0 { // it may have been counted
			w.left--
		}
		return 0
	}
	limit, left, reset, ok := limits(a.Header)
	switch {
	case ok:
		w.learn(limit, left, reset, until(a.Header, reset, now))
	case a.Status != http.StatusTooManyRequests:
		w.limit = 0
	}
	if !ok {
		return 0
	}
	return max(0, w.until.Sub(now))
}

// learn takes over what an answer said. Answers may overtake each other: within
// one window the lowest count is the latest one.
func (w *window) learn(limit, left int, reset int64, until time.Time) {
	const same = 2000 // milliseconds; the server works its end out anew each time
	switch {
	case w.limit > 0 && w.reset != 0 && reset < w.reset-same:
		return
	case w.limit > 0 && w.reset != 0 && reset <= w.reset+same:
		w.left = min(w.left, left)
	default:
		w.left = left
	}
	w.limit, w.reset, w.until = limit, reset, until
}

// limits reads the three headers. ok is false where one is missing or absurd.
func limits(h http.Header) (limit, left int, reset int64, ok bool) {
	limit, err1 := strconv.Atoi(h.Get("X-Ratelimit-Limit"))
	left, err2 := strconv.Atoi(h.Get("X-Ratelimit-Remaining"))
	reset, err3 := strconv.ParseInt(h.Get("X-Ratelimit-Reset"), 10, 64)
	ok = err1 == nil && err2 == nil && err3 == nil && limit > 0 && left >= 0 && reset > 0
	return limit, left, reset, ok
}

// until is when the window ends by our clock. Reset is a time of the server's
// clock, and so is Date, cut to seconds: what is between them is what counts, and
// at most a second too long.
func until(h http.Header, reset int64, now time.Time) time.Time {
	server, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		server = now
	}
	const longest = time.Hour
	return now.Add(min(max(0, time.UnixMilli(reset).Sub(server)), longest))
}
