package discord

import (
	"time"

	"github.com/bwmarrin/discordgo"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// The names of the gateway events that hold a message, or answer one.
const (
	messageCreate = "MESSAGE_CREATE"
	messageUpdate = "MESSAGE_UPDATE"
)

// A message is what a message event says, as far as it matters here.
// https://discord.com/developers/docs/resources/message#message-object
type message struct {
	event   string
	id      uint64
	channel uint64
	place   place
	author  user
	nick    said
	webhook bool
	kind    int
	// crossposted: it came out of a channel that this one follows.
	crossposted bool
	edited      time.Time // zero where nobody edited it
	mentioned   bool      // the bot is
	repliedTo   uint64    // whose message it answers
}

func (c *cursor) message(event string, me uint64) message {
	m := message{event: event}
	for key := range c.members {
		switch key {
		case "id":
			m.id, _ = c.id()
		case "channel_id":
			m.channel, _ = c.id()
		case "guild_id":
			m.place = c.place()
		case "author":
			m.author = c.user()
		case "member":
			m.nick = c.member().nick
		case "webhook_id":
			m.webhook = c.set()
		case "type":
			m.kind = c.integer()
		case "flags":
			m.crossposted = crossposted(c.integer())
		case "edited_timestamp":
			if at := c.text().value; at != "" {
				m.edited, _ = time.Parse(time.RFC3339Nano, at)
			}
		case "mentions":
			m.mentioned = false
			for range c.elements {
				m.mentioned = c.userID() == me || m.mentioned
			}
		case "referenced_message":
			m.repliedTo = c.authorID()
		}
	}
	return m
}

// authorID reads a message for its author's id only.
func (c *cursor) authorID() uint64 {
	var id uint64
	for key := range c.members {
		if key == "author" {
			id = c.userID()
		}
	}
	return id
}

func crossposted(flags int) bool {
	return flags >= 0 && flags&int(discordgo.MessageFlagsIsCrossPosted) != 0
}

// messageOf is the same, of a message that discordgo decoded.
func messageOf(event string, src *discordgo.Message, me uint64) message {
	m := message{event: event}
	if src == nil {
		return m
	}
	m.id, _ = parseID(src.ID)
	m.channel, _ = parseID(src.ChannelID)
	m.place = placeOf(src.GuildID)
	m.author = userOf(src.Author)
	m.nick = nickOf(src.Member)
	m.webhook = src.WebhookID != ""
	m.kind = int(src.Type)
	m.crossposted = crossposted(int(src.Flags))
	if src.EditedTimestamp != nil {
		m.edited = *src.EditedTimestamp
	}
	for _, u := range src.Mentions {
		m.mentioned = userOf(u).id == me || m.mentioned
	}
	if src.ReferencedMessage != nil {
		m.repliedTo = userOf(src.ReferencedMessage.Author).id
	}
	return m
}

func (m *message) toBot(me uint64) bool { return me != 0 && (m.mentioned || m.repliedTo == me) }

func (m *message) act(me uint64, o *Options) act {
	a := act{
		event: m.event, at: snowflakeTime(m.id), drop: m.drop(me, o),
		user: m.author, place: m.place, nick: m.nick, status: store.StatusActive, chat: chat{channel: m.channel},
	}
	if m.event == messageUpdate && !m.edited.IsZero() {
		a.at = m.edited.UTC()
	}
	return a
}

func (m *message) drop(me uint64, o *Options) middleware.Reason {
	if m.webhook {
		return middleware.ReasonWebhook
	}
	if reason := m.author.drop(); reason != "" {
		return reason
	}
	join := o.Joins && m.kind == int(discordgo.MessageTypeGuildMemberJoin)
	switch {
	case m.author.id == me:
		return middleware.ReasonBot
	case m.crossposted:
		return middleware.ReasonChannel
	case !join && m.kind != int(discordgo.MessageTypeDefault) && m.kind != int(discordgo.MessageTypeReply):
		return middleware.ReasonSystem
	case m.event == messageUpdate && m.edited.IsZero():
		return middleware.ReasonSystem // an embed came in, a pin: nobody wrote
	case m.place.inGuild && !m.toBot(me) && !join && o.Scope != Everyone:
		return middleware.ReasonUnaddressed
	default:
		return ""
	}
}
