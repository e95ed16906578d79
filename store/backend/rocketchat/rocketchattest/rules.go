package rocketchattest

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"
)

var (
	usernameRule = regexp.MustCompile(`^[0-9a-zA-Z\-_.]+$`) // UTF8_User_Names_Validation
	emailRule    = regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`)
)

// checkUsername asks whether a user, nil for a new one, may have this name.
func (s *Service) checkUsername(name string, of *User) *refusal {
	switch {
	case !usernameRule.MatchString(name):
		return coded("error-input-is-not-a-valid-field", name+" is not a valid username",
			map[string]any{"method": "insertOrUpdateUser", "input": name, "field": "Username"})
	case slices.ContainsFunc(append([]string{"all", "here"}, s.o.BlockedUsernames...), func(b string) bool { return strings.EqualFold(b, name) }):
		return coded("error-blocked-username", name+" is blocked and can't be used!", map[string]any{"method": "insertOrUpdateUser"})
	}
	if holder := s.byUsername(name); holder != nil && holder != of {
		return taken(name)
	}
	return nil
}

// checkEmail asks whether a user, nil for a new one, may have this address.
func (s *Service) checkEmail(address string, of *User) *refusal {
	if !emailRule.MatchString(address) {
		return coded("error-invalid-email", "Invalid email "+address, map[string]any{"function": "validateEmailDomain", "email": address})
	}
	if holder := s.byEmail(address); holder != nil && holder != of {
		return taken(address)
	}
	return nil
}

func taken(what string) *refusal {
	return coded("error-field-unavailable", what+" is already in use :(", map[string]any{"method": "insertOrUpdateUser", "field": what})
}

// checkName is the rule for what people are shown as.
func checkName(name string) *refusal {
	decoded, err := url.PathUnescape(name)
	if err != nil || strings.ContainsAny(decoded, `<>\/`) {
		return plain("Name contains invalid characters")
	}
	return nil
}

func checkLengths(f fields) *refusal {
	if units(f.Bio.text()) > 260 {
		return coded("error-bio-size-exceeded", "Bio size exceeds 260 characters", nil)
	}
	if units(f.Nickname.text()) > 120 {
		return coded("error-nickname-size-exceeded", "Nickname size exceeds 120 characters", nil)
	}
	return nil
}

// units is the length of a text in JavaScript.
func units(s string) int { return len(utf16.Encode([]rune(s))) }

// checkCustom checks the values for all definitions, also for those that are not
// among them.
func (s *Service) checkCustom(values map[string]any) *refusal {
	if values == nil {
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(s.o.CustomFields)) {
		def := s.o.CustomFields[key]
		text, _ := values[key].(string)
		text = strings.TrimSpace(text)
		problem := ""
		switch {
		case def.Required && text == "":
			problem = fmt.Sprintf("Field %s is required", key)
		case def.Type == "select" && values[key] != nil && !slices.Contains(def.Options, text):
			problem = fmt.Sprintf("Value for field %s is invalid", key)
		case def.MaxLength > 0 && units(text) > def.MaxLength:
			problem = fmt.Sprintf("Max length of field %s %d", key, def.MaxLength)
		case def.MinLength > 0 && text != "" && units(text) < def.MinLength:
			problem = fmt.Sprintf("Min length of field %s %d", key, def.MinLength)
		}
		if problem != "" {
			return coded("error-user-registration-custom-field", problem, map[string]any{"method": "registerUser"})
		}
	}
	return nil
}

// writeCustom keeps the values that are defined, and no others.
func (s *Service) writeCustom(u *User, values map[string]any) {
	if values == nil || len(s.o.CustomFields) == 0 {
		return
	}
	if u.CustomFields == nil || s.o.ReplaceCustomFields {
		u.CustomFields = make(map[string]any)
	}
	for key, def := range s.o.CustomFields {
		value, ok := values[key]
		if !ok {
			continue
		}
		if text, isText := value.(string); isText {
			value = strings.TrimSpace(text)
		}
		u.CustomFields[key] = value
		if role, isText := value.(string); isText && def.ModifyRecordField && role != "" {
			u.Roles = append(u.Roles, role)
		}
	}
}
