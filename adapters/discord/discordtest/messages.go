package discordtest

import "time"

// Types of message.
// https://discord.com/developers/docs/resources/message#message-object-message-types
const (
	typeMemberJoin = 7
	typeReply      = 19
)

// Message is a person's message, sent now. In a guild it holds their nick.
// https://discord.com/developers/docs/events/gateway-events#message-create
func Message(u User, p Place, text string) Event {
	return event("MESSAGE_CREATE", message(u, p, text))
}

func message(u User, p Place, text string) map[string]any {
	now := time.Now()
	fields := map[string]any{
		"id":               newID(now),
		"type":             0,
		"content":          text,
		"author":           u.json(),
		"timestamp":        timestamp(now),
		"edited_timestamp": nil,
		"tts":              false,
		"mention_everyone": false,
		"mentions":         []any{},
		"mention_roles":    []any{},
		"attachments":      []any{},
		"embeds":           []any{},
		"components":       []any{},
		"pinned":           false,
		"flags":            0,
	}
	p.put(u, fields)
	if p.GuildID != "" {
		fields["member"] = u.partialMember()
	}
	return fields
}

// Mention is a message that mentions the bot before its text.
func Mention(u User, p Place, text string) Event {
	mention := self().json()
	mention["member"] = self().partialMember()
	return Message(u, p, "<@"+BotID+"> "+text).With("mentions", []any{mention})
}

// Reply is a reply to a message of the bot's, which does not ping it.
func Reply(u User, p Place, text string) Event {
	to := message(self(), Place{GuildID: p.GuildID, ChannelID: p.channel(u)}, "Hello!")
	return Message(u, p, text).
		With("type", typeReply).
		With("message_reference", map[string]any{"type": 0, "channel_id": to["channel_id"], "message_id": to["id"]}).
		With("referenced_message", to)
}

// Edit is a person's edit of an earlier message, made now.
// https://discord.com/developers/docs/events/gateway-events#message-update
func Edit(u User, p Place, text string) Event {
	fields := message(u, p, text)
	now := time.Now()
	fields["id"], fields["edited_timestamp"] = newID(now.Add(-time.Minute)), timestamp(now)
	return event("MESSAGE_UPDATE", fields)
}

// Unfurl is Discord adding the preview of a link to a message. It names no
// author.
func Unfurl(p Place) Event {
	fields := map[string]any{
		"id":     newID(time.Now()),
		"embeds": []any{map[string]any{"type": "link", "url": "https://example.org/", "title": "Example"}},
	}
	p.put(User{}, fields)
	return event("MESSAGE_UPDATE", fields)
}

// WebhookMessage is what a webhook posts in a guild, under a name of its choice.
// https://discord.com/developers/docs/resources/webhook#execute-webhook
func WebhookMessage(p Place, name, text string) Event {
	id := newID(time.Now())
	author := User{ID: id, Username: name, Bot: true}.json()
	author["discriminator"] = "0000"
	delete(author, "global_name")
	return Message(User{ID: id}, p, text).
		Without("member").
		With("author", author).
		With("webhook_id", id)
}

// Proxied is what PluralKit and its kin make of a message: the person's own, and
// its repost by a webhook under another name, which comes after the original
// was deleted.
func Proxied(u User, p Place, name, text string) (original, repost Event) {
	return Message(u, p, text), WebhookMessage(p, name, text)
}

// SystemMessage is a direct message of Discord's own account.
func SystemMessage(text string) Event {
	return Message(User{ID: "643945264868098049", Username: "discord", System: true}, DM, text)
}

// JoinMessage is the message in which a guild greets a new member. Discord
// writes it, and names the member as its author.
func JoinMessage(u User, guildID string) Event {
	return Message(u, Guild(guildID), "").With("type", typeMemberJoin)
}
