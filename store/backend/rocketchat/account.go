package rocketchat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/rest"
)

// A User is an account as the server tells of it. The hooks get it as a *User in
// Outcome.Remote.
type User struct {
	ID       string   `json:"_id"`
	Username string   `json:"username"`
	Name     string   `json:"name"`
	Nickname string   `json:"nickname"`
	Bio      string   `json:"bio"`
	Active   bool     `json:"active"`
	Roles    []string `json:"roles"`
	Emails   []Email  `json:"emails"`
	// CustomFields are the values, each as its JSON.
	CustomFields map[string]json.RawMessage `json:"customFields"`
	// PictureProblem says why the server did not take the picture, for good. ""
	// where it did, or was not asked to.
	PictureProblem string `json:"-"`
}

// An Email is an address of a User.
type Email struct {
	Address  string `json:"address"`
	Verified bool   `json:"verified"`
}

// whole reports whether the server showed all of u. To those without the
// permission view-full-other-user-info it hides roles, which every account has,
// emails, and the custom fields that are not public.
func (u User) whole() bool { return u.Roles != nil }

// errHidden says how to let us see whole accounts.
var errHidden = errors.New("the account of the token may not see other accounts whole; " +
	"grant it view-full-other-user-info")

// An account is one that may be written to: ours, or adopted.
type account struct {
	User
	adopted  bool
	pictures string // a pictureMark, "" for none
}

// find looks for a person's account. nil: there is none. The error wraps
// store.ErrInvalid where somebody else's account has the username.
func (b *Backend) find(ctx context.Context, key store.Key, remote string) (*account, error) {
	if id, adopted := parseRemote(remote); id != "" {
		u, err := b.info(ctx, "userId", id)
		switch {
		case err == nil && u.ID == id:
			return &account{User: u, adopted: adopted}, nil
		case err != nil && !nobody(err):
			return nil, err
		}
	}
	username, err := b.usernameOf(key)
	if err != nil {
		return nil, err
	}
	u, err := b.info(ctx, "username", username)
	switch {
	case nobody(err):
		return nil, nil
	case err != nil:
		return nil, err
	case !strings.EqualFold(u.Username, username):
		return nil, nil // the server also finds those who have the text as their id
	case b.marked(u, key):
		return &account{User: u}, nil
	case b.adopt:
		return &account{User: u, adopted: true}, nil
	case !u.whole():
		return nil, fmt.Errorf("whether the account that has the username is ours cannot be seen: %w: %w", errHidden, store.ErrInvalid)
	}
	return nil, errTaken
}

var errTaken = fmt.Errorf("an account that is not ours has the username; rename it, or set Options.Adopt: %w", store.ErrInvalid)

// info asks for the account whose userId or username is value. The answer is to
// be confirmed by the caller.
func (b *Backend) info(ctx context.Context, by, value string) (User, error) {
	return b.user(ctx, "users.info", rest.Request{
		Method: http.MethodGet, Path: "users.info", Query: url.Values{by: {value}},
	})
}

// post makes a call whose answer is the account.
func (b *Backend) post(ctx context.Context, route string, body any) (User, error) {
	return b.user(ctx, route, rest.Request{Method: http.MethodPost, Path: route, Body: body})
}

func (b *Backend) user(ctx context.Context, route string, r rest.Request) (User, error) {
	var answer struct {
		User User `json:"user"`
	}
	if err := b.call.do(ctx, route, r, &answer); err != nil {
		return User{}, err
	}
	if answer.User.ID == "" {
		return User{}, fmt.Errorf("%s answered %s without a user: %w", b.call.client.Host(), route, store.ErrUnavailable)
	}
	return answer.User, nil
}
