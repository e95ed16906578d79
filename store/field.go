package store

import "strings"

// A Field names one field of a [Profile], as its JSON does: "given_name".
type Field string

// The fields of a Profile. Those of its maps are made by [NickField] and
// [CustomKey].
const (
	FieldName              Field = "name"
	FieldGivenName         Field = "given_name"
	FieldFamilyName        Field = "family_name"
	FieldMiddleName        Field = "middle_name"
	FieldNickname          Field = "nickname"
	FieldPreferredUsername Field = "preferred_username"
	FieldProfile           Field = "profile"
	FieldPicture           Field = "picture"
	FieldWebsite           Field = "website"
	FieldEmail             Field = "email"
	FieldEmailVerified     Field = "email_verified"
	FieldGender            Field = "gender"
	FieldBirthdate         Field = "birthdate"
	FieldZoneinfo          Field = "zoneinfo"
	FieldLocale            Field = "locale"
	FieldPhoneNumber       Field = "phone_number"
	FieldPhoneVerified     Field = "phone_number_verified"
	FieldFormatted         Field = "address.formatted"
	FieldStreetAddress     Field = "address.street_address"
	FieldLocality          Field = "address.locality"
	FieldRegion            Field = "address.region"
	FieldPostalCode        Field = "address.postal_code"
	FieldCountry           Field = "address.country"
	FieldUsername          Field = "username"
	FieldStatus            Field = "status"
	FieldIsPremium         Field = "is_premium"
	FieldBio               Field = "bio"
	FieldStartPayload      Field = "start_payload"
)

const (
	nickPrefix   = "nicks."
	customPrefix = "custom."
)

// NickField is the field of the person's name in one guild or group.
func NickField(guildID string) Field { return Field(nickPrefix + guildID) }

// CustomKey is the field of the custom value with this key. The key must have
// been defined as a [CustomField].
func CustomKey(key string) Field { return Field(customPrefix + key) }

// Known reports whether f is a field that a Profile has, a nick or a custom
// field among them.
func (f Field) Known() bool {
	if _, ok := specs[f]; ok {
		return true
	}
	if id, ok := f.nick(); ok {
		return id != ""
	}
	key, ok := f.custom()
	return ok && key != ""
}

func (f Field) nick() (guildID string, ok bool) { return strings.CutPrefix(string(f), nickPrefix) }
func (f Field) custom() (key string, ok bool)   { return strings.CutPrefix(string(f), customPrefix) }

// Fields returns the fields that a Profile has by itself, in the order of the
// struct, without nicks and custom fields.
func Fields() []Field {
	fields := make([]Field, len(specList))
	for i, s := range specList {
		fields[i] = s.field
	}
	return fields
}

const trueText = "true"

// A spec is all that the package knows of one field: where its value stands in
// a Profile, and the rule that values are repaired and validated by.
type spec struct {
	field Field
	rule  rule
	text  func(*Profile) *string // nil for a flag
	flag  func(*Profile) *bool   // nil for a text
}

func (s spec) set(p *Profile, value string) {
	if s.flag != nil {
		*s.flag(p) = value == trueText
		return
	}
	*s.text(p) = value
}

// get returns the field's value in the form that a Register keeps, "" where the
// field is zero.
func (s spec) get(p *Profile) string {
	if s.flag == nil {
		return *s.text(p)
	}
	if *s.flag(p) {
		return trueText
	}
	return ""
}

var specList = []spec{
	{field: FieldName, rule: personName, text: func(p *Profile) *string { return &p.Name }},
	{field: FieldGivenName, rule: personName, text: func(p *Profile) *string { return &p.GivenName }},
	{field: FieldFamilyName, rule: personName, text: func(p *Profile) *string { return &p.FamilyName }},
	{field: FieldMiddleName, rule: personName, text: func(p *Profile) *string { return &p.MiddleName }},
	{field: FieldNickname, rule: personName, text: func(p *Profile) *string { return &p.Nickname }},
	{field: FieldPreferredUsername, rule: personName, text: func(p *Profile) *string { return &p.PreferredUsername }},
	{field: FieldProfile, rule: httpsURL, text: func(p *Profile) *string { return &p.Profile }},
	{field: FieldPicture, rule: httpsURL, text: func(p *Profile) *string { return &p.Picture }},
	{field: FieldWebsite, rule: httpsURL, text: func(p *Profile) *string { return &p.Website }},
	{field: FieldEmail, rule: email, text: func(p *Profile) *string { return &p.Email }},
	{field: FieldEmailVerified, rule: flag, flag: func(p *Profile) *bool { return &p.EmailVerified }},
	{field: FieldGender, rule: gender, text: func(p *Profile) *string { return &p.Gender }},
	{field: FieldBirthdate, rule: birthdate, text: func(p *Profile) *string { return &p.Birthdate }},
	{field: FieldZoneinfo, rule: zoneinfo, text: func(p *Profile) *string { return &p.Zoneinfo }},
	{field: FieldLocale, rule: locale, text: func(p *Profile) *string { return &p.Locale }},
	{field: FieldPhoneNumber, rule: phoneNumber, text: func(p *Profile) *string { return &p.PhoneNumber }},
	{field: FieldPhoneVerified, rule: flag, flag: func(p *Profile) *bool { return &p.PhoneVerified }},
	{field: FieldFormatted, rule: addressLine, text: func(p *Profile) *string { return &p.Address.Formatted }},
	{field: FieldStreetAddress, rule: addressLine, text: func(p *Profile) *string { return &p.Address.StreetAddress }},
	{field: FieldLocality, rule: addressLine, text: func(p *Profile) *string { return &p.Address.Locality }},
	{field: FieldRegion, rule: addressLine, text: func(p *Profile) *string { return &p.Address.Region }},
	{field: FieldPostalCode, rule: addressLine, text: func(p *Profile) *string { return &p.Address.PostalCode }},
	{field: FieldCountry, rule: addressLine, text: func(p *Profile) *string { return &p.Address.Country }},
	{field: FieldUsername, rule: personName, text: func(p *Profile) *string { return &p.Username }},
	{field: FieldStatus, rule: status, text: func(p *Profile) *string { return (*string)(&p.Status) }},
	{field: FieldIsPremium, rule: flag, flag: func(p *Profile) *bool { return &p.IsPremium }},
	{field: FieldBio, rule: longText, text: func(p *Profile) *string { return &p.Bio }},
	{field: FieldStartPayload, rule: personName, text: func(p *Profile) *string { return &p.StartPayload }},
}

var specs = func() map[Field]spec {
	m := make(map[Field]spec, len(specList))
	for _, s := range specList {
		m[s.field] = s
	}
	return m
}()
