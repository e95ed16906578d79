package toxitest

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/internal/processtest"
)

// A trouble makes a line bad, step by step.
type trouble struct {
	name string
	// silent means that no call of the store can be answered meanwhile.
	silent bool
	// step is called with 0 to steps-1, at intervals of stepLength. It may be called
	// beside calls of the store. The line is healed after the last.
	step func(l *line, n int) error
}

const (
	steps      = 8
	stepLength = 300 * time.Millisecond
)

var both = []string{toServer, fromServer}

var (
	slow      = toxic{"latency", map[string]int{"latency": 200, "jitter": 100}}
	narrow    = toxic{"bandwidth", map[string]int{"rate": 16}} // KB/s
	blackHole = toxic{"timeout", map[string]int{"timeout": 0}}
	hangUp    = toxic{"timeout", map[string]int{"timeout": 100}}
	reset     = toxic{"reset_peer", map[string]int{"timeout": 0}}
	slowClose = toxic{"slow_close", map[string]int{"delay": 1000}}
	crumbs    = toxic{"slicer", map[string]int{"average_size": 20, "size_variation": 15, "delay": 50}} // µs
)

func cutAfter(bytes int) toxic { return toxic{"limit_data", map[string]int{"bytes": bytes}} }

// lasting is one toxic from the first step to the last.
func lasting(x toxic, directions ...string) func(*line, int) error {
	return func(l *line, n int) error {
		if n > 0 {
			return nil
		}
		return l.poison(x, directions...)
	}
}

func troubles(t *testing.T) []trouble {
	return []trouble{
		{"slow", false, lasting(slow, fromServer)},
		{"narrow", false, lasting(narrow, both...)},
		{"crumbs", false, lasting(crumbs, both...)},
		{"black hole", true, lasting(blackHole, both...)},
		{"requests lost", true, lasting(blackHole, toServer)},
		{"answers lost", true, lasting(blackHole, fromServer)},
		{"hung up", true, lasting(hangUp, fromServer)},
		{"reset", true, lasting(reset, fromServer)},
		{"reset by requests", true, lasting(reset, toServer)},
		{"cut in the handshake", true, lasting(cutAfter(20), fromServer)},
		{"answers cut", false, everyStep(func(n int) toxic { return cutAfter(900 + 500*n) }, fromServer)},
		{"requests cut", false, everyStep(func(n int) toxic { return cutAfter(2000 + 2500*n) }, toServer)},
		{"closed slowly", false, func(l *line, n int) error {
			if n > 0 {
				return nil
			}
			return errors.Join(l.poison(cutAfter(3000), fromServer), l.poison(slowClose, toServer))
		}},
		{"down", true, func(l *line, n int) error {
			if n == 0 {
				l.cut()
			}
			return nil
		}},
		{"down and up", false, func(l *line, n int) error {
			if n%2 == 0 {
				l.cut()
				return nil
			}
			return l.heal()
		}},
		{"random", false, random(t)},
	}
}

// everyStep has another toxic in each step.
func everyStep(next func(n int) toxic, direction string) func(*line, int) error {
	return func(l *line, n int) error {
		return errors.Join(l.renew(), l.poison(next(n), direction))
	}
}

// random has a toxic or none in each direction, or a cut line, or a line in good order.
func random(t *testing.T) func(*line, int) error {
	chosen := processtest.Seed(t)
	r := rand.New(rand.NewPCG(chosen, 0))
	return func(l *line, n int) error {
		if err := errors.Join(l.heal(), l.renew()); err != nil {
			return err
		}
		switch what := r.IntN(6); {
		case n == steps/2, what < 2:
			t.Log(n, ": in good order") // so that next there are connections to be spoilt
			return nil
		case what == 2:
			t.Log(n, ": cut")
			l.cut()
			return nil
		}
		for _, direction := range both {
			toxics := []toxic{slow, narrow, blackHole, hangUp, reset, slowClose, crumbs, cutAfter(r.IntN(10_000))}
			if at := r.IntN(len(toxics) + 2); at < len(toxics) {
				t.Log(n, ": ", toxics[at], direction)
				if err := l.poison(toxics[at], direction); err != nil {
					return err
				}
			}
		}
		return nil
	}
}
