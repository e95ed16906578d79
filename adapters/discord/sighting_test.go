package discord_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"

	"github.com/rollcall-go/rollcall/adapters/discord"
	"github.com/rollcall-go/rollcall/adapters/discord/discordtest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// discordgo's TypingStart has no member at all.
func TestTypingTellsTheMemberThatDiscordgoLeavesOut(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := attach(t, r, &discord.Options{Scope: discord.Everyone}, nil)
	srv.send(t, discordtest.TypingStart(ann, discordtest.Guild(guild)), discordtest.TypingStart(bob, discordtest.DM))
	r.result(t, middleware.Created, store.FieldName, store.FieldPicture, store.FieldStatus, store.FieldUsername)
	r.nobody(t, bob)
}

// discordgo's state shares its members with the handlers and changes them when
// a presence comes. The race detector judges this test.
func TestMemberUpdatesDoNotRaceWithPresences(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := attach(t, r, widest, func(s *discordgo.Session) { s.SyncEvents = false })
	srv.send(t, discordtest.GuildCreate(guild, ann))
	for i := range 50 {
		u := ann
		u.Username = "ann" + strconv.Itoa(i)
		full := map[string]any{"id": u.ID, "username": u.Username}
		for _, e := range []discordtest.Event{discordtest.MemberUpdate(u, guild), discordtest.Presence(u, guild).With("user", full)} {
			if err := srv.Dispatch(e); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.next(t, 101)
}

func TestAPartialPresenceBlanksNothing(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := attach(t, r, widest, nil)
	srv.send(t, discordtest.Message(ann, discordtest.DM, "hi"))
	r.result(t, middleware.Created, store.FieldName, store.FieldPicture, store.FieldStatus, store.FieldUsername)
	srv.send(t, discordtest.Presence(ann, guild))
	r.quiet(t)
	srv.send(t, discordtest.Presence(ann, guild).With("user", map[string]any{"id": ann.ID, "username": "anna"}))
	r.result(t, middleware.Updated, store.FieldUsername)
	if p := r.profile(t, ann); p.Name != "Ann" || p.Picture == "" || p.Username != "anna" {
		t.Errorf("kept %+v", p)
	}
}

func TestALeaveBlanksNothingAndTheNextEventMakesActiveAgain(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := attach(t, r, &discord.Options{Scope: discord.Everyone}, nil)
	bare := ann
	bare.Avatar = ""
	srv.send(t, discordtest.MemberAdd(ann, guild))
	r.result(t, middleware.Created, store.FieldName, store.FieldPicture, store.FieldStatus, store.FieldUsername)
	srv.send(t, discordtest.MemberRemove(bare, guild))
	r.result(t, middleware.Updated, store.FieldStatus)
	if p := r.profile(t, ann); p.Status != store.StatusLeft || p.Name != "Ann" || p.Picture == "" {
		t.Errorf("after the leave: %+v", p)
	}
	// An event that is late says what was true before, and must not be taken
	// for what is true now.
	srv.send(t, discordtest.Message(ann, discordtest.Guild("7"), "late").At(time.Now().Add(-time.Minute)))
	r.result(t, middleware.Unchanged)
	srv.send(t, discordtest.Message(ann, discordtest.Guild("7"), "still here").At(time.Now().Add(time.Minute)))
	r.result(t, middleware.Updated, store.FieldStatus)
}
