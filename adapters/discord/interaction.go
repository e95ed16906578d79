package discord

import (
	"github.com/bwmarrin/discordgo"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

const interactionCreate = "INTERACTION_CREATE"

// An interaction is what a slash command, a component, a modal or a keystroke
// of an autocompletion says. It is always addressed to the bot.
// https://discord.com/developers/docs/interactions/receiving-and-responding#interaction-object
type interaction struct {
	act
	id   uint64
	kind int
}

var interactionKeys = keysOf("id", "application_id", "type", "token", "guild_id", "member", "user", "locale")

func (i *interaction) read(c *cursor) {
	var direct user
	for key := c.object(interactionKeys); key != ""; key = c.next(interactionKeys) {
		switch key {
		case "id":
			i.id, _ = c.id()
		case "application_id":
			i.app = c.text().value
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
			direct.read(c)
		case "locale":
			i.locale = c.text()
		default:
			c.skip()
		}
	}
	i.settle(direct)
}

// readTyped is the same, of an interaction that discordgo decoded.
func (i *interaction) readTyped(src *discordgo.Interaction) {
	if src == nil {
		i.settle(user{})
		return
	}
	i.id, _ = parseID(src.ID)
	i.app, i.token = src.AppID, src.Token
	i.kind = int(src.Type)
	i.place = placeOf(src.GuildID)
	i.locale = said{ok: src.Locale != "", value: string(src.Locale)}
	if src.Member != nil {
		i.user, i.nick = userOf(src.Member.User), nickOf(src.Member)
	}
	i.settle(userOf(src.User))
}

// settle says what the act is, once all is read: in a guild that of the member's user,
// else of the user.
func (i *interaction) settle(direct user) {
	if i.user.id == 0 && !i.user.malformed {
		i.user = direct
	}
	i.event, i.at, i.status, i.drop = interactionCreate, snowflakeTime(i.id), store.StatusActive, i.user.drop()
	switch i.kind {
	case int(discordgo.InteractionPing):
		i.drop = middleware.ReasonSystem
	case int(discordgo.InteractionApplicationCommandAutocomplete):
		i.token = ""
	}
}
