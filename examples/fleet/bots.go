package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/bwmarrin/discordgo"
	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/adapters/discord"
	"github.com/rollcall-go/rollcall/adapters/discord/discordtest"
	"github.com/rollcall-go/rollcall/adapters/telegram"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// closing bounds how long a bot that ends saves what waits.
const closing = 30 * time.Second

// playTelegram is a telebot.v3 bot with rollcall attached. It has no backends: the
// deliverer has. Its server is in the parent process, since Telegram outlives a bot.
func (r role) playTelegram(st store.Store, o *middleware.Options, stdin io.Reader) error {
	bot, err := tele.NewBot(tele.Settings{URL: r.TelegramURL, Token: r.Token, Poller: &tele.LongPoller{Timeout: 10 * time.Second}})
	if err != nil { // err holds the token
		return errors.New("telegram does not answer, or refuses the token")
	}
	mw, err := middleware.New(st, o)
	if err != nil {
		return err
	}
	telegram.Attach(bot, mw, nil)
	go bot.Start()
	untilEnd(stdin)
	return closeMiddleware(mw)
}

// playDiscord is a discordgo session with rollcall attached, and the server that it
// talks to. The events come as lines of JSON.
func (r role) playDiscord(ctx context.Context, st store.Store, o *middleware.Options, stdin io.Reader) (err error) {
	srv, err := discordtest.NewServer(nil)
	if err != nil {
		return err
	}
	mw, err := middleware.New(st, o)
	if err != nil {
		return err
	}
	session := srv.Session()
	session.Identify.Intents = discordgo.IntentsDirectMessages | discordgo.IntentsGuilds
	session.AddHandler(discord.Handler(mw, nil))
	if err := session.Open(); err != nil {
		return errors.New("discord does not answer, or refuses the token")
	}
	lines := bufio.NewScanner(stdin)
	for lines.Scan() && err == nil {
		var event discordtest.Event
		if err = json.Unmarshal(lines.Bytes(), &event); err == nil {
			err = srv.Dispatch(event)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, closing)
	defer cancel()
	return errors.Join(err, srv.Sync(ctx), session.Close(), srv.Close(), closeMiddleware(mw))
}

func closeMiddleware(mw *middleware.Middleware) error {
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	return mw.Close(ctx)
}
