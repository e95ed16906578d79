package discord

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-go/rollcall/middleware"
)

// Whoever has the same Print is not looked at any further, so nothing that is
// stated may be missing in it.
func TestEventsOfOnePrintStateTheSame(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/events.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	o := &Options{Scope: Everyone, Nicks: true}
	stated := make(map[middleware.Print]string)
	prints := 0
	for line := range strings.Lines(string(data)) {
		var sample struct {
			Name, T string
			D       json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &sample); err != nil {
			t.Fatal(err)
		}
		var original act
		if !one(&original, sample.T, string(sample.D), 0, o) {
			continue
		}
		// Everybody of the samples becomes one person, with one change after the other.
		for i, change := range []func(*act){
			func(*act) {},
			func(a *act) { a.user.username.value = "zoe" },
			func(a *act) { a.user.globalName = said{true, "zoe"} },
			func(a *act) { a.user.globalName = said{true, ""} },
			func(a *act) { a.user.globalName = said{} },
			func(a *act) { a.user.avatar = said{true, "abc0"} },
			func(a *act) { a.user.avatar = said{true, ""} },
			func(a *act) { a.user.avatar = said{} },
			func(a *act) { a.nick = said{true, "zoe"} },
			func(a *act) { a.nick = said{true, ""} },
			func(a *act) { a.nick = said{} },
			func(a *act) { a.locale = said{true, "pt-BR"} },
			func(a *act) { a.locale = said{} },
			func(a *act) { a.place = place{} },
			func(a *act) { a.place = place{inGuild: true, guild: "9"} },
			func(a *act) { a.status = "" },
		} {
			a := original
			a.user.id, a.drop = 42, ""
			change(&a)
			s := a.sender(o)
			patch := s.Patch()
			slices.Sort(patch.Clear)
			is := fmt.Sprint(patch.Set, patch.Clear)
			p := a.print(o)
			if was, taken := stated[p]; taken && was != is {
				t.Errorf("%s, change %d: states %s, and another event of the same Print %s", sample.Name, i, is, was)
			}
			stated[p] = is
			prints++
		}
	}
	if prints < 300 || len(stated) < 50 {
		t.Errorf("only %d prints, of %d kinds", prints, len(stated))
	}
}
