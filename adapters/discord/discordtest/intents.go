package discordtest

import "github.com/bwmarrin/discordgo"

// An asked is the intents that ask for an event, 0 where it comes unasked.
type asked struct{ guild, direct discordgo.Intent }

func inGuilds(i discordgo.Intent) asked { return asked{guild: i, direct: i} }

var (
	byMessages  = asked{discordgo.IntentGuildMessages, discordgo.IntentDirectMessages}
	byReactions = asked{discordgo.IntentGuildMessageReactions, discordgo.IntentDirectMessageReactions}
	byTyping    = asked{discordgo.IntentGuildMessageTyping, discordgo.IntentDirectMessageTyping}
	byGuilds    = inGuilds(discordgo.IntentGuilds)
	byMembers   = inGuilds(discordgo.IntentGuildMembers)
	byBans      = inGuilds(discordgo.IntentGuildModeration)
)

// askedBy is of the events that tell of people, and of guilds. Any other is sent
// unasked, as an interaction is, or as an answer to a request.
//
// THREAD_MEMBERS_UPDATE tells of others than the bot with the members' intent.
// https://discord.com/developers/docs/events/gateway#list-of-intents
var askedBy = map[string]asked{
	"GUILD_CREATE":                  byGuilds,
	"GUILD_UPDATE":                  byGuilds,
	"GUILD_DELETE":                  byGuilds,
	"GUILD_MEMBER_ADD":              byMembers,
	"GUILD_MEMBER_UPDATE":           byMembers,
	"GUILD_MEMBER_REMOVE":           byMembers,
	"THREAD_MEMBERS_UPDATE":         byMembers,
	"GUILD_BAN_ADD":                 byBans,
	"GUILD_BAN_REMOVE":              byBans,
	"VOICE_STATE_UPDATE":            inGuilds(discordgo.IntentGuildVoiceStates),
	"PRESENCE_UPDATE":               inGuilds(discordgo.IntentGuildPresences),
	"MESSAGE_CREATE":                byMessages,
	"MESSAGE_UPDATE":                byMessages,
	"MESSAGE_DELETE":                byMessages,
	"MESSAGE_REACTION_ADD":          byReactions,
	"MESSAGE_REACTION_REMOVE":       byReactions,
	"MESSAGE_REACTION_REMOVE_ALL":   byReactions,
	"MESSAGE_REACTION_REMOVE_EMOJI": byReactions,
	"TYPING_START":                  byTyping,
}

// intent returns the intent that asks for an event, 0 where none does.
func intent(event string, inGuild bool) discordgo.Intent {
	if inGuild {
		return askedBy[event].guild
	}
	return askedBy[event].direct
}
