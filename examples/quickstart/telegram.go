package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"

	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/adapters/telegram"
	"github.com/rollcall-go/rollcall/adapters/telegram/telegramtest"
	"github.com/rollcall-go/rollcall/middleware"
)

// A telegramBot is a telebot.v3 bot with rollcall attached. srv is the loopback
// server that it talks to, nil for a live bot.
type telegramBot struct {
	bot *tele.Bot
	srv *telegramtest.Server
	mw  *middleware.Middleware
}

func startTelegram(o options, mw *middleware.Middleware) (*telegramBot, error) {
	if o.telegramToken != "" {
		return connectTelegram(tele.Settings{Token: o.telegramToken}, nil, o, mw)
	}
	srv, err := telegramtest.NewServer(nil)
	if err != nil {
		return nil, err
	}
	t, err := connectTelegram(tele.Settings{URL: srv.URL(), Token: srv.Token()}, srv, o, mw)
	if err != nil {
		return nil, errors.Join(err, srv.Close())
	}
	return t, nil
}

func connectTelegram(settings tele.Settings, srv *telegramtest.Server, o options, mw *middleware.Middleware) (*telegramBot, error) {
	settings.Poller = &tele.LongPoller{Timeout: 10 * time.Second}
	if o.webhook {
		addr, err := freeAddress()
		if err != nil {
			return nil, err
		}
		settings.Poller = stoppableWebhook{&tele.Webhook{Listen: addr, SecretToken: "quickstart", Endpoint: &tele.WebhookEndpoint{PublicURL: "http://" + addr}}}
	}
	bot, err := tele.NewBot(settings)
	if err != nil { // err holds the token
		return nil, errors.New("telegram does not answer, or refuses the token")
	}
	scope := telegram.Addressed
	if o.everyone {
		scope = telegram.Everyone
	}
	telegram.Attach(bot, mw, &telegram.Options{Scope: scope})
	bot.Handle("/start", func(c tele.Context) error {
		p, _ := telegram.Profile(c)
		return c.Send("Welcome, " + p.DisplayName() + "!")
	})
	go bot.Start()
	return &telegramBot{bot: bot, srv: srv, mw: mw}, nil
}

// A stoppableWebhook gets a stop channel of its own. telebot v3.3.8 closes the
// one it gets, and panics where that is closed already.
type stoppableWebhook struct{ *tele.Webhook }

func (w stoppableWebhook) Poll(b *tele.Bot, dest chan tele.Update, stop chan struct{}) {
	own, ended := make(chan struct{}), make(chan struct{})
	go func() {
		select {
		case <-stop:
			own <- struct{}{}
		case <-ended:
		}
	}()
	w.Webhook.Poll(b, dest, own)
	close(ended)
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// check reports why telebot could not take this update. Its poller asks again for
// ever for one that it cannot decode, and some make it panic.
func (t *telegramBot) check(line []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("telebot.v3 panics while it decodes this update: %v", r)
		}
	}()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(line, &fields); err != nil || fields == nil {
		return errors.New(`an update looks like {"update_id":1,"message":{...}}`)
	}
	var u tele.Update
	if err := json.Unmarshal(line, &u); err != nil {
		return fmt.Errorf("telebot.v3 cannot decode this update: %w", err)
	}
	if fields["update_id"] == nil && telegram.FromUpdate(&u, nil, nil).Event == "update" {
		return errors.New(`this is no update; one looks like {"update_id":1,"message":{...}}`)
	}
	return nil
}

// push hands one update to the bot and returns when the bot has looked at it,
// which is after the server has got rid of it.
func (t *telegramBot) push(ctx context.Context, update json.Marshaler) error {
	before := observed(t.mw)
	if err := t.srv.Push(update); err != nil {
		return err
	}
	patience, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for observed(t.mw) == before {
		select {
		case <-time.After(time.Millisecond):
		case <-patience.Done():
			return cmp.Or(ctx.Err(), errors.New("the bot did not take the update"))
		}
	}
	return nil
}

func observed(mw *middleware.Middleware) uint64 {
	s := mw.Stats()
	return s.Created + s.Updated + s.Unchanged + s.Coalesced + s.Dropped + s.Failed + uint64(s.Waiting)
}

func (t *telegramBot) stop() {
	if t.srv != nil {
		_ = t.srv.Close() // first, since telebot forgets to end a poll that begins during Stop
	}
	t.bot.Stop()
}
