package rocketchattest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// A kind is what a property of a body must be. The server converts numbers,
// booleans and null to what is asked for, and objects and arrays to nothing.
type kind uint8

const (
	aString kind = iota
	aBoolean
	anArray // of strings
	anObject
)

// A property is one key of a body.
type property struct {
	kind     kind
	nullable bool
	filled   bool // must have a character
	object   *schema
}

// A schema is what a body must be. No other keys may be there.
type schema struct {
	properties map[string]property
	required   []string
}

// The schemas are those of @rocket.chat/rest-typings 8.8.1, v1/users.
var (
	createSchema = schema{
		required: []string{"email", "name", "password", "username"},
		properties: map[string]property{
			"email": {}, "name": {}, "password": {}, "username": {},
			"active": {kind: aBoolean, nullable: true}, "bio": {nullable: true}, "nickname": {nullable: true},
			"statusText": {nullable: true}, "roles": {kind: anArray},
			"joinDefaultChannels":   {kind: aBoolean, nullable: true},
			"requirePasswordChange": {kind: aBoolean, nullable: true},
			"setRandomPassword":     {kind: aBoolean, nullable: true},
			"sendWelcomeEmail":      {kind: aBoolean, nullable: true},
			"verified":              {kind: aBoolean, nullable: true},
			"customFields":          {kind: anObject}, "fields": {nullable: true}, "freeSwitchExtension": {nullable: true},
		},
	}
	updateSchema = schema{
		required: []string{"userId", "data"},
		properties: map[string]property{
			"userId": {filled: true}, "confirmRelinquish": {kind: aBoolean}, "data": {kind: anObject, object: &dataSchema},
		},
	}
	dataSchema = schema{properties: map[string]property{
		"email": {nullable: true}, "name": {nullable: true}, "password": {nullable: true}, "username": {nullable: true},
		"bio": {nullable: true}, "nickname": {nullable: true}, "statusText": {nullable: true},
		"active": {kind: aBoolean, nullable: true}, "roles": {kind: anArray, nullable: true},
		"requirePasswordChange": {kind: aBoolean, nullable: true},
		"setRandomPassword":     {kind: aBoolean, nullable: true},
		"sendWelcomeEmail":      {kind: aBoolean, nullable: true},
		"verified":              {kind: aBoolean, nullable: true},
		"customFields":          {kind: anObject, nullable: true}, "status": {nullable: true}, "freeSwitchExtension": {nullable: true},
	}}
	avatarSchema = schema{properties: map[string]property{
		"avatarUrl": {nullable: true}, "userId": {nullable: true}, "username": {nullable: true},
	}}
)

// checkBody returns the check of a body, which says what is wrong with it first.
func checkBody(s schema) func(request) string {
	return func(q request) string {
		var body any
		if json.Unmarshal(q.body, &body) != nil {
			return "must be object"
		}
		return s.problem(body)
	}
}

func (s schema) problem(v any) string {
	object, ok := v.(map[string]any)
	if !ok {
		return "must be object"
	}
	for _, key := range s.required {
		if _, ok := object[key]; !ok {
			return fmt.Sprintf("must have required property '%s'", key)
		}
	}
	for key := range object {
		if _, ok := s.properties[key]; !ok {
			return "must NOT have additional properties"
		}
	}
	for key, v := range object {
		if problem := s.properties[key].problem(v); problem != "" {
			return problem
		}
	}
	return ""
}

func (p property) problem(v any) string {
	if p.nullable && (v == nil || v == "" || v == 0.0 || v == false) { // which all become null
		return ""
	}
	switch p.kind {
	case aString:
		text, ok := asText(v)
		switch {
		case !ok:
			return "must be string"
		case p.filled && text == "":
			return "must NOT have fewer than 1 characters"
		}
	case aBoolean:
		switch v {
		case true, false, nil, "true", "false", 0.0, 1.0:
		default:
			return "must be boolean"
		}
	case anArray:
		list, ok := v.([]any)
		if !ok {
			return "must be array"
		}
		if slices.ContainsFunc(list, func(v any) bool { _, ok := asText(v); return !ok }) {
			return "must be string"
		}
	case anObject:
		if _, ok := v.(map[string]any); !ok {
			return "must be object"
		}
		if p.object != nil {
			return p.object.problem(v)
		}
	}
	return ""
}

// asText is what the server makes of a value where it wants a string.
func asText(v any) (text string, ok bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case bool, float64:
		return fmt.Sprint(v), true
	}
	return "", false
}

// lookups are the keys of users.info.
var lookups = []string{"userId", "username", "importId", "email", "freeSwitchExtension"}

// checkInfo is the check of the query of users.info: one key to look up by.
func checkInfo(q request) string {
	n := 0
	for key := range q.URL.Query() {
		switch {
		case slices.Contains(lookups, key):
			n++
		case key != "includeUserRooms" && key != "fields":
			return "must NOT have additional properties"
		}
	}
	switch n {
	case 0:
		return "must have required property 'userId'"
	case 1:
		return ""
	}
	return "must NOT have additional properties"
}

// A flexString and a flexBool are what the server makes of values of other types.
// Both are nil-able: nothing was said.
type flexString string

func (s *flexString) UnmarshalJSON(raw []byte) error {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	text, _ := asText(v)
	*s = flexString(text)
	return nil
}

type flexBool bool

func (b *flexBool) UnmarshalJSON(raw []byte) error {
	switch strings.Trim(string(raw), `"`) {
	case "true", "1":
		*b = true
	}
	return nil
}
