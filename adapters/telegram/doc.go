// Package telegram is the rollcall adapter for bots written with
// gopkg.in/telebot.v3: everyone who talks to the bot becomes a profile.
//
//	mw, err := middleware.New(st, nil)
//	bot, err := tele.NewBot(settings)
//	telegram.Attach(bot, mw, nil) // the one line, before bot.Start
//	bot.Handle("/start", func(c tele.Context) error {
//		p, err := telegram.Profile(c)
//		if err != nil {
//			return c.Send("Welcome!")
//		}
//		return c.Send("Welcome, " + p.DisplayName())
//	})
//	bot.Start()
//
// # Whom it observes
//
// A person who acts, and no one else: bots, channels, anonymous admins, posts
// forwarded from a linked channel and Telegram's own account are Dropped, each
// with its middleware.Reason. People who are only spoken of are never looked at:
// authors of forwarded and replied messages, mentioned and shared users,
// somebody else's contact, members whom an admin adds or bans.
//
// Which people, is [Options].Scope. By default those who address the bot:
//
//   - whatever they do in the private chat, blocking and unblocking included
//   - buttons, inline queries, chosen inline results, shipping and payment
//   - in groups, a command (/help, or /help@bot but not /help@other), a mention
//     of the bot, or a reply to it
//
// [Everyone] adds all other people whom the bot can see: who write in its groups,
// react, vote in its polls, ask to join, boost. It is a choice to make knowingly.
// middleware.Options.Who can decide case by case instead: it is asked about
// unaddressed people too.
//
// # What it observes
//
//   - given_name, family_name, username, is_premium: Telegram sends them whole
//     with every event, so one that is absent was removed and is cleared
//   - locale, where the event has a language; its absence says nothing
//   - status: blocked when the person blocks the bot, active by everything in the
//     private chat. Events elsewhere say nothing of it, since people who blocked
//     a bot still meet it in groups
//   - start_payload, from a deep link; what was typed by hand is left out
//   - phone_number, from the person's own contact, sent in the private chat and
//     not forwarded. It is not marked as verified: Telegram does not document
//     that it is
//   - phone_number, email and address of an order, only with Options.OrderInfo
//   - bio, from a request to join a chat, with Everyone
//
// An event counts as of the time that Telegram gives it: an edit's own, and never
// that of the message under a button. Within a second the update_id decides, so
// handlers that run out of order do no harm.
//
// Never stored: texts and media, locations, data of Mini Apps (their content is
// not checked by Telegram), passport data, and profile photos, whose URLs contain
// the bot's token. Nothing here asks the Bot API for more.
//
// # Two ways to attach
//
// [Attach] sees every update that bot.Poller delivers, with or without a
// handler, by long polling or webhook (as poller and as http.Handler), and by
// bot.Use those given to bot.ProcessUpdate. Updates are told apart by update_id,
// so one that passes twice is observed once; an id of 0 counts as unknown and
// never as a repetition. A serverless bot that calls ProcessUpdate is seen where
// a handler matches that was registered after Attach. To see all of its updates,
// hand them over yourself:
//
//	s := telegram.FromUpdate(&update, bot.Me, nil)
//	mw.Observe(&s)
//	bot.ProcessUpdate(update)
//
// [Middleware] is for one group of handlers. telebot binds middleware when a
// handler is registered, so it comes before group.Handle.
//
// # Replies
//
// Outcome.Reply sends a text to the chat that the event came from, in a forum to
// its topic, and to the person where the event is in no chat, as an inline query
// is. telebot takes no context: ctx is looked at before the call, and after that
// the bot's HTTP client bounds it (Client of tele.Settings, a minute unless it is
// set). Errors are telebot's, without the bot's token.
//
// # What stays telebot's
//
// Handlers run as often, in the same order, with the same errors and panics as
// without rollcall. So do the troubles of telebot v3.3.8: Stop of a bot with a
// tele.Webhook panics ("close of closed channel"), a webhook's handler must not
// be called before the bot has started, and an update of kind
// message_reaction_count cannot be decoded, which stops long polling for good
// (leave it out of AllowedUpdates). One is gone: Stop while more updates wait
// than the bot has room for returns, and they are handled after the next Start.
//
// Close the Middleware after bot.Stop has returned, so that the last updates are
// saved.
//
// The package telegramtest runs such bots in tests, without Telegram.
package telegram
