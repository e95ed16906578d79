package telegram

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/middleware"
)

// Whoever has the same Print is not looked at any further, so nothing that is
// stated may be missing in it.
func TestUpdatesOfOnePrintStateTheSame(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/updates.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	me := &tele.User{ID: 110201543, IsBot: true, Username: "rollcall_bot"}
	stated := make(map[middleware.Print]string)
	prints := 0
	for line := range strings.Lines(string(data)) {
		var sample struct {
			Name   string
			Update tele.Update
		}
		if json.Unmarshal([]byte(line), &sample) != nil {
			continue // what telebot cannot decode
		}
		var a act
		a.read(&sample.Update, me)
		if a.from == nil {
			continue
		}
		// Everybody of the samples becomes one person, with one change after the other.
		for i, change := range []func(*tele.User){
			func(*tele.User) {},
			func(u *tele.User) { u.FirstName = "Zoe" },
			func(u *tele.User) { u.LastName = "Zoe" },
			func(u *tele.User) { u.LastName = "" },
			func(u *tele.User) { u.Username = "Zoe" },
			func(u *tele.User) { u.Username = "" },
			func(u *tele.User) { u.IsPremium = true },
			func(u *tele.User) { u.LanguageCode = "Zoe" },
			func(u *tele.User) { u.LanguageCode = "" },
			func(u *tele.User) { u.FirstName, u.LastName = "", "Zoe" },
		} {
			changed := a
			changed.from = &tele.User{ID: 42, FirstName: "Ann", LastName: "Lee", Username: "ann", LanguageCode: "en"}
			change(changed.from)
			if m := changed.message; m != nil { // the contact is that of whom it was
				message := *m
				message.Sender = changed.from
				changed.message = &message
			}
			p := changed.print()
			if p == 0 {
				continue
			}
			prints++
			var s middleware.Sender
			o := &Options{Scope: Everyone, OrderInfo: true}
			changed.identify(&s, 1, o)
			if s.Drop != "" {
				continue
			}
			changed.tell(&s, o)
			patch := s.Patch()
			slices.Sort(patch.Clear)
			is := fmt.Sprint(patch.Set, patch.Clear)
			if was, taken := stated[p]; taken && was != is {
				t.Errorf("%s, change %d: states %s, and another update of the same Print %s", sample.Name, i, is, was)
			}
			stated[p] = is
		}
	}
	if prints < 100 || len(stated) < 15 {
		t.Errorf("only %d prints, of %d kinds", prints, len(stated))
	}
}
