package natsstore

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcall-go/rollcall/store"
)

func TestErrorsHaveACategory(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for _, test := range []struct {
		ctx  context.Context
		err  error
		want error
	}{
		{t.Context(), nats.ErrNoResponders, store.ErrUnavailable},
		{t.Context(), nats.ErrConnectionClosed, store.ErrUnavailable},
		{t.Context(), errConflict, store.ErrUnavailable},
		{t.Context(), jetstream.ErrStreamNotFound, store.ErrUnavailable},
		{t.Context(), &jetstream.APIError{Code: 503, ErrorCode: 10008}, store.ErrUnavailable},
		{t.Context(), fmt.Errorf("entry: %w", ErrCorrupt), ErrCorrupt},
		{t.Context(), nats.ErrMaxPayload, store.ErrInvalid},
		{t.Context(), errNotEnrolled, store.ErrNotFound},
		{t.Context(), store.ErrClosed, store.ErrClosed},
		{t.Context(), ErrSyncUnconfirmed, store.ErrInvalid},
		{ended, nats.ErrTimeout, context.Canceled},
		{ended, store.ErrNotFound, store.ErrNotFound},
	} {
		got := classify(test.ctx, test.err)
		if !errors.Is(got, test.want) {
			t.Errorf("%v becomes %v, which does not wrap %v", test.err, got, test.want)
		}
		if test.want != store.ErrInvalid && errors.Is(got, store.ErrInvalid) {
			t.Errorf("%v is for good", got)
		}
	}
}

func TestOnlyWhatPassesIsTriedAgain(t *testing.T) {
	for err, want := range map[error]bool{
		errConflict:           true,
		errUnanswered:         true,
		nats.ErrNoResponders:  true,
		nats.ErrDisconnected:  true,
		nats.ErrMaxPayload:    false,
		ErrCorrupt:            false,
		store.ErrClosed:       false,
		context.Canceled:      false,
		nats.ErrAuthorization: false,
		&jetstream.APIError{Code: 503, ErrorCode: 10008}:               true,
		&jetstream.APIError{Code: 400, ErrorCode: codeIncompleteBatch}: true,
		&jetstream.APIError{Code: 404, ErrorCode: 10059}:               false,
	} {
		if got := transient(err); got != want {
			t.Errorf("%v is transient: %t", err, got)
		}
	}
}
