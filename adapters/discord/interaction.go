package discord

import (
	"strings"

	"github.com/bwmarrin/discordgo"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

const interactionCreate = "INTERACTION_CREATE"

// An interaction is what a slash command, a component, a modal or a keystroke
// of an autocompletion says. It is always addressed to the bot.
// https://discord.com/developers/docs/interactions/receiving-and-responding#interaction-object
type interaction struct {
	id     uint64
	app    uint64
	kind   int
	token  string
	place  place
	user   user
	nick   said
	locale said
}

func (c *cursor) interaction() interaction {
	var i interaction
	var direct user
	for key := range c.members {
		switch key {
		case "id":
			i.id, _ = c.id()
		case "application_id":
			i.app, _ = c.id()
		case "type":
			i.kind = c.integer()
		case "token":
			i.token = c.text().value
		case "guild_id":
			i.place = c.place()
		case "member":
			m := c.member()
			i.user, i.nick = m.user, m.nick
		case "user":
			direct = c.user()
		case "locale":
			i.locale = c.text()
		}
	}
	i.settle(direct)
	return i
}

// settle decides who acted: in a guild the member's user, else the user.
func (i *interaction) settle(direct user) {
	if i.user.id == 0 && !i.user.malformed {
		i.user = direct
	}
}

// interactionOf is the same, of an interaction that discordgo decoded.
func interactionOf(src *discordgo.Interaction) interaction {
	var i interaction
	if src == nil {
		return i
	}
	i.id, _ = parseID(src.ID)
	i.app, _ = parseID(src.AppID)
	i.kind = int(src.Type)
	i.token = src.Token
	i.place = placeOf(src.GuildID)
	i.locale = said{ok: src.Locale != "", value: string(src.Locale)}
	if src.Member != nil {
		i.user, i.nick = userOf(src.Member.User), nickOf(src.Member)
	}
	i.settle(userOf(src.User))
	return i
}

func (i *interaction) act() act {
	a := act{
		event: interactionCreate, at: snowflakeTime(i.id), drop: i.user.drop(),
		user: i.user, place: i.place, nick: i.nick, locale: i.locale, status: store.StatusActive,
	}
	if i.kind == int(discordgo.InteractionPing) {
		a.drop = middleware.ReasonSystem
	}
	if i.app != 0 && i.token != "" && i.kind != int(discordgo.InteractionApplicationCommandAutocomplete) {
		a.chat = chat{app: i.app, token: strings.Clone(i.token)} // it outlives the event
	}
	return a
}
