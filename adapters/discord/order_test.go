package discord_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"

	"github.com/rollcall-go/rollcall/adapters/discord"
	"github.com/rollcall-go/rollcall/adapters/discord/discordtest"
	"github.com/rollcall-go/rollcall/middleware"
)

// Only messages and interactions carry their time. After a backlog, a change of
// a member must not win against every message of the backlog that is still to
// come.
func TestAnUndatedEventOfABacklogDoesNotWinOverLaterOnes(t *testing.T) {
	t.Parallel()
	for name, dated := range map[string]discordtest.Event{
		"message":     discordtest.Message(ann, discordtest.Guild(guild), "1"),
		"interaction": discordtest.SlashCommand(ann, discordtest.Guild(guild), "ping"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoll(t, middleware.Options{})
			handle := discord.Handler(r.Middleware, &discord.Options{Scope: discord.Everyone})
			yesterday := time.Now().Add(-24 * time.Hour)
			second, third := ann, ann
			second.GlobalName, third.GlobalName = "Second", "Third"
			for _, e := range []discordtest.Event{
				dated.At(yesterday),
				discordtest.MemberUpdate(second, guild),
				discordtest.Message(third, discordtest.Guild(guild), "2").At(yesterday.Add(time.Minute)),
			} {
				handle(&discordgo.Session{}, &discordgo.Event{Type: e.Type, RawData: e.Data})
				if err := r.Flush(within(t)); err != nil {
					t.Fatal(err)
				}
			}
			if p := r.profile(t, ann); p.Name != "Third" {
				t.Errorf("kept %q", p.Name)
			}
		})
	}
}

// The middle of a burst is where discordgo reorders the most.
func TestABurstOutOfOrderEndsWithTheNewestName(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := attach(t, r, nil, func(s *discordgo.Session) { s.SyncEvents = false })
	const n = 200
	start := time.Now().Add(-time.Hour)
	for i := range n {
		u := ann
		u.GlobalName = "name " + strconv.Itoa(i)
		if err := srv.Dispatch(discordtest.Message(u, discordtest.DM, "hi").At(start.Add(time.Duration(i) * time.Millisecond))); err != nil {
			t.Fatal(err)
		}
	}
	r.next(t, n)
	if p := r.profile(t, ann); p.Name != "name "+strconv.Itoa(n-1) {
		t.Errorf("ended with %q", p.Name)
	}
}

func TestALateMessageDoesNotBringAnOldNameBack(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := attach(t, r, nil, nil)
	now := time.Now()
	old := ann
	old.GlobalName = "Old"
	srv.send(t, discordtest.Message(ann, discordtest.DM, "new").At(now))
	r.next(t, 1)
	srv.send(t, discordtest.Message(old, discordtest.DM, "old").At(now.Add(-time.Hour)))
	r.next(t, 1)
	if p := r.profile(t, ann); p.Name != "Ann" {
		t.Errorf("the name is %q", p.Name)
	}
}
