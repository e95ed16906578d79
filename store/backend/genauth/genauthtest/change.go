package genauthtest

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// A keySet says which keys a request may have, and of which type their values are.
type keySet map[string]kind

type kind uint8

const (
	text kind = iota + 1
	flag
	custom
)

func keysOf(of kind, names ...string) keySet {
	set := make(keySet, len(names))
	for _, name := range names {
		set[name] = of
	}
	return set
}

func (s keySet) and(others ...keySet) keySet {
	all := make(keySet)
	for _, set := range append(others, s) {
		maps.Copy(all, set)
	}
	return all
}

// https://docs.genauth.ai/reference/sdk/node/authentication/user-profile/update-profile.html
var profileKeys = keysOf(text, "name", "nickname", "photo", "externalId", "birthdate", "country", "province", "city",
	"address", "streetAddress", "postalCode", "gender", "username", "company", "identityNumber").
	and(keysOf(custom, "customData"))

// https://docs.genauth.ai/reference/sdk/node/management/users/update-user.html
var updateKeys = profileKeys.and(
	keysOf(text, "phoneCountryCode", "status", "email", "phone", "password", "browser", "device", "givenName",
		"familyName", "middleName", "profile", "preferredUsername", "website", "zoneinfo", "locale", "formatted", "region"),
	keysOf(flag, "emailVerified", "phoneVerified"))

// https://docs.genauth.ai/reference/sdk/node/management/users/create-user.html,
// but for what a bot has no business with: tenants, departments, identities.
var createKeys = updateKeys

// change puts values into an account, all or none.
func (s *Service) change(a Account, values map[string]any, allowed keySet) *Failure {
	for key, value := range values {
		of, ok := allowed[key]
		if !ok {
			return badRequest()
		}
		blank := value == nil && s.o.Null != Clears || value == "" && s.o.Empty != Clears
		switch {
		case blank && (value == nil && s.o.Null == Refused || value == "" && s.o.Empty == Refused):
			return badRequest()
		case blank:
			continue
		case value == nil || value == "":
			delete(a, key)
			continue
		}
		switch v := value.(type) {
		case string:
			if of != text || !s.wellFormed(key, v) {
				return badRequest()
			}
			a[key] = v
		case bool:
			if of != flag {
				return badRequest()
			}
			a[key] = v
		case map[string]any:
			if of != custom {
				return badRequest()
			}
			if failure := s.changeCustom(a, v); failure != nil {
				return failure
			}
		default:
			return badRequest()
		}
	}
	if !s.unique(a) {
		return &s.o.Conflict
	}
	return nil
}

func (s *Service) wellFormed(key, value string) bool {
	switch key {
	case "gender":
		return slices.Contains([]string{"M", "F", "U"}, value)
	case "status":
		return slices.Contains([]string{"Activated", "Suspended", "Resigned", "Archived", "Deactivated"}, value)
	case "birthdate":
		return isDate(value)
	case "email":
		return strings.Count(value, "@") == 1 && !strings.HasPrefix(value, "@") && !strings.HasSuffix(value, "@")
	case "phone":
		return strings.Trim(value, "0123456789") == ""
	case "phoneCountryCode":
		return strings.HasPrefix(value, "+") && strings.Trim(value[1:], "0123456789") == ""
	case "username":
		return s.o.Username == nil || s.o.Username.MatchString(value)
	}
	return true
}

// A CustomField is one that the pool defines for the custom data of accounts.
type CustomField struct {
	Key string
	// DataType is STRING, NUMBER, DATETIME, BOOLEAN or ENUM.
	DataType string
	// Options are the values of an ENUM.
	Options []string
	// Unique means that no two accounts may hold the same value.
	Unique bool
}

// Define adds custom fields to the pool. One whose Key is there already is replaced.
func (s *Service) Define(fields ...CustomField) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range fields {
		s.definitions = slices.DeleteFunc(s.definitions, func(known CustomField) bool { return known.Key == f.Key })
		s.definitions = append(s.definitions, f)
	}
}

func (s *Service) getCustomFields(r request) (any, *Failure) {
	if r.Query.Get("targetType") != "USER" {
		return nil, badRequest()
	}
	list := make([]map[string]any, 0, len(s.definitions))
	for _, d := range s.definitions {
		entry := map[string]any{
			"targetType": "USER", "key": d.Key, "dataType": d.DataType, "label": d.Key,
			"isUnique": d.Unique, "visibleInAdminConsole": true,
		}
		if len(d.Options) > 0 {
			options := make([]map[string]string, len(d.Options))
			for i, o := range d.Options {
				options[i] = map[string]string{"value": o, "label": o}
			}
			entry["options"] = options
		}
		list = append(list, entry)
	}
	return list, nil
}

func (s *Service) changeCustom(a Account, values map[string]any) *Failure {
	data, _ := a["customData"].(map[string]any)
	if data == nil || s.o.CustomReplaces {
		data = make(map[string]any)
	}
	for key, value := range values {
		i := slices.IndexFunc(s.definitions, func(d CustomField) bool { return d.Key == key })
		switch {
		case i < 0 && s.o.OnUndefined == DropUndefined:
			continue
		case i < 0:
			return badRequest()
		case value == nil || value == "":
			delete(data, key)
			continue
		case !s.definitions[i].fits(value):
			return badRequest()
		case s.definitions[i].Unique && s.customHeld(a, key, value):
			return &s.o.Conflict
		}
		data[key] = value
	}
	a["customData"] = data
	return nil
}

func (s *Service) customHeld(a Account, key string, value any) bool {
	for id, other := range s.accounts {
		if id != a.Text("userId") && other.Custom(key) == value {
			return true
		}
	}
	return false
}

func (d CustomField) fits(value any) bool {
	switch v := value.(type) {
	case float64:
		return d.DataType == "NUMBER"
	case bool:
		return d.DataType == "BOOLEAN"
	case string:
		switch d.DataType {
		case "STRING":
			return true
		case "DATETIME":
			return isDate(v)
		case "ENUM":
			return slices.Contains(d.Options, v)
		}
	}
	return false
}

var _ http.Handler = (*Service)(nil)
