package rocketchat

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/rollcall-go/rollcall/store"
)

// Deliver brings the account of one person up to date, or makes it. The
// Receipt's Answer is a *[User].
//
// A custom field that the server drops, and an address that it does not take, hold
// up nothing else: the error wraps store.ErrInvalid and says what is missing, and
// the Receipt's Refused has the same.
func (b *Backend) Deliver(ctx context.Context, d store.Delivery) (store.Receipt, error) {
	a, err := b.deliver(ctx, d)
	if a == nil {
		return store.Receipt{}, fmt.Errorf("rocketchat: deliver %s: %w", d.Profile.Key, err)
	}
	r := receipt(a.remote(), &a.User, err)
	if err != nil {
		err = fmt.Errorf("rocketchat: deliver %s: %w", d.Profile.Key, err)
	}
	return r, err
}

// deliver also returns the account beside an error, once it is known.
func (b *Backend) deliver(ctx context.Context, d store.Delivery) (*account, error) {
	p := d.Profile
	a, err := b.find(ctx, p.Key, d.Remote)
	if err != nil {
		return nil, err
	}
	has := d.Has
	var sent customFields
	if id, _ := parseRemote(d.Remote); a != nil && id != "" && id != a.ID { // to another one nothing was told
		has = func(f store.Field) bool { return p.Value(f) != "" || d.Has(f) }
	}
	if a == nil { // what was told before is gone as well
		has = func(f store.Field) bool { return f != store.FieldPicture || p.Picture != "" || d.Has(f) }
		if a, sent, err = b.create(ctx, p); err != nil {
			return nil, err
		}
	}
	if sent == nil {
		user, written, err := b.update(ctx, p, has, *a)
		if err != nil {
			return a, err
		}
		a.User, sent = user, written
	}
	var m missing
	if has(store.FieldEmail) || has(store.FieldEmailVerified) {
		if err := b.email(ctx, p, has, a, &m); err != nil {
			return a, err
		}
	}
	if has(store.FieldPicture) {
		if err := b.picture(ctx, d, a); err != nil {
			return a, err
		}
	}
	b.dropped(&m, p.Key, sent, a)
	return a, m.err()
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
	user, err = b.change(ctx, a.ID, data)
	return user, sent, err
}

func (b *Backend) change(ctx context.Context, id string, data updateData) (User, error) {
	user, err := b.post(ctx, "users.update", updateBody{UserID: id, Data: data})
	if nobody(err) {
		err = fmt.Errorf("the account was deleted at the same time: %w", store.ErrUnavailable)
	}
	return user, err
}

// email gives an account of ours the address that it is to have. It is a call of
// its own since the mark in the address may only go once the other one is there.
// An address that the server does not take is put into m.
func (b *Backend) email(ctx context.Context, p store.Profile, has func(store.Field) bool, a *account, m *missing) error {
	if !b.emails || a.adopted {
		return nil
	}
	// Verified is only ever said of an address that we made up. Whether another
	// one is, the server finds out itself.
	data := updateData{Nickname: a.Nickname, Bio: a.Bio, Email: b.markOf(p.Key), Verified: true}
	if p.Email != "" && p.EmailVerified {
		data.Email, data.Verified = p.Email, false
	}
	if len(a.Emails) > 0 && strings.EqualFold(a.Emails[0].Address, data.Email) || !b.holdsKey(a.User, p.Key) {
		return nil
	}
	user, err := b.change(ctx, a.ID, data)
	problem := addressProblem(err)
	switch {
	case err == nil:
		a.User = user
	case problem == "":
		return err
	default:
		m.add(&store.FieldError{Field: store.FieldEmail, Problem: problem},
			slices.DeleteFunc([]store.Field{store.FieldEmail, store.FieldEmailVerified}, func(f store.Field) bool { return !has(f) })...)
	}
	return nil
}

// addressProblem says what a refusal has against an address, "" for one that is
// about something else.
func addressProblem(err error) string {
	switch code(err) {
	case codeTaken:
		return "is held by another account"
	case codeEmail, codeEmailAddress, codeEmailDomain:
		return "is an address that the server does not take"
	}
	return ""
}
