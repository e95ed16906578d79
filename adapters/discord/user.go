package discord

import (
	"strconv"
	"time"

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
	picture     said
}

// user reads a user object.
// https://discord.com/developers/docs/resources/user#user-object
func (c *cursor) user() user {
	var u user
	var hash []byte
	var hashed bool
	for key := range c.members {
		switch string(key) {
		case "id":
			id, ok := c.id()
			u.id, u.malformed = id, !ok
		case "username":
			u.username = c.text()
		case "global_name":
			u.globalName = c.text()
		case "avatar":
			hash, hashed = c.chars()
		case "bot":
			u.bot = c.set()
		case "system":
			u.system = c.set()
		}
	}
	u.picture = picture(u.id, hash, hashed)
	return u
}

// userID reads a user object for its id only, 0 where it has none.
func (c *cursor) userID() uint64 {
	var id uint64
	for key := range c.members {
		if string(key) == "id" {
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
	s.NumericID = u.id
	if u.username.value != "" {
		s.Set(store.FieldUsername, u.username.value)
	}
	name := u.globalName
	if shown, _ := store.Repair(store.FieldName, name.value); shown == "" { // none, or nothing that can be seen
		name.value = u.username.value
	}
	state(s, store.FieldName, name)
	state(s, store.FieldPicture, u.picture)
}

func state(s *middleware.Sender, f store.Field, v said) {
	if v.ok {
		s.Set(f, v.value)
	}
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
		switch string(key) {
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
	chars, ok := c.chars()
	if ok && len(chars) == 0 {
		return place{}
	}
	id, _ := parseID(chars)
	return place{inGuild: true, guild: id}
}

func (p place) stateNick(s *middleware.Sender, nick said, o *Options) {
	if o.Nicks && p.guild != 0 && nick.ok {
		s.Set(store.NickField(formatID(p.guild)), nick.value)
	}
}

// parseID reads a snowflake: a decimal number of up to 64 bits, never 0 and
// without leading zeros, so that one person has one id.
// https://discord.com/developers/docs/reference#snowflakes
func parseID[T string | []byte](s T) (uint64, bool) {
	const maxDigits = 20
	if len(s) == 0 || len(s) > maxDigits || s[0] == '0' {
		return 0, false
	}
	id, err := strconv.ParseUint(string(s), 10, 64)
	if err != nil {
		return 0, false
	}
	return id, true
}

func formatID(id uint64) string { return strconv.FormatUint(id, 10) }

// snowflakeTime returns when Discord made an id. Ids of one worker and
// millisecond count up in their lowest 12 bits, which become the part below the
// millisecond, so that two events in one millisecond keep their order. The time
// of 0 is zero.
func snowflakeTime(id uint64) time.Time {
	if id == 0 {
		return time.Time{}
	}
	const (
		epoch     = 1420070400000 // ms, the first second of 2015
		stepNanos = int64(time.Millisecond) >> 12
	)
	ms := int64(id>>22) + epoch
	return time.UnixMilli(ms).Add(time.Duration(int64(id&0xfff) * stepNanos)).UTC()
}

// picture returns the URL of an avatar, which is public, unsigned and stays
// valid until the person changes it. Without a hash there is no picture: the
// coloured ones that Discord shows instead say nothing of the person.
// https://discord.com/developers/docs/reference#image-formatting
func picture(id uint64, hash []byte, ok bool) said {
	if !ok || len(hash) == 0 {
		return said{ok: ok}
	}
	if id == 0 || len(hash) > 64 {
		return said{}
	}
	for _, b := range hash {
		if (b < '0' || b > '9') && (b < 'a' || b > 'z') && (b < 'A' || b > 'Z') && b != '_' {
			return said{}
		}
	}
	var buf [128]byte
	url := append(buf[:0], "https://cdn.discordapp.com/avatars/"...)
	url = strconv.AppendUint(url, id, 10)
	url = append(url, '/')
	url = append(url, hash...)
	if len(hash) > 2 && hash[0] == 'a' && hash[1] == '_' {
		url = append(url, ".gif"...)
	} else {
		url = append(url, ".png"...)
	}
	return said{ok: true, value: string(url)}
}
