package middleware

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// A blame says whom the error of a delivery is about.
type blame uint8

const (
	nobody     blame = iota // there is no error
	thePerson               // the backend will not take this person
	theAccess               // the backend lets nobody in
	theLoad                 // the backend wants fewer calls
	theBackend              // it does not work, or was not reached
	ourselves               // Close gave up
	cannotErase
)

func blameFor(ctx context.Context, err error) blame {
	_, throttled := errors.AsType[*store.ThrottledError](err)
	switch {
	case err == nil:
		return nobody
	case errors.Is(ctx.Err(), context.Canceled):
		return ourselves
	case throttled:
		return theLoad
	case errors.Is(err, store.ErrCannotErase):
		return cannotErase
	case errors.Is(err, store.ErrDenied):
		return theAccess
	case unanswered(err), errors.Is(err, store.ErrUnavailable):
		return theBackend
	case errors.Is(err, store.ErrInvalid):
		return thePerson
	}
	return theBackend
}

// unanswered reports whether the request may still be carried out.
func unanswered(err error) bool {
	return errors.Is(err, store.ErrUnanswered) || errors.Is(err, context.DeadlineExceeded)
}

// settlementOf says what becomes of a claim. pause is how long the backend as a
// whole wants to be left alone, and timeout after which time a request that was
// not answered cannot land any more.
func settlementOf(s store.Standing, b blame, err error, pause, timeout time.Duration) store.Settlement {
	x := store.Settlement{Key: s.Key, Token: s.Token, Version: s.Version}
	if err != nil {
		x.Reason = reason(err, s.Key)
	}
	switch b {
	case nobody:
		if s.Erase {
			x.Verdict = store.VerdictErased
		}
	case cannotErase:
		x.Verdict = store.VerdictUnerasable
	case thePerson:
		x.Verdict = store.VerdictDead
	case theLoad:
		x.Verdict, x.After = store.VerdictRelease, pause
	case ourselves:
		// The request may have reached the backend, and the next process must not
		// send another one beside it.
		x.Verdict, x.After = store.VerdictRelease, timeout
	case theAccess:
		x.Verdict, x.After = store.VerdictRetry, deniedPause+jitter(deniedPause, s.Attempts)
	case theBackend:
		x.Verdict, x.After = store.VerdictRetry, jitter(firstPause, s.Attempts)
		if unanswered(err) {
			x.After += timeout
		}
	}
	return x
}

// reason is what is kept and logged of an error: without the person's Key, which
// stands beside it where it may, and without URLs, which net/http puts into its
// errors and which hold tokens.
func reason(err error, key store.Key) string {
	text := err.Error()
	if failed, ok := errors.AsType[*url.Error](err); ok {
		text = strings.ReplaceAll(text, failed.Error(), failed.Op+": "+failed.Err.Error())
	}
	return strings.ReplaceAll(text, key.String(), "the person")
}
