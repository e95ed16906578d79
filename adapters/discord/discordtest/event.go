package discordtest

import (
	"encoding/json"
	"strconv"
	"sync/atomic"
	"time"
)

// An Event is one that the gateway dispatches: its name, and its data.
// https://discord.com/developers/docs/events/gateway-events#receive-events
type Event struct {
	Type string          `json:"t"`
	Data json.RawMessage `json:"d"`
}

// With returns the event with another value in one field of its data. The value
// must be one that encoding/json can encode.
func (e Event) With(key string, value any) Event {
	fields := e.fields()
	fields[key] = value
	return event(e.Type, fields)
}

// Without returns the event without one field of its data.
func (e Event) Without(key string) Event {
	fields := e.fields()
	delete(fields, key)
	return event(e.Type, fields)
}

// At returns the event as it is when it happens at t: the id of a message or an
// interaction is of that time, and so is the edit in a MESSAGE_UPDATE. Other
// events do not tell their time.
func (e Event) At(t time.Time) Event {
	switch e.Type {
	case "MESSAGE_CREATE":
		return e.With("id", newID(t)).With("timestamp", timestamp(t))
	case "MESSAGE_UPDATE":
		return e.With("edited_timestamp", timestamp(t))
	case "INTERACTION_CREATE":
		return e.With("id", newID(t))
	default:
		return e
	}
}

func (e Event) fields() map[string]any {
	fields := make(map[string]any)
	var raw map[string]json.RawMessage
	if json.Unmarshal(e.Data, &raw) != nil {
		return fields
	}
	for key, value := range raw {
		fields[key] = value
	}
	return fields
}

func event(name string, fields map[string]any) Event {
	return Event{Type: name, Data: mustMarshal(fields)}
}

// increments tells up to 4,096 ids of one millisecond apart, as Discord's own do.
var increments atomic.Uint64

// Snowflake returns the first id of a millisecond, as Discord makes ids.
// https://discord.com/developers/docs/reference#snowflakes
func Snowflake(t time.Time) string { return strconv.FormatUint(snowflake(t), 10) }

func snowflake(t time.Time) uint64 {
	const epoch = 1420070400000
	return uint64(max(t.UnixMilli()-epoch, 0)) << 22
}

func newID(t time.Time) string {
	return strconv.FormatUint(snowflake(t)|increments.Add(1)&0xfff, 10)
}

func timestamp(t time.Time) string {
	return t.UTC().Format("2006-01-02T15:04:05.000000-07:00")
}

// A User is an account that acts in events.
type User struct {
	ID         string // a decimal number
	Username   string
	GlobalName string // "": none, which Discord sends as null
	Avatar     string // a hash; "": none
	Nick       string // in every guild; "": none
	Bot        bool
	System     bool
}

// self is the bot that the server belongs to.
func self() User { return User{ID: BotID, Username: "loopback", Bot: true} }

func botUser() map[string]any { return self().json() }

// https://discord.com/developers/docs/resources/user#user-object
func (u User) json() map[string]any {
	fields := map[string]any{
		"id":                     u.ID,
		"username":               u.Username,
		"discriminator":          "0",
		"global_name":            orNull(u.GlobalName),
		"avatar":                 orNull(u.Avatar),
		"avatar_decoration_data": nil,
		"public_flags":           0,
	}
	if u.Bot {
		fields["bot"], fields["discriminator"] = true, "4242"
	}
	if u.System {
		fields["system"] = true
	}
	return fields
}

// partialMember is what messages hold of a member: no user in it.
// https://discord.com/developers/docs/resources/guild#guild-member-object
func (u User) partialMember() map[string]any {
	return map[string]any{
		"nick":                         orNull(u.Nick),
		"avatar":                       nil,
		"roles":                        []string{},
		"joined_at":                    "2024-01-02T03:04:05.678000+00:00",
		"premium_since":                nil,
		"deaf":                         false,
		"mute":                         false,
		"pending":                      false,
		"flags":                        0,
		"communication_disabled_until": nil,
	}
}

func (u User) member() map[string]any {
	fields := u.partialMember()
	fields["user"] = u.json()
	return fields
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// A Place is where something happens. The zero Place is a direct message with
// the bot.
type Place struct {
	GuildID   string // "": a direct message
	ChannelID string // "": DMChannel of the user, or the guild's first channel
}

// DM is a direct message with the bot.
var DM = Place{}

// Guild is the first channel of a guild, which has the guild's id.
func Guild(id string) Place { return Place{GuildID: id} }

// DMChannel is the id of a user's direct channel with the bot.
func DMChannel(userID string) string {
	id, _ := strconv.ParseUint(userID, 10, 64)
	return strconv.FormatUint(id^1<<40, 10)
}

func (p Place) channel(u User) string {
	switch {
	case p.ChannelID != "":
		return p.ChannelID
	case p.GuildID != "":
		return p.GuildID
	default:
		return DMChannel(u.ID)
	}
}

// put adds where the event is to its fields.
func (p Place) put(u User, fields map[string]any) {
	fields["channel_id"] = p.channel(u)
	if p.GuildID != "" {
		fields["guild_id"] = p.GuildID
	}
}
