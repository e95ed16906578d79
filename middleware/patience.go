package middleware

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// failed counts one refusal of the store against everybody who waits, and
// returns the outcomes of those whose patience of limit attempts has just run
// out.
func (p *pending) failed(limit int, cause error) []*Outcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	var due []*Outcome
	for _, e := range p.queue {
		if o := e.refused(limit, cause); o != nil {
			due = append(due, o)
		}
	}
	return due
}

// refused counts one refusal, and returns the Outcome when patience runs out
// with it.
func (e *entry) refused(limit int, cause error) *Outcome {
	e.failures++
	if e.failures < limit || e.told {
		return nil
	}
	e.told = true
	o := e.origin.outcome(e.key)
	o.Result, o.Err, o.Attempts, o.Kept = Failed, sentinel(cause), e.failures, true
	return o
}

// sentinel makes an error of no known kind wrap one.
func sentinel(err error) error {
	if errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrClosed) || errors.Is(err, store.ErrInvalid) {
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

// sideline counts a refusal against somebody whom the store refuses alone, who
// is then put back. They have their next turn after a while, so that the others
// are saved meanwhile. It returns the Outcome that is due, if any.
func (p *pending) sideline(e *entry, limit int, cause error) *Outcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.forgotten {
		return nil
	}
	due := e.refused(limit, cause)
	e.aside = true
	e.turns++
	span := min(maxBackoff, firstBackoff<<min(e.turns, 10))
	if p.closed { // they have no more time than Close
		span = firstBackoff
	}
	time.AfterFunc(rand.N(span), func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.recall(e)
	})
	return due
}

func (p *pending) recall(e *entry) {
	if e.aside && p.entries[e.key] == e {
		e.aside = false
		if !e.inFlight { // else putBack does
			p.push(e)
		}
	}
}
