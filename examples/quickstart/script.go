package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/rollcall-go/rollcall/adapters/discord/discordtest"
	tt "github.com/rollcall-go/rollcall/adapters/telegram/telegramtest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// A scene is a line of the story and what the platforms send for it.
type scene struct {
	story    string
	telegram []tt.Update
	discord  []discordtest.Event
	// act is for a scene that only is played with -backends.
	act func(ctx context.Context, mw *middleware.Middleware, ms mirrors) error
}

// playScript plays the scripted day, one scene after the other.
func playScript(ctx context.Context, o options, mw *middleware.Middleware, ms mirrors, before past, story io.Writer) error {
	t, err := startTelegram(o, mw)
	if err != nil {
		return err
	}
	defer t.stop()
	d, err := startDiscord(o, mw)
	if err != nil {
		return err
	}
	defer d.stop()

	fmt.Fprintln(story, "A telebot.v3 bot and a discordgo session on loopback servers, with rollcall attached.")
	for _, s := range day(t.srv.Me()) {
		if s.act != nil && (len(ms) == 0 || before.people) {
			continue // on a day that is played again, there is nothing to bring anywhere
		}
		fmt.Fprintf(story, "\n%s\n", s.story)
		if s.act != nil {
			if err := errors.Join(s.act(ctx, mw, ms), ms.settle(ctx, mw)); err != nil {
				return err
			}
		}
		for _, update := range s.telegram {
			if err := t.push(ctx, update); err != nil {
				return err
			}
			if err := ms.settle(ctx, mw); err != nil {
				return err
			}
		}
		for _, event := range s.discord {
			if err := d.push(ctx, event); err != nil {
				return err
			}
			if err := ms.settle(ctx, mw); err != nil {
				return err
			}
		}
	}
	return nil
}

// day is 2 March 2026. Its times are fixed, so that a second run over the same
// file has nothing new to say.
func day(bot tt.User) []scene {
	clock := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	at := func(u tt.Update) tt.Update {
		clock = clock.Add(7 * time.Minute)
		return u.At(clock)
	}
	on := func(e discordtest.Event) discordtest.Event {
		clock = clock.Add(7 * time.Minute)
		return e.At(clock)
	}

	ann := tt.User{ID: 1001, FirstName: "Ann", LastName: "Archer", Username: "ann_archer", LanguageCode: "en"}
	anna := ann
	anna.FirstName = "Anna"
	anna1 := anna
	anna1.LastName, anna1.IsPremium = "", true
	boris := tt.User{ID: 1002, FirstName: "Борис", LanguageCode: "ru"}
	chen := tt.User{ID: 1003, FirstName: "陈", LastName: "伟", LanguageCode: "zh-hans"}
	robot := tt.User{ID: 1004, IsBot: true, FirstName: "Weather", Username: "weather_bot"}
	group := tt.Group(-1001500000001, "Archery")
	channel := tt.Channel(-1001500000002, "Archery news")

	dara := discordtest.User{ID: "260000000000000001", Username: "dara", GlobalName: "Dara ✨", Avatar: "a_0123456789abcdef0123456789abcdef", Nick: "Captain"}
	daraNew := dara
	daraNew.GlobalName = "Dara of the Woods"
	eli := discordtest.User{ID: "260000000000000002", Username: "eli.codes"}
	guild := discordtest.Guild("260000000000000100")
	original, repost := discordtest.Proxied(dara, guild, "Moss", "hi, this is Moss")

	return []scene{
		{story: "Ann presses Start on t.me/rollcall_bot?start=spring.", telegram: []tt.Update{at(tt.Start(ann, "spring"))}},
		{story: "She writes twice. Nothing is new, nothing is written.", telegram: []tt.Update{
			at(tt.Message(ann, tt.Private(ann), "hello")),
			at(tt.Message(ann, tt.Private(ann), "is anybody there?")),
		}},
		{story: "She renames herself to Anna, and writes.", telegram: []tt.Update{at(tt.Message(anna, tt.Private(anna), "it's Anna now"))}},
		{story: "She removes her last name and buys Premium.", telegram: []tt.Update{at(tt.Message(anna1, tt.Private(anna1), "and shorter"))}},
		{story: "She presses Start again, on another link. The first payload stays.", telegram: []tt.Update{at(tt.Start(anna1, "autumn"))}},
		{story: "She shares her own contact, then a friend's. Only hers is kept.", telegram: []tt.Update{
			at(tt.Contact(anna1, "14155552671", anna1.ID)),
			at(tt.Contact(anna1, "14155550000", 999)),
		}},
		{story: "Boris presses a button under a message of the bot's, and asks inline.", telegram: []tt.Update{
			at(tt.Callback(boris, bot, tt.Private(boris), "yes")),
			at(tt.InlineQuery(boris, "arrows")),
		}},
		{story: "GenAuth goes down. What it is owed waits in users.db; nobody else notices.", act: down("genauth")},
		{story: "Boris blocks the bot, and lets it in again.", telegram: []tt.Update{
			at(tt.Blocked(boris, bot)),
			at(tt.Unblocked(boris, bot)),
		}},
		{story: "In a group, Chen writes to others, then to the bot.", telegram: []tt.Update{
			at(tt.Message(chen, group, "good morning all")),
			at(tt.Message(chen, group, "/help@rollcall_bot")),
		}},
		{story: "An anonymous admin, a channel, Telegram itself and another bot make no profile.", telegram: []tt.Update{
			at(tt.AnonymousAdmin(group, "/rules@rollcall_bot")),
			at(tt.ChannelPost(channel, "The range is open.")),
			at(tt.AutoForward(channel, group, "The range is open.")),
			at(tt.Message(robot, group, "/help@rollcall_bot")),
		}},
		{story: "On Discord, Dara writes to the bot directly.", discord: []discordtest.Event{on(discordtest.Message(dara, discordtest.DM, "hello"))}},
		{story: "She uses a slash command in a guild, where she is Captain. The nick is kept apart.", discord: []discordtest.Event{
			on(discordtest.SlashCommand(dara, guild, "help")),
		}},
		{story: "She changes her global name, and mentions the bot.", discord: []discordtest.Event{on(discordtest.Mention(daraNew, guild, "look"))}},
		{story: "GenAuth is back, and is brought up to date: each person once, as they are now.", act: up("genauth")},
		{story: "Eli, who has no global name, uses a slash command in a direct message.", discord: []discordtest.Event{
			on(discordtest.SlashCommand(eli, discordtest.DM, "help")),
		}},
		{story: "A webhook posts, and PluralKit reposts what Dara wrote to others.", discord: []discordtest.Event{
			on(discordtest.WebhookMessage(guild, "Deploys", "build 7 is live")),
			on(original), on(repost),
		}},
		{story: "Eli asks to be forgotten. Whoever can erase does; who cannot is named.", act: forget("discord", eli.ID)},
	}
}

func down(backend string) func(context.Context, *middleware.Middleware, mirrors) error {
	return func(_ context.Context, _ *middleware.Middleware, ms mirrors) error {
		ms.named(backend).down()
		return nil
	}
}

func up(backend string) func(context.Context, *middleware.Middleware, mirrors) error {
	return func(_ context.Context, _ *middleware.Middleware, ms mirrors) error { return ms.named(backend).listen() }
}

func forget(channel, userID string) func(context.Context, *middleware.Middleware, mirrors) error {
	return func(ctx context.Context, mw *middleware.Middleware, _ mirrors) error {
		return mw.Forget(ctx, store.Key{Channel: channel, UserID: userID})
	}
}
