package natsstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/rollcall-go/rollcall/store"
)

var (
	// ErrSyncUnconfirmed means that nobody said whether the server writes to the
	// disk before it says that it has written. It wraps store.ErrInvalid.
	ErrSyncUnconfirmed = fmt.Errorf("JetStream loses what it acknowledged when the power fails, unless nats-server.conf "+
		"says jetstream { sync_interval: always }: set it and Options.SyncAlways, or else Options.MayLoseOnPowerCut: %w", store.ErrInvalid)

	// ErrForeign means that the bucket holds something else than profiles.
	ErrForeign = errors.New("not a rollcall bucket: choose another name")

	// ErrNewerSchema means that a newer version of this package has written the
	// bucket, or an entry of it. An older one could lose what it does not know.
	ErrNewerSchema = errors.New("written by a newer version")

	// ErrServer means that the server cannot write several people in one
	// transaction.
	ErrServer = errors.New("the server has no atomic batches: nats-server 2.12 or later is needed")

	// ErrCorrupt means that something in the bucket is damaged, or was written by
	// another program.
	ErrCorrupt = errors.New("bucket is damaged")
)

// What ends one attempt.
var (
	errConflict   = errors.New("somebody else wrote at the same time")
	errUnanswered = errors.New("the server did not answer in time")
	errBehind     = errors.New("the servers that answer have not caught up")
)

func (s *Store) fail(ctx context.Context, doing string, err error) error {
	return fmt.Errorf("natsstore: %s: %w", doing, classify(ctx, err))
}

// classify gives err the category of package store that it belongs to.
func classify(ctx context.Context, err error) error {
	for _, category := range []error{
		store.ErrInvalid, store.ErrNotFound, store.ErrUnavailable, store.ErrClosed,
		ErrForeign, ErrNewerSchema, ErrServer, ErrCorrupt,
	} {
		if errors.Is(err, category) {
			return err
		}
	}
	switch {
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("a person takes more than the server's max_payload: %w: %w", store.ErrInvalid, err)
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}
