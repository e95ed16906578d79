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
const profileTimeout = time.Second

// Profile returns the profile of who caused c's update, with what the update
// itself says. It asks the store, so call it only in handlers that use it; it
// gives up after a second.
//
// The error wraps store.ErrNotFound where nothing is kept: nobody is behind the
// update, or no profile is made of them. Beside any error, the profile holds what
// the update says, so that a bot can greet people by name while the store is
// away. The error is ErrNotAttached, and the profile zero, where Attach was not
// called.
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
	if s.NumericID == 0 {
		return store.Profile{}, fmt.Errorf("telegram: profile: nobody is behind this %s: %w", s.Event, store.ErrNotFound)
	}
	ctx, cancel := context.WithTimeout(context.Background(), profileTimeout)
	defer cancel()
	return p.observer.mw.Profile(ctx, &s)
}
