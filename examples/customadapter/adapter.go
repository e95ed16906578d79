package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// Observed wraps a bot's handler so that mw takes note of who wrote, before next
// runs. It is all that a bot needs to call.
func Observed(c *Client, mw *middleware.Middleware, next func(Message)) func(Message) {
	reply := func(ctx context.Context, chat any, text string) error {
		return c.Send(ctx, chat.(string), text)
	}
	observe := func(m Message) {
		defer func() {
			if recover() != nil { // a bug of the adapter is not the bot's
				mw.Observe(&middleware.Sender{Channel: "linechat", Drop: middleware.ReasonPanic})
			}
		}()
		s := FromMessage(m, c.Nick)
		s.Reply = reply
		mw.Observe(&s)
	}
	return func(m Message) {
		observe(m)
		next(m)
	}
}

// FromMessage says what one line tells about who wrote it, to a bot of this
// nick. It is pure: all that an adapter knows of its platform stands here.
func FromMessage(m Message, nick string) middleware.Sender {
	s := middleware.Sender{Channel: "linechat", Event: "line", At: time.UnixMilli(m.Millis), Chat: m.Chat()}
	if m.From == nil {
		s.Drop = middleware.ReasonNobody
		return s
	}
	s.UserID = strconv.FormatUint(m.From.ID, 10)
	switch {
	case m.From.Bot:
		s.Drop = middleware.ReasonBot
	case m.Room != "" && !strings.HasPrefix(m.Text, nick+":"):
		s.Drop = middleware.ReasonUnaddressed
	}
	s.Set(store.FieldName, m.From.Name) // every line carries both, so "" means removed
	s.Set(store.FieldUsername, m.From.Nick)
	if payload, ok := strings.CutPrefix(m.Text, "!start"); ok && m.Room == "" {
		s.Start = true
		if payload = strings.TrimSpace(payload); payload != "" {
			s.Set(store.FieldStartPayload, payload)
		}
	}
	return s
}
