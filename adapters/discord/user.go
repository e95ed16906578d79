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
func (u *user) read(c *cursor) {
	*u = user{}
	for key := c.object(userKeys); key != ""; key = c.next(userKeys) {
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
		default:
			c.skip()
		}
	}
}

// userID reads a user object for its id only, 0 where it has none.
func (c *cursor) userID() uint64 {
	var id uint64
	for key := c.object(idKeys); key != ""; key = c.next(idKeys) {
		switch key {
		case "id":
			id, _ = c.id()
		default:
			c.skip()
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
	for key := c.object(memberKeys); key != ""; key = c.next(memberKeys) {
		switch key {
		case "user":
			m.user.read(c)
		case "nick":
			m.nick = c.text()
		default:
			c.skip()
		}
	}
	return m
}

// nick reads the member of a message, which holds no user.
func (c *cursor) nick(o *Options) said {
	if !o.Nicks {
		c.skip()
		return said{}
	}
	return c.member().nick
}

// A place is where an event happened. The zero place is a direct message.
type place struct {
	inGuild bool
	guild   string // its id as it came, which may be anything: see isID
}

// place reads a guild_id.
func (c *cursor) place() place {
	id := c.text()
	return place{inGuild: !id.ok || id.value != "", guild: id.value}
}

var userKeys = keysOf("id", "username", "global_name", "avatar", "bot", "system")

var memberKeys = keysOf("user", "nick")

var idKeys = keysOf("id")
