package telegram

import (
	"context"
	"errors"
	"fmt"
	"time"

	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/store"
)

// ErrNotAttached is what Profile returns for a bot that Attach was not called
// for, or whose Poller was replaced since.
var ErrNotAttached = errors.New("telegram: nothing is attached to this bot: call telegram.Attach(bot, mw, nil) before bot.Start, and set bot.Poller before that")

// profileTimeout bounds how long a handler waits for the store. telebot hands its
// handlers no context that could.
const profileTimeout = 5 * time.Second

// Profile returns the profile of who caused c's update, with what was observed
// and is not saved yet. It asks the store, so call it only in handlers that use
// it; it gives up after five seconds.
//
// The error wraps store.ErrNotFound where nothing is known: nobody is behind the
// update, or no profile is made of them. It is ErrNotAttached where Attach was
// not called.
func Profile(c tele.Context) (store.Profile, error) {
	bot := botOf(c)
	if bot == nil {
		return store.Profile{}, ErrNotAttached
	}
	p, ok := bot.Poller.(*poller)
	if !ok {
		return store.Profile{}, ErrNotAttached
	}
	u := c.Update()
	s := FromUpdate(&u, bot.Me, &p.observer.options)
	key := s.Key()
	if key.IsZero() {
		return store.Profile{}, fmt.Errorf("telegram: profile: nobody is behind this %s: %w", s.Event, store.ErrNotFound)
	}
	ctx, cancel := context.WithTimeout(context.Background(), profileTimeout)
	defer cancel()
	return p.observer.mw.Get(ctx, key)
}
