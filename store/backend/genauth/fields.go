package genauth

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// A place is where a field of ours stands in an account. Where the service has
// two for the same, both are written.
type place struct {
	field   store.Field
	account []string // keys of create-user and update-user
	profile string   // key of update-profile, "" for none
}

// places are those of the fields that nothing has to be known of but their value.
// The service's province is what OpenID Connect calls region, and its address
// what OpenID Connect calls formatted; it has those too.
var places = []place{
	{store.FieldName, []string{"name"}, "name"},
	{store.FieldGivenName, []string{"givenName"}, ""},
	{store.FieldFamilyName, []string{"familyName"}, ""},
	{store.FieldMiddleName, []string{"middleName"}, ""},
	{store.FieldNickname, []string{"nickname"}, "nickname"},
	{store.FieldPreferredUsername, []string{"preferredUsername"}, ""},
	{store.FieldProfile, []string{"profile"}, ""},
	{store.FieldPicture, []string{"photo"}, "photo"},
	{store.FieldWebsite, []string{"website"}, ""},
	{store.FieldGender, []string{"gender"}, "gender"},
	{store.FieldBirthdate, []string{"birthdate"}, "birthdate"},
	{store.FieldZoneinfo, []string{"zoneinfo"}, ""},
	{store.FieldLocale, []string{"locale"}, ""},
	{store.FieldFormatted, []string{"address", "formatted"}, "address"},
	{store.FieldStreetAddress, []string{"streetAddress"}, "streetAddress"},
	{store.FieldLocality, []string{"city"}, "city"},
	{store.FieldRegion, []string{"province", "region"}, "province"},
	{store.FieldPostalCode, []string{"postalCode"}, "postalCode"},
	{store.FieldCountry, []string{"country"}, "country"},
}

// A mapping says which fields go where.
type mapping struct {
	simple         map[store.Field][]string
	contacts       bool // email and phone have a place too
	followUsername bool
	username       func(store.Profile) string // of those without one on the channel; nil: they get none
	company        store.Field
	identityNumber store.Field
	custom         map[store.Field]string // to the service's keys
	clearing       Clearing
}

func accountPlaces() map[store.Field][]string {
	m := make(map[store.Field][]string, len(places))
	for _, p := range places {
		m[p.field] = p.account
	}
	return m
}

func profilePlaces() map[store.Field][]string {
	m := make(map[store.Field][]string, len(places))
	for _, p := range places {
		if p.profile != "" {
			m[p.field] = []string{p.profile}
		}
	}
	return m
}

func (m mapping) takes(f store.Field) bool {
	switch f {
	case store.FieldEmail, store.FieldEmailVerified, store.FieldPhoneNumber, store.FieldPhoneVerified:
		if m.contacts {
			return true
		}
	case store.FieldUsername:
		if m.followUsername {
			return true
		}
	case m.company, m.identityNumber:
		return f != ""
	}
	return m.simple[f] != nil || m.custom[f] != ""
}

// all returns the fields of a person that have a value and a place.
func (m mapping) all(p store.Profile) []store.Field {
	return slices.DeleteFunc(p.Stated(), func(f store.Field) bool { return !m.takes(f) })
}

// validate says what is wrong with the options that a mapping was made of.
func (m mapping) validate() error {
	for _, f := range []store.Field{m.company, m.identityNumber} {
		if f != "" && (!f.Known() || !strings.HasPrefix(string(f), "custom.")) {
			return fmt.Errorf("genauth: Company and IdentityNumber name a field made by store.CustomKey, %q is none: %w", f, store.ErrInvalid)
		}
	}
	if m.clearing > NeverClear {
		return fmt.Errorf("genauth: Options.Clearing is unknown: %w", store.ErrInvalid)
	}
	keys := make(map[string]bool, len(m.custom))
	for _, f := range slices.Sorted(maps.Keys(m.custom)) {
		key := m.custom[f]
		without := m
		without.custom = nil
		switch {
		case !f.Known():
			return fmt.Errorf("genauth: Options.Custom has %q, which is not a field: %w", f, store.ErrInvalid)
		case without.takes(f):
			return fmt.Errorf("genauth: Options.Custom has %q, which has a place of its own: %w", f, store.ErrInvalid)
		case !customKey(key):
			return fmt.Errorf("genauth: Options.Custom gives %q a key that is not a letter and then up to 63 of a-z, A-Z, 0-9, '_' and '-': %w", f, store.ErrInvalid)
		case keys[key]:
			return fmt.Errorf("genauth: Options.Custom gives two fields the key %q: %w", key, store.ErrInvalid)
		}
		keys[key] = true
	}
	return nil
}

// customKey leaves out what has a meaning of its own to JavaScript: numbers, which
// change the order of an object, and __proto__.
func customKey(key string) bool {
	for i, r := range key {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || (r < '0' || r > '9') && r != '_' && r != '-') {
			return false
		}
	}
	return key != "" && len(key) <= 64
}

// wholeDate reports whether a birth date is what the service keeps: OpenID Connect
// also allows a year alone, and a day without a year.
func wholeDate(s string) bool {
	at, err := time.Parse(time.DateOnly, s)
	return err == nil && at.Year() > 0
}
