package store

// A rule says which values a field can have.
type rule struct{}

var personName, longText, addressLine, httpsURL, email, gender, birthdate, zoneinfo, locale, phoneNumber, status, flag rule

// Repair is documented in its final form by the next commit.
func Repair(f Field, raw string) (value string, ok bool) { return raw, true }

func customText(v any) (text, problem string) { return "", "" }
func customValue(v string) any                { return v }

// Validate is documented in its final form by the next commit.
func (p Patch) Validate(custom CustomFields) error { return nil }

// A CustomField defines one custom field.
type CustomField struct{ Key string }

// CustomFields are the custom fields that a bot's author defined.
type CustomFields []CustomField
