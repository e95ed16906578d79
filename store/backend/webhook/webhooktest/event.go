package webhooktest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// An Event is one of a request's.
type Event struct {
	ID      string                     `json:"id"`
	Type    string                     `json:"type"`
	Version int64                      `json:"version"`
	Key     string                     `json:"key"` // the channelUserId
	Channel string                     `json:"channel"`
	UserID  string                     `json:"user_id"`
	Profile map[string]json.RawMessage `json:"profile"`
	Fields  []string                   `json:"fields"`
	Cleared []string                   `json:"cleared"`
	All     bool                       `json:"all"`
}

// parse reads one event or an array of them, and takes nothing that is not
// documented.
func parse(body []byte) ([]Event, error) {
	var events []Event
	var into any = &events
	if !bytes.HasPrefix(body, []byte("[")) {
		events = make([]Event, 1)
		into = &events[0]
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return nil, fmt.Errorf("the body is no event: %w", err)
	}
	if d.More() || len(events) == 0 {
		return nil, errors.New("the body is not one event or array of events")
	}
	for _, e := range events {
		if problem := e.problem(); problem != "" {
			return nil, fmt.Errorf("the event of %s %s", e.Key, problem)
		}
	}
	return events, nil
}

func (e Event) problem() string {
	switch {
	case !strings.HasPrefix(e.ID, "msg_"):
		return "has no id"
	case e.Channel == "" || e.UserID == "" || e.Key != e.Channel+":"+e.UserID:
		return "has a key that is not made of channel and user_id"
	case e.Type == "profile.erased":
		if e.Version != 0 || e.Profile != nil || e.Fields != nil || e.Cleared != nil || e.All {
			return "is an erasure and says more"
		}
		return ""
	case e.Type != "profile.updated":
		return "has the unknown type " + e.Type
	case e.Version < 1:
		return "has no version"
	case e.Fields == nil || e.Cleared == nil:
		return "has no fields, or no cleared"
	case !slices.IsSorted(e.Fields) || !slices.IsSorted(e.Cleared):
		return "has fields that are not sorted"
	}
	for name := range e.Profile {
		if !known(name) {
			return "has a profile with the unknown field " + name
		}
	}
	for _, field := range e.Fields {
		_, has := e.value(field)
		if has == slices.Contains(e.Cleared, field) {
			return "has a field that is cleared with a value, or not cleared without one: " + field
		}
	}
	for _, field := range e.Cleared {
		if !slices.Contains(e.Fields, field) {
			return "has a cleared field that is not of its fields: " + field
		}
	}
	return ""
}

// profileFields are what a profile may hold.
var profileFields = []string{
	"channel", "user_id", "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username",
	"profile", "picture", "website", "email", "email_verified", "gender", "birthdate", "zoneinfo", "locale",
	"phone_number", "phone_number_verified", "address", "username", "status", "is_premium", "bio",
	"start_payload", "nicks", "custom", "first_seen", "last_seen",
}

func known(name string) bool { return slices.Contains(profileFields, name) }

// value returns what the profile says of a field.
func (e Event) value(field string) (value string, ok bool) {
	raw := e.Profile[field]
	if group, name, nested := strings.Cut(field, "."); nested {
		var members map[string]json.RawMessage
		if json.Unmarshal(e.Profile[group], &members) != nil {
			return "", false
		}
		raw = members[name]
		if group == "custom" {
			return string(raw), raw != nil
		}
	}
	if json.Unmarshal(raw, &value) == nil {
		return value, true
	}
	return string(raw), raw != nil
}
