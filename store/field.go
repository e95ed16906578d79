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

// A spec is all that the package knows of one field: its number, which says where its
// value stands in bytes and in a Profile, and the rule that values are repaired and
// validated by.
type spec struct {
	field Field
	code  uint64 // in [Record.AppendBinary] and in place: never changed, never used again
	rule  rule
}

func (s *spec) set(p *Profile, value string) {
	text, flag := p.place(s.code)
	if flag != nil {
		*flag = value == trueText
		return
	}
	*text = value
}

// get returns the field's value in the form that a Register keeps, "" where the
// field is zero.
func (s *spec) get(p *Profile) string {
	text, flag := p.place(s.code)
	switch {
	case flag == nil:
		return *text
	case *flag:
		return trueText
	}
	return ""
}

var specList = []spec{
	{field: FieldName, code: 1, rule: personName},
	{field: FieldGivenName, code: 2, rule: personName},
	{field: FieldFamilyName, code: 3, rule: personName},
	{field: FieldMiddleName, code: 4, rule: personName},
	{field: FieldNickname, code: 5, rule: personName},
	{field: FieldPreferredUsername, code: 6, rule: personName},
	{field: FieldProfile, code: 7, rule: httpsURL},
	{field: FieldPicture, code: 8, rule: httpsURL},
	{field: FieldWebsite, code: 9, rule: httpsURL},
	{field: FieldEmail, code: 10, rule: email},
	{field: FieldEmailVerified, code: 11, rule: flag},
	{field: FieldGender, code: 12, rule: gender},
	{field: FieldBirthdate, code: 13, rule: birthdate},
	{field: FieldZoneinfo, code: 14, rule: zoneinfo},
	{field: FieldLocale, code: 15, rule: locale},
	{field: FieldPhoneNumber, code: 16, rule: phoneNumber},
	{field: FieldPhoneVerified, code: 17, rule: flag},
	{field: FieldFormatted, code: 18, rule: addressLine},
	{field: FieldStreetAddress, code: 19, rule: addressLine},
	{field: FieldLocality, code: 20, rule: addressLine},
	{field: FieldRegion, code: 21, rule: addressLine},
	{field: FieldPostalCode, code: 22, rule: addressLine},
	{field: FieldCountry, code: 23, rule: addressLine},
	{field: FieldUsername, code: 24, rule: personName},
	{field: FieldStatus, code: 25, rule: status},
	{field: FieldIsPremium, code: 26, rule: flag},
	{field: FieldBio, code: 27, rule: longText},
	{field: FieldStartPayload, code: 28, rule: personName},
}

var specs = func() map[Field]*spec {
	m := make(map[Field]*spec, len(specList))
	for i := range specList {
		m[specList[i].field] = &specList[i]
	}
	return m
}()

// place returns where p has the field of that code, which is a text or a flag. It is a
// switch and no function in each spec, so that p can stay on the stack.
func (p *Profile) place(code uint64) (text *string, flag *bool) {
	switch code {
	case 1:
		return &p.Name, nil
	case 2:
		return &p.GivenName, nil
	case 3:
		return &p.FamilyName, nil
	case 4:
		return &p.MiddleName, nil
	case 5:
		return &p.Nickname, nil
	case 6:
		return &p.PreferredUsername, nil
	case 7:
		return &p.Profile, nil
	case 8:
		return &p.Picture, nil
	case 9:
		return &p.Website, nil
	case 10:
		return &p.Email, nil
	case 11:
		return nil, &p.EmailVerified
	case 12:
		return &p.Gender, nil
	case 13:
		return &p.Birthdate, nil
	case 14:
		return &p.Zoneinfo, nil
	case 15:
		return &p.Locale, nil
	case 16:
		return &p.PhoneNumber, nil
	case 17:
		return nil, &p.PhoneVerified
	case 18:
		return &p.Address.Formatted, nil
	case 19:
		return &p.Address.StreetAddress, nil
	case 20:
		return &p.Address.Locality, nil
	case 21:
		return &p.Address.Region, nil
	case 22:
		return &p.Address.PostalCode, nil
	case 23:
		return &p.Address.Country, nil
	case 24:
		return &p.Username, nil
	case 25:
		return (*string)(&p.Status), nil
	case 26:
		return nil, &p.IsPremium
	case 27:
		return &p.Bio, nil
	case 28:
		return &p.StartPayload, nil
	}
	panic("store: no field has this code")
}
