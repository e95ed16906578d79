package adaptertest

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// The tiny platform: its client library, an honest adapter for it, and the
// Connect that the suite asks for.

type account struct {
	id          uint64
	first, last string
	username    string
	bot         bool
}

type event struct {
	at        time.Time
	chat      int64 // the person's id in a private chat
	private   bool
	mentioned bool
	from      *account // nil: a channel post
	text      string
}

type client struct {
	handler func(*event)
	handled atomic.Int64

	mu   sync.Mutex
	sent map[int64][]string
}

func (c *client) send(chat int64, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent[chat] = append(c.sent[chat], text)
}

func (c *client) reply(_ context.Context, chat any, text string) error {
	c.send(chat.(int64), text)
	return nil
}

const groupChat = -100

// identify makes the part of the Sender that says who, when and whether.
func identify(c *client, e *event) middleware.Sender {
	s := middleware.Sender{Channel: "tiny", Event: "message", At: e.at, Reply: c.reply, Chat: e.chat}
	if e.from == nil {
		s.Drop = middleware.ReasonChannel
		return s
	}
	s.NumericID = e.from.id
	switch {
	case e.from.bot:
		s.Drop = middleware.ReasonBot
	case !e.private && !e.mentioned:
		s.Drop = middleware.ReasonUnaddressed
	}
	return s
}

func stateNames(s *middleware.Sender, e *event) {
	if e.from == nil {
		return
	}
	s.Set(store.FieldGivenName, e.from.first)
	s.Set(store.FieldFamilyName, e.from.last)
	s.Set(store.FieldUsername, e.from.username)
}

func stateStart(s *middleware.Sender, e *event) {
	payload, ok := strings.CutPrefix(e.text, "/start")
	if !ok || !e.private {
		return
	}
	s.Start = true
	if payload = strings.TrimSpace(payload); payload != "" {
		s.Set(store.FieldStartPayload, payload)
	}
}

func honestSender(c *client, e *event) middleware.Sender {
	s := identify(c, e)
	stateNames(&s, e)
	stateStart(&s, e)
	return s
}

type (
	senderFunc func(*client, *event) middleware.Sender
	attachFunc func(c *client, mw *middleware.Middleware, next func(*event)) func(*event)
)

// observing is the honest adapter around any way to make a Sender.
func observing(sender senderFunc) attachFunc {
	return func(c *client, mw *middleware.Middleware, next func(*event)) func(*event) {
		return func(e *event) {
			s := sender(c, e)
			mw.Observe(&s)
			next(e)
		}
	}
}

func tiny(attach attachFunc) Adapter {
	return Adapter{
		Channel: "tiny",
		Connect: func(t *testing.T, mw *middleware.Middleware) Bot {
			c := &client{sent: make(map[int64][]string)}
			c.handler = func(e *event) {
				c.handled.Add(1)
				c.send(e.chat, "you said "+e.text)
			}
			if mw != nil {
				c.handler = attach(c, mw, c.handler)
			}
			return Bot{
				Deliver: func(t *testing.T, in Input) bool { c.handler(tinyEvent(in)); return true },
				Handled: func() int { return int(c.handled.Load()) },
				Sent: func(in Input) []string {
					c.mu.Lock()
					defer c.mu.Unlock()
					return append([]string(nil), c.sent[tinyEvent(in).chat]...)
				},
			}
		},
	}
}

func tinyEvent(in Input) *event {
	e := &event{
		at: in.At, chat: int64(in.UserID), private: true, text: in.Text,
		from: &account{id: in.UserID, first: in.Name, last: in.LastName, username: in.Username},
	}
	switch in.Kind {
	case Start:
		e.text = strings.TrimSpace("/start " + in.Text)
	case Addressed:
		e.chat, e.private, e.mentioned = groupChat, false, true
	case Overheard:
		e.chat, e.private = groupChat, false
	case FromBot:
		e.from.bot = true
	case Nobody:
		e.chat, e.private, e.from = groupChat, false, nil
	}
	return e
}
