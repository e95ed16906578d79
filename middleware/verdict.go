package middleware

import (
	"context"
	"errors"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// A blame says whom the error of a delivery is about.
type blame uint8

const (
	nobody      blame = iota // there is no error
	thePerson                // the backend will not take this person
	theAccess                // the backend lets nobody in
	theLoad                  // the backend wants fewer calls
	theBackend               // it does not work, or was not reached
	theSilence               // no answer came: it may still be carried out
	ourselves                // Close gave up
	cannotErase              // there is no way to
	notServed                // the backend is not for this person, and was not asked
)

func blameFor(ctx context.Context, err error) blame {
	if err == nil {
		return nobody
	}
	_, throttled := errors.AsType[*store.ThrottledError](err)
	timeout, timed := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ourselves
	case throttled:
		return theLoad
	case errors.Is(err, store.ErrCannotErase):
		return cannotErase
	case errors.Is(err, store.ErrDenied):
		return theAccess
	case errors.Is(err, store.ErrUnanswered), timed && timeout.Timeout():
		return theSilence
	case errors.Is(err, store.ErrUnavailable):
		return theBackend
	case errors.Is(err, store.ErrInvalid):
		return thePerson
	case ctx.Err() != nil:
		return theSilence
	}
	return theBackend
}

// settlementOf says what becomes of a claim. pause is how long the backend as a
// whole wants to be left alone, and timeout after which time a request that was
// not answered cannot land any more.
func settlementOf(s store.Standing, p *part, pause, timeout time.Duration) store.Settlement {
	x := store.Settlement{Key: s.Key, Token: s.Token, Version: s.Version, Reason: p.reason, Remote: p.receipt.Remote}
	switch p.blame {
	case nobody:
		if s.Erase {
			x.Verdict = store.VerdictErased
		}
	case cannotErase:
		x.Verdict = store.VerdictUnerasable
	case notServed:
		x.Verdict = store.VerdictUnserved
	case thePerson:
		x.Verdict, x.Refused = store.VerdictDead, p.receipt.Refused
	case theLoad:
		x.Verdict, x.After = store.VerdictRelease, pause
	case ourselves:
		// The request may have reached the backend, and the next process must not
		// send another one beside it.
		x.Verdict, x.After, x.Unanswered = store.VerdictRelease, timeout, true
	case theAccess:
		x.Verdict, x.After = store.VerdictRetry, deniedPause+jitter(deniedPause, s.Attempts)
	case theBackend:
		x.Verdict, x.After = store.VerdictRetry, jitter(firstPause, s.Attempts)
	case theSilence:
		x.Verdict, x.After, x.Unanswered = store.VerdictRetry, timeout+jitter(firstPause, s.Attempts), true
	}
	return x
}
