package prove_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"

	"github.com/rollcall-go/rollcall/adapters/discord"
	"github.com/rollcall-go/rollcall/adapters/discord/discordtest"
	"github.com/rollcall-go/rollcall/middleware"
)

const guild = "197038439483310086"

// discordScript is n events of all kinds, of people who rename themselves.
func discordScript(n int) []discordtest.Event {
	began := time.Date(2025, 5, 1, 12, 0, 0, 0, time.UTC)
	var all []discordtest.Event
	for i := range n {
		u := discordtest.User{ID: fmt.Sprint(80351110224678900 + i%17), Username: fmt.Sprint("ann", i%17), GlobalName: fmt.Sprint("Ann ", i), Nick: fmt.Sprint("Nick ", i)}
		place := discordtest.Guild(guild)
		e := []discordtest.Event{
			discordtest.Message(u, discordtest.DM, fmt.Sprint("hello ", i)),
			discordtest.Mention(u, place, fmt.Sprint("mention ", i)),
			discordtest.SlashCommand(u, place, fmt.Sprint("command", i)),
			discordtest.Button(u, discordtest.DM, fmt.Sprint("button", i)),
			discordtest.Edit(u, discordtest.DM, fmt.Sprint("edit ", i)),
			discordtest.Reply(u, place, fmt.Sprint("reply ", i)),
			discordtest.MemberUpdate(u, guild),
			discordtest.ReactionAdd(u, place),
			discordtest.WebhookMessage(place, "Hook", "posted"),
			discordtest.Modal(u, place, "form", fmt.Sprint(i)),
			discordtest.Presence(u, guild),
			discordtest.Message(u, place, "twice"),
		}[i%12]
		all = append(all, e.At(began.Add(time.Duration(i)*time.Second)))
	}
	return all
}

// playDiscord plays the script to a session with SyncEvents. mw may be nil.
func playDiscord(t *testing.T, script []discordtest.Event, mw *middleware.Middleware) *transcript {
	t.Helper()
	srv, err := discordtest.NewServer(nil)
	if err != nil {
		t.Fatal(err)
	}
	session := srv.Session()
	session.SyncEvents = true
	session.Identify.Intents = discordgo.IntentsAll
	s := &transcript{}
	if mw != nil {
		session.AddHandler(discord.Handler(mw, &discord.Options{Scope: discord.Everyone, Nicks: true}))
	}
	say := func(c *discordgo.Session, channel, text string) {
		_, err := c.ChannelMessageSend(channel, text)
		s.noteError("sending", err)
	}
	session.AddHandler(func(c *discordgo.Session, m *discordgo.MessageCreate) {
		s.note("message of %s: %s", m.Author.Username, m.Content)
		say(c, m.ChannelID, "you said "+m.Content)
	})
	session.AddHandler(func(c *discordgo.Session, m *discordgo.MessageUpdate) {
		s.note("edit: %s", m.Content)
		say(c, m.ChannelID, "you changed it to "+m.Content)
	})
	session.AddHandler(func(c *discordgo.Session, i *discordgo.InteractionCreate) {
		s.note("interaction %s of %v", i.Type, i.Member != nil)
		answer := &discordgo.InteractionResponse{
			Type: discordgo.InteractionResponseChannelMessageWithSource,
			Data: &discordgo.InteractionResponseData{Content: fmt.Sprint("done ", i.Type)},
		}
		s.noteError("responding", c.InteractionRespond(i.Interaction, answer))
		if i.Type == discordgo.InteractionMessageComponent { // and once more, which Discord refuses
			s.noteError("responding", c.InteractionRespond(i.Interaction, answer))
		}
	})
	session.AddHandler(func(_ *discordgo.Session, m *discordgo.GuildMemberUpdate) { s.note("member %s", m.Nick) })
	session.AddHandler(func(_ *discordgo.Session, r *discordgo.MessageReactionAdd) { s.note("reaction %s", r.Emoji.Name) })
	session.AddHandler(func(_ *discordgo.Session, p *discordgo.PresenceUpdate) { s.note("presence of %s", p.User.ID) })
	if err := session.Open(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for i, e := range script {
		if err := srv.Dispatch(e); err != nil {
			t.Fatal(err)
		}
		if i%50 == 49 { // discordgo is given no more than it can take
			if err := srv.Sync(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := srv.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	for _, x := range srv.Sent() {
		s.sent = append(s.sent, fmt.Sprint(x.Kind, " ", x.ChannelID, " ", x.Text))
	}
	background.Go(func() {
		session.Close()
		srv.Close()
	})
	return s
}

func TestDiscordBotIsNotHarmed(t *testing.T) {
	t.Parallel()
	t.Attr("promise", "a discordgo bot behaves as without rollcall")
	script := discordScript(size(60, 600, 20_000))
	without := playDiscord(t, script, nil)
	if len(without.sent) < len(script)/2 || without.errs < len(script)/15 {
		t.Fatalf("of %d events the bot sent %d answers and had %d errors", len(script), len(without.sent), without.errs)
	}
	for _, p := range plights() {
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			underTrouble(t, p, func(mw *middleware.Middleware) {
				differs(t, playDiscord(t, script, mw), without)
			})
		})
	}
	t.Attr("figure", fmt.Sprintf("%d replies and %d errors the same in %d plights", len(without.sent), without.errs, len(plights())))
}
