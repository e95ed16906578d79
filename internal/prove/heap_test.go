package prove_test

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	tele "gopkg.in/telebot.v3"

	"github.com/rollcall-go/rollcall/adapters/telegram"
	"github.com/rollcall-go/rollcall/adapters/telegram/telegramtest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// live is how many bytes of the heap are in use after a collection.
func live() int64 {
	runtime.GC()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

const heapBound = 64 << 20

// mostGrown observes events, and fails where the heap grows beyond heapBound meanwhile.
// It returns the most that it did, in MiB.
func mostGrown(t *testing.T, mw *middleware.Middleware, events int, event func(n int) *middleware.Sender) int64 {
	t.Helper()
	return mostGrownBy(t, events, func(n int) { mw.Observe(event(n)) })
}

func mostGrownBy(t *testing.T, events int, do func(n int)) int64 {
	t.Helper()
	before := live()
	most := int64(0)
	for n := range events {
		do(n)
		if n%(events/20) == events/20-1 {
			most = max(most, live()-before)
		}
	}
	if most > heapBound {
		t.Errorf("the heap grew by %d MiB", most>>20)
	}
	return most >> 20
}

func TestMemoryIsBounded(t *testing.T) {
	t.Attr("promise", "memory grows 64 MiB at most while everything is down")
	events, people := size(300_000, 10_000_000, 100_000_000), 100_000
	mw, _ := allHung(t)
	most := mostGrown(t, mw, events, func(n int) *middleware.Sender { return observed(n%people, n) })
	s := mw.Stats()
	// Of the one in flight a second observation waits, and allHung made one.
	if int(s.Coalesced)+int(s.Dropped)+s.Waiting != events || s.Waiting < people*8/10 {
		t.Errorf("%d events: %+v", events, s)
	}
	t.Attr("figure", fmt.Sprintf("%d MiB over %d events of %d people, %d of them kept waiting", most, events, people, s.Waiting))
}

// Events of several kinds state other fields, which are joined.
func TestMemoryIsBoundedWithEventsOfManyKinds(t *testing.T) {
	t.Attr("promise", "nor with events of many kinds")
	events, people := size(300_000, 1_000_000, 10_000_000), 100_000
	mw, _ := allHung(t)
	most := mostGrown(t, mw, events, func(n int) *middleware.Sender {
		s := observed(n%people, n)
		s.Set([]store.Field{store.FieldLocale, store.FieldStatus, store.NickField("7")}[n/people%3], "de")
		return s
	})
	s := mw.Stats()
	if int(s.Coalesced)+int(s.Dropped)+s.Waiting != events || s.Waiting < people*6/10 {
		t.Errorf("%d events: %+v", events, s)
	}
	t.Attr("figure", fmt.Sprintf("%d MiB over %d events of %d people, %d of them kept waiting", most, events, people, s.Waiting))
}

// A message in a topic of a forum is large, and a hook may want to answer there.
func TestMemoryIsBoundedWithMessagesToAnswer(t *testing.T) {
	t.Attr("promise", "nor with messages that a hook may want to answer")
	events, people := size(100_000, 300_000, 10_000_000), 100_000
	mw, _ := allHungWith(t, middleware.Options{OnFailure: func(context.Context, middleware.Outcome, error) {}})
	bot, err := tele.NewBot(tele.Settings{Offline: true, Synchronous: true})
	if err != nil {
		t.Fatal(err)
	}
	telegram.Attach(bot, mw, &telegram.Options{Scope: telegram.Everyone})
	bot.Handle(tele.OnText, func(tele.Context) error { return nil })
	forum := telegramtest.Group(-1001, "Friends")
	most := mostGrownBy(t, events, func(n int) {
		who := telegramtest.User{ID: int64(1 + n%people), FirstName: "Ann", LastName: fmt.Sprint("Lee ", n)}
		m := telegramtest.Message(who, forum, strings.Repeat("x", 1000)).WithID(1+n).At(time.Now()).
			With("is_topic_message", true).With("message_thread_id", 7)
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		var u tele.Update
		if err := json.Unmarshal(data, &u); err != nil {
			t.Fatal(err)
		}
		bot.ProcessUpdate(u)
	})
	s := mw.Stats()
	if s.Waiting < people*6/10 {
		t.Errorf("%d events: %+v", events, s)
	}
	t.Attr("figure", fmt.Sprintf("%d MiB over %d events of %d people, %d of them kept waiting", most, events, people, s.Waiting))
}

// More people than are ever kept in memory, with as much to say as a platform lets
// them, and in fields that nobody has thought of.
func TestMemoryIsBoundedWithTheLongestValues(t *testing.T) {
	t.Attr("promise", "nor with the longest values, or people without end")
	events := size(200_000, 1_000_000, 10_000_000)
	mw, _ := allHung(t)
	most := mostGrown(t, mw, events, func(n int) *middleware.Sender {
		s := observed(n, n)
		for i := range 8 {
			s.Set(store.NickField(fmt.Sprint(n, i)), fmt.Sprint(n, strings.Repeat("x", 120)))
		}
		return s
	})
	s := mw.Stats()
	if s.Dropped == 0 || s.Waiting < 10_000 {
		t.Errorf("%d people: %+v", events, s)
	}
	t.Attr("figure", fmt.Sprintf("%d MiB over %d people, %d of them kept waiting", most, events, s.Waiting))
}
