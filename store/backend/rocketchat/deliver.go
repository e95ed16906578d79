package rocketchat

import (
	"context"
	"fmt"
	"strings"

	"github.com/rollcall-go/rollcall/store"
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
	p := d.Profile
	a, err := b.find(ctx, p.Key, d.Remote)
	if err != nil {
		return User{}, false, err
	}
	has := d.Has
	var sent customFields
	if a == nil { // what was told before is gone as well
		has = func(f store.Field) bool { return f != store.FieldPicture || p.Picture != "" || d.Has(f) }
		if a, sent, err = b.create(ctx, p); err != nil {
			return User{}, false, err
		}
	}
	user := a.User
	if sent == nil {
		if user, sent, err = b.update(ctx, p, has, *a); err != nil {
			return User{}, false, err
		}
	}
	if has(store.FieldEmail) || has(store.FieldEmailVerified) {
		if user, err = b.email(ctx, p, account{user, a.adopted}); err != nil {
			return User{}, false, err
		}
	}
	if has(store.FieldPicture) {
		if user.PictureProblem, err = b.picture(ctx, p.Picture, user.ID, d.Attempt); err != nil {
			return User{}, false, err
		}
	}
	return user, a.adopted, b.dropped(sent, user)
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

// create makes the account, or finds the one that somebody made meanwhile. sent
// are the custom fields of a new one, and nil for the other.
func (b *Backend) create(ctx context.Context, p store.Profile) (a *account, sent customFields, err error) {
	username, err := b.usernameOf(p.Key)
	if err != nil {
		return nil, nil, err
	}
	sent, _ = b.customOf(p, func(store.Field) bool { return true }, account{})
	user, err := b.post(ctx, "users.create", createBody{
		Username:     username,
		Email:        b.markOf(p.Key),
		Name:         nameOf(p),
		Password:     newPassword(),
		Nickname:     cut(store.FieldNickname, p.Nickname, maxNickname),
		Bio:          cut(store.FieldBio, p.Bio, maxBio),
		CustomFields: sent,
		Verified:     true,
	})
	if err == nil {
		return &account{User: user}, sent, nil
	}
	if code(err) != codeTaken {
		return nil, nil, err
	}
	a, again := b.find(ctx, p.Key, "")
	switch {
	case again != nil:
		return nil, nil, again
	case a == nil: // in other letters, by a team, or the address is taken
		return nil, nil, err
	}
	return a, nil, nil
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
	if nickname := cut(store.FieldNickname, p.Nickname, maxNickname); has(store.FieldNickname) && nickname != a.Nickname {
		data.Nickname, differs = nickname, true
	}
	if bio := cut(store.FieldBio, p.Bio, maxBio); has(store.FieldBio) && bio != a.Bio {
		data.Bio, differs = bio, true
	}
	if fields, changed := b.customOf(p, has, a); changed {
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

// email gives an account of ours the address that it is to have. It is a call of its own since the
// mark in the address may only go once the other one is there.
func (b *Backend) email(ctx context.Context, p store.Profile, a account) (User, error) {
	u := a.User
	if !b.emails || a.adopted {
		return u, nil
	}
	// Verified is only ever said of an address that we made up. Whether another
	// one is, the server finds out itself.
	data := updateData{Nickname: u.Nickname, Bio: u.Bio, Email: b.markOf(p.Key), Verified: true}
	if p.Email != "" && p.EmailVerified {
		data.Email, data.Verified = p.Email, false
	}
	switch {
	case len(u.Emails) > 0 && strings.EqualFold(u.Emails[0].Address, data.Email):
		return u, nil
	case !b.holdsKey(u, p.Key):
		return u, b.keyDropped()
	}
	return b.post(ctx, "users.update", updateBody{UserID: u.ID, Data: data})
}
