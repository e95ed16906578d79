package adaptertest

import (
	"context"
	"html"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// A mutant is an adapter with one mistake, and the properties that must see it.
type mutant struct {
	name   string
	fails  []string
	attach attachFunc
}

// wrong is the honest adapter with a mistake made in the finished Sender.
func wrong(spoil func(*middleware.Sender, *event)) attachFunc {
	return observing(func(c *client, e *event) middleware.Sender {
		s := honestSender(c, e)
		spoil(&s, e)
		return s
	})
}

var mutants = []mutant{
	{"keys by chat", []string{"sender-not-chat"}, wrong(func(s *middleware.Sender, e *event) {
		s.NumericID, s.UserID = uint64(max(e.chat, -e.chat)), ""
	})},
	{"passes ids through a float64", []string{"first-message"}, wrong(func(s *middleware.Sender, _ *event) {
		s.NumericID = uint64(float64(s.NumericID))
	})},
	{"keys by username", []string{"first-message", "username-moves", "unicode-name", "many-people"}, wrong(func(s *middleware.Sender, e *event) {
		if e.from != nil {
			s.NumericID, s.UserID = 0, e.from.username
		}
	})},
	{"puts another channel into its keys", []string{"first-message"}, wrong(func(s *middleware.Sender, _ *event) {
		s.Channel = "telegram"
	})},
	{"ignores the bot flag", []string{"bot"}, wrong(func(s *middleware.Sender, _ *event) {
		if s.Drop == middleware.ReasonBot {
			s.Drop = ""
		}
	})},
	{"says nothing of a last name that is missing", []string{"last-name-removed"}, observing(func(c *client, e *event) middleware.Sender {
		s := identify(c, e)
		if e.from != nil {
			s.Set(store.FieldGivenName, e.from.first)
			s.Set(store.FieldUsername, e.from.username)
			if e.from.last != "" {
				s.Set(store.FieldFamilyName, e.from.last)
			}
		}
		return s
	})},
	{"never reads the last name", []string{"last-name-removed"}, wrong(func(s *middleware.Sender, _ *event) {
		s.Clear(store.FieldFamilyName)
	})},
	{"records what it overhears", []string{"overheard"}, wrong(func(s *middleware.Sender, _ *event) {
		if s.Drop == middleware.ReasonUnaddressed {
			s.Drop = ""
		}
	})},
	{"leaves all groups out", []string{"addressed", "sender-not-chat"}, wrong(func(s *middleware.Sender, e *event) {
		if !e.private {
			s.Drop = middleware.ReasonUnaddressed
		}
	})},
	{"takes the arrival for the event's time", []string{"late-event"}, wrong(func(s *middleware.Sender, _ *event) {
		s.At = time.Time{}
	})},
	{"does not mark the start", []string{"start"}, wrong(func(s *middleware.Sender, _ *event) { s.Start = false })},
	{"forgets the payload", []string{"start", "first-payload"}, observing(func(c *client, e *event) middleware.Sender {
		s := identify(c, e)
		stateNames(&s, e)
		s.Start = strings.HasPrefix(e.text, "/start")
		return s
	})},
	{"overwrites the payload", []string{"first-payload"}, func(c *client, mw *middleware.Middleware, next func(*event)) func(*event) {
		honest := observing(honestSender)(c, mw, next)
		return func(e *event) {
			honest(e)
			if payload, ok := strings.CutPrefix(e.text, "/start "); ok {
				key := store.Key{Channel: "tiny", UserID: identifyID(e)}
				if err := mw.Set(context.Background(), key, store.Declared, store.Profile{StartPayload: payload}); err != nil {
					panic(err)
				}
			}
		}
	}},
	{"escapes names for HTML", []string{"unicode-name"}, wrong(func(s *middleware.Sender, e *event) {
		if e.from != nil {
			s.Set(store.FieldGivenName, html.EscapeString(e.from.first))
		}
	})},
	{"refuses names that it does not like", []string{"hostile-name"}, wrong(func(s *middleware.Sender, e *event) {
		if e.from != nil && len(e.from.first) > 500 {
			s.Drop = middleware.ReasonMalformed
		}
	})},
	{"states something new each time", []string{"repeat"}, wrong(func(s *middleware.Sender, e *event) {
		s.Set(store.FieldBio, "last wrote at "+e.at.String())
	})},
	{"inserts and never updates", []string{"rename", "username-moves"}, func(c *client, mw *middleware.Middleware, next func(*event)) func(*event) {
		var seen sync.Map
		return func(e *event) {
			s := honestSender(c, e)
			if known, again := seen.LoadOrStore(s.NumericID, s); again {
				s = known.(middleware.Sender)
				s.At = e.at
			}
			mw.Observe(&s)
			next(e)
		}
	}},
	{"keeps the sender of the event before", []string{"first-message", "many-people"}, func(c *client, mw *middleware.Middleware, next func(*event)) func(*event) {
		var mu sync.Mutex
		var shared middleware.Sender
		return func(e *event) {
			mu.Lock()
			s := shared
			shared = honestSender(c, e)
			mu.Unlock()
			mw.Observe(&s)
			next(e)
		}
	}},
	{"observes every event twice", []string{"first-message", "repeat", "bot", "nobody"}, func(c *client, mw *middleware.Middleware, next func(*event)) func(*event) {
		return func(e *event) {
			for range 2 {
				s := honestSender(c, e)
				mw.Observe(&s)
			}
			next(e)
		}
	}},
	{
		"observes nothing",
		[]string{"first-message", "overheard", "bot", "nobody", "many-people"},
		func(_ *client, _ *middleware.Middleware, next func(*event)) func(*event) { return next },
	},
	{"drops everything", []string{"first-message", "overheard", "bot", "nobody"}, wrong(func(s *middleware.Sender, _ *event) {
		if s.Drop == "" {
			s.Drop = middleware.ReasonNobody
		}
	})},
	{"returns before it observes what it drops", []string{"overheard", "bot", "nobody"}, func(c *client, mw *middleware.Middleware, next func(*event)) func(*event) {
		return func(e *event) {
			if s := honestSender(c, e); s.Drop == "" {
				mw.Observe(&s)
			}
			next(e)
		}
	}},
	{"panics where nobody is", []string{"nobody"}, wrong(func(s *middleware.Sender, e *event) {
		s.Set(store.FieldGivenName, e.from.first)
	})},
	{"swallows what it drops", []string{"bot-unchanged"}, func(c *client, mw *middleware.Middleware, next func(*event)) func(*event) {
		return func(e *event) {
			s := honestSender(c, e)
			mw.Observe(&s)
			if s.Drop == "" {
				next(e)
			}
		}
	}},
	{"calls the handler twice", []string{"bot-unchanged", "store-hangs", "hook-panics"}, func(c *client, mw *middleware.Middleware, next func(*event)) func(*event) {
		return observing(honestSender)(c, mw, func(e *event) { next(e); next(e) })
	}},
	{"waits until the store has it", []string{"store-hangs"}, func(c *client, mw *middleware.Middleware, next func(*event)) func(*event) {
		return func(e *event) {
			s := honestSender(c, e)
			mw.Observe(&s)
			_ = mw.Flush(context.Background())
			next(e)
		}
	}},
	{"answers only who could be loaded", []string{"store-fails", "store-panics", "after-close"}, func(c *client, mw *middleware.Middleware, next func(*event)) func(*event) {
		return func(e *event) {
			s := honestSender(c, e)
			mw.Observe(&s)
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			if mw.Flush(ctx) != nil {
				return
			}
			if _, err := mw.Get(ctx, s.Key()); err != nil {
				return
			}
			next(e)
		}
	}},
	{"has no reply", []string{"reply"}, wrong(func(s *middleware.Sender, _ *event) { s.Reply = nil })},
	{"replies in private to what was said in a group", []string{"reply"}, wrong(func(s *middleware.Sender, e *event) {
		if e.from != nil {
			s.Chat = int64(e.from.id)
		}
	})},
}

func identifyID(e *event) string {
	s := identify(nil, e)
	return s.Key().UserID
}

func TestMutantsFail(t *testing.T) {
	for _, m := range mutants {
		for _, name := range m.fails {
			t.Run(strings.ReplaceAll(m.name, " ", "_")+"/"+name, func(t *testing.T) {
				mustFail(t, name, tiny(m.attach))
			})
		}
	}
}

// A bot that hears nothing ignores everybody, so it would pass every property
// that says "is dropped", were delivery not part of them.
func TestDeafBotFailsEveryProperty(t *testing.T) {
	deaf := tiny(observing(honestSender))
	connect := deaf.Connect
	deaf.Connect = func(t *testing.T, mw *middleware.Middleware) Bot {
		bot := connect(t, mw)
		bot.Deliver = func(*testing.T, Input) bool { return false }
		return bot
	}
	for _, p := range properties {
		t.Run(p.name, func(t *testing.T) { mustFail(t, p.name, deaf) })
	}
}

func mustFail(t *testing.T, name string, a Adapter) {
	t.Helper()
	for _, p := range properties {
		if p.name != name {
			continue
		}
		synctest.Test(t, func(t *testing.T) {
			s := p.check(t, a)
			err := s.failure()
			if err == nil {
				t.Fatalf("the property %s holds for this adapter", name)
			}
			first, _, _ := strings.Cut(err.Error(), "\n")
			t.Log(first)
		})
		return
	}
	t.Fatalf("no property is called %s", name)
}

func TestEveryPropertyHasAMutant(t *testing.T) {
	caught := make(map[string]bool)
	for _, m := range mutants {
		for _, name := range m.fails {
			caught[name] = true
		}
	}
	for _, p := range properties {
		if !caught[p.name] {
			t.Errorf("no mutant fails %s", p.name)
		}
	}
}
