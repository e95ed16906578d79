package telegram_test

import (
	"fmt"
	"regexp"
	"testing"

	tele "gopkg.in/telebot.v3"
	"pgregory.net/rapid"

	"github.com/rollcall-go/rollcall/adapters/telegram"
	"github.com/rollcall-go/rollcall/store"
)

var deepLink = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// What counts as the start command, and what as its payload, is what telebot says.
func TestStartIsWhatTelebotRunsAsStart(t *testing.T) {
	t.Parallel()
	bot, err := tele.NewBot(tele.Settings{Offline: true, Synchronous: true})
	if err != nil {
		t.Fatal(err)
	}
	bot.Me = me
	var ran bool
	var payload string
	bot.Handle("/start", func(c tele.Context) error { ran, payload = true, c.Message().Payload; return nil })
	check := func(text string) error {
		u := tele.Update{Message: &tele.Message{
			Sender: &tele.User{ID: 42, FirstName: "Ann"}, Chat: &tele.Chat{ID: 42, Type: tele.ChatPrivate}, Text: text,
		}}
		s := telegram.FromUpdate(&u, me, nil)
		ran, payload = false, ""
		bot.ProcessUpdate(u)
		if s.Start != ran {
			return fmt.Errorf("%q: Start is %v, telebot runs /start: %v", text, s.Start, ran)
		}
		want := ""
		if deepLink.MatchString(payload) {
			want = payload
		}
		if got := s.Patch().Set[store.FieldStartPayload]; got != want {
			return fmt.Errorf("%q: payload %q, want %q", text, got, want)
		}
		return nil
	}
	for _, text := range []string{"/start ref_7\nmore", "/start\nref_7", "/start\n\nref_7", "/start\tref_7", "/start  ref_7", "/start@ROLLCALL_bot ref_7", "/start@other_bot x", "/start@ x", "/start_ x"} {
		if err := check(text); err != nil {
			t.Error(err)
		}
	}
	piece := rapid.SampledFrom([]string{"/start", "/", "@rollcall_bot", "@other_bot", "@", " ", "\n", "\t", "\r", "\v", "\u00a0", "ref_7", "-", "é"})
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom([]string{"", "/start", "/start@rollcall_bot"}).Draw(t, "head")
		for _, p := range rapid.SliceOfN(piece, 0, 5).Draw(t, "pieces") {
			text += p
		}
		if err := check(text); err != nil {
			t.Fatal(err)
		}
	})
}
