package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/rollcall-go/rollcall/store"
)

// The types of an Event.
const (
	TypeUpdated = "profile.updated" // a person is new, or changed
	TypeErased  = "profile.erased"  // a person is to be forgotten
)

// An Event is what a request says of one person. The package comment shows its
// JSON.
//
// fmt prints an Event as its channelUserId and nothing else.
type Event struct {
	// ID names the event. It is the same when the event is sent again; the
	// package comment says how far.
	ID string `json:"id"`
	// Version grows with each change of the person. 0 for TypeErased. See the
	// package comment for when it begins anew.
	Version int64 `json:"version,omitempty"`
	// Type is one of the constants above, or one of a later version.
	Type string `json:"type"`
	// ChannelUserID is the text form of Key.
	ChannelUserID string `json:"key"`
	store.Key
	// Profile is the whole person as they are now, as far as store.Restrict lets
	// it out. Zero for TypeErased.
	Profile store.Profile `json:"profile,omitzero"`
	// Fields are those that changed, sorted, and Cleared the ones of them that
	// have no value any more.
	Fields  []store.Field `json:"fields,omitzero"`
	Cleared []store.Field `json:"cleared,omitzero"`
	// All is true when Fields names every field that has a value.
	All bool `json:"all,omitempty"`
}

// GoString returns the channelUserId, as String does.
func (e Event) GoString() string { return e.Key.String() }

func updated(d store.Delivery) Event {
	return Event{
		Type:          TypeUpdated,
		Version:       d.Version,
		ChannelUserID: d.Profile.Key.String(),
		Key:           d.Profile.Key,
		Profile:       d.Profile,
		Fields:        append([]store.Field{}, d.Fields...), // never nil, which would be left out
		Cleared:       append([]store.Field{}, d.Cleared()...),
		All:           d.All,
	}
}

func erased(key store.Key) Event {
	return Event{Type: TypeErased, ChannelUserID: key.String(), Key: key}
}

// encode writes v in one form only: the id and the signature depend on it.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("the profile cannot be written as JSON: %w", store.ErrInvalid)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// decode reads a body that holds one event or an array of them.
func decode(body []byte) ([]Event, error) {
	var events []Event
	var err error
	if bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) {
		err = json.Unmarshal(body, &events)
	} else {
		events = make([]Event, 1)
		err = json.Unmarshal(body, &events[0])
	}
	if err != nil {
		return nil, errors.New("the body is no event in JSON")
	}
	for _, e := range events {
		switch {
		case e.ID == "" || e.Type == "":
			return nil, errors.New("an event has no id or type")
		case e.Key.Validate() != nil || e.Key.String() != e.ChannelUserID:
			return nil, errors.New("an event's key, channel and user_id do not name one person")
		case e.Type == TypeUpdated && e.Profile.Key != e.Key:
			return nil, errors.New("an event's profile is of another person")
		}
	}
	return events, nil
}
