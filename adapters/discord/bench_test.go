package discord_test

import (
	"encoding/json"
	"testing"

	"github.com/bwmarrin/discordgo"

	"github.com/rollcall-go/rollcall/adapters/discord"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// message returns the first sample, a message in a guild of about a kilobyte.
func message(b testing.TB) sample { return samples(b)[0] }

// One sender out of the event as Discord sent it, against discordgo's own decode
// of it, which happens in any case.
func BenchmarkDecode(b *testing.B) {
	m := message(b)
	b.Run("rollcall", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(m.D)))
		for b.Loop() {
			for s := range discord.FromRaw(m.T, m.D, narrow) {
				if s.NumericID == 0 {
					b.Fatal("nobody")
				}
			}
		}
	})
	b.Run("discordgo", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(m.D)))
		for b.Loop() {
			var event discordgo.MessageCreate
			if err := json.Unmarshal(m.D, &event); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func repeatSender(t testing.TB, o *discord.Options) (handle func(*discordgo.Session, *discordgo.Event), session *discordgo.Session, event *discordgo.Event) {
	t.Helper()
	mw, err := middleware.New(memstore.New(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mw.Close(t.Context()) })
	m := message(t)
	handle = discord.Handler(mw, o)
	session, event = &discordgo.Session{}, &discordgo.Event{Type: m.T, RawData: m.D}
	handle(session, event)
	if err := mw.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return handle, session, event
}

// A sender who has not changed, through the handler and the middleware.
func BenchmarkRepeatSender(b *testing.B) {
	handle, session, event := repeatSender(b, &discord.Options{Scope: discord.Everyone})
	b.ReportAllocs()
	for b.Loop() {
		handle(session, event)
	}
}

func TestARepeatSenderCostsNoAllocation(t *testing.T) {
	for name, o := range map[string]*discord.Options{
		"names":           {Scope: discord.Everyone},
		"names and nicks": {Scope: discord.Everyone, Nicks: true},
	} {
		handle, session, event := repeatSender(t, o)
		if n := testing.AllocsPerRun(200, func() { handle(session, event) }); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// Events that tell of nobody are told by their name.
func TestAnEventOfNobodyCostsNothing(t *testing.T) {
	handle, session, _ := repeatSender(t, nil)
	event := &discordgo.Event{Type: "CHANNEL_UPDATE", RawData: message(t).D}
	if n := testing.AllocsPerRun(200, func() { handle(session, event) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
