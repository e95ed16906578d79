package discord_test

import (
	"strconv"
	"testing"

	"github.com/bwmarrin/discordgo"

	"github.com/rollcall-go/rollcall/adapters/discord"
	"github.com/rollcall-go/rollcall/adapters/discord/discordtest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

func TestADirectMessageGoesToShard0AndOneHandlerServesAll(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := newLoopback(t, nil)
	handle := discord.Handler(r.Middleware, widest)
	for id := range 2 {
		session := srv.Shard(id, 2)
		session.SyncEvents = true
		session.Identify.Intents = discordgo.IntentsAll
		session.AddHandler(handle)
		srv.open(t, session)
	}
	srv.send(t, discordtest.Message(ann, discordtest.DM, "hi"))
	r.result(t, middleware.Created, store.FieldName, store.FieldPicture, store.FieldStatus, store.FieldUsername)
	srv.send(t, discordtest.Message(bob, discordtest.Guild(secondShard), "hi"))
	r.result(t, middleware.Created, store.FieldName, store.FieldStatus, store.FieldUsername)
}

// A shard manager's AddHandler takes any and returns nothing.
func TestHandlerSuitsAShardManager(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := newLoopback(t, nil)
	shards := []*discordgo.Session{srv.Shard(0, 2), srv.Shard(1, 2)}
	manager := interface{ AddHandler(any) }(managerOf(shards))
	manager.AddHandler(discord.Handler(r.Middleware, nil))
	for _, s := range shards {
		srv.open(t, s)
	}
	srv.send(t, discordtest.SlashCommand(ann, discordtest.Guild(strconv.Itoa(5<<22)), "ping"))
	r.result(t, middleware.Created, store.FieldLocale, store.FieldName, store.FieldPicture, store.FieldStatus, store.FieldUsername)
}

type managerOf []*discordgo.Session

func (m managerOf) AddHandler(handler any) {
	for _, s := range m {
		s.AddHandler(handler)
	}
}

func TestTheBotsIDIsLearnedFromReadyAndSurvivesAResume(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := attach(t, r, nil, nil)
	srv.send(t, discordtest.Mention(ann, discordtest.Guild(guild), "hi"))
	r.result(t, middleware.Created, store.FieldName, store.FieldPicture, store.FieldStatus, store.FieldUsername)
	srv.Disconnect()
	srv.send(t, discordtest.Mention(bob, discordtest.Guild(guild), "while away"))
	r.result(t, middleware.Created, store.FieldName, store.FieldStatus, store.FieldUsername)
	srv.send(t, discordtest.Reply(ann, discordtest.Guild(guild), "hi"))
	r.result(t, middleware.Unchanged)
	srv.send(t, discordtest.Message(ann, discordtest.Guild(guild), "to somebody else"))
	r.dropped(t, middleware.ReasonUnaddressed)
}

func TestBeforeReadyOnlyDirectMessagesAndInteractionsAreAddressed(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	handle := discord.Handler(r.Middleware, nil)
	give := func(e discordtest.Event) {
		handle(&discordgo.Session{}, &discordgo.Event{Type: e.Type, RawData: e.Data})
	}
	give(discordtest.Mention(ann, discordtest.Guild(guild), "hi"))
	r.dropped(t, middleware.ReasonUnaddressed)
	give(discordtest.Reply(ann, discordtest.Guild(guild), "hi"))
	r.dropped(t, middleware.ReasonUnaddressed)
	give(discordtest.Reply(ann, discordtest.Guild(guild), "hi").With("referenced_message", nil))
	r.dropped(t, middleware.ReasonUnaddressed)
	give(discordtest.SlashCommand(ann, discordtest.Guild(guild), "ping"))
	if o := r.one(t); o.Result != middleware.Created {
		t.Errorf("%+v", o)
	}
	give(discordtest.Message(bob, discordtest.DM, "hi"))
	if o := r.one(t); o.Result != middleware.Created {
		t.Errorf("%+v", o)
	}
}
