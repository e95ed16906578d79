package telegram

import (
	"strings"

	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// The accounts that stand in "from" where a chat acted. They come without
// sender_chat too, in my_chat_member and chat_member.
// https://core.telegram.org/bots/api#message
const (
	groupAnonymousBot = 1087968824
	serviceAccount    = 777000 // not marked as a bot
	channelBot        = 136817688
)

// verdict says why nobody is behind an act, or a bot, or "" for a person.
func verdict(a *act) middleware.Reason {
	if a.drop != "" {
		return a.drop
	}
	if a.from != nil {
		switch a.from.ID {
		case groupAnonymousBot:
			return middleware.ReasonAnonymous
		case serviceAccount:
			return middleware.ReasonService
		case channelBot:
			return middleware.ReasonChannel
		}
	}
	switch {
	case a.behalf != nil && a.chat != nil && a.behalf.ID == a.chat.ID:
		return middleware.ReasonAnonymous
	case a.behalf != nil:
		return middleware.ReasonChannel
	case a.from == nil || a.from.ID == 0:
		return middleware.ReasonNobody
	case a.from.ID < 0:
		return middleware.ReasonMalformed
	case a.from.IsBot:
		return middleware.ReasonBot
	default:
		return ""
	}
}

// describe states what a User says. It is complete: Telegram leaves an optional
// field out when the account has none, so absence clears it. The language is the
// exception: some of a person's updates have it and others do not. Every account
// has a first name but a deleted one, which says nothing of the person it was.
// https://core.telegram.org/bots/api#user
func describe(s *middleware.Sender, u *tele.User) {
	if u.FirstName == "" {
		return
	}
	s.Set(store.FieldGivenName, u.FirstName)
	s.Set(store.FieldFamilyName, u.LastName)
	s.Set(store.FieldUsername, u.Username)
	s.SetFlag(store.FieldIsPremium, u.IsPremium)
	if u.LanguageCode != "" {
		s.Set(store.FieldLocale, u.LanguageCode)
	}
}

// start reads the start command and the payload of the link that it came by. It
// reads the text, since telebot sets Message.Payload only when it looks for a
// handler.
func start(text string, me *tele.User) (is bool, link string) {
	name, bot, payload, ok := command(text)
	if !ok || name != "/start" || (bot != "" && !isName(bot, me)) {
		return false, ""
	}
	if !deepLink(payload) {
		payload = ""
	}
	return true, payload
}

// describeContact takes the number of a contact only where it is the sender's own,
// shared with the bot in private. That of somebody else arrives the same way, and
// a forwarded one was written by somebody else. Telegram does not document that
// it checked the number, so it is not stated as verified.
// https://core.telegram.org/bots/api#contact
func describeContact(s *middleware.Sender, m *tele.Message) {
	c := m.Contact
	if c == nil || c.UserID != m.Sender.ID || !private(m.Chat) || forwarded(m) {
		return
	}
	describePhone(s, c.PhoneNumber)
}

func forwarded(m *tele.Message) bool { return m.Origin != nil || m.OriginalUnixtime != 0 }

// describePhone adds the '+' that Telegram leaves out at times; its numbers are
// always international.
func describePhone(s *middleware.Sender, number string) {
	switch {
	case number == "":
	case strings.HasPrefix(number, "+"):
		s.Set(store.FieldPhoneNumber, number)
	default:
		s.Set(store.FieldPhoneNumber, "+"+number)
	}
}

// describeOrder leaves the name out: it is whom the goods are for.
// https://core.telegram.org/bots/api#orderinfo
func describeOrder(s *middleware.Sender, o *tele.Order) {
	if o == nil {
		return
	}
	describePhone(s, o.PhoneNumber)
	if o.Email != "" {
		s.Set(store.FieldEmail, o.Email)
	}
}

// describeAddress states all parts, so that nothing of an earlier address stays.
// An absent one has no country.
// https://core.telegram.org/bots/api#shippingaddress
func describeAddress(s *middleware.Sender, a *tele.ShippingAddress) {
	if a == nil || a.CountryCode == "" {
		return
	}
	street := a.StreetLine1
	if a.StreetLine2 != "" {
		street += " " + a.StreetLine2
	}
	s.Set(store.FieldStreetAddress, street)
	s.Set(store.FieldLocality, a.City)
	s.Set(store.FieldRegion, a.State)
	s.Set(store.FieldPostalCode, a.PostCode)
	s.Set(store.FieldCountry, a.CountryCode)
}
