package middleware_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

func TestEachObservationHasItsOutcome(t *testing.T) {
	mw, j := start(t, memstore.New(), middleware.Options{})
	mw.Observe(ann(0, "Ann"))
	flush(t, mw)
	mw.Observe(ann(1, "Ann"))
	mw.Observe(ann(2, "Anna"))
	flush(t, mw)
	bot := ann(3, "Robot")
	bot.Drop = middleware.ReasonBot
	mw.Observe(bot)
	flush(t, mw)
	wantResults(t, j, "created", "unchanged", "updated given_name", "dropped: bot")

	got := mw.Stats()
	want := middleware.Stats{Created: 1, Updated: 1, Unchanged: 1, Dropped: 1}
	if got != want {
		t.Errorf("Stats() = %+v, want %+v", got, want)
	}
}

func TestUnchangedSenderAllocatesNothing(t *testing.T) {
	nick := store.NickField("7")
	for name, change := range map[string]func(middleware.Sender) middleware.Sender{
		"numeric id": func(s middleware.Sender) middleware.Sender { return s },
		"text id": func(s middleware.Sender) middleware.Sender {
			s.NumericID, s.UserID = 0, "U042"
			return s
		},
		"fields that come and go": func(s middleware.Sender) middleware.Sender {
			s.Set(store.FieldLocale, "pt-BR")
			s.Set(nick, "Annie")
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			mw, err := middleware.New(memstore.New(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer mw.Close(context.Background())
			observe := func() {
				s := middleware.Sender{Channel: "telegram", NumericID: 42, Event: "message", At: noon}
				s.Set(store.FieldGivenName, "Ann")
				s.Clear(store.FieldFamilyName)
				s = change(s)
				mw.Observe(&s)
			}
			observe()
			flush(t, mw)
			if n := testing.AllocsPerRun(100, observe); n != 0 {
				t.Errorf("an unchanged sender costs %v allocations", n)
			}
			if got := mw.Stats(); got.Unchanged != 101 {
				t.Errorf("the senders were not unchanged: %+v", got)
			}
		})
	}
}

func TestNumericAndTextIDsAreOnePerson(t *testing.T) {
	mw, j := start(t, memstore.New(), middleware.Options{})
	mw.Observe(ann(0, "Ann"))
	flush(t, mw)
	text := ann(0, "Ann")
	text.NumericID, text.UserID = 0, "42"
	mw.Observe(text)
	wantAfterFlush(t, mw, j, "created", "unchanged")
}

func wantAfterFlush(t *testing.T, mw *middleware.Middleware, j *journal, want ...string) {
	t.Helper()
	flush(t, mw)
	wantResults(t, j, want...)
}

func TestNobodyWaitsForAHungStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		release := make(chan struct{})
		st.failWith(func([]store.Record) error { <-release; return nil })
		mw, j := start(t, st, middleware.Options{})
		began := time.Now()
		for i := range 1000 {
			mw.Observe(person(uint64(1+i%10), i, fmt.Sprint("name ", i)))
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("1,000 observations waited %v for the store", waited)
		}
		synctest.Wait()
		if got := mw.Stats(); got.Waiting != 10 {
			t.Errorf("%d people wait, want 10: one entry a person", got.Waiting)
		}
		close(release)
		flush(t, mw)
		if got := st.asked(); got > 3 {
			t.Errorf("the store was asked %d times for 10 people", got)
		}
		if n := len(j.all()); n != 1000 {
			t.Errorf("%d outcomes for 1,000 observations", n)
		}
		if p := get(t, mw, store.Key{Channel: "telegram", UserID: "10"}); p.GivenName != "name 999" {
			t.Errorf("the newest name was lost: %q", p.GivenName)
		}
	})
}

func TestFingerprintAdvancesOnlyWhenDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(away)
		mw, j := start(t, st, middleware.Options{Attempts: 1000})
		mw.Observe(ann(0, "Ann"))
		synctest.Wait()
		mw.Observe(ann(1, "Ann"))
		st.failWith(nil)
		wantAfterFlush(t, mw, j, "coalesced", "created")
	})
}

func TestChangeBackBeforeTheChangeIsDurableIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		mw, j := start(t, st, middleware.Options{})
		mw.Observe(ann(0, "Ann"))
		flush(t, mw)
		release := make(chan struct{})
		st.failWith(func([]store.Record) error { <-release; return nil })
		mw.Observe(ann(1, "Anna"))
		time.Sleep(time.Second) // Anna is on her way to the store
		mw.Observe(ann(2, "Ann"))
		close(release)
		wantAfterFlush(t, mw, j, "created", "updated given_name", "updated given_name")
		if p := get(t, mw, annKey); p.GivenName != "Ann" {
			t.Errorf("given_name = %q, want the newest, Ann", p.GivenName)
		}
	})
}

func TestLateEventLosesAndIsNotRemembered(t *testing.T) {
	mw, j := start(t, memstore.New(), middleware.Options{})
	mw.Observe(ann(10, "Anna"))
	flush(t, mw)
	mw.Observe(ann(0, "Ann")) // sent before, handled after
	flush(t, mw)
	if p := get(t, mw, annKey); p.GivenName != "Anna" {
		t.Fatalf("given_name = %q: the older event won", p.GivenName)
	}
	mw.Observe(ann(20, "Ann")) // now it is news
	wantAfterFlush(t, mw, j, "created", "unchanged", "updated given_name")
}

// An unchanged event is not saved again, so only memory knows that it came.
func TestLateEventLosesToAnUnchangedOne(t *testing.T) {
	mw, j := start(t, memstore.New(), middleware.Options{})
	mw.Observe(ann(0, "Ann"))
	flush(t, mw)
	mw.Observe(ann(20, "Ann"))
	late := ann(10, "Anna")
	late.Set(store.FieldStartPayload, "ref")
	mw.Observe(late)
	wantAfterFlush(t, mw, j, "created", "unchanged", "updated start_payload")
	if p := get(t, mw, annKey); p.GivenName != "Ann" || p.StartPayload != "ref" {
		t.Errorf("profile = %+v, want the newest name, and what only the late event said", p)
	}
	mw.Observe(ann(30, "Anna"))
	wantAfterFlush(t, mw, j, "created", "unchanged", "updated start_payload", "updated given_name")
}

func TestDisorderWithinOneBatchIsNotRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		release := make(chan struct{})
		st.failWith(func([]store.Record) error { <-release; return nil })
		mw, _ := start(t, st, middleware.Options{})
		mw.Observe(person(1, 0, "somebody who keeps the store busy"))
		synctest.Wait()
		mw.Observe(ann(10, "Anna"))
		mw.Observe(ann(0, "Ann"))
		close(release)
		flush(t, mw)
		mw.Observe(ann(20, "Ann"))
		flush(t, mw)
		if p := get(t, mw, annKey); p.GivenName != "Ann" {
			t.Errorf("given_name = %q: the table took a late event for the newest", p.GivenName)
		}
	})
}

// An event without a time, before any that has one, may be of now or the oldest
// of a backlog.
func TestUndatedEventGivesWay(t *testing.T) {
	mw, j := start(t, memstore.New(), middleware.Options{})
	undated := ann(0, "Ann")
	undated.At, undated.Undated = time.Now(), true
	mw.Observe(undated)
	flush(t, mw)
	mw.Observe(ann(10, "Anna"))
	flush(t, mw)
	if p := get(t, mw, annKey); p.GivenName != "Anna" {
		t.Errorf("given_name = %q: the undated event won over a later one", p.GivenName)
	}
	undated = ann(0, "Annie")
	undated.At, undated.Undated = time.Now(), true
	mw.Observe(undated)
	wantAfterFlush(t, mw, j, "created", "updated given_name", "unchanged")
	mw.Observe(ann(20, "Annie")) // now it is sure
	wantAfterFlush(t, mw, j, "created", "updated given_name", "unchanged", "updated given_name")
}

func TestUndatedPayloadGivesWay(t *testing.T) {
	mw, _ := start(t, memstore.New(), middleware.Options{})
	first := ann(0, "Ann")
	first.Set(store.FieldStartPayload, "first")
	mw.Observe(first)
	flush(t, mw)
	second := ann(0, "Ann")
	second.At, second.Undated = time.Now(), true
	second.Set(store.FieldStartPayload, "second")
	mw.Observe(second)
	flush(t, mw)
	if p := get(t, mw, annKey); p.StartPayload != "first" {
		t.Errorf("start_payload = %q: an undated one won over the dated", p.StartPayload)
	}
}

func TestTimeFarAheadIsClamped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mw, _ := start(t, memstore.New(), middleware.Options{})
		forged := ann(0, "Forged")
		forged.At = time.Now().Add(24 * time.Hour)
		mw.Observe(forged)
		flush(t, mw)
		time.Sleep(time.Second)
		honest := ann(0, "Ann")
		honest.At = time.Now()
		mw.Observe(honest)
		flush(t, mw)
		if p := get(t, mw, annKey); p.GivenName != "Ann" {
			t.Errorf("given_name = %q: a forged time froze the profile", p.GivenName)
		}
	})
}

func TestLastSeenMovesOnceAnHour(t *testing.T) {
	st := newFaultyStore()
	mw, j := start(t, st, middleware.Options{})
	for minute := range 180 {
		mw.Observe(ann(60*minute, "Ann"))
		flush(t, mw)
	}
	if got := st.asked(); got < 3 || got > 4 {
		t.Errorf("the store was asked %d times in three hours of one message a minute", got)
	}
	if p := get(t, mw, annKey); p.LastSeen.Sub(p.FirstSeen) < 2*time.Hour-time.Minute {
		t.Errorf("last seen is %v after first seen", p.LastSeen.Sub(p.FirstSeen))
	}
	for _, o := range j.all()[1:] {
		if o.Result != middleware.Unchanged {
			t.Errorf("being seen again is %s, want unchanged", o.Result)
		}
	}
}

func TestLastSeenDoesNotMoveForAllAtOnce(t *testing.T) {
	st := newFaultyStore()
	mw, _ := start(t, st, middleware.Options{})
	const people = 60
	for minute := range 61 {
		for id := range uint64(people) {
			mw.Observe(person(1+id, 60*minute, "somebody"))
		}
		flush(t, mw)
		saved := 0
		for _, batch := range st.batches {
			saved += len(batch)
		}
		st.batches = nil
		if minute > 0 && saved > people/3 {
			t.Errorf("in minute %d, %d of %d people were saved again", minute, saved, people)
		}
	}
}

func TestSeenEveryNegativeNeverAsks(t *testing.T) {
	st := newFaultyStore()
	mw, _ := start(t, st, middleware.Options{SeenEvery: -1})
	for day := range 30 {
		mw.Observe(ann(86400*day, "Ann"))
		flush(t, mw)
	}
	if got := st.asked(); got != 1 {
		t.Errorf("the store was asked %d times, want once", got)
	}
}

// A nick of one guild is not in the events of another, a start payload only in
// one event: such fields must not make the person look changed.
func TestFieldsThatComeAndGoDoNotFlap(t *testing.T) {
	st := newFaultyStore()
	mw, _ := start(t, st, middleware.Options{})
	events := []func(*middleware.Sender){
		func(s *middleware.Sender) { s.Set(store.NickField("1"), "Annie") },
		func(s *middleware.Sender) { s.Set(store.NickField("2"), "Boss") },
		func(s *middleware.Sender) { s.Set(store.FieldLocale, "pt-BR") },
		func(s *middleware.Sender) { s.Set(store.FieldStartPayload, "ref") },
		func(s *middleware.Sender) {},
	}
	for range 20 {
		for _, event := range events {
			s := ann(0, "Ann")
			event(s)
			mw.Observe(s)
			flush(t, mw)
		}
	}
	// Once for each of the four, and once more until the table has the parts.
	if got := st.asked(); got != 5 {
		t.Errorf("the store was asked %d times for one person with four occasional fields", got)
	}
	p := get(t, mw, annKey)
	if p.Nicks["1"] != "Annie" || p.Nicks["2"] != "Boss" || p.Locale != "pt-BR" || p.StartPayload != "ref" {
		t.Errorf("fields were lost: %+v", p)
	}
}

func TestObservedTextIsRepaired(t *testing.T) {
	mw, _ := start(t, memstore.New(), middleware.Options{})
	mw.Observe(ann(0, "A\x00n\u202en \xff"+strings.Repeat("x", 10<<20)))
	flush(t, mw)
	name := get(t, mw, annKey).GivenName
	if !strings.HasPrefix(name, "Ann \ufffdx") || len([]rune(name)) > 128 {
		t.Errorf("given_name is %d runes long and starts with %q", len([]rune(name)), name[:min(len(name), 12)])
	}
}

func TestNameThatRepairsToNothingIsCleared(t *testing.T) {
	mw, _ := start(t, memstore.New(), middleware.Options{})
	s := ann(0, "Ann")
	s.Set(store.FieldFamilyName, "Smith")
	mw.Observe(s)
	flush(t, mw)
	s = ann(1, "Ann")
	s.Set(store.FieldFamilyName, "\u202e\u200b")
	mw.Observe(s)
	flush(t, mw)
	if p := get(t, mw, annKey); p.FamilyName != "" {
		t.Errorf("family_name = %q, want none", p.FamilyName)
	}
}

func TestValueThatCannotBeKeptIsLeftOut(t *testing.T) {
	mw, _ := start(t, memstore.New(), middleware.Options{})
	s := ann(0, "Ann")
	s.Set(store.FieldPicture, "https://api.telegram.org/file/bot123456:AAF-canary_canary_canary/photos/file_0.jpg")
	s.Set(store.CustomKey("undefined"), `"x"`)
	mw.Observe(s)
	flush(t, mw)
	p := get(t, mw, annKey)
	if p.Picture != "" || p.Custom != nil || p.GivenName != "Ann" {
		t.Errorf("profile = %+v, want the name and nothing else", p)
	}
}

func TestInvalidKeysAreDroppedNotRepaired(t *testing.T) {
	mw, j := start(t, memstore.New(), middleware.Options{})
	for _, id := range []string{"a\xff", "a\x00", strings.Repeat("9", 256)} {
		s := ann(0, "Ann")
		s.NumericID, s.UserID = 0, id
		mw.Observe(s)
	}
	s := ann(0, "Ann")
	s.Channel = "tele:gram"
	mw.Observe(s)
	nobody := ann(0, "Ann")
	nobody.NumericID = 0
	mw.Observe(nobody)
	mw.Observe(&middleware.Sender{})
	colons := ann(0, "Ann")
	colons.NumericID, colons.UserID = 0, "1:2"
	mw.Observe(colons)
	wantAfterFlush(t, mw, j, "dropped: invalid key", "dropped: invalid key", "dropped: invalid key",
		"dropped: invalid key", "dropped: nobody", "dropped: nobody", "created")
	if p := get(t, mw, store.Key{Channel: "telegram", UserID: "1:2"}); p.GivenName != "Ann" {
		t.Errorf("profile = %+v", p)
	}
}

func TestNilSenderIsContained(t *testing.T) {
	mw, _ := start(t, memstore.New(), middleware.Options{})
	mw.Observe(nil)
	(*middleware.Middleware)(nil).Observe(ann(0, "Ann"))
	if got := mw.Stats(); got.Dropped != 1 {
		t.Errorf("Stats() = %+v, want one dropped", got)
	}
}

func TestWhoWidensAndNarrows(t *testing.T) {
	mw, j := start(t, memstore.New(), middleware.Options{
		Who: func(s middleware.Sender) bool {
			return s.Drop == middleware.ReasonBot || s.Key().UserID == "42"
		},
	})
	robot := person(7, 0, "Robot")
	robot.Drop = middleware.ReasonBot
	mw.Observe(robot)
	hook := person(8, 0, "Hook")
	hook.Drop = middleware.ReasonWebhook
	mw.Observe(hook)
	mw.Observe(person(9, 0, "Bob"))
	mw.Observe(ann(0, "Ann"))
	nobody := &middleware.Sender{Channel: "telegram", Drop: middleware.ReasonBot}
	mw.Observe(nobody)
	flush(t, mw)
	var created, dropped []string
	for _, o := range j.all() {
		if o.Result == middleware.Created {
			created = append(created, o.Key.String())
		} else {
			dropped = append(dropped, string(o.Reason))
		}
	}
	if got := strings.Join(created, " "); got != "telegram:7 telegram:42" {
		t.Errorf("created %s", got)
	}
	if got := strings.Join(dropped, ", "); got != "webhook, filtered, nobody" {
		t.Errorf("dropped: %s", got)
	}
}

func TestPanicInWhoIsContained(t *testing.T) {
	mw, j := start(t, memstore.New(), middleware.Options{Who: func(middleware.Sender) bool { panic("who") }})
	mw.Observe(ann(0, "Ann"))
	wantAfterFlush(t, mw, j, "dropped: panic while observing")
}

func TestWhenFirstMessage(t *testing.T) {
	st := memstore.New()
	mw, j := start(t, st, middleware.Options{When: middleware.FirstMessage})
	mw.Observe(ann(0, "Ann"))
	flush(t, mw)
	mw.Observe(ann(1, "Anna"))
	wantAfterFlush(t, mw, j, "created", "dropped: not asked for")

	restarted, j := start(t, st, middleware.Options{When: middleware.FirstMessage})
	restarted.Observe(ann(2, "Anna"))
	restarted.Observe(person(7, 2, "Bob"))
	flush(t, restarted)
	restarted.Observe(ann(3, "Anna"))
	wantAfterFlush(t, restarted, j, "dropped: not asked for", "created", "dropped: not asked for")
	if p := get(t, restarted, annKey); p.GivenName != "Ann" {
		t.Errorf("given_name = %q, want that of the first message", p.GivenName)
	}
}

func TestWhenStartOnly(t *testing.T) {
	mw, j := start(t, memstore.New(), middleware.Options{When: middleware.StartOnly})
	mw.Observe(ann(0, "Ann"))
	command := ann(1, "Ann")
	command.Start = true
	mw.Observe(command)
	flush(t, mw)
	mw.Observe(ann(2, "Anna"))
	command = ann(3, "Anna")
	command.Start = true
	mw.Observe(command)
	wantAfterFlush(t, mw, j, "dropped: not asked for", "created", "dropped: not asked for", "updated given_name")
}

func TestManyPeopleAtOnceAreEachCreatedOnce(t *testing.T) {
	mw, j := start(t, memstore.New(), middleware.Options{})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 500 {
				mw.Observe(person(uint64(1+i%100), g*500+i, fmt.Sprint("p", i%100)))
			}
		})
	}
	wg.Wait()
	flush(t, mw)
	created := make(map[store.Key]int)
	for _, o := range j.all() {
		if o.Result == middleware.Created {
			created[o.Key]++
		}
	}
	if len(created) != 100 {
		t.Errorf("%d people, want 100", len(created))
	}
	for key, n := range created {
		if n != 1 {
			t.Errorf("%s was created %d times", key, n)
		}
	}
	if n := len(j.all()); n != 4000 {
		t.Errorf("%d outcomes for 4,000 observations", n)
	}
}
