package discord

import "github.com/bwmarrin/discordgo"

// userOf returns what a decoded user says. discordgo keeps absent, null and
// empty apart no more, so an empty text says nothing, but in a full user, who
// has a username: there an empty avatar or global name was null.
func userOf(src *discordgo.User) user {
	if src == nil {
		return user{}
	}
	u := user{bot: src.Bot, system: src.System}
	if src.ID != "" {
		id, ok := parseID(src.ID)
		u.id, u.malformed = id, !ok
	}
	full := src.Username != ""
	u.username = said{ok: full, value: src.Username}
	u.globalName = said{ok: full || src.GlobalName != "", value: src.GlobalName}
	u.avatar = said{ok: full || src.Avatar != "", value: src.Avatar}
	return u
}

func nickOf(src *discordgo.Member) said {
	if src == nil {
		return said{}
	}
	return said{ok: src.Nick != "", value: src.Nick}
}

func placeOf(guildID string) place { return place{inGuild: guildID != "", guild: guildID} }
