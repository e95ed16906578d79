package telegram

import (
	"sync/atomic"
	"time"

	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/middleware"
)

// An observer hands updates to one Middleware, each once.
type observer struct {
	mw      *middleware.Middleware
	options Options
	recent  recent
	clock   middleware.Clock
	replier atomic.Pointer[replier]
}

func newObserver(mw *middleware.Middleware, o *Options) *observer {
	obs := &observer{mw: mw}
	if o != nil {
		obs.options = *o
	}
	return obs
}

// middleware is a tele.MiddlewareFunc. telebot calls it for every update, so it
// makes nothing but the one closure that any middleware costs.
func (o *observer) middleware(next tele.HandlerFunc) tele.HandlerFunc {
	return func(c tele.Context) error {
		o.handled(c)
		return next(c)
	}
}

// handled observes an update on its way to a handler.
func (o *observer) handled(c tele.Context) {
	defer o.contain()
	u := c.Update()
	o.observe(&u, botOf(c))
}

// polled observes an update as it comes from the poller.
func (o *observer) polled(u *tele.Update, bot *tele.Bot) {
	defer o.contain()
	o.observe(u, bot)
}

// contain keeps a panic of this package away from the bot. Handlers run outside
// of it, so theirs go where they always go.
func (o *observer) contain() {
	if recover() == nil {
		return
	}
	defer func() { _ = recover() }()
	o.mw.Observe(&middleware.Sender{Channel: Channel, Event: unknownEvent, Drop: middleware.ReasonPanic})
}

func (o *observer) observe(u *tele.Update, bot *tele.Bot) {
	var me *tele.User
	if bot != nil {
		me = bot.Me
	}
	if !o.recent.add(u.ID, idOf(me)) {
		return
	}
	var a act
	a.read(u, me)
	var s middleware.Sender
	a.identify(&s, u.ID, &o.options)
	o.date(&s, &a, u.ID)
	if s.Drop == "" && o.mw.Known(&s, a.print()) {
		return
	}
	a.tell(&s, &o.options)
	if bot != nil && s.Chat != nil {
		s.Reply, s.KeepChat = o.replyBy(bot), placeOf
	}
	o.mw.Observe(&s)
}

// date gives an update that carries no time that of the platform, so that it is
// ordered among the others by its id.
func (o *observer) date(s *middleware.Sender, a *act, id int) {
	switch {
	case s.At.IsZero():
		now, known := o.clock.Now()
		s.At, s.Undated = at(now.Unix(), id), !known
	case a.event != "chat_boost": // whose date can be that of an old boost, which changed
		o.clock.Note(time.Unix(a.date, 0))
	}
}

// replyBy returns the reply function of bot, which is made once: a Middleware
// may serve several bots, but hardly ever does.
func (o *observer) replyBy(bot *tele.Bot) replyFunc {
	r := o.replier.Load()
	if r == nil || r.bot != bot {
		r = newReplier(bot)
		o.replier.Store(r)
	}
	return r.send
}

func idOf(me *tele.User) int64 {
	if me == nil {
		return 0
	}
	return me.ID
}

// botOf goes through any because Context.Bot returns an interface from telebot
// v3.4 on. It is nil where c is no context of telebot's own.
func botOf(c tele.Context) *tele.Bot {
	bot, _ := any(c.Bot()).(*tele.Bot)
	return bot
}
