package natsstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcall-go/rollcall/store"
)

const (
	// patience is how long a call goes on trying while the cluster elects a
	// leader, or others write the same people. Elections were seen to take up to
	// nine seconds.
	patience = 30 * time.Second
	maxPause = 250 * time.Millisecond
)

// retry calls try until it returns nil, an error that is not transient, or its
// time is over.
func retry(ctx context.Context, try func() error) error {
	deadline := time.Now().Add(patience)
	var before error // why there was more than one attempt
	for n := 0; ; n++ {
		err := try()
		switch {
		case before != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()):
			return gaveUp(ctx, before)
		case err == nil || !transient(err):
			return err
		}
		before = err
		if time.Now().After(deadline) {
			return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
		}
		pause := time.NewTimer(rand.N(min(maxPause, time.Millisecond<<min(n, 10))) + time.Millisecond)
		select {
		case <-ctx.Done():
			pause.Stop()
			return gaveUp(ctx, before)
		case <-pause.C:
		}
	}
}

// gaveUp tells that ctx ended, and of what stood in the way until then.
func gaveUp(ctx context.Context, before error) error {
	return fmt.Errorf("%w: %w", ctx.Err(), before)
}

// Refusals of batches that have no name in the package jetstream. See
// https://github.com/nats-io/nats-server/blob/main/server/errors.json
const (
	codeIncompleteBatch jetstream.ErrorCode = 10176
	codeTooManyBatches  jetstream.ErrorCode = 10210
)

func transient(err error) bool {
	for _, t := range []error{
		errConflict, errUnanswered, errBehind, nats.ErrNoResponders, nats.ErrTimeout, nats.ErrDisconnected,
		nats.ErrConnectionReconnecting, nats.ErrReconnectBufExceeded, nats.ErrStaleConnection,
	} {
		if errors.Is(err, t) {
			return true
		}
	}
	refusal, ok := errors.AsType[*jetstream.APIError](err)
	return ok && (refusal.Code == http.StatusServiceUnavailable ||
		refusal.ErrorCode == codeIncompleteBatch || refusal.ErrorCode == codeTooManyBatches)
}
