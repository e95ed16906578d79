package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/bwmarrin/discordgo"

	"github.com/rollcall-go/rollcall/adapters/discord"
	"github.com/rollcall-go/rollcall/adapters/discord/discordtest"
	"github.com/rollcall-go/rollcall/middleware"
)

// A discordBot is a discordgo session with rollcall attached. srv is the loopback
// server that it talks to, nil for a live bot.
type discordBot struct {
	session *discordgo.Session
	srv     *discordtest.Server
}

func startDiscord(o options, mw *middleware.Middleware) (*discordBot, error) {
	if o.discordToken != "" {
		session, err := discordgo.New("Bot " + o.discordToken)
		if err != nil {
			return nil, err
		}
		return connectDiscord(session, nil, o, mw)
	}
	srv, err := discordtest.NewServer(nil)
	if err != nil {
		return nil, err
	}
	session := srv.Session()
	session.Identify.Intents = discordgo.IntentsAll // the server keeps back what the session does not ask for
	session.SyncEvents = true                       // so that outcomes are printed in the order of the events
	session.StateEnabled = false                    // discordgo's state panics on some events that lack a user
	d, err := connectDiscord(session, srv, o, mw)
	if err != nil {
		return nil, errors.Join(err, srv.Close())
	}
	return d, nil
}

func connectDiscord(session *discordgo.Session, srv *discordtest.Server, o options, mw *middleware.Middleware) (*discordBot, error) {
	scope := discord.Addressed
	if o.everyone {
		scope = discord.Everyone
	}
	session.AddHandler(discord.Handler(mw, &discord.Options{Scope: scope, Nicks: true}))
	if err := session.Open(); err != nil {
		return nil, errors.New("discord does not answer, or refuses the token")
	}
	return &discordBot{session: session, srv: srv}, nil
}

// check reports why discordgo could not take this event: over an empty voice state, and
// a guild that lacks itself or a part, it panics on a goroutine of its own.
func (d *discordBot) check(event discordtest.Event) error {
	var guilds []*discordgo.Guild
	whole := true
	switch event.Type {
	case "VOICE_STATE_UPDATE":
		var v discordgo.VoiceStateUpdate
		_ = json.Unmarshal(event.Data, &v)
		whole = v.VoiceState != nil
	case "READY":
		var r discordgo.Ready
		_ = json.Unmarshal(event.Data, &r)
		guilds = r.Guilds
	case "GUILD_CREATE", "GUILD_UPDATE":
		var g discordgo.GuildCreate
		_ = json.Unmarshal(event.Data, &g)
		guilds = []*discordgo.Guild{g.Guild}
	}
	for _, g := range guilds {
		whole = whole && g != nil && !slices.Contains(g.Channels, nil) && !slices.Contains(g.Members, nil) && !slices.Contains(g.VoiceStates, nil)
	}
	if !whole {
		return errors.New("discordgo panics over this event")
	}
	return nil
}

// push hands one event to the session and returns when its handlers have run.
func (d *discordBot) push(ctx context.Context, event discordtest.Event) error {
	if err := d.srv.Dispatch(event); err != nil {
		return err
	}
	return d.srv.Sync(ctx)
}

func (d *discordBot) stop() {
	if d.srv == nil {
		_ = d.session.Close()
		return
	}
	// discordgo reconnects for ever when it is closed before its first heartbeat.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = d.srv.Sync(ctx)
	_ = d.session.Close()
	_ = d.srv.Close()
}
