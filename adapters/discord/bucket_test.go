package discord_test

import (
	"net/http"
	"reflect"
	"strconv"
	"testing"

	"github.com/bwmarrin/discordgo"

	"github.com/rollcall-go/rollcall/adapters/discord"
	"github.com/rollcall-go/rollcall/adapters/discord/discordtest"
	"github.com/rollcall-go/rollcall/middleware"
)

// buckets returns how many rate limit buckets a session keeps. discordgo does
// not export them.
func buckets(t *testing.T, session *discordgo.Session) int {
	t.Helper()
	field := reflect.ValueOf(session.Ratelimiter).Elem().FieldByName("buckets")
	if field.Kind() != reflect.Map {
		t.Fatal("discordgo keeps its buckets elsewhere now")
	}
	return field.Len()
}

// discordgo's FollowupMessageCreate keeps a bucket for each token, for ever.
func TestFollowupsToManyInteractionsShareOneBucket(t *testing.T) {
	t.Parallel()
	const n = 50
	session, err := discordgo.New(discordtest.Token)
	if err != nil {
		t.Fatal(err)
	}
	session.Client = &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return response(200, "{}"), nil })}
	r := newRoll(t, middleware.Options{})
	handle := discord.Handler(r.Middleware, nil)
	for i := range n {
		e := discordtest.SlashCommand(ann, discordtest.DM, "ping").With("token", "token"+strconv.Itoa(i))
		handle(session, &discordgo.Event{Type: e.Type, RawData: e.Data})
		if err := r.one(t).Reply(within(t), "hi"); err != nil {
			t.Fatal(err)
		}
	}
	if got := buckets(t, session); got != 1 {
		t.Errorf("%d interactions left %d buckets", n, got)
	}
	for i := range 2 {
		of := &discordgo.Interaction{AppID: discordtest.AppID, Token: strconv.Itoa(i)}
		if _, err := session.FollowupMessageCreate(of, true, &discordgo.WebhookParams{Content: "hi"}); err != nil {
			t.Fatal(err)
		}
	}
	if got := buckets(t, session); got != 3 {
		t.Errorf("discordgo's own followups left %d buckets, not 2 more: the trap is gone", got)
	}
}
