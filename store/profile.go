package store

import (
	"slices"
	"strings"
	"time"
)

// A Profile is what is known of one person: the resolved, flat view of a
// [Record]. Its fields are OpenID Connect's standard claims
// (https://openid.net/specs/openid-connect-core-1_0.html#StandardClaims) under
// their own names, and what a chat platform adds. A zero field means that
// nothing is known.
//
// A Profile also states fields, for Middleware.Set: there, a zero field means
// that nothing is said of it, and never erases a kept value.
//
// fmt prints a Profile as its channelUserId and nothing else, so that names do
// not get into logs by accident. To see all of it use encoding/json.
type Profile struct {
	Key

	// Name is the full name for display. Where nobody stated one it is made of
	// GivenName, MiddleName and FamilyName.
	Name              string  `json:"name,omitempty"`
	GivenName         string  `json:"given_name,omitempty"`
	FamilyName        string  `json:"family_name,omitempty"`
	MiddleName        string  `json:"middle_name,omitempty"`
	Nickname          string  `json:"nickname,omitempty"`
	PreferredUsername string  `json:"preferred_username,omitempty"`
	Profile           string  `json:"profile,omitempty"` // https URL of a profile page
	Picture           string  `json:"picture,omitempty"` // https URL; never one that holds a bot's token
	Website           string  `json:"website,omitempty"` // https URL
	Email             string  `json:"email,omitempty"`
	EmailVerified     bool    `json:"email_verified,omitempty"` // of Email, said by whoever said Email
	Gender            string  `json:"gender,omitempty"`         // M, F or U
	Birthdate         string  `json:"birthdate,omitempty"`      // ISO 8601: 1990-12-31, 0000-12-31 or 1990
	Zoneinfo          string  `json:"zoneinfo,omitempty"`       // IANA zone: Europe/Paris
	Locale            string  `json:"locale,omitempty"`         // BCP 47: pt-BR
	PhoneNumber       string  `json:"phone_number,omitempty"`   // E.164: +14155552671
	PhoneVerified     bool    `json:"phone_number_verified,omitempty"`
	Address           Address `json:"address,omitzero"`

	// Username is the handle on the channel, without '@'. It is not an id:
	// people change handles, and a handle can pass to somebody else.
	Username string `json:"username,omitempty"`
	// Status is empty for somebody who was stated by hand and never seen.
	Status    Status `json:"status,omitempty"`
	IsPremium bool   `json:"is_premium,omitempty"`
	// Bio is what the person says of themselves on the channel.
	Bio string `json:"bio,omitempty"`
	// StartPayload is the deep-link payload of the first start command that
	// carried one. Later payloads do not replace it.
	StartPayload string `json:"start_payload,omitempty"`
	// Nicks holds the person's names in single guilds or groups, by guild id.
	Nicks map[string]string `json:"nicks,omitempty"`
	// Custom holds the author's own fields, by the key of their [CustomField]:
	// string, float64 or bool.
	Custom map[string]any `json:"custom,omitempty"`

	// FirstSeen and LastSeen are when the person first and last acted, by the
	// platform's clock, in UTC and whole seconds. LastSeen is advanced only now
	// and then (see middleware.Options.SeenEvery), since each advance costs a
	// write.
	FirstSeen time.Time `json:"first_seen,omitzero"`
	LastSeen  time.Time `json:"last_seen,omitzero"`
}

// Address is OpenID Connect's address claim.
type Address struct {
	Formatted     string `json:"formatted,omitempty"` // the whole address, lines separated by spaces
	StreetAddress string `json:"street_address,omitempty"`
	Locality      string `json:"locality,omitempty"` // city
	Region        string `json:"region,omitempty"`   // state, province
	PostalCode    string `json:"postal_code,omitempty"`
	Country       string `json:"country,omitempty"`
}

// Status says whether the person can be reached.
type Status string

// The statuses.
const (
	StatusActive  Status = "active"
	StatusBlocked Status = "blocked" // the person blocked the bot
	StatusLeft    Status = "left"    // the person left the guild or group
	StatusDeleted Status = "deleted" // the account is gone
)

// GoString returns the channelUserId, as String does.
func (p Profile) GoString() string { return p.Key.String() }

// DisplayName returns the best name to show or to greet with: Name, else
// Nickname, PreferredUsername, Username, and the channelUserId where nothing is
// known.
func (p Profile) DisplayName() string {
	for _, s := range [...]string{p.Name, p.Nickname, p.PreferredUsername, p.Username} {
		if s != "" {
			return s
		}
	}
	if p.Key.IsZero() {
		return ""
	}
	return p.Key.String()
}

// Value returns the value of one field in the form that a [Register] keeps: text
// as it is, flags as "true", custom values as JSON. "" means that the field has
// none, or is not known.
func (p Profile) Value(f Field) string {
	if s, ok := specs[f]; ok {
		return s.get(&p)
	}
	if id, ok := f.nick(); ok {
		return p.Nicks[id]
	}
	if key, ok := f.custom(); ok {
		if v, ok := p.Custom[key]; ok {
			text, _ := customText(v)
			return text
		}
	}
	return ""
}

// Stated returns the fields of p that have a value, sorted, nicks and custom
// fields among them.
func (p Profile) Stated() []Field {
	var fields []Field
	for _, s := range specList {
		if s.get(&p) != "" {
			fields = append(fields, s.field)
		}
	}
	for id := range p.Nicks {
		fields = append(fields, NickField(id))
	}
	for key := range p.Custom {
		fields = append(fields, CustomKey(key))
	}
	slices.Sort(fields)
	return fields
}

// put writes a field's value into p. A field that this version does not know is
// kept in the Record and not seen.
func (p *Profile) put(f Field, value string) {
	if s, ok := specs[f]; ok {
		s.set(p, value)
		return
	}
	if id, ok := f.nick(); ok {
		if p.Nicks == nil {
			p.Nicks = make(map[string]string)
		}
		p.Nicks[id] = value
		return
	}
	if key, ok := f.custom(); ok {
		v, ok := customValue(value)
		if !ok {
			return
		}
		if p.Custom == nil {
			p.Custom = make(map[string]any)
		}
		p.Custom[key] = v
	}
}

func joinName(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
}
