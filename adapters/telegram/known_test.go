package telegram_test

import (
	"testing"

	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/adapters/telegram"
	"github.com/rollcall-go/rollcall/adapters/telegram/telegramtest"
	"github.com/rollcall-go/rollcall/store"
)

// Without a hook for each Outcome nobody states what is known. Each change, there
// and back, has to be noticed all the same.
func TestChangesAreNoticedWithoutHooks(t *testing.T) {
	t.Parallel()
	bot, mw := offlineBot(t)
	telegram.Attach(bot, mw, nil)
	bot.Handle(tele.OnText, nothing)
	bot.Handle("/start", nothing)
	id := 0
	show := func(u telegramtest.Update) {
		id++
		update := decode(t, u)
		update.ID = id
		bot.ProcessUpdate(update)
		if err := mw.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	profile := func() store.Profile {
		p, err := mw.Get(t.Context(), annAt)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for name, change := range map[string]func(*telegramtest.User){
		"first name": func(u *telegramtest.User) { u.FirstName = "Anna" },
		"last name":  func(u *telegramtest.User) { u.LastName = "" },
		"username":   func(u *telegramtest.User) { u.Username = "anna" },
		"language":   func(u *telegramtest.User) { u.LanguageCode = "pt-br" },
		"premium":    func(u *telegramtest.User) { u.IsPremium = true },
	} {
		show(say(ann, "hi"))
		before, unchanged := profile(), mw.Stats().Unchanged
		show(say(ann, "hi"))
		if got := mw.Stats().Unchanged; got != unchanged+1 {
			t.Fatalf("%s: an unchanged sender was not Unchanged", name)
		}
		changed := ann
		change(&changed)
		show(say(changed, "hi"))
		if after := profile(); after.Locale == before.Locale && after.Name == before.Name && after.Username == before.Username &&
			after.IsPremium == before.IsPremium {
			t.Errorf("%s: the change was not noticed", name)
		}
	}
	show(say(ann, "hi"))
	if p := profile(); p.GivenName != "Ann" || p.FamilyName != "Lee" || p.Username != "ann_lee" || p.Locale != "en" || p.IsPremium {
		t.Errorf("after all was changed back: %q %q %q %q %v", p.GivenName, p.FamilyName, p.Username, p.Locale, p.IsPremium)
	}
	show(telegramtest.Start(ann, "ref_7").At(noon))
	if p := profile(); p.StartPayload != "ref_7" {
		t.Errorf("start_payload = %q", p.StartPayload)
	}
}
