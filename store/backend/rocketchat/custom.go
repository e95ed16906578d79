package rocketchat

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rollcall-go/rollcall/store"
)

// A customMap says which field goes to which custom field of the server.
type customMap []customPair

type customPair struct {
	field store.Field
	key   string
}

// newCustomMap checks from. keyField is taken already, "" for none.
func newCustomMap(from map[store.Field]string, keyField string) (customMap, error) {
	var m customMap
	taken := map[string]bool{keyField: true}
	for _, field := range slices.Sorted(maps.Keys(from)) {
		key := from[field]
		problem := customKeyProblem(key)
		switch {
		case !field.Known():
			problem = "is no field of a profile"
		case problem != "":
			problem = "goes to a key that " + problem
		case taken[key]:
			problem = "goes to a key that is used for something else as well"
		}
		if problem != "" {
			return nil, fmt.Errorf("rocketchat: Options.Custom: %s %s: %w", field, problem, store.ErrInvalid)
		}
		taken[key] = true
		m = append(m, customPair{field, key})
	}
	return m, nil
}

func customKeyProblem(key string) string {
	switch {
	case key == "" || strings.ContainsFunc(key, notInCustomKey) || strings.HasPrefix(key, "__"):
		return "is not made of 0-9 a-z A-Z - and _"
	case strings.HasPrefix(strings.ToLower(key), "role"):
		return "begins with role, by which a server can give rights away; rename it there"
	}
	return ""
}

func notInCustomKey(r rune) bool { return r == '.' || notInUsername(r) }

func (m customMap) takes(f store.Field) bool {
	return slices.ContainsFunc(m, func(p customPair) bool { return p.field == f })
}

// text is a field's value as custom fields hold it: without the quotes of JSON.
func text(p store.Profile, f store.Field) string {
	value := p.Value(f)
	var s string
	if strings.HasPrefix(value, `"`) && json.Unmarshal([]byte(value), &s) == nil && isCustom(f) {
		return s
	}
	return value
}

func isCustom(f store.Field) bool { return strings.HasPrefix(string(f), string(store.CustomKey(""))) }

// A customFields is what an account holds, each value as its JSON.
type customFields map[string]json.RawMessage

// written returns what the account is to hold, and whether that differs from
// held: all that is there, and the fields that has names over it. A field without
// a value becomes "", which both kinds of server, those that merge and those that
// replace, take for none.
func (m customMap) written(p store.Profile, has func(store.Field) bool, held customFields) (all customFields, differs bool) {
	all = maps.Clone(held)
	for _, pair := range m {
		if !has(pair.field) {
			continue
		}
		value := text(p, pair.field)
		if value == plain(held[pair.key]) {
			continue
		}
		if all == nil {
			all = make(customFields)
		}
		all[pair.key], differs = quote(value), true
	}
	return all, differs
}

// dropped looks for fields that were sent and are not in what the server answered.
func (m customMap) dropped(gone *missing, sent, answered customFields) {
	for _, pair := range m {
		if plain(sent[pair.key]) != "" && plain(answered[pair.key]) == "" {
			gone.add(&store.FieldError{Field: pair.field, Problem: fmt.Sprintf(
				"was dropped: define the custom field %q on the server, then Replay", pair.key)}, pair.field)
		}
	}
}

// plain is a held value as text: "" for none, JSON for what is not text.
func plain(raw json.RawMessage) string {
	var s *string
	if len(raw) == 0 || json.Unmarshal(raw, &s) == nil {
		if s == nil {
			return ""
		}
		return *s
	}
	return string(raw)
}

func quote(s string) json.RawMessage {
	raw, _ := json.Marshal(s) // text cannot fail
	return raw
}

// customOf returns the custom fields that a is to hold, and whether they differ
// from those that it holds.
func (b *Backend) customOf(p store.Profile, has func(store.Field) bool, a account) (all customFields, differs bool) {
	all, differs = b.custom.written(p, has, a.CustomFields)
	if b.keyField != "" && !a.adopted && !b.holdsKey(a.User, p.Key) {
		if all == nil {
			all = make(customFields)
		}
		all[b.keyField], differs = quote(keyText(p.Key)), true
	}
	return all, differs
}

// dropped looks for custom fields that were sent and are not there.
func (b *Backend) dropped(m *missing, key store.Key, sent customFields, a *account) {
	if b.keyField != "" && !a.adopted && !b.holdsKey(a.User, key) {
		err := fmt.Errorf("the custom field %q of Options.KeyField is not there: define it on the server, then Replay: %w",
			b.keyField, store.ErrInvalid)
		if b.emails { // they wait for it
			m.add(err, store.FieldEmail, store.FieldEmailVerified)
		} else {
			m.add(err)
		}
	}
	b.custom.dropped(m, sent, a.CustomFields)
}
