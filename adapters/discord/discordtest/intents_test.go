package discordtest_test

import (
	"slices"
	"testing"

	"github.com/bwmarrin/discordgo"

	"github.com/rollcall-go/rollcall/adapters/discord/discordtest"
)

func TestASessionGetsOnlyWhatItsIntentsAskFor(t *testing.T) {
	t.Parallel()
	in := discordtest.Guild("7")
	events := []discordtest.Event{
		discordtest.SlashCommand(ann, in, "ping"),
		discordtest.SlashCommand(ann, discordtest.DM, "ping"),
		discordtest.MembersChunk("7", ann),
		discordtest.GuildCreate("7", ann),
		discordtest.Message(ann, in, "hi"),
		discordtest.Edit(ann, in, "hi"),
		discordtest.Message(ann, discordtest.DM, "hi"),
		discordtest.Edit(ann, discordtest.DM, "hi"),
		discordtest.ReactionAdd(ann, in),
		discordtest.ReactionAdd(ann, discordtest.DM),
		discordtest.TypingStart(ann, in),
		discordtest.TypingStart(ann, discordtest.DM),
		discordtest.MemberAdd(ann, "7"),
		discordtest.MemberUpdate(ann, "7"),
		discordtest.MemberRemove(ann, "7"),
		discordtest.ThreadMembers("7", ann),
		discordtest.Presence(ann, "7"),
		discordtest.VoiceState(ann, "7"),
	}
	unasked := []string{"INTERACTION_CREATE", "INTERACTION_CREATE", "GUILD_MEMBERS_CHUNK"}
	for intents, asked := range map[discordgo.Intent][]string{
		discordgo.IntentsNone:                  nil,
		discordgo.IntentGuilds:                 {"GUILD_CREATE"},
		discordgo.IntentGuildMessages:          {"MESSAGE_CREATE", "MESSAGE_UPDATE"},
		discordgo.IntentDirectMessages:         {"MESSAGE_CREATE", "MESSAGE_UPDATE"},
		discordgo.IntentGuildMessageReactions:  {"MESSAGE_REACTION_ADD"},
		discordgo.IntentDirectMessageReactions: {"MESSAGE_REACTION_ADD"},
		discordgo.IntentGuildMessageTyping:     {"TYPING_START"},
		discordgo.IntentDirectMessageTyping:    {"TYPING_START"},
		discordgo.IntentGuildMembers:           {"GUILD_MEMBER_ADD", "GUILD_MEMBER_UPDATE", "GUILD_MEMBER_REMOVE", "THREAD_MEMBERS_UPDATE"},
		discordgo.IntentGuildPresences:         {"PRESENCE_UPDATE"},
		discordgo.IntentGuildVoiceStates:       {"VOICE_STATE_UPDATE"},
		discordgo.IntentMessageContent:         nil,
	} {
		srv := start(t, nil)
		session := srv.Session()
		session.SyncEvents, session.Identify.Intents = true, intents
		var got []string
		session.AddHandler(func(_ *discordgo.Session, e *discordgo.Event) {
			if slices.ContainsFunc(events, func(sent discordtest.Event) bool { return sent.Type == e.Type }) {
				got = append(got, e.Type)
			}
		})
		srv.open(t, session)
		dispatch(t, srv, events...)
		settle(t, srv)
		if want := append(slices.Clone(unasked), asked...); !slices.Equal(got, want) {
			t.Errorf("intents %b: got %q, want %q", intents, got, want)
		}
	}
}
