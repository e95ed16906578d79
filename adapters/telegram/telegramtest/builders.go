package telegramtest

import "strings"

// Message is a text that u writes in chat. Commands and mentions in it are
// marked as entities, as Telegram does.
func Message(u User, chat Chat, text string) Update {
	m := content("from", u, "chat", chat, "text", text)
	if found := entities(text); len(found) > 0 {
		m["entities"] = found
	}
	return Update{kind: "message", content: m, date: "date"}
}

// Start is the start command in u's private chat, with the payload of a deep
// link, or "".
func Start(u User, payload string) Update {
	return Message(u, Private(u), strings.TrimSpace("/start "+payload))
}

// EditedMessage is a text that u changed.
func EditedMessage(u User, chat Chat, text string) Update {
	m := Message(u, chat, text)
	m.kind, m.date = "edited_message", "edit_date"
	return m
}

// Service is a message of u in chat without text, with one field of its own such
// as "new_chat_title" or "location".
func Service(u User, chat Chat, field string, value any) Update {
	return Update{kind: "message", content: content("from", u, "chat", chat, field, value), date: "date"}
}

// Joined is the message that by added these people to chat.
func Joined(by User, chat Chat, people ...User) Update {
	m := Service(by, chat, "new_chat_members", people)
	if len(people) > 0 {
		m = m.With("new_chat_participant", people[0]).With("new_chat_member", people[0])
	}
	return m
}

// AnonymousAdmin is a text by an admin of the group who hides behind it.
func AnonymousAdmin(group Chat, text string) Update {
	return Message(GroupAnonymousBot, group, text).With("sender_chat", group)
}

// AutoForward is a channel's post as Telegram puts it into the channel's
// discussion group.
func AutoForward(channel, group Chat, text string) Update {
	return Message(ServiceAccount, group, text).With("sender_chat", channel).With("is_automatic_forward", true).
		With("forward_origin", content("type", "channel", "chat", channel, "message_id", 1, "date", 1700000000))
}

// ChannelPost is a post in a channel, which has no person in "from".
func ChannelPost(channel Chat, text string) Update {
	return Update{kind: "channel_post", content: content("chat", channel, "sender_chat", channel, "text", text), date: "date"}
}

// Contact is a contact that u sends in the private chat: owner is the account
// that the phone number belongs to, 0 where Telegram knows none.
func Contact(u User, phone string, owner int64) Update {
	c := content("phone_number", phone, "first_name", u.FirstName)
	if owner != 0 {
		c["user_id"] = owner
	}
	return Service(u, Private(u), "contact", c)
}

// Payment is the message that u paid. A nil order leaves order_info out.
func Payment(u User, order *Order) Update {
	p := content("currency", "EUR", "total_amount", 1999, "invoice_payload", "order-1",
		"telegram_payment_charge_id", "t1", "provider_payment_charge_id", "p1")
	if order != nil {
		p["order_info"] = order
	}
	return Service(u, Private(u), "successful_payment", p)
}

// PreCheckout is the question whether u's order can be paid. A nil order leaves
// order_info out.
func PreCheckout(u User, order *Order) Update {
	q := content("id", "1", "from", u, "currency", "EUR", "total_amount", 1999, "invoice_payload", "order-1")
	if order != nil {
		q["order_info"] = order
	}
	return Update{kind: "pre_checkout_query", content: q}
}

// Callback is u pressing a button under a message that bot wrote in chat. The
// message's author is the bot, and its date is old.
func Callback(u, bot User, chat Chat, data string) Update {
	return Update{kind: "callback_query", content: content(
		"id", "4382bfdwdsb323b2d9", "from", u, "chat_instance", "-3141592653589793", "data", data,
		"message", content("message_id", 1, "from", bot, "chat", chat, "date", 1600000000, "text", "Choose:"),
	)}
}

// InlineQuery is u typing @bot and a query in any chat.
func InlineQuery(u User, query string) Update {
	return Update{kind: "inline_query", content: content(
		"id", "134567890097", "from", u, "query", query, "offset", "", "chat_type", "supergroup")}
}

// ChosenInlineResult is u sending one of the bot's inline results.
func ChosenInlineResult(u User, resultID, query string) Update {
	return Update{kind: "chosen_inline_result", content: content("from", u, "result_id", resultID, "query", query)}
}

// Blocked is u blocking the bot.
func Blocked(u, bot User) Update { return MyChatMember(u, bot, Private(u), "member", "kicked") }

// Unblocked is u letting the bot in again.
func Unblocked(u, bot User) Update { return MyChatMember(u, bot, Private(u), "kicked", "member") }

// MyChatMember is by changing what the bot is in chat, such as from "left" to
// "administrator".
func MyChatMember(by, bot User, chat Chat, from, to string) Update {
	return Update{kind: "my_chat_member", date: "date", content: content(
		"from", by, "chat", chat,
		"old_chat_member", content("user", bot, "status", from),
		"new_chat_member", content("user", bot, "status", to),
	)}
}

// Reaction is u reacting to a message in chat with an emoji.
func Reaction(u User, chat Chat, messageID int, emoji string) Update {
	return Update{kind: "message_reaction", date: "date", content: content(
		"user", u, "chat", chat, "message_id", messageID,
		"old_reaction", []any{}, "new_reaction", []any{content("type", "emoji", "emoji", emoji)},
	)}
}

// PollAnswer is u voting in a poll that is not anonymous.
func PollAnswer(u User, pollID string, options ...int) Update {
	return Update{kind: "poll_answer", content: content("poll_id", pollID, "user", u, "option_ids", options)}
}

// JoinRequest is u asking to join chat. bio is "" where there is none.
func JoinRequest(u User, chat Chat, bio string) Update {
	r := content("from", u, "chat", chat, "user_chat_id", u.ID)
	if bio != "" {
		r["bio"] = bio
	}
	return Update{kind: "chat_join_request", content: r, date: "date"}
}
