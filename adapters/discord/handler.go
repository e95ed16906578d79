package discord

import (
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/bwmarrin/discordgo"

	"github.com/rollcall-go/rollcall/middleware"
)

// An adapter is what one value of Handler or Wrap knows.
type adapter struct {
	mw      *middleware.Middleware
	o       *Options
	rawOnly bool
	me      atomic.Uint64 // the bot's own id, 0 until it is known
	clock   middleware.Clock
}

func newAdapter(mw *middleware.Middleware, o *Options) *adapter {
	a := &adapter{mw: mw, o: o.orDefault()}
	a.me.Store(a.o.me())
	return a
}

// observe takes note of who is behind an event of any type.
func (a *adapter) observe(session *discordgo.Session, event any) {
	if e, ok := event.(*discordgo.Event); ok {
		a.raw(session, e)
		return
	}
	if a.rawOnly {
		return
	}
	defer a.contain("")
	if act, ok := fromTyped(event, a.o); ok {
		a.hand(session, event, &act)
	}
}

// raw takes note of who is behind an event as Discord sent it. All raw handlers of a
// session share RawData, which none may change, and discordgo does not; it has found it
// well-formed. So it is read where it is: what is kept of a Sender is a copy.
func (a *adapter) raw(session *discordgo.Session, e *discordgo.Event) {
	if e == nil {
		return
	}
	defer a.contain(e.Type)
	data := unsafe.String(unsafe.SliceData(e.RawData), len(e.RawData))
	if e.Type == ready {
		if id := readyID(data); id != 0 {
			a.me.Store(id)
		}
		return
	}
	var who act
	if one(&who, e.Type, data, a.me.Load(), a.o) {
		a.hand(session, e, &who)
		return
	}
	if l, ok := a.o.listing(e.Type); ok {
		many(e.Type, l, data, func(member act) bool {
			a.hand(session, e, &member)
			return true
		})
	}
}

func (a *adapter) hand(session *discordgo.Session, event any, act *act) {
	var s middleware.Sender
	act.identify(&s)
	switch {
	case s.At.IsZero():
		// Known or not: a gateway has no backlog, so an event comes when it happens.
		s.At, _ = a.clock.Now()
	case s.Event == messageCreate, s.Event == interactionCreate: // others can be about an old message
		a.clock.Note(s.At)
	}
	if s.Drop == "" && a.mw.Known(&s, act.print(a.o)) {
		return
	}
	act.tell(&s, a.o)
	s.Native = event
	if c, ok := s.Chat.(*chat); ok {
		c.session, c.came = session, time.Now()
		s.Reply = reply
	}
	a.mw.Observe(&s)
}

// contain ends a panic of the adapter's own, and has it counted.
func (a *adapter) contain(event string) {
	if recover() != nil {
		a.mw.Observe(&middleware.Sender{Channel: Channel, Event: event, Drop: middleware.ReasonPanic})
	}
}
