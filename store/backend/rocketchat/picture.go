package rocketchat

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/rest"
)

type avatarBody struct {
	AvatarURL string `json:"avatarUrl,omitempty"`
	UserID    string `json:"userId"`
}

// pictureTries is how often a delivery waits for its picture. Tries that did not come
// so far do not count, however many an outage took.
const pictureTries = 3

// picture has the server fetch the picture, or take it away. By then the profile
// has arrived, so what the server refuses is a problem to tell and no error. What
// may yet succeed is an error at first.
func (b *Backend) picture(ctx context.Context, d store.Delivery, a *account) error {
	if !b.pictures {
		return nil
	}
	url, route, failures := d.Profile.Picture, "users.setAvatar", pictureFailures(d)
	if url == "" {
		route = "users.resetAvatar"
	}
	err := b.call.do(ctx, route, rest.Request{Method: http.MethodPost, Path: route, Body: avatarBody{url, a.ID}}, nil)
	switch {
	case err == nil:
		return nil
	case throttled(err), ctx.Err() != nil, errors.Is(err, store.ErrDenied) && !lacksPermission(err):
	case passing(err) && failures+1 < pictureTries:
		failures++
	default:
		a.PictureProblem = err.Error()
		return nil
	}
	if failures > 0 {
		a.pictures = fmt.Sprintf(pictureMark, failures, d.Version)
	}
	return fmt.Errorf("picture: %w", err)
}
