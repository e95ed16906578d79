package genauthtest

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// An Account is what the service holds of one person, by the keys of its UserDto,
// such as "userId" and "givenName". Its values are strings, bools, float64s and,
// for "customData", a map[string]any.
type Account map[string]any

// Text returns a value that is text, and "" where there is none.
func (a Account) Text(key string) string {
	text, _ := a[key].(string)
	return text
}

// Custom returns a value of the custom data, nil where there is none.
func (a Account) Custom(key string) any {
	data, _ := a["customData"].(map[string]any)
	return data[key]
}

func (a Account) clone() Account {
	c := maps.Clone(a)
	if data, ok := a["customData"].(map[string]any); ok {
		c["customData"] = maps.Clone(data)
	}
	return c
}

// Put puts an account into the pool as it is, unchecked, and returns its userId.
// Without "userId" it is a new one; with it, it replaces that account.
func (s *Service) Put(a Account) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.put(a.clone())
}

func (s *Service) put(a Account) string {
	id := a.Text("userId")
	if id == "" {
		s.made++
		id = fmt.Sprintf("%08x%x%06x", s.o.Now().Unix()&0xffffffff, s.machine, s.made)
	}
	now := s.now()
	for key, value := range map[string]any{
		"createdAt": now, "status": "Activated", "workStatus": "Active", "gender": "U",
		"emailVerified": false, "phoneVerified": false, "userSourceType": "adminCreated",
	} {
		if _, ok := a[key]; !ok {
			a[key] = value
		}
	}
	a["userId"], a["updatedAt"] = id, now
	s.accounts[id] = a
	return id
}

func (s *Service) now() string { return s.o.Now().UTC().Format("2006-01-02T15:04:05.000Z") }

// Account returns a copy of the account with this externalId, and false where
// there is none.
func (s *Service) Account(externalID string) (Account, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, failure := s.find(externalID, "external_id")
	if failure != nil {
		return nil, false
	}
	return a.clone(), true
}

// Accounts returns copies of all accounts, in the order in which they were made.
func (s *Service) Accounts() []Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Account, 0, len(s.accounts))
	for _, id := range slices.Sorted(maps.Keys(s.accounts)) {
		all = append(all, s.accounts[id].clone())
	}
	return all
}

// find returns the account that has an id of this type.
func (s *Service) find(id, idType string) (Account, *Failure) {
	key := map[string]string{
		"": "userId", "user_id": "userId", "external_id": "externalId",
		"phone": "phone", "email": "email", "username": "username",
	}[idType]
	if key == "" || id == "" {
		return nil, badRequest()
	}
	for _, a := range s.accounts {
		if a.Text(key) == id || key == "email" && strings.EqualFold(a.Text(key), id) {
			return a, nil
		}
	}
	return nil, &s.o.NotFound
}

// told is an account as the service tells it.
func told(a Account, withCustomData bool) Account {
	t := a.clone()
	if !withCustomData {
		delete(t, "customData")
	}
	return t
}

func (s *Service) getUser(r request) (any, *Failure) {
	a, failure := s.find(r.Query.Get("userId"), r.Query.Get("userIdType"))
	if failure != nil {
		return nil, failure
	}
	return told(a, r.Query.Get("withCustomData") == "true"), nil
}

func (s *Service) getProfile(r request) (any, *Failure) {
	a, failure := s.find(r.person, "user_id")
	if failure != nil {
		return nil, failure
	}
	return told(a, r.Query.Get("withCustomData") == "true"), nil
}

func (s *Service) isUserExists(r request) (any, *Failure) {
	for key, idType := range map[string]string{"username": "username", "email": "email", "phone": "phone", "externalId": "external_id"} {
		if id := r.text(key); id != "" {
			_, failure := s.find(id, idType)
			return map[string]any{"exists": failure == nil}, nil
		}
	}
	return nil, badRequest()
}

func (s *Service) createUser(r request) (any, *Failure) {
	delete(r.body, "options")
	a := Account{}
	if failure := s.change(a, r.body, createKeys); failure != nil {
		return nil, failure
	}
	if cmp.Or(a.Text("username"), a.Text("phone"), a.Text("email")) == "" {
		return nil, badRequest()
	}
	s.put(a)
	return told(a, false), nil
}

func (s *Service) updateUser(r request) (any, *Failure) {
	options, _ := r.body["options"].(map[string]any)
	idType, _ := options["userIdType"].(string)
	a, failure := s.find(r.text("userId"), idType)
	if failure != nil {
		return nil, failure
	}
	delete(r.body, "options")
	delete(r.body, "userId")
	return s.alter(a, r.body, updateKeys)
}

func (s *Service) updateProfile(r request) (any, *Failure) {
	a, failure := s.find(r.person, "user_id")
	if failure != nil {
		return nil, failure
	}
	return s.alter(a, r.body, profileKeys)
}

// alter changes an account, or leaves it as it is.
func (s *Service) alter(a Account, values map[string]any, allowed keySet) (any, *Failure) {
	changed := a.clone()
	if failure := s.change(changed, values, allowed); failure != nil {
		return nil, failure
	}
	s.put(changed)
	return told(changed, false), nil
}

func (s *Service) deleteUsers(r request) (any, *Failure) {
	list, _ := r.body["userIds"].([]any)
	options, _ := r.body["options"].(map[string]any)
	idType, _ := options["userIdType"].(string)
	if len(list) == 0 || len(list) > 50 {
		return nil, badRequest()
	}
	for _, v := range list {
		id, _ := v.(string)
		a, failure := s.find(id, idType)
		switch {
		case failure == nil:
			delete(s.accounts, a.Text("userId"))
		case failure.StatusCode == http.StatusBadRequest, s.o.StrictDelete:
			return nil, failure
		}
	}
	return map[string]any{"success": true}, nil
}

// unique says whether an account may hold what it does.
func (s *Service) unique(a Account) bool {
	for id, other := range s.accounts {
		if id == a.Text("userId") {
			continue
		}
		for _, key := range []string{"username", "externalId"} {
			if v := a.Text(key); v != "" && v == other.Text(key) {
				return false
			}
		}
		if v := a.Text("email"); v != "" && strings.EqualFold(v, other.Text("email")) {
			return false
		}
		if v := a.Text("phone"); v != "" && v == other.Text("phone") && countryCode(a) == countryCode(other) {
			return false
		}
	}
	return true
}

func countryCode(a Account) string { return cmp.Or(a.Text("phoneCountryCode"), "+86") }

func isDate(s string) bool {
	_, day := time.Parse(time.DateOnly, s)
	_, instant := time.Parse(time.RFC3339, s)
	return day == nil || instant == nil
}
