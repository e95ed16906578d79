package otelrollcall

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"

	"github.com/rollcall-go/rollcall/store"
)

// The attributes, of few values each. "error.type" is of OpenTelemetry's
// conventions.
const (
	keyResult    = attribute.Key("rollcall.result")
	keyReason    = attribute.Key("rollcall.reason")
	keyBackend   = attribute.Key("rollcall.backend.name")
	keyOperation = attribute.Key("rollcall.operation")
	keyLane      = attribute.Key("rollcall.lane")
	keyGate      = attribute.Key("rollcall.gate")
	keyErrorType = attribute.Key("error.type")
)

// Those that only spans have.
const (
	keyPeople  = attribute.Key("rollcall.people")
	keyFailed  = attribute.Key("rollcall.people.failed")
	keyWaited  = attribute.Key("rollcall.waited")
	keyOwed    = attribute.Key("rollcall.owed")
	keyAttempt = attribute.Key("rollcall.attempt")
	keyKeys    = attribute.Key("rollcall.keys")
)

func operation(erase bool) string {
	if erase {
		return "erase"
	}
	return "deliver"
}

// lane tells what just happened from a backfill, which is hours late by nature.
func lane(bulk bool) attribute.KeyValue {
	if bulk {
		return keyLane.String("bulk")
	}
	return keyLane.String("live")
}

// errorType says what kind of error err is. Its text could name a person.
func errorType(err error) string {
	if _, ok := errors.AsType[*store.ThrottledError](err); ok {
		return "throttled"
	}
	for _, kind := range []struct {
		is   error
		name string
	}{
		{store.ErrDenied, "denied"},
		{store.ErrCannotErase, "cannot_erase"},
		{store.ErrInvalid, "invalid"},
		{context.DeadlineExceeded, "timeout"},
		{context.Canceled, "canceled"},
		{store.ErrUnanswered, "unanswered"},
		{store.ErrClosed, "closed"},
		{store.ErrUnavailable, "unavailable"},
	} {
		if errors.Is(err, kind.is) {
			return kind.name
		}
	}
	return "_OTHER"
}
