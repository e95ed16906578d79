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
	act
	id      uint64
	webhook bool
	kind    int
	// crossposted: it came out of a channel that this one follows.
	crossposted bool
	edited      time.Time // zero where nobody edited it
	mentioned   bool      // the bot is
	repliedTo   uint64    // whose message it answers
}

var messageKeys = keysOf("id", "channel_id", "guild_id", "author", "member", "webhook_id", "type",
	"flags", "edited_timestamp", "mentions", "referenced_message")

func (m *message) read(c *cursor, me uint64, o *Options) {
	for key := c.object(messageKeys); key != ""; key = c.next(messageKeys) {
		switch key {
		case "id":
			m.id, _ = c.id()
		case "channel_id":
			m.channel = c.text().value
		case "guild_id":
			m.place = c.place()
		case "author":
			m.user.read(c)
		case "member":
			m.nick = c.nick(o)
		case "webhook_id":
			m.webhook = c.set()
		case "type":
			m.kind = c.integer()
		case "flags":
			m.crossposted = crossposted(c.integer())
		case "edited_timestamp":
			m.edited = time.Time{}
			if at := c.text().value; at != "" {
				m.edited, _ = time.Parse(time.RFC3339Nano, at)
			}
		case "mentions":
			m.mentioned = false
			for more := c.array(); more; more = c.another() {
				m.mentioned = c.userID() == me || m.mentioned
			}
		case "referenced_message":
			m.repliedTo = c.authorID()
		default:
			c.skip()
		}
	}
}

var authorKeys = keysOf("author")

// authorID reads a message for its author's id only.
func (c *cursor) authorID() uint64 {
	var id uint64
	for key := c.object(authorKeys); key != ""; key = c.next(authorKeys) {
		switch key {
		case "author":
			id = c.userID()
		default:
			c.skip()
		}
	}
	return id
}

func crossposted(flags int) bool {
	return flags >= 0 && flags&int(discordgo.MessageFlagsIsCrossPosted) != 0
}

// readTyped is the same, of a message that discordgo decoded.
func (m *message) readTyped(src *discordgo.Message, me uint64) {
	if src == nil {
		return
	}
	m.id, _ = parseID(src.ID)
	m.channel = src.ChannelID
	m.place = placeOf(src.GuildID)
	m.user = userOf(src.Author)
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
}

func (m *message) toBot(me uint64) bool { return me != 0 && (m.mentioned || m.repliedTo == me) }

// settle says what the act is, once all is read.
func (m *message) settle(event string, me uint64, o *Options) {
	m.event, m.at, m.status = event, snowflakeTime(m.id), store.StatusActive
	if event == messageUpdate && !m.edited.IsZero() {
		m.at = m.edited.UTC()
	}
	m.drop = m.reason(me, o)
}

func (m *message) reason(me uint64, o *Options) middleware.Reason {
	if m.webhook {
		return middleware.ReasonWebhook
	}
	if reason := m.user.drop(); reason != "" {
		return reason
	}
	join := o.Joins && m.kind == int(discordgo.MessageTypeGuildMemberJoin)
	switch {
	case m.user.id == me:
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
