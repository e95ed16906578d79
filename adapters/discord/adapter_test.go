package discord_test

import (
	"encoding/json"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/bwmarrin/discordgo"

	"github.com/rollcall-go/rollcall/adapters/adaptertest"
	"github.com/rollcall-go/rollcall/adapters/discord"
	"github.com/rollcall-go/rollcall/adapters/discord/discordtest"
	"github.com/rollcall-go/rollcall/middleware"
)

func TestAdapter(t *testing.T) {
	t.Parallel()
	for name, connect := range map[string]connecting{
		"SyncEvents":                        {sync: true, shards: 1},
		"a goroutine a handler":             {shards: 1},
		"two shards, a goroutine a handler": {shards: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			adaptertest.Run(t, adaptertest.Adapter{
				Channel: discord.Channel,
				Connect: connect.bot,
				Skip: map[string]string{
					"last-name-removed": "Discord people have one name, which is never split",
					"start":             "Discord has no start command",
					"first-payload":     "Discord has no start command",
				},
			})
		})
	}
}

// secondShard is a guild of shard 1 of 2. Direct messages go to shard 0.
const secondShard = "197038439487504390"

// A connecting is how a bot runs its sessions.
type connecting struct {
	sync   bool // Session.SyncEvents
	shards int
}

func (c connecting) bot(t *testing.T, mw *middleware.Middleware) adaptertest.Bot {
	srv := newLoopback(t, nil)
	var running calls
	var handled atomic.Int32
	answer := func(s *discordgo.Session, m *discordgo.MessageCreate) {
		defer running.done(m.ID)
		handled.Add(1)
		if _, err := s.ChannelMessageSend(m.ChannelID, "You said: "+m.Content); err != nil {
			t.Error(err)
		}
	}
	handlers := 1
	observe := discord.Handler(mw, nil)
	if mw != nil {
		handlers++
	}
	for id := range c.shards {
		session := srv.Shard(id, c.shards)
		session.SyncEvents = c.sync
		if mw != nil {
			session.AddHandler(func(s *discordgo.Session, e *discordgo.Event) {
				if m, ok := e.Struct.(*discordgo.MessageCreate); ok {
					defer running.done(m.ID)
				}
				observe(s, e)
			})
		}
		session.AddHandler(answer)
		srv.open(t, session)
	}
	return adaptertest.Bot{
		Deliver: func(t *testing.T, in adaptertest.Input) bool {
			e := eventOf(t, in).At(in.At)
			returned := running.expect(t, e, handlers)
			if err := srv.Dispatch(e); err != nil {
				t.Error(err)
				return false
			}
			if srv.Sync(within(t)) != nil {
				return false
			}
			returned.Wait()
			return true
		},
		Handled: func() int { return int(handled.Load()) },
		Sent: func(in adaptertest.Input) []string {
			channel := secondShard
			if in.Kind == adaptertest.Message {
				channel = discordtest.DMChannel(strconv.FormatUint(in.UserID, 10))
			}
			var texts []string
			for _, sent := range srv.Sent() {
				if sent.ChannelID == channel {
					texts = append(texts, sent.Text)
				}
			}
			return texts
		},
	}
}

// calls are the handlers that are to return, for each message's id: without
// SyncEvents nothing else tells when they have.
type calls struct{ of sync.Map }

func (c *calls) expect(t *testing.T, e discordtest.Event, n int) *sync.WaitGroup {
	var m struct{ ID string }
	if err := json.Unmarshal(e.Data, &m); err != nil {
		t.Error(err)
	}
	wg := new(sync.WaitGroup)
	wg.Add(n)
	c.of.Store(m.ID, wg)
	return wg
}

func (c *calls) done(id string) {
	if wg, ok := c.of.Load(id); ok {
		wg.(*sync.WaitGroup).Done()
	}
}

func eventOf(t *testing.T, in adaptertest.Input) discordtest.Event {
	u := discordtest.User{ID: strconv.FormatUint(in.UserID, 10), Username: in.Username, GlobalName: in.Name}
	switch in.Kind {
	case adaptertest.Message:
		return discordtest.Message(u, discordtest.DM, in.Text)
	case adaptertest.Addressed:
		return discordtest.Mention(u, discordtest.Guild(secondShard), in.Text)
	case adaptertest.Overheard:
		return discordtest.Message(u, discordtest.Guild(secondShard), in.Text)
	case adaptertest.FromBot:
		u.Bot = true
		return discordtest.Message(u, discordtest.DM, in.Text)
	case adaptertest.Nobody:
		return discordtest.WebhookMessage(discordtest.Guild(secondShard), "news", in.Text)
	default:
		t.Errorf("Discord has no event for %q", in.Kind)
		return discordtest.Event{}
	}
}
