package middleware_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

func containsAny(s string, parts ...string) bool {
	for _, p := range parts {
		if strings.Contains(s, p) {
			return true
		}
	}
	return false
}

func TestHooksMayBeNil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		mw, err := middleware.New(st, nil)
		if err != nil {
			t.Fatal(err)
		}
		mw.Observe(ann(0, "Ann"))
		flush(t, mw)
		st.failWith(away)
		mw.Observe(ann(1, "Anna"))
		time.Sleep(time.Hour)
		st.failWith(nil)
		if err := mw.Close(t.Context()); err != nil {
			t.Error(err)
		}
		want := middleware.Stats{Created: 1, Failed: 1}
		if got := mw.Stats(); got != want {
			t.Errorf("Stats() = %+v, want %+v", got, want)
		}
	})
}

func TestOnSuccessIsForCreatedAndUpdated(t *testing.T) {
	var got []string
	mw, _ := start(t, memstore.New(), middleware.Options{
		OnSuccess: func(_ context.Context, o middleware.Outcome) {
			got = append(got, string(o.Result)+" "+o.Profile.DisplayName())
		},
	})
	for i, name := range []string{"Ann", "Ann", "Anna", "Anna"} {
		mw.Observe(ann(i, name))
		flush(t, mw)
	}
	if s := strings.Join(got, ", "); s != "created Ann, updated Anna" {
		t.Errorf("OnSuccess was told: %s", s)
	}
}

func TestReplyAnswersInTheChatOfTheEvent(t *testing.T) {
	type chat struct{ id int }
	var sent []string
	reply := func(_ context.Context, c any, text string) error {
		if c.(*chat).id != 7 {
			t.Errorf("reply to chat %d", c.(*chat).id)
		}
		sent = append(sent, text)
		return nil
	}
	var without error
	mw, _ := start(t, memstore.New(), middleware.Options{
		OnSuccess: func(ctx context.Context, o middleware.Outcome) {
			if err := o.Reply(ctx, "I know you now."); err != nil {
				without = err
			}
		},
	})
	s := ann(0, "Ann")
	s.Reply, s.Chat = reply, &chat{7}
	mw.Observe(s)
	mw.Observe(person(1, 0, "from nowhere"))
	flush(t, mw)
	if len(sent) != 1 || sent[0] != "I know you now." {
		t.Errorf("sent %q", sent)
	}
	if !errors.Is(without, middleware.ErrNoChat) {
		t.Errorf("Reply without a chat = %v, want ErrNoChat", without)
	}
}

func TestPanicInAHookIsContained(t *testing.T) {
	told := 0
	mw, _ := start(t, memstore.New(), middleware.Options{
		OnOutcome: func(context.Context, middleware.Outcome) { panic("hook") },
		OnSuccess: func(context.Context, middleware.Outcome) { told++; panic(told) },
	})
	mw.Observe(ann(0, "Ann"))
	mw.Observe(person(7, 0, "Bob"))
	flush(t, mw)
	if told != 2 {
		t.Errorf("OnSuccess was called %d times, want 2", told)
	}
}

func TestHookThatHangsDoesNotStopSaving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		release := make(chan struct{})
		mw, _ := start(t, st, middleware.Options{
			OnOutcome: func(context.Context, middleware.Outcome) { <-release },
		})
		const people = 10_000 // more than wait for a hook
		for i := range people {
			mw.Observe(person(uint64(1+i), 0, "somebody"))
		}
		time.Sleep(time.Minute)
		got := mw.Stats()
		if got.Created != people || got.Waiting != 0 {
			t.Errorf("Stats() = %+v, want all created", got)
		}
		if got.HooksSkipped == 0 || got.HooksSkipped > people-8192 {
			t.Errorf("%d outcomes were skipped", got.HooksSkipped)
		}
		close(release)
		flush(t, mw)
	})
}

func TestOutcomesOfAPersonComeInOrder(t *testing.T) {
	mw, j := start(t, memstore.New(), middleware.Options{})
	for i := range 200 {
		mw.Observe(ann(i, strings.Repeat("x", 1+i%7)))
	}
	flush(t, mw)
	var last time.Time
	for _, o := range j.all() {
		if o.Result != middleware.Created && o.Result != middleware.Updated {
			continue
		}
		if o.Profile.LastSeen.Before(last) {
			t.Fatalf("an outcome of %v came after one of %v", o.Profile.LastSeen, last)
		}
		last = o.Profile.LastSeen
	}
	if n := len(j.all()); n != 200 {
		t.Errorf("%d outcomes for 200 observations", n)
	}
	if _, err := mw.Get(t.Context(), store.Key{Channel: "telegram", UserID: "1"}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get of a stranger = %v", err)
	}
}
