package telegram_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/adapters/telegram"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

var me = &tele.User{ID: 110201543, IsBot: true, FirstName: "Rollcall", Username: "rollcall_bot"}

// A sample is one line of testdata/updates.jsonl: an update as Telegram sends
// it, and what FromUpdate must make of it.
type sample struct {
	Name   string          `json:"name"`
	Update json.RawMessage `json:"update"`
	Want   struct {
		Undecodable bool              `json:"undecodable"` // by telebot
		Event       string            `json:"event"`
		Drop        middleware.Reason `json:"drop"`
		Key         string            `json:"key"`
		At          int64             `json:"at"`
		Chat        string            `json:"chat"` // whom an answer goes to
		Start       bool              `json:"start"`
		statements
	} `json:"want"`
	// OrderInfo is what Options.OrderInfo adds.
	OrderInfo statements `json:"order_info"`
}

type statements struct {
	Set   map[store.Field]string `json:"set"`
	Clear []store.Field          `json:"clear"`
}

func samples(t testing.TB) []sample {
	t.Helper()
	data, err := os.ReadFile("testdata/updates.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var all []sample
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		var s sample
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			t.Fatalf("line %d: %v", len(all)+1, err)
		}
		all = append(all, s)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestFromUpdate(t *testing.T) {
	t.Parallel()
	all := samples(t)
	if len(all) < 80 {
		t.Fatalf("only %d samples", len(all))
	}
	for _, c := range all {
		t.Run(c.Name, func(t *testing.T) {
			var u tele.Update
			if err := json.Unmarshal(c.Update, &u); err != nil {
				if !c.Want.Undecodable {
					t.Fatalf("telebot cannot decode it: %v", err)
				}
				return
			}
			if c.Want.Undecodable {
				t.Fatal("telebot decodes it by now: say what is wanted")
			}
			checkSample(t, c, u, telegram.FromUpdate(&u, me, nil))

			c.Want.Set = maps.Clone(c.Want.Set)
			maps.Copy(c.Want.Set, c.OrderInfo.Set)
			c.Want.Clear = append(slices.Clone(c.Want.Clear), c.OrderInfo.Clear...)
			if c.Want.Drop == middleware.ReasonUnaddressed {
				c.Want.Drop = ""
			}
			checkSample(t, c, u, telegram.FromUpdate(&u, me, &telegram.Options{Scope: telegram.Everyone, OrderInfo: true}))
		})
	}
}

func checkSample(t *testing.T, c sample, u tele.Update, s middleware.Sender) {
	t.Helper()
	if s.Channel != "telegram" || s.Event != c.Want.Event {
		t.Errorf("event %q on %q, want %q", s.Event, s.Channel, c.Want.Event)
	}
	if s.Drop != c.Want.Drop {
		t.Errorf("drop %q, want %q", s.Drop, c.Want.Drop)
	}
	if s.Start != c.Want.Start {
		t.Errorf("start %v", s.Start)
	}
	key := ""
	if !s.Key().IsZero() {
		key = s.Key().String()
	}
	if key != c.Want.Key {
		t.Errorf("key %q, want %q", key, c.Want.Key)
	}
	wantAt := time.Time{}
	if c.Want.At != 0 {
		wantAt = time.Unix(c.Want.At, int64(u.ID%1e9)).UTC()
	}
	if s.At != wantAt {
		t.Errorf("at %v, want %v", s.At, wantAt)
	}
	chat := ""
	switch to := s.Chat.(type) {
	case nil:
	case *tele.Message:
		chat = to.Chat.Recipient()
	case tele.Recipient:
		chat = to.Recipient()
	}
	if chat != c.Want.Chat {
		t.Errorf("answers go to %q, want %q", chat, c.Want.Chat)
	}
	p := s.Patch()
	if !maps.Equal(p.Set, c.Want.Set) {
		t.Errorf("sets   %v\nwant %v", p.Set, c.Want.Set)
	}
	slices.Sort(p.Clear)
	slices.Sort(c.Want.Clear)
	if !slices.Equal(p.Clear, c.Want.Clear) {
		t.Errorf("clears %v, want %v", p.Clear, c.Want.Clear)
	}
	if (s.Native == nil) != (c.Want.Event == "update") {
		t.Errorf("native %T", s.Native)
	}
}

func TestFromUpdateOfNothing(t *testing.T) {
	t.Parallel()
	if s := telegram.FromUpdate(nil, nil, nil); s.Drop != middleware.ReasonMalformed || !s.Key().IsZero() {
		t.Errorf("nil update: %+v", s)
	}
}

func TestOfflineBotKnowsNoNameOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, me := range []*tele.User{nil, {}} {
		for text, want := range map[string]middleware.Reason{
			"/help":      "",
			"/help@":     middleware.ReasonUnaddressed,
			"/help@a":    middleware.ReasonUnaddressed,
			"hi @ there": middleware.ReasonUnaddressed,
		} {
			u := tele.Update{Message: &tele.Message{
				Sender: &tele.User{ID: 42, FirstName: "Ann"}, Chat: &tele.Chat{ID: -1, Type: tele.ChatGroup}, Text: text,
				Entities: tele.Entities{{Type: tele.EntityMention, Offset: 3, Length: 1}, {Type: tele.EntityTMention, User: &tele.User{}}},
				ReplyTo:  &tele.Message{Sender: &tele.User{}},
			}}
			if s := telegram.FromUpdate(&u, me, nil); s.Drop != want {
				t.Errorf("%q: dropped %q, want %q", text, s.Drop, want)
			}
		}
	}
}

func TestOmitContacts(t *testing.T) {
	t.Parallel()
	u := tele.Update{Message: &tele.Message{
		Sender: &tele.User{ID: 42, FirstName: "Ann"}, Chat: &tele.Chat{ID: 42, Type: tele.ChatPrivate},
		Contact: &tele.Contact{PhoneNumber: "14155552671", UserID: 42},
	}}
	with := telegram.FromUpdate(&u, me, nil)
	without := telegram.FromUpdate(&u, me, &telegram.Options{OmitContacts: true})
	if with.Patch().Set[store.FieldPhoneNumber] == "" || without.Patch().Set[store.FieldPhoneNumber] != "" {
		t.Errorf("with %v, without %v", with.Patch().Set, without.Patch().Set)
	}
}

// No profile of this adapter may hold a photo: Telegram's file URLs contain the
// bot's token.
func TestNoPictureIsEverStated(t *testing.T) {
	t.Parallel()
	for _, c := range samples(t) {
		var u tele.Update
		if json.Unmarshal(c.Update, &u) != nil {
			continue
		}
		s := telegram.FromUpdate(&u, me, &telegram.Options{Scope: telegram.Everyone, OrderInfo: true})
		for f, v := range s.Patch().Set {
			if f == store.FieldPicture || strings.Contains(v, "://") {
				t.Errorf("%s: states %s", c.Name, f)
			}
		}
	}
}

func FuzzFromUpdate(f *testing.F) {
	for _, c := range samples(f) {
		f.Add([]byte(c.Update))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		u, ok := decodable(data)
		if !ok {
			return
		}
		before, _ := json.Marshal(u)
		for _, me := range []*tele.User{me, nil} {
			for _, o := range []*telegram.Options{nil, {Scope: telegram.Everyone, OrderInfo: true}} {
				s := telegram.FromUpdate(&u, me, o)
				if s.Drop == "" && s.NumericID == 0 {
					t.Error("a person without an id")
				}
				switch s.NumericID {
				case 777000, 136817688, 1087968824:
					t.Errorf("a stand-in as a person: %d", s.NumericID)
				}
				if s.Drop == middleware.ReasonUnaddressed && o != nil {
					t.Error("unaddressed, though everyone is wanted")
				}
				s.Patch()
			}
		}
		if after, _ := json.Marshal(u); !bytes.Equal(before, after) {
			t.Error("FromUpdate changed the update")
		}
	})
}

// decodable leaves out what telebot itself cannot take: its decoder panics on an
// empty list of photo sizes.
func decodable(data []byte) (u tele.Update, ok bool) {
	defer func() { ok = recover() == nil && ok }()
	err := json.Unmarshal(data, &u)
	return u, err == nil
}

// An id below zero, which only somebody else than Telegram sends, does not put the update
// before its second.
func TestAnUpdateIDBelowZeroOrdersNothing(t *testing.T) {
	t.Parallel()
	for id, nanos := range map[int]int{-5: 0, 0: 0, 7: 7, 2_000_000_001: 1} {
		u := decode(t, say(ann, "hi"))
		u.ID = id
		if got, want := telegram.FromUpdate(&u, me, nil).At, noon.Add(time.Duration(nanos)); !got.Equal(want) {
			t.Errorf("update %d counts as of %v, want %v", id, got, want)
		}
	}
}
