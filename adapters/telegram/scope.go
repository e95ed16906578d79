package telegram

import (
	"strings"

	tele "gopkg.in/telebot.v3"
)

// addresses reports whether a message in a group is meant for me: it is a command
// that telebot would handle, it mentions me, or it replies to me.
func addresses(m *tele.Message, me *tele.User) bool {
	if _, bot, _, ok := command(m.Text); ok && (bot == "" || isName(bot, me)) {
		return true
	}
	return repliesTo(m, me) || mentions(m.Text, m.Entities, me) || mentions(m.Caption, m.CaptionEntities, me)
}

// repliesTo leaves out the message that opened a forum topic: all that is written
// in the topic counts as a reply to it.
func repliesTo(m *tele.Message, me *tele.User) bool {
	r := m.ReplyTo
	return r != nil && r.TopicCreated == nil && isUser(r.Sender, me)
}

func isUser(u, me *tele.User) bool { return u != nil && me != nil && me.ID != 0 && u.ID == me.ID }

// https://core.telegram.org/bots/api#messageentity
func mentions(text string, entities tele.Entities, me *tele.User) bool {
	for i := range entities {
		e := &entities[i]
		switch e.Type {
		case tele.EntityMention, tele.EntityCommand: // @me, /cmd@me
			if _, name, ok := strings.Cut(part(text, e.Offset, e.Length), "@"); ok && isName(name, me) {
				return true
			}
		case tele.EntityTMention: // of somebody by name
			if isUser(e.User, me) {
				return true
			}
		}
	}
	return false
}

// part is a part of text in UTF-16 units, the measure of entities. It is "" where
// they do not fit the text.
func part(text string, offset, length int) string {
	if offset < 0 || length <= 0 {
		return ""
	}
	start, units := -1, 0
	for i, r := range text {
		if units == offset {
			start = i
		}
		if start >= 0 && units == offset+length {
			return text[start:i]
		}
		units++
		if r > 0xFFFF {
			units++
		}
	}
	if start >= 0 && units == offset+length {
		return text[start:]
	}
	return ""
}
