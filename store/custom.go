package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A CustomField defines one key that Profile.Custom may have. Backends ask for
// keys that are defined beforehand, so rollcall does too: a key that nobody
// defined is an error rather than a value that is lost on the way.
type CustomField struct {
	// Key is 1 to 64 of a-z, A-Z, 0-9 and '_'.
	Key string
	// Type is what its values are. "" is CustomString.
	Type CustomType
	// Options are the values of a CustomSelect, at least one, and empty for
	// every other type.
	Options []string
	// MaxLength is how many characters a CustomString may have, up to 1000. 0
	// means 1000. Other types have none.
	MaxLength int
}

// A CustomType is what the values of a custom field are.
type CustomType string

// The types of custom fields.
const (
	CustomString   CustomType = "string"   // one line of text
	CustomNumber   CustomType = "number"   // a float64; keep ids as strings
	CustomBoolean  CustomType = "boolean"  //
	CustomDatetime CustomType = "datetime" // RFC 3339 text, or a time.Time when stated
	CustomSelect   CustomType = "select"   // one of Options
)

// CustomFields are the custom fields that a bot's author defined. Their order
// does not matter.
type CustomFields []CustomField

// Validate returns nil, or an error that wraps ErrInvalid and joins what is
// wrong with each definition, in their order.
func (fs CustomFields) Validate() error {
	var problems []error
	seen := make(map[string]bool, len(fs))
	for _, c := range fs {
		problem := c.definitionProblem()
		if problem == "" && seen[c.Key] {
			problem = "is defined twice"
		}
		seen[c.Key] = true
		if problem != "" {
			problems = append(problems, fmt.Errorf("custom field %q %s: %w", c.Key, problem, ErrInvalid))
		}
	}
	return errors.Join(problems...)
}

func (fs CustomFields) find(key string) (CustomField, bool) {
	i := slices.IndexFunc(fs, func(c CustomField) bool { return c.Key == key })
	if i < 0 {
		return CustomField{}, false
	}
	return fs[i], true
}

const maxCustomKey = 64

func customKeyProblem(key string) string {
	if key == "" || len(key) > maxCustomKey || strings.ContainsFunc(key, notInCustomKey) {
		return fmt.Sprintf("has a key that is not 1 to %d of a-z, A-Z, 0-9 and '_'", maxCustomKey)
	}
	return ""
}

func notInCustomKey(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_'
}

func (c CustomField) definitionProblem() string {
	if p := customKeyProblem(c.Key); p != "" {
		return p
	}
	switch c.Type {
	case "", CustomString, CustomNumber, CustomBoolean, CustomDatetime, CustomSelect:
	default:
		return fmt.Sprintf("has the unknown type %q", c.Type)
	}
	if (c.Type == CustomSelect) != (len(c.Options) > 0) {
		return "has options without being a select, or is a select without options"
	}
	for i, o := range c.Options {
		if p := textProblem(o, longText.max); p != "" {
			return fmt.Sprintf("has option %d, which %s", i, p)
		}
		if o == "" || slices.Contains(c.Options[:i], o) {
			return fmt.Sprintf("has option %d, which is empty or there twice", i)
		}
	}
	switch {
	case c.MaxLength == 0:
	case c.MaxLength < 0 || c.MaxLength > longText.max:
		return fmt.Sprintf("has a MaxLength that is not 1 to %d", longText.max)
	case c.Type != "" && c.Type != CustomString:
		return "has a MaxLength without being a string"
	}
	return ""
}

// problem says what is wrong with a value, given as JSON.
func (c CustomField) problem(text string) string {
	if text == "" {
		return emptyProblem
	}
	v, ok := customValue(text)
	if !ok {
		return "is not a JSON string, number or boolean"
	}
	s, isString := v.(string)
	switch {
	case isString && s == "":
		return emptyProblem
	case isString && holdsBotToken(s):
		return tokenProblem
	}
	switch c.Type {
	case "", CustomString:
		if !isString {
			return "is not a string"
		}
		most := c.MaxLength
		if most == 0 {
			most = longText.max
		}
		return textProblem(s, most)
	case CustomNumber:
		f, ok := v.(float64)
		switch {
		case !ok:
			return "is not a number"
		case math.Abs(f) > maxNumber:
			return numberProblem
		}
	case CustomBoolean:
		if _, ok := v.(bool); !ok {
			return "is not true or false"
		}
	case CustomDatetime:
		// time.Parse takes an hour of one digit and a comma too.
		if _, err := time.Parse(time.RFC3339, s); err != nil || s[len("2006-01-02T15")] != ':' || strings.Contains(s, ",") {
			return "is not a time in the form of RFC 3339, such as 2006-01-02T15:04:05Z"
		}
	case CustomSelect:
		if !isString || !slices.Contains(c.Options, s) {
			return "is not one of its options"
		}
	}
	return ""
}

// customText returns the JSON that a Register keeps of a value of Profile.Custom,
// or what is wrong with it.
func customText(v any) (text, problem string) {
	switch v := v.(type) {
	case nil:
		return "", "is nil: to take a value back, unset the field"
	case time.Time:
		if y := v.UTC().Year(); y < 0 || y > 9999 {
			return "", "is a time outside of the years 0 to 9999"
		}
		return quoteJSON(v.UTC().Format(time.RFC3339Nano)), ""
	case json.Number:
		return numberText(string(v))
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.String:
		if !utf8.ValidString(r.String()) {
			return "", string(flawEncoding)
		}
		return quoteJSON(r.String()), ""
	case reflect.Bool:
		return strconv.FormatBool(r.Bool()), ""
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return numberText(strconv.FormatInt(r.Int(), 10))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return numberText(strconv.FormatUint(r.Uint(), 10))
	case reflect.Float32, reflect.Float64:
		return floatText(r.Float())
	}
	return "", fmt.Sprintf("is a %T: give a string, a number, a boolean or a time.Time", v)
}

// maxNumber is the last of the integers that a float64 tells apart, which is
// what most readers of JSON make of a number.
const maxNumber = 1<<53 - 1

const numberProblem = "is a number beyond 2^53, which JSON's readers cannot tell from the next: define it as a string"

func numberText(s string) (text, problem string) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !json.Valid([]byte(s)) {
		return "", "is not a number that a float64 can hold"
	}
	return floatText(f)
}

func floatText(f float64) (text, problem string) {
	if math.Abs(f) > maxNumber {
		return "", numberProblem
	}
	b, err := json.Marshal(f)
	if err != nil {
		return "", "is not a number"
	}
	return string(b), ""
}

// quoteJSON escapes no more than it must: '<' stays one byte, so that a string
// which Repair allows is one that it can read again.
func quoteJSON(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // neither a string nor a Builder can fail
	return strings.TrimSuffix(b.String(), "\n")
}

// customValue returns the value that a Register keeps as JSON: a string, a
// float64 or a bool.
func customValue(text string) (v any, ok bool) {
	if json.Unmarshal([]byte(text), &v) != nil {
		return nil, false
	}
	switch v.(type) {
	case string, float64, bool:
		return v, true
	}
	return nil, false
}

// repairCustom repairs the text within an observed value of a custom field.
// Without the definition it cannot know more.
func repairCustom(raw string) (value string, ok bool) {
	if raw == "" {
		return "", true
	}
	if len(raw) > RepairLimit {
		return "", false
	}
	v, ok := customValue(raw)
	if !ok {
		return "", false
	}
	var problem string
	switch v := v.(type) {
	case string:
		s := cleanText(v, longText.max)
		if s == "" {
			return "", true
		}
		return quoteJSON(s), !holdsBotToken(s)
	case float64:
		value, problem = numberText(strings.TrimSpace(raw))
	default:
		value, problem = customText(v)
	}
	return value, problem == ""
}
