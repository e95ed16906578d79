package rocketchat

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/rest"
)

// Deliver brings the account of one person up to date, or makes it. The
// Receipt's Answer is a [User].
func (b *Backend) Deliver(ctx context.Context, d store.Delivery) (store.Receipt, error) {
	key := d.Profile.Key
	user, adopted, err := b.deliver(ctx, d)
	if err != nil {
		return store.Receipt{}, fmt.Errorf("rocketchat: deliver %s: %w", key, err)
	}
	return store.Receipt{Remote: remoteOf(user, adopted), Answer: user}, nil
}

func (b *Backend) deliver(ctx context.Context, d store.Delivery) (User, bool, error) {
	a, err := b.find(ctx, d.Profile.Key, d.Remote)
	if err != nil {
		return User{}, false, err
	}
	has := d.Has
	var sent customFields
	if a == nil {
		var made bool
		if a, made, err = b.create(ctx, d.Profile); err != nil {
			return User{}, false, err
		}
		has = func(store.Field) bool { return true }
		if made {
			sent = b.custom.all(d.Profile)
			has = func(f store.Field) bool { return f == store.FieldEmail } // comes after the mark
		}
		if d.Profile.Picture != "" && !d.Has(store.FieldPicture) {
			d.Fields = append(slices.Clone(d.Fields), store.FieldPicture)
			slices.Sort(d.Fields)
		}
	}
	user, wrote, err := b.update(ctx, d.Profile, has, *a)
	if err != nil {
		return User{}, false, err
	}
	if wrote != nil {
		sent = wrote
	}
	if user.PictureProblem, err = b.picture(ctx, d, user.ID); err != nil {
		return User{}, false, err
	}
	return user, a.adopted, b.custom.dropped(sent, user.CustomFields)
}

// createBody is the whole of what users.create is ever sent.
type createBody struct {
	Username     string       `json:"username"`
	Email        string       `json:"email"`
	Name         string       `json:"name"`
	Password     string       `json:"password"`
	Nickname     string       `json:"nickname,omitempty"`
	Bio          string       `json:"bio,omitempty"`
	CustomFields customFields `json:"customFields,omitempty"`
	// Verified keeps the server from sending mail to an address that has none.
	Verified              bool `json:"verified"`
	JoinDefaultChannels   bool `json:"joinDefaultChannels"`
	SendWelcomeEmail      bool `json:"sendWelcomeEmail"`
	RequirePasswordChange bool `json:"requirePasswordChange"`
}

// create makes the account, or finds the one that somebody made meanwhile.
func (b *Backend) create(ctx context.Context, p store.Profile) (a *account, made bool, err error) {
	username, err := b.usernameOf(p.Key)
	if err != nil {
		return nil, false, err
	}
	user, err := b.post(ctx, "users.create", createBody{
		Username:     username,
		Email:        b.markOf(p.Key),
		Name:         nameOf(p),
		Password:     newPassword(),
		Nickname:     cut(p.Nickname, maxNickname),
		Bio:          cut(p.Bio, maxBio),
		CustomFields: b.custom.all(p),
		Verified:     true,
	})
	if err == nil {
		return &account{User: user}, true, nil
	}
	if code(err) != codeTaken {
		return nil, false, err
	}
	a, again := b.find(ctx, p.Key, "")
	switch {
	case again != nil:
		return nil, false, again
	case a == nil: // in other letters, by a team, or the address is taken
		return nil, false, err
	}
	return a, false, nil
}

// updateBody is the whole of what users.update is ever sent.
type updateBody struct {
	UserID string     `json:"userId"`
	Data   updateData `json:"data"`
}

type updateData struct {
	Name         string       `json:"name,omitempty"`
	Email        string       `json:"email,omitempty"`
	Verified     bool         `json:"verified,omitempty"`
	CustomFields customFields `json:"customFields,omitempty"`
	// Nickname and Bio are always told: the server erases what is not there.
	Nickname string `json:"nickname"`
	Bio      string `json:"bio"`
}

// update writes the fields that has names and a does not have yet. sent are the
// custom fields that were written, nil for none.
func (b *Backend) update(ctx context.Context, p store.Profile, has func(store.Field) bool, a account) (user User, sent customFields, err error) {
	data := updateData{Nickname: a.Nickname, Bio: a.Bio}
	differs := false
	if name := nameOf(p); has(store.FieldName) && name != a.Name {
		data.Name, differs = name, true
	}
	if nickname := cut(p.Nickname, maxNickname); has(store.FieldNickname) && nickname != a.Nickname {
		data.Nickname, differs = nickname, true
	}
	if bio := cut(p.Bio, maxBio); has(store.FieldBio) && bio != a.Bio {
		data.Bio, differs = bio, true
	}
	if b.emails && (has(store.FieldEmail) || has(store.FieldEmailVerified)) {
		address, verified := b.address(p)
		if !a.has(address) {
			data.Email, data.Verified, differs = address, verified, true
		}
	}
	if fields, changed := b.custom.written(p, has, a.CustomFields); changed {
		if !a.whole() {
			return User{}, nil, fmt.Errorf("custom fields cannot be changed: %w: %w", errHidden, store.ErrDenied)
		}
		data.CustomFields, sent, differs = fields, fields, true
	}
	if !differs {
		return a.User, nil, nil
	}
	user, err = b.post(ctx, "users.update", updateBody{UserID: a.ID, Data: data})
	if nobody(err) {
		err = fmt.Errorf("the account was deleted at the same time: %w", store.ErrUnavailable)
	}
	return user, sent, err
}

// address is the email that an account is to have. verified is only ever said of
// an address that we made up; whether any other is, the server finds out itself.
func (b *Backend) address(p store.Profile) (email string, verified bool) {
	if p.Email != "" && p.EmailVerified {
		return p.Email, false
	}
	return b.markOf(p.Key), true
}

func (a account) has(address string) bool {
	return len(a.Emails) > 0 && strings.EqualFold(a.Emails[0].Address, address)
}

type avatarBody struct {
	AvatarURL string `json:"avatarUrl,omitempty"`
	UserID    string `json:"userId"`
}

// pictureTries is how often a delivery waits for its picture.
const pictureTries = 3

// picture has the server fetch the picture, or take it away. By then the profile
// has arrived, so what the server refuses is a problem to tell and no error. What
// may yet succeed is an error at first.
func (b *Backend) picture(ctx context.Context, d store.Delivery, id string) (problem string, err error) {
	url := d.Profile.Picture
	if !b.pictures || !d.Has(store.FieldPicture) {
		return "", nil
	}
	route := "users.setAvatar"
	if url == "" {
		route = "users.resetAvatar"
	}
	err = b.call.do(ctx, route, rest.Request{Method: http.MethodPost, Path: route, Body: avatarBody{url, id}}, nil)
	switch {
	case err == nil:
		return "", nil
	case throttled(err), ctx.Err() != nil, passing(err) && d.Attempt < pictureTries:
		return "", fmt.Errorf("picture: %w", err)
	}
	return err.Error(), nil
}
