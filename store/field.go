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

// Known reports whether f is a field that a Profile has, a nick or a well-formed
// custom field among them. Which custom fields are defined it does not know.
func (f Field) Known() bool {
	if key, ok := f.custom(); ok {
		return customKeyProblem(key) == ""
	}
	_, ok := ruleOf(f)
	return ok
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

// Getter returns what reads f of a profile, for whoever reads many: it returns what
// [Profile.Value] does, and looks f up only once. nil where f is not Known.
func (f Field) Getter() func(p *Profile) string {
	if s, ok := specs[f]; ok {
		return s.get
	}
	if !f.Known() {
		return nil
	}
	return func(p *Profile) string { return p.Value(f) }
}

const trueText = "true"

// A spec is all that the package knows of one field: where its value stands in
// a Profile, its number in bytes, and the rule that values are repaired and
// validated by.
type spec struct {
	field Field
	code  uint64 // its number in [Record.AppendBinary]: never changed, never used again
	rule  rule
	text  func(*Profile) *string // nil for a flag
	flag  func(*Profile) *bool   // nil for a text
}

func (s *spec) set(p *Profile, value string) {
	if s.flag != nil {
		*s.flag(p) = value == trueText
		return
	}
	*s.text(p) = value
}

// get returns the field's value in the form that a Register keeps, "" where the
// field is zero.
func (s *spec) get(p *Profile) string {
	if s.flag == nil {
		return *s.text(p)
	}
	if *s.flag(p) {
		return trueText
	}
	return ""
}

var specList = []spec{
	{field: FieldName, code: 1, rule: personName, text: func(p *Profile) *string { return &p.Name }},
	{field: FieldGivenName, code: 2, rule: personName, text: func(p *Profile) *string { return &p.GivenName }},
	{field: FieldFamilyName, code: 3, rule: personName, text: func(p *Profile) *string { return &p.FamilyName }},
	{field: FieldMiddleName, code: 4, rule: personName, text: func(p *Profile) *string { return &p.MiddleName }},
	{field: FieldNickname, code: 5, rule: personName, text: func(p *Profile) *string { return &p.Nickname }},
	{field: FieldPreferredUsername, code: 6, rule: personName, text: func(p *Profile) *string { return &p.PreferredUsername }},
	{field: FieldProfile, code: 7, rule: httpsURL, text: func(p *Profile) *string { return &p.Profile }},
	{field: FieldPicture, code: 8, rule: httpsURL, text: func(p *Profile) *string { return &p.Picture }},
	{field: FieldWebsite, code: 9, rule: httpsURL, text: func(p *Profile) *string { return &p.Website }},
	{field: FieldEmail, code: 10, rule: email, text: func(p *Profile) *string { return &p.Email }},
	{field: FieldEmailVerified, code: 11, rule: flag, flag: func(p *Profile) *bool { return &p.EmailVerified }},
	{field: FieldGender, code: 12, rule: gender, text: func(p *Profile) *string { return &p.Gender }},
	{field: FieldBirthdate, code: 13, rule: birthdate, text: func(p *Profile) *string { return &p.Birthdate }},
	{field: FieldZoneinfo, code: 14, rule: zoneinfo, text: func(p *Profile) *string { return &p.Zoneinfo }},
	{field: FieldLocale, code: 15, rule: locale, text: func(p *Profile) *string { return &p.Locale }},
	{field: FieldPhoneNumber, code: 16, rule: phoneNumber, text: func(p *Profile) *string { return &p.PhoneNumber }},
	{field: FieldPhoneVerified, code: 17, rule: flag, flag: func(p *Profile) *bool { return &p.PhoneVerified }},
	{field: FieldFormatted, code: 18, rule: addressLine, text: func(p *Profile) *string { return &p.Address.Formatted }},
	{field: FieldStreetAddress, code: 19, rule: addressLine, text: func(p *Profile) *string { return &p.Address.StreetAddress }},
	{field: FieldLocality, code: 20, rule: addressLine, text: func(p *Profile) *string { return &p.Address.Locality }},
	{field: FieldRegion, code: 21, rule: addressLine, text: func(p *Profile) *string { return &p.Address.Region }},
	{field: FieldPostalCode, code: 22, rule: addressLine, text: func(p *Profile) *string { return &p.Address.PostalCode }},
	{field: FieldCountry, code: 23, rule: addressLine, text: func(p *Profile) *string { return &p.Address.Country }},
	{field: FieldUsername, code: 24, rule: personName, text: func(p *Profile) *string { return &p.Username }},
	{field: FieldStatus, code: 25, rule: status, text: func(p *Profile) *string { return (*string)(&p.Status) }},
	{field: FieldIsPremium, code: 26, rule: flag, flag: func(p *Profile) *bool { return &p.IsPremium }},
	{field: FieldBio, code: 27, rule: longText, text: func(p *Profile) *string { return &p.Bio }},
	{field: FieldStartPayload, code: 28, rule: personName, text: func(p *Profile) *string { return &p.StartPayload }},
}

var specs = func() map[Field]*spec {
	m := make(map[Field]*spec, len(specList))
	for i := range specList {
		m[specList[i].field] = &specList[i]
	}
	return m
}()
