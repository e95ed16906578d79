package genauth

import (
	"context"
	"maps"
	"slices"

	"github.com/rollcall-go/rollcall/store"
)

// A part of a request is what is accepted or refused together. The first part of
// a request has what can hardly be refused; each other one has a value that only
// one account may hold, or whose rules are the pool's own.
type part struct {
	// about is the one of several fields whose value is refused where the part
	// is, "" where that is not known.
	about  store.Field
	fields []store.Field
	values object
}

// alone makes the part of one field.
func alone(f store.Field, values object) part { return part{fields: []store.Field{f}, values: values} }

// parts makes the parts of a request for these fields, but for the custom data.
// The first one may be empty. What cannot be accepted is left out and told by
// problems.
func (m mapping) parts(p store.Profile, fields []store.Field) (parts []part, problems []problem) {
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
			problems = append(problems, problemOf(f, "is not a year, month and day, which is all that GenAuth keeps"))
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
		others = append(others, alone(store.FieldUsername, object{"username": m.text(username)}))
	}
	if m.contacts {
		others = append(others, m.email(p, named)...)
		others = append(others, m.phone(p, named)...)
	}
	if f := m.identityNumber; f != "" && named[f] {
		others = append(others, alone(f, object{"identityNumber": m.text(customText(p, f))}))
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
			store.FieldEmail, among(named, store.FieldEmail, store.FieldEmailVerified),
			object{"email": m.text(p.Email), "emailVerified": p.Email != "" && p.EmailVerified},
		}}
	case named[store.FieldEmailVerified]:
		return []part{alone(store.FieldEmailVerified, object{"emailVerified": p.EmailVerified})}
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
			store.FieldPhoneNumber, among(named, store.FieldPhoneNumber, store.FieldPhoneVerified),
			object{
				"phone": m.text(number), "phoneCountryCode": m.text(code),
				"phoneVerified": p.PhoneNumber != "" && p.PhoneVerified,
			},
		}}
	case named[store.FieldPhoneVerified]:
		return []part{alone(store.FieldPhoneVerified, object{"phoneVerified": p.PhoneVerified})}
	}
	return nil
}

func among(named map[store.Field]bool, fields ...store.Field) []store.Field {
	return slices.DeleteFunc(fields, func(f store.Field) bool { return !named[f] })
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
func sendParts(ctx context.Context, parts []part, send sendFunc) (u *User, problems []problem, err error) {
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
			return u, nil, err
		}
	}
	return u, problems, nil
}

// problem says that the part was refused by err.
func (p part) problem(err error) problem {
	about := p.about
	if len(p.fields) == 1 {
		about = p.fields[0]
	}
	if about != "" {
		text := "was refused by GenAuth"
		if taken(err) {
			text = "is held by another account"
		}
		err = &store.FieldError{Field: about, Problem: text}
	}
	return problem{p.fields, err}
}
