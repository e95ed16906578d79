package discord_test

import (
	"testing"

	"github.com/rollcall-go/rollcall/adapters/discord"
	"github.com/rollcall-go/rollcall/adapters/discord/discordtest"
	"github.com/rollcall-go/rollcall/middleware"
)

// Every event that discordtest builds of a person says, through a real session,
// who that is: those in which people turn to the bot in any Scope, the others in
// Everyone.
func TestEveryBuilderOfDiscordtestTellsItsPerson(t *testing.T) {
	t.Parallel()
	here := discordtest.Guild(guild)
	addressed := map[string]discordtest.Event{
		"Autocomplete":    discordtest.Autocomplete(ann, here, "find", "a"),
		"Button":          discordtest.Button(ann, here, "yes"),
		"Button, direct":  discordtest.Button(ann, discordtest.DM, "yes"),
		"Mention":         discordtest.Mention(ann, here, "hi"),
		"Message, direct": discordtest.Message(ann, discordtest.DM, "hi"),
		"Modal":           discordtest.Modal(ann, here, "form", "text"),
		"Modal, direct":   discordtest.Modal(ann, discordtest.DM, "form", "text"),
		"Reply":           discordtest.Reply(ann, here, "hi"),
		"SlashCommand":    discordtest.SlashCommand(ann, here, "ping"),
	}
	overheard := map[string]discordtest.Event{
		"Edit":          discordtest.Edit(ann, here, "hi"),
		"GuildCreate":   discordtest.GuildCreate(guild, ann),
		"MemberAdd":     discordtest.MemberAdd(ann, guild),
		"MemberRemove":  discordtest.MemberRemove(ann, guild),
		"MemberUpdate":  discordtest.MemberUpdate(ann, guild),
		"MembersChunk":  discordtest.MembersChunk(guild, ann),
		"Message":       discordtest.Message(ann, here, "hi"),
		"ReactionAdd":   discordtest.ReactionAdd(ann, here),
		"ThreadMembers": discordtest.ThreadMembers(guild, ann),
		"TypingStart":   discordtest.TypingStart(ann, here),
		"VoiceState":    discordtest.VoiceState(ann, guild),
	}
	tells := func(scope string, events map[string]discordtest.Event, o *discord.Options, want bool) {
		for name, e := range events {
			t.Run(scope+"/"+name, func(t *testing.T) {
				t.Parallel()
				r := newRoll(t, middleware.Options{})
				srv := attach(t, r, o, nil)
				srv.send(t, e)
				if err := r.Flush(within(t)); err != nil {
					t.Fatal(err)
				}
				if !want {
					r.nobody(t, ann)
					return
				}
				if p := r.profile(t, ann); p.Name != "Ann" || p.Username != "ann" || p.Picture == "" {
					t.Errorf("kept %+v", p)
				}
			})
		}
	}
	tells("Addressed, to the bot", addressed, nil, true)
	tells("Addressed, not to the bot", overheard, nil, false)
	tells("Everyone", overheard, widest, true)
}

// A reaction and typing in a direct message name an id only.
func TestReactionsAndTypingInDirectMessagesTellOfNobody(t *testing.T) {
	t.Parallel()
	r := newRoll(t, middleware.Options{})
	srv := attach(t, r, widest, nil)
	srv.send(t, discordtest.ReactionAdd(ann, discordtest.DM), discordtest.TypingStart(ann, discordtest.DM))
	r.quiet(t)
	r.nobody(t, ann)
}
