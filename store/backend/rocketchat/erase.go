package rocketchat

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/rest"
)

type deleteBody struct {
	UserID string `json:"userId"`
	// ConfirmRelinquish lets the account go also when a room has no other owner.
	ConfirmRelinquish bool `json:"confirmRelinquish"`
}

// Erase deletes the account of a person, if it is one that this package made.
// The error wraps [store.ErrCannotErase] for one that was adopted, and always
// where Options.KeepErased is set.
func (b *Backend) Erase(ctx context.Context, key store.Key, remote string) error {
	if err := b.erase(ctx, key, remote); err != nil {
		return fmt.Errorf("rocketchat: erase %s: %w", key, err)
	}
	return nil
}

func (b *Backend) erase(ctx context.Context, key store.Key, remote string) error {
	if b.keepErased {
		return fmt.Errorf("Options.KeepErased is set: %w", store.ErrCannotErase)
	}
	a, err := b.find(ctx, key, remote)
	switch {
	case errors.Is(err, errTaken), err == nil && a == nil:
		return nil
	case err != nil:
		return err
	case a.adopted:
		return fmt.Errorf("the account was adopted, not made: %w", store.ErrCannotErase)
	}
	const route = "users.delete"
	err = b.call.do(ctx, route, rest.Request{
		Method: http.MethodPost, Path: route, Body: deleteBody{UserID: a.ID, ConfirmRelinquish: true},
	}, nil)
	switch {
	case nobody(err):
		return nil
	case lacksPermission(err):
		// No reason to stop all deliveries.
		return fmt.Errorf("the account of the token may not delete; grant it delete-user, then Replay: %w", store.ErrInvalid)
	}
	return err
}
