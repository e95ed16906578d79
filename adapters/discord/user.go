package discord

import (
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// A user is what an event says of one account. The zero user is nobody.
type user struct {
	id          uint64
	malformed   bool // there is an id, and it is no snowflake
	bot, system bool
	username    said
	globalName  said
	avatar      said
}

// user reads a user object.
// https://discord.com/developers/docs/resources/user#user-object
func (c *cursor) user() user {
	var u user
	for key := range c.members {
		switch key {
		case "id":
			id, ok := c.id()
			u.id, u.malformed = id, !ok
		case "username":
			u.username = c.text()
		case "global_name":
			u.globalName = c.text()
		case "avatar":
			u.avatar = c.text()
		case "bot":
			u.bot = c.set()
		case "system":
			u.system = c.set()
		}
	}
	return u
}

// userID reads a user object for its id only, 0 where it has none.
func (c *cursor) userID() uint64 {
	var id uint64
	for key := range c.members {
		if key == "id" {
			id, _ = c.id()
		}
	}
	return id
}

// drop says why this account makes no profile, "" where it does.
func (u *user) drop() middleware.Reason {
	switch {
	case u.malformed:
		return middleware.ReasonMalformed
	case u.id == 0:
		return middleware.ReasonNobody
	case u.bot:
		return middleware.ReasonBot
	case u.system:
		return middleware.ReasonService
	default:
		return ""
	}
}

// describe states what the event says of the person.
func (u *user) describe(s *middleware.Sender) {
	if u.username.value != "" {
		s.Set(store.FieldUsername, u.username.value)
	}
	name := u.globalName
	if shown, _ := store.Repair(store.FieldName, name.value); shown == "" { // none, or nothing that can be seen
		name.value = u.username.value
	}
	state(s, store.FieldName, name)
	state(s, store.FieldPicture, picture(u.id, u.avatar))
}

// A member is a user in a guild.
// https://discord.com/developers/docs/resources/guild#guild-member-object
type member struct {
	user user
	nick said
}

func (c *cursor) member() member {
	var m member
	for key := range c.members {
		switch key {
		case "user":
			m.user = c.user()
		case "nick":
			m.nick = c.text()
		}
	}
	return m
}

// A place is where an event happened. The zero place is a direct message.
type place struct {
	inGuild bool
	guild   uint64 // 0 where the id is no snowflake
}

// place reads a guild_id.
func (c *cursor) place() place {
	id := c.text()
	if id.ok && id.value == "" {
		return place{}
	}
	guild, _ := parseID(id.value)
	return place{inGuild: true, guild: guild}
}
