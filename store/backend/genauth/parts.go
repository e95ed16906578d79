package genauth

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/rollcall-go/rollcall/store"
)

// A part of a request is what is accepted or refused together. The first part of
// a request has what can hardly be refused; each other one has a value that only
// one account may hold, or whose rules are the pool's own.
type part struct {
	fields []store.Field
	values object
}

// parts makes the parts of a request for these fields, but for the custom data.
// The first one may be empty. What cannot be accepted is left out and told by
// problems.
func (m mapping) parts(p store.Profile, fields []store.Field) (parts []part, problems []error) {
	main := part{values: object{}}
	var others []part
	named := make(map[store.Field]bool, len(fields))
	for _, f := range fields {
		named[f] = true
	}
	for _, f := range fields {
		keys, value := m.simple[f], p.Value(f)
		if keys == nil {
			continue
		}
		if f == store.FieldBirthdate && value != "" && !wholeDate(value) {
			problems = append(problems, &store.FieldError{Field: f, Problem: "is not a year, month and day, which is all that GenAuth keeps"})
			continue
		}
		for _, key := range keys {
			main.values[key] = m.value(f, value)
		}
		main.fields = append(main.fields, f)
	}
	if f := m.company; f != "" && named[f] {
		main.values["company"] = m.text(customText(p, f))
		main.fields = append(main.fields, f)
	}
	if m.followUsername && named[store.FieldUsername] {
		username := p.Username
		if username == "" && m.username != nil {
			username = m.username(p)
		}
		others = append(others, part{[]store.Field{store.FieldUsername}, object{"username": m.text(username)}})
	}
	if m.contacts {
		others = append(others, m.email(p, named)...)
		others = append(others, m.phone(p, named)...)
	}
	if f := m.identityNumber; f != "" && named[f] {
		others = append(others, part{[]store.Field{f}, object{"identityNumber": m.text(customText(p, f))}})
	}
	return append([]part{main}, others...), problems
}

// value is how a field is sent. GenAuth has a value for a gender that is not
// known.
func (m mapping) value(f store.Field, value string) any {
	if f == store.FieldGender && value == "" {
		return "U"
	}
	return m.text(value)
}

func (m mapping) text(value string) any {
	if value == "" && m.clearing != ClearWithEmpty {
		return nil
	}
	return value
}

// email sends with an address whether it is verified, for it is that address that
// is or is not.
func (m mapping) email(p store.Profile, named map[store.Field]bool) []part {
	switch {
	case named[store.FieldEmail]:
		return []part{{
			[]store.Field{store.FieldEmail},
			object{"email": m.text(p.Email), "emailVerified": p.Email != "" && p.EmailVerified},
		}}
	case named[store.FieldEmailVerified]:
		return []part{{[]store.Field{store.FieldEmailVerified}, object{"emailVerified": p.EmailVerified}}}
	}
	return nil
}

func (m mapping) phone(p store.Profile, named map[store.Field]bool) []part {
	switch {
	case named[store.FieldPhoneNumber]:
		var code, number string
		if p.PhoneNumber != "" {
			code, number = splitPhone(p.PhoneNumber)
		}
		return []part{{
			[]store.Field{store.FieldPhoneNumber},
			object{
				"phone": m.text(number), "phoneCountryCode": m.text(code),
				"phoneVerified": p.PhoneNumber != "" && p.PhoneVerified,
			},
		}}
	case named[store.FieldPhoneVerified]:
		return []part{{[]store.Field{store.FieldPhoneVerified}, object{"phoneVerified": p.PhoneVerified}}}
	}
	return nil
}

// customText is the value of a custom field as text.
func customText(p store.Profile, f store.Field) string {
	text, _ := asText(customValue(p, f))
	return text
}

// join puts the values of all parts into one object.
func join(parts []part) object {
	whole := object{}
	for _, p := range parts {
		maps.Copy(whole, p.values)
	}
	return whole
}

// A sendFunc sends values to one account, and returns the account as it is then.
type sendFunc func(ctx context.Context, values object) (*User, error)

// sendParts sends all parts at once. Where that is refused it sends them one by
// one, so that one value that cannot be accepted holds up no other, and tells by
// problems which were not. Any other error is err. The account is nil where
// nothing was accepted.
func sendParts(ctx context.Context, parts []part, send sendFunc) (u *User, problems []error, err error) {
	parts = slices.DeleteFunc(slices.Clone(parts), func(p part) bool { return len(p.values) == 0 })
	if len(parts) > 1 {
		u, err = send(ctx, join(parts))
		if err == nil || !unacceptable(err) {
			return u, nil, err
		}
	}
	for _, p := range parts {
		sent, err := send(ctx, p.values)
		switch {
		case err == nil:
			u = sent
		case unacceptable(err):
			problems = append(problems, p.problem(err))
		default:
			return nil, nil, err
		}
	}
	return u, problems, nil
}

// problem says that the part was refused by err.
func (p part) problem(err error) error {
	if len(p.fields) != 1 {
		return err // which of them it was the service does not say
	}
	problem := "was refused by GenAuth"
	if taken(err) {
		problem = "is held by another account"
	}
	return &store.FieldError{Field: p.fields[0], Problem: problem}
}

// A partlyError says what did not arrive of a delivery of which all else did.
type partlyError []error

// partly returns nil where there are no problems.
func partly(problems []error) error {
	if len(problems) == 0 {
		return nil
	}
	return partlyError(problems)
}

func (e partlyError) Error() string {
	texts := make([]string, len(e))
	for i, err := range e {
		texts[i] = err.Error()
	}
	return "all but this arrived: " + strings.Join(texts, "; ")
}

func (e partlyError) Unwrap() []error { return e }
