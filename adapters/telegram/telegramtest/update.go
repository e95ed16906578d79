package telegramtest

import (
	"encoding/json"
	"errors"
	"maps"
	"time"
)

// An Update is one event in the form of the Bot API. Make it with one of the
// functions of this package, and give it to [Server.Push], which adds the
// update_id, the message_id and the date that are missing. It is a value:
// methods return a changed copy.
// https://core.telegram.org/bots/api#update
type Update struct {
	kind    string
	content map[string]any
	date    string // the name of the field that tells when it happened; "" for kinds without
	at      time.Time
	id      int
}

// At sets when it happened; Telegram counts whole seconds. Kinds that carry no
// time stay as they are.
func (u Update) At(t time.Time) Update {
	u.at = t
	return u
}

// WithID sets the update_id.
func (u Update) WithID(id int) Update {
	u.id = id
	return u
}

// With sets a field of the content, such as "reply_to_message" of a message.
// nil removes it.
func (u Update) With(field string, value any) Update {
	u.content = maps.Clone(u.content)
	if value == nil {
		delete(u.content, field)
	} else {
		u.content[field] = value
	}
	return u
}

// MarshalJSON returns the update as Telegram would send it.
func (u Update) MarshalJSON() ([]byte, error) {
	if u.kind == "" {
		return nil, errors.New("the Update was not made by a function of telegramtest")
	}
	content := maps.Clone(u.content)
	if u.date != "" && !u.at.IsZero() {
		content[u.date] = u.at.Unix()
	}
	whole := map[string]any{u.kind: content}
	if u.id != 0 {
		whole["update_id"] = u.id
	}
	return json.Marshal(whole)
}

func (u Update) isMessage() bool {
	switch u.kind {
	case "message", "edited_message", "channel_post", "edited_channel_post":
		return true
	}
	return false
}

func (u Update) complete(message int, now time.Time) Update {
	if u.at.IsZero() {
		u.at = now
	}
	if _, ok := u.content["message_id"]; !ok && u.isMessage() {
		u = u.With("message_id", message)
	}
	if u.kind == "edited_message" {
		if _, ok := u.content["date"]; !ok {
			u = u.With("date", u.at.Add(-time.Minute).Unix())
		}
	}
	return u
}

func content(pairs ...any) map[string]any {
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
	return m
}
