package monosay

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/rollcall-go/rollcall/store"
)

// A user is the body of POST channelusers, as the vendor's client sends it:
// https://github.com/monosay/monosay-nodejs, src/lib.
type user struct {
	ChannelUserID   any  `json:"channelUserId"` // string or int64
	Name            text `json:"name,omitzero"`
	Surname         text `json:"surname,omitzero"`
	UserName        text `json:"userName,omitzero"`
	ProfilePhotoURL text `json:"profilePhotoUrl,omitzero"`
	Email           text `json:"email,omitzero"`
}

// A text is one that is said, or said to be none. The zero text is not sent.
type text struct {
	said  bool
	value *string // nil: null
}

func (t text) MarshalJSON() ([]byte, error) { return json.Marshal(t.value) }

func takes(f store.Field) bool {
	switch f {
	case store.FieldName, store.FieldGivenName, store.FieldFamilyName, store.FieldUsername,
		store.FieldPicture, store.FieldEmail:
		return true
	}
	return false
}

// user returns what to say of a person: the fields that are to be brought up to
// date.
func (b *Backend) user(d store.Delivery) (user, error) {
	p := d.Profile
	id, err := b.id(p.Key)
	if err != nil {
		return user{}, err
	}
	say := func(changed bool, value string) text {
		switch {
		case !changed:
			return text{}
		case value == "" && !b.o.ClearWithEmpty:
			return text{said: true}
		}
		return text{said: true, value: &value}
	}
	name, named := p.GivenName, d.Has(store.FieldGivenName)
	if name == "" {
		name, named = p.Name, named || d.Has(store.FieldName)
	}
	return user{
		ChannelUserID:   id,
		Name:            say(named, name),
		Surname:         say(d.Has(store.FieldFamilyName), p.FamilyName),
		UserName:        say(d.Has(store.FieldUsername), p.Username),
		ProfilePhotoURL: say(d.Has(store.FieldPicture), p.Picture),
		Email:           say(d.Has(store.FieldEmail), p.Email),
	}, nil
}

func (u user) saysNothing() bool { return u == user{ChannelUserID: u.ChannelUserID} }

// maxNumber is the last of the integers that a float64, which is what JavaScript
// makes of a number, tells from the next.
const maxNumber = 1<<53 - 1

// id returns what names the person there. A number has to be written as its id
// is: 042 and 42 are two people, and one number.
func (b *Backend) id(key store.Key) (any, error) {
	switch {
	case b.o.Channel == "":
		return key.String(), nil
	case !b.o.NumberIDs:
		return key.UserID, nil
	}
	n, err := strconv.ParseInt(key.UserID, 10, 64)
	if err != nil || n < -maxNumber || n > maxNumber || strconv.FormatInt(n, 10) != key.UserID {
		return nil, fmt.Errorf("the user id is no integer within ±(2^53-1), so Options.NumberIDs cannot send it: %w", store.ErrInvalid)
	}
	return n, nil
}
