package discord_test

import (
	"strconv"
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
	adaptertest.Run(t, adaptertest.Adapter{
		Channel: discord.Channel,
		Connect: connect,
		Skip: map[string]string{
			"last-name-removed": "Discord people have one name, which is never split",
			"start":             "Discord has no start command",
			"first-payload":     "Discord has no start command",
		},
	})
}

func connect(t *testing.T, mw *middleware.Middleware) adaptertest.Bot {
	srv := newLoopback(t, nil)
	session := srv.Session()
	session.SyncEvents = true
	if mw != nil {
		session.AddHandler(discord.Handler(mw, nil))
	}
	var handled atomic.Int32
	session.AddHandler(func(s *discordgo.Session, m *discordgo.MessageCreate) {
		handled.Add(1)
		if _, err := s.ChannelMessageSend(m.ChannelID, "You said: "+m.Content); err != nil {
			t.Error(err)
		}
	})
	srv.open(t, session)
	return adaptertest.Bot{
		Deliver: func(t *testing.T, in adaptertest.Input) bool {
			if err := srv.Dispatch(eventOf(t, in).At(in.At)); err != nil {
				t.Error(err)
				return false
			}
			return srv.Sync(within(t)) == nil
		},
		Handled: func() int { return int(handled.Load()) },
		Sent: func(in adaptertest.Input) []string {
			channel := guild
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

func eventOf(t *testing.T, in adaptertest.Input) discordtest.Event {
	u := discordtest.User{ID: strconv.FormatUint(in.UserID, 10), Username: in.Username, GlobalName: in.Name}
	switch in.Kind {
	case adaptertest.Message:
		return discordtest.Message(u, discordtest.DM, in.Text)
	case adaptertest.Addressed:
		return discordtest.Mention(u, discordtest.Guild(guild), in.Text)
	case adaptertest.Overheard:
		return discordtest.Message(u, discordtest.Guild(guild), in.Text)
	case adaptertest.FromBot:
		u.Bot = true
		return discordtest.Message(u, discordtest.DM, in.Text)
	case adaptertest.Nobody:
		return discordtest.WebhookMessage(discordtest.Guild(guild), "news", in.Text)
	default:
		t.Errorf("Discord has no event for %q", in.Kind)
		return discordtest.Event{}
	}
}
