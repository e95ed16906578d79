package export

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// The columns that are no [store.Field]. They are named as in the JSON of a
// [store.Profile], but for ChannelUserID.
const (
	Channel       store.Field = "channel"
	UserID        store.Field = "user_id"
	ChannelUserID store.Field = "channel_user_id" // "telegram:42", which store.ParseKey reads
	Nicks         store.Field = "nicks"           // a JSON object, by guild
	Custom        store.Field = "custom"          // a JSON object, by key
	FirstSeen     store.Field = "first_seen"
	LastSeen      store.Field = "last_seen"
)

// Columns returns the columns that together hold all of a profile, in the order of
// its JSON: Channel and UserID, each of store.Fields, Nicks, Custom, FirstSeen and
// LastSeen. The slice is the caller's, to pick from.
func Columns() []store.Field {
	return slices.Concat([]store.Field{Channel, UserID}, store.Fields(), []store.Field{Nicks, Custom, FirstSeen, LastSeen})
}

// A column is what stands at one place of each line: a text, or else JSON.
type column struct {
	name store.Field
	text func(p *store.Profile) string
	json func(p *store.Profile) (string, error) // nil for a text
}

// cell returns what the cell holds, all but quotation marks.
func (c *column) cell(p *store.Profile) (string, error) {
	if c.json != nil {
		return c.json(p)
	}
	return escape(c.text(p)), nil
}

// columnOf returns the column of this name, and whether there is one.
func columnOf(name store.Field) (column, bool) {
	switch name {
	case Nicks:
		return column{name: name, json: func(p *store.Profile) (string, error) { return object(p.Nicks) }}, true
	case Custom:
		return column{name: name, json: func(p *store.Profile) (string, error) { return object(p.Custom) }}, true
	}
	if key, ok := strings.CutPrefix(string(name), customPrefix); ok && name.Known() {
		return column{name: name, json: func(p *store.Profile) (string, error) { return customCell(p.Custom[key]) }}, true
	}
	c := column{name: name, text: textOf(name)}
	return c, c.text != nil
}

func textOf(name store.Field) func(p *store.Profile) string {
	switch name {
	case Channel:
		return func(p *store.Profile) string { return p.Channel }
	case UserID:
		return func(p *store.Profile) string { return p.UserID }
	case ChannelUserID:
		return func(p *store.Profile) string { return p.Key.String() }
	case FirstSeen:
		return func(p *store.Profile) string { return instant(p.FirstSeen) }
	case LastSeen:
		return func(p *store.Profile) string { return instant(p.LastSeen) }
	}
	return name.Getter()
}

var customPrefix = string(store.CustomKey(""))

// customCell writes a text without the quotation marks that JSON has, and numbers
// and flags, which are no formulas, as they are.
func customCell(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return escape(v), nil
	}
	text, err := marshal(v)
	if err != nil {
		return "", err
	}
	if s := ""; json.Unmarshal([]byte(text), &s) == nil { // a type of strings, or a time
		return escape(s), nil
	}
	return text, nil
}

func object[V any](m map[string]V) (string, error) {
	if len(m) == 0 {
		return "", nil
	}
	return marshal(m)
}

func marshal(v any) (string, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return strings.TrimSuffix(b.String(), "\n"), err
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
