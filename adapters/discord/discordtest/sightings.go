package discordtest

import "time"

// TypingStart is a person who starts to type. Only in a guild does it say who
// that is.
// https://discord.com/developers/docs/events/gateway-events#typing-start
func TypingStart(u User, p Place) Event {
	fields := map[string]any{"user_id": u.ID, "timestamp": time.Now().Unix()}
	p.put(u, fields)
	if p.GuildID != "" {
		fields["member"] = u.member()
	}
	return event("TYPING_START", fields)
}

// ReactionAdd is a person's thumbs up for a message.
// https://discord.com/developers/docs/events/gateway-events#message-reaction-add
func ReactionAdd(u User, p Place) Event {
	fields := map[string]any{
		"user_id":    u.ID,
		"message_id": newID(time.Now()),
		"emoji":      map[string]any{"id": nil, "name": "👍"},
		"burst":      false,
		"type":       0,
	}
	p.put(u, fields)
	if p.GuildID != "" {
		fields["member"] = u.member()
	}
	return event("MESSAGE_REACTION_ADD", fields)
}

// VoiceState is a person who joins a voice channel.
// https://discord.com/developers/docs/resources/voice#voice-state-object
func VoiceState(u User, guildID string) Event {
	fields := map[string]any{
		"user_id":    u.ID,
		"member":     u.member(),
		"session_id": "voice",
		"deaf":       false, "mute": false, "self_deaf": false, "self_mute": false,
		"self_video": false, "suppress": false, "request_to_speak_timestamp": nil,
	}
	Guild(guildID).put(u, fields)
	return event("VOICE_STATE_UPDATE", fields)
}

// Presence is a person who comes online. As Discord mostly does, it gives no
// more of them than the id; use With("user", ...) for more.
// https://discord.com/developers/docs/events/gateway-events#presence-update
func Presence(u User, guildID string) Event {
	return event("PRESENCE_UPDATE", map[string]any{
		"user":          map[string]any{"id": u.ID},
		"guild_id":      guildID,
		"status":        "online",
		"activities":    []any{},
		"client_status": map[string]any{"desktop": "online"},
	})
}

// MemberAdd is a person who joins a guild.
// https://discord.com/developers/docs/events/gateway-events#guild-member-add
func MemberAdd(u User, guildID string) Event { return memberEvent("GUILD_MEMBER_ADD", u, guildID) }

// MemberUpdate is a change of a member: of the nick or roles, or of the name or
// avatar that the person has everywhere.
func MemberUpdate(u User, guildID string) Event {
	return memberEvent("GUILD_MEMBER_UPDATE", u, guildID)
}

func memberEvent(name string, u User, guildID string) Event {
	fields := u.member()
	fields["guild_id"] = guildID
	return event(name, fields)
}

// MemberRemove is a person who leaves a guild, or has to.
// https://discord.com/developers/docs/events/gateway-events#guild-member-remove
func MemberRemove(u User, guildID string) Event {
	return event("GUILD_MEMBER_REMOVE", map[string]any{"guild_id": guildID, "user": u.json()})
}

// MembersChunk is the answer to a request for a guild's members.
// https://discord.com/developers/docs/events/gateway-events#guild-members-chunk
func MembersChunk(guildID string, users ...User) Event {
	return event("GUILD_MEMBERS_CHUNK", map[string]any{
		"guild_id": guildID, "members": members(users), "chunk_index": 0, "chunk_count": 1,
	})
}

// GuildCreate is a guild that becomes available to the bot.
// https://discord.com/developers/docs/events/gateway-events#guild-create
func GuildCreate(guildID string, users ...User) Event {
	return event("GUILD_CREATE", map[string]any{
		"id": guildID, "name": "Guild " + guildID, "owner_id": guildID, "joined_at": timestamp(time.Now()),
		"large": false, "unavailable": false, "member_count": len(users), "members": members(users),
		"channels": []any{}, "threads": []any{}, "presences": []any{}, "voice_states": []any{},
		"roles": []any{}, "emojis": []any{}, "stickers": []any{}, "features": []any{},
	})
}

func members(users []User) []map[string]any {
	list := make([]map[string]any, len(users))
	for i, u := range users {
		list[i] = u.member()
	}
	return list
}

// ThreadMembers is people who were added to a thread.
// https://discord.com/developers/docs/events/gateway-events#thread-members-update
func ThreadMembers(guildID string, users ...User) Event {
	thread := newID(time.Now())
	added := make([]map[string]any, len(users))
	for i, u := range users {
		added[i] = map[string]any{
			"id": thread, "user_id": u.ID, "join_timestamp": timestamp(time.Now()), "flags": 0,
			"member": u.member(), "presence": nil,
		}
	}
	return event("THREAD_MEMBERS_UPDATE", map[string]any{
		"id": thread, "guild_id": guildID, "member_count": len(users), "added_members": added,
	})
}
