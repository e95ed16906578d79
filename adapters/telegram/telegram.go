package telegram

import (
	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/middleware"
)

// Channel is the channel of all keys that this package makes: a person's
// channelUserId looks like "telegram:42".
const Channel = "telegram"

// Options are the settings of the adapter. The zero value and nil are ready to
// use.
type Options struct {
	// Scope is whose events become profiles. Zero: Addressed.
	Scope Scope
	// OmitContacts leaves out the phone number that people share with the bot.
	// It is observed otherwise, since whoever sends a bot their own contact
	// means to tell it their number.
	OmitContacts bool
	// OrderInfo also observes the phone number, email and address that a buyer
	// enters for a payment. They are given for one order, and may be somebody
	// else's, so this is off by default.
	OrderInfo bool
}

// A Scope is whose events become profiles.
type Scope uint8

// The scopes.
const (
	// Addressed is those who talk to the bot: in private chats, by buttons,
	// inline queries and payments, by blocking and unblocking it, and in groups
	// by a command to it, a mention of it or a reply to it. All other events
	// are Dropped with middleware.ReasonUnaddressed.
	Addressed Scope = iota
	// Everyone is every person whose events the bot can see. An admin bot, or
	// one without privacy mode, sees all that is written in its groups: think of
	// what its members expect before you keep profiles of them. Telegram sends
	// reactions and changes of members only to a bot whose AllowedUpdates names
	// them.
	Everyone
)

// Attach makes mw observe all that bot receives. Call it once, before bot.Start;
// handlers may be registered before or after. It wraps bot.Poller, by which every
// update is seen, also one without a handler, and adds a middleware with
// bot.Use, by which those are seen that are given to bot.ProcessUpdate directly.
// An update that passes both is observed once.
//
// Attach calls no API, registers no endpoint, and leaves AllowedUpdates alone.
// Nothing it adds returns an error, waits, or keeps the next handler from
// running. o may be nil; it is copied.
//
// To attach the same mw again does nothing. A nil mw attaches nothing. A poller
// that is set after Attach is not seen, and a nil bot.Poller stays nil, so that
// bot.Start complains of it as ever. One that closes its stop channel by itself is
// taken for one that was stopped: of its last updates, those for which the bot has no
// room wait for the next start.
func Attach(bot *tele.Bot, mw *middleware.Middleware, o *Options) {
	if mw == nil || attached(bot.Poller, mw) {
		return
	}
	obs := newObserver(mw, o)
	obs.replier.Store(newReplier(bot))
	if bot.Poller != nil {
		bot.Poller = newPoller(bot.Poller, obs)
	}
	bot.Use(obs.middleware)
}

// Middleware returns the telebot middleware of Attach alone, for bots that feed
// bot.ProcessUpdate themselves, and for groups of handlers. telebot binds
// middleware when a handler is registered, so it sees only what reaches a
// handler that was registered after it. A nil mw observes nothing. o may be nil;
// it is copied.
//
// [Profile] does not find mw through it: call mw.Get with the Key of
// [FromUpdate] there.
func Middleware(mw *middleware.Middleware, o *Options) tele.MiddlewareFunc {
	return newObserver(mw, o).middleware
}

func attached(p tele.Poller, mw *middleware.Middleware) bool {
	for {
		ours, ok := p.(*poller)
		if !ok {
			return false
		}
		if ours.observer.mw == mw {
			return true
		}
		p = ours.next
	}
}
