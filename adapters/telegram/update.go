package telegram

import (
	"strings"
	"time"

	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// FromUpdate returns what u says of the person who caused it. It does no I/O and
// changes nothing. me is the bot, as Bot.Me; with nil, neither /cmd@bot nor
// mentions and replies can be recognised. o may be nil. Reply is left nil.
//
// Sender.Event is the field of u that is set, by its name in the Bot API, such
// as "message" or "callback_query", and Sender.Native is what that field holds,
// such as *tele.Message. Sender.Chat is where an answer goes: a *tele.Chat, the
// *tele.User where the update is in no chat, or the *tele.Message in a topic of a
// forum.
//
// Sender.At is the time that the update carries, in whole seconds, and the
// update_id as the nanoseconds within the second: of two updates of one second
// the later one has the greater id. It is zero where the update carries no time;
// Attach then goes by a middleware.Clock.
func FromUpdate(u *tele.Update, me *tele.User, o *Options) middleware.Sender {
	if u == nil {
		return middleware.Sender{Channel: Channel, Event: unknownEvent, Drop: middleware.ReasonMalformed}
	}
	if o == nil {
		o = &Options{}
	}
	var a act
	a.read(u, me)
	var s middleware.Sender
	a.identify(&s, u.ID, o)
	a.tell(&s, o)
	return s
}

// An act is what an update of any kind says of who did something.
type act struct {
	event  string
	native any
	from   *tele.User
	behalf *tele.Chat // a chat spoke, and from is a stand-in
	chat   *tele.Chat
	date   int64 // Unix; 0 for none

	addressed bool
	drop      middleware.Reason // known from the kind alone
	status    store.Status

	message *tele.Message // new, not edited
	start   bool
	payload string // of a link to the bot
	order   *tele.Order
	address *tele.ShippingAddress
	bio     string
}

// unknownEvent is the Event of an update that has no field telebot knows.
const unknownEvent = "update"

// identify says who acted and when, which is all that [middleware.Middleware.Known]
// has to be told.
func (a *act) identify(s *middleware.Sender, id int, o *Options) {
	s.Channel = Channel
	s.At = at(a.date, id)
	s.Drop = verdict(a)
	if s.Drop == "" && !a.addressed && o.Scope != Everyone {
		s.Drop = middleware.ReasonUnaddressed
	}
	switch s.Drop {
	case "", middleware.ReasonUnaddressed, middleware.ReasonBot: // somebody that a filter could let in
		s.NumericID = uint64(a.from.ID)
	}
}

// print stands for all that tell states, so it has to name whatever that reads.
// It is 0 for what is rare.
func (a *act) print() middleware.Print {
	if a.payload != "" || a.bio != "" || a.order != nil || a.address != nil || a.message != nil && a.message.Contact != nil {
		return 0
	}
	p := middleware.Print(1)
	if a.from.IsPremium {
		p = 2
	}
	return p.Text(string(a.status)).Text(a.from.FirstName).Text(a.from.LastName).Text(a.from.Username).Text(a.from.LanguageCode)
}

// tell says the rest.
func (a *act) tell(s *middleware.Sender, o *Options) {
	s.Event = a.event
	s.Native = a.native
	s.Chat = a.recipient()
	if s.NumericID == 0 {
		return
	}
	s.Start = a.start
	describe(s, a.from)
	if a.status != "" {
		s.Set(store.FieldStatus, string(a.status))
	}
	if a.payload != "" {
		s.Set(store.FieldStartPayload, a.payload)
	}
	if a.message != nil && !o.OmitContacts {
		describeContact(s, a.message)
	}
	if o.OrderInfo {
		describeOrder(s, a.order)
		describeAddress(s, a.address)
	}
	if a.bio != "" {
		s.Set(store.FieldBio, a.bio)
	}
}

// read finds the one field of u that is set, in the order in which telebot looks.
func (a *act) read(u *tele.Update, me *tele.User) {
	switch {
	case u.Message != nil:
		m := u.Message
		a.readMessage("message", m, m.Unixtime, me)
		a.message = m
		if strings.HasPrefix(m.Text, "/") {
			a.start, a.payload = start(m.Text, me)
		}
		if p := m.Payment; p != nil {
			a.addressed, a.order, a.address = true, &p.Order, &p.Order.Address
		}
	case u.EditedMessage != nil:
		a.readMessage("edited_message", u.EditedMessage, u.EditedMessage.LastEdit, me)
	case u.ChannelPost != nil:
		m := u.ChannelPost
		*a = act{event: "channel_post", native: m, chat: m.Chat, date: m.Unixtime, drop: middleware.ReasonChannel}
	case u.EditedChannelPost != nil:
		m := u.EditedChannelPost
		*a = act{event: "edited_channel_post", native: m, chat: m.Chat, date: m.LastEdit, drop: middleware.ReasonChannel}
	case u.Callback != nil:
		*a = ofCallback(u.Callback)
	case u.Query != nil:
		q := u.Query
		*a = act{event: "inline_query", native: q, from: q.Sender, addressed: true}
	case u.InlineResult != nil:
		r := u.InlineResult
		*a = act{event: "chosen_inline_result", native: r, from: r.Sender, addressed: true}
	case u.ShippingQuery != nil:
		q := u.ShippingQuery
		*a = act{event: "shipping_query", native: q, from: q.Sender, addressed: true, address: &q.Address}
	case u.PreCheckoutQuery != nil:
		q := u.PreCheckoutQuery
		*a = act{event: "pre_checkout_query", native: q, from: q.Sender, addressed: true, order: &q.Order, address: &q.Order.Address}
	case u.Poll != nil:
		*a = act{event: "poll", native: u.Poll}
	case u.PollAnswer != nil:
		p := u.PollAnswer
		*a = act{event: "poll_answer", native: p, from: p.Sender, behalf: p.Chat}
	case u.MyChatMember != nil:
		*a = ofMyChatMember(u.MyChatMember)
	case u.ChatMember != nil:
		m := u.ChatMember
		*a = act{event: "chat_member", native: m, from: m.Sender, chat: m.Chat, date: m.Unixtime}
	case u.ChatJoinRequest != nil:
		// The chat is one that the person is not in yet, so an answer goes to them.
		r := u.ChatJoinRequest
		*a = act{event: "chat_join_request", native: r, from: r.Sender, date: r.Unixtime, bio: r.Bio}
	case u.Boost != nil:
		*a = ofBoost(u.Boost)
	case u.BoostRemoved != nil:
		// It ran out; nobody did anything.
		b := u.BoostRemoved
		*a = act{event: "removed_chat_boost", native: b, chat: b.Chat, date: b.RemoveUnixtime, drop: middleware.ReasonSystem}
	case u.MessageReaction != nil:
		r := u.MessageReaction
		*a = act{event: "message_reaction", native: r, from: r.User, behalf: r.ActorChat, chat: r.Chat, date: r.DateUnixtime, addressed: private(r.Chat)}
	case u.MessageReactionCount != nil:
		r := u.MessageReactionCount
		*a = act{event: "message_reaction_count", native: r, chat: r.Chat, date: r.DateUnixtime}
	default:
		*a = act{event: unknownEvent}
	}
}

func (a *act) readMessage(event string, m *tele.Message, date int64, me *tele.User) {
	a.event, a.native, a.date = event, m, date
	a.from, a.behalf, a.chat = m.Sender, m.SenderChat, m.Chat
	switch {
	case m.Chat == nil:
		a.drop = middleware.ReasonMalformed
	case private(m.Chat):
		a.addressed, a.status = true, store.StatusActive
	default:
		a.addressed = addresses(m, me)
	}
}

// ofCallback does not look at who wrote the message or when: that was the bot, and
// long ago.
func ofCallback(c *tele.Callback) act {
	a := act{event: "callback_query", native: c, from: c.Sender, addressed: true}
	if c.Message != nil {
		a.chat = c.Message.Chat
	}
	if private(a.chat) {
		a.status = store.StatusActive
	}
	return a
}

func ofMyChatMember(m *tele.ChatMemberUpdate) act {
	a := act{event: "my_chat_member", native: m, from: m.Sender, chat: m.Chat, date: m.Unixtime}
	switch {
	case m.Chat == nil || m.NewChatMember == nil:
		a.drop = middleware.ReasonMalformed
	case !private(m.Chat):
	case m.NewChatMember.Role == tele.Kicked:
		a.addressed, a.status = true, store.StatusBlocked
	default:
		a.addressed, a.status = true, store.StatusActive
	}
	return a
}

// ofBoost takes only a boost of the person's own. Those of gift codes and
// giveaways name who got them.
func ofBoost(b *tele.BoostUpdated) act {
	a := act{event: "chat_boost", native: b, chat: b.Chat, drop: middleware.ReasonSystem}
	if b.Boost == nil || b.Boost.Source == nil {
		a.drop = middleware.ReasonMalformed
		return a
	}
	a.date = b.Boost.AddUnixtime
	if b.Boost.Source.Source == tele.BoostPremium {
		a.from, a.drop = b.Boost.Source.Booster, ""
	}
	return a
}

func private(c *tele.Chat) bool { return c != nil && c.Type == tele.ChatPrivate }

// recipient is where an answer to a goes: a pointer into the update, so that it costs
// nothing.
func (a *act) recipient() any {
	switch m := a.where(); {
	case m != nil && m.TopicMessage && m.Chat != nil:
		return m
	case a.chat != nil:
		return a.chat
	case a.from != nil:
		return a.from
	default:
		return nil
	}
}

// where is the message that a is about, of which the topic is known.
func (a *act) where() *tele.Message {
	switch n := a.native.(type) {
	case *tele.Message:
		return n
	case *tele.Callback:
		return n.Message
	default:
		return nil
	}
}

// at is the time of an update, ordered by its id within the second.
func at(date int64, id int) time.Time {
	if date <= 0 {
		return time.Time{}
	}
	return time.Unix(date, int64(max(id, 0)%int(time.Second))).UTC()
}
