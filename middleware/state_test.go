package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

func TestNewRefusesWhatCannotBe(t *testing.T) {
	for name, build := range map[string]func() (*middleware.Middleware, error){
		"nil store": func() (*middleware.Middleware, error) { return middleware.New(nil, nil) },
		"nil store of a failed Open": func() (*middleware.Middleware, error) {
			return middleware.New((*memstore.Store)(nil), nil)
		},
		"negative people": func() (*middleware.Middleware, error) {
			return middleware.New(memstore.New(), &middleware.Options{ExpectedPeople: -1})
		},
		"ExpectedPeople that is no number": func() (*middleware.Middleware, error) {
			return middleware.New(memstore.New(), &middleware.Options{ExpectedPeople: math.MaxInt})
		},
		"negative attempts": func() (*middleware.Middleware, error) {
			return middleware.New(memstore.New(), &middleware.Options{Attempts: -1})
		},
		"unknown When": func() (*middleware.Middleware, error) {
			return middleware.New(memstore.New(), &middleware.Options{When: 9})
		},
		"SeenEvery too fine": func() (*middleware.Middleware, error) {
			return middleware.New(memstore.New(), &middleware.Options{SeenEvery: time.Millisecond})
		},
		"bad custom field": func() (*middleware.Middleware, error) {
			return middleware.New(memstore.New(), &middleware.Options{CustomFields: []store.CustomField{{Key: "a b"}}})
		},
	} {
		if _, err := build(); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
}

// Who states something of a key that came in a request must not be able to write the
// bot's log.
func TestErrorsOfMalformedKeysAreOneLine(t *testing.T) {
	mw, err := middleware.New(memstore.New(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer mw.Close(t.Context())
	for _, key := range []store.Key{{Channel: "telegram", UserID: "42\n43"}, {Channel: "a\nb", UserID: "42"}, {Channel: "a", UserID: strings.Repeat("\n", 5000)}} {
		x, err := mw.Explain(t.Context(), &middleware.Sender{Channel: key.Channel, UserID: key.UserID})
		if err != nil {
			t.Error(err)
		}
		for what, text := range map[string]string{
			"Set":     fmt.Sprint(mw.Set(t.Context(), key, store.Declared, store.Profile{Name: "Ann"})),
			"Unset":   fmt.Sprint(mw.Unset(t.Context(), key, store.Declared, store.FieldName)),
			"Explain": strings.TrimSuffix(x.String(), "\n"),
		} {
			if !strings.Contains(text, "invalid") || strings.Contains(text, "\n") || len(text) > 1500 {
				t.Errorf("%s of %.80q says %.200q", what, key, text)
			}
		}
	}
}

func TestHumanDecisionsSurviveMessages(t *testing.T) {
	ctx := t.Context()
	mw, _ := start(t, memstore.New(), middleware.Options{})
	var seen []string
	see := func() store.Profile {
		p := get(t, mw, annKey)
		seen = append(seen, p.GivenName)
		return p
	}
	mw.Observe(ann(0, "Ann"))
	flush(t, mw)
	must(t, mw.Set(ctx, annKey, store.Declared, store.Profile{GivenName: "Anna", Email: "ann@example.org"}))
	mw.Observe(ann(1, "Annie"))
	flush(t, mw)
	if p := see(); p.GivenName != "Anna" || p.Email != "ann@example.org" {
		t.Errorf("a message took back what she declared: %+v", p)
	}
	must(t, mw.Set(ctx, annKey, store.Pinned, store.Profile{GivenName: "Dr. Ann"}))
	must(t, mw.Set(ctx, annKey, store.Declared, store.Profile{GivenName: "Anne"}))
	if p := see(); p.GivenName != "Dr. Ann" {
		t.Errorf("given_name = %q, want the pinned one", p.GivenName)
	}
	must(t, mw.Unset(ctx, annKey, store.Pinned, store.FieldGivenName))
	if p := see(); p.GivenName != "Anne" {
		t.Errorf("given_name = %q, want the declared one under the pin", p.GivenName)
	}
	must(t, mw.Unset(ctx, annKey, store.Declared, store.FieldGivenName))
	if p := see(); p.GivenName != "Annie" {
		t.Errorf("given_name = %q, want the observed one", p.GivenName)
	}
	t.Attr("figure", fmt.Sprint("in turn ", strings.Join(seen, ", ")))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestSetValidatesAndChangesNothing(t *testing.T) {
	ctx := t.Context()
	st := memstore.New()
	mw, _ := start(t, st, middleware.Options{CustomFields: []store.CustomField{{Key: "vip", Type: store.CustomBoolean}}})
	bad := map[string]store.Profile{
		"bad email":        {GivenName: "Ann", Email: "not an address"},
		"undefined custom": {Custom: map[string]any{"vpi": true}},
		"wrong type":       {Custom: map[string]any{"vip": "yes"}},
		"token in a URL":   {Picture: "https://api.telegram.org/file/bot123456:AAF-canary_canary_canary/photos/file_0.jpg"},
	}
	for name, p := range bad {
		err := mw.Set(ctx, annKey, store.Declared, p)
		var field *store.FieldError
		if !errors.Is(err, store.ErrInvalid) || !errors.As(err, &field) {
			t.Errorf("%s: %v, want a FieldError", name, err)
		}
		if containsAny(err.Error(), "canary", "not an address") {
			t.Errorf("%s: the error tells the value: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"observed":       mw.Set(ctx, annKey, store.Observed, store.Profile{Name: "Ann"}),
		"nothing":        mw.Set(ctx, annKey, store.Declared, store.Profile{}),
		"nobody":         mw.Set(ctx, store.Key{}, store.Declared, store.Profile{Name: "Ann"}),
		"another person": mw.Set(ctx, annKey, store.Declared, store.Profile{Key: store.Key{Channel: "x", UserID: "1"}, Name: "Ann"}),
		"unset nothing":  mw.Unset(ctx, annKey, store.Declared),
		"unset unknown":  mw.Unset(ctx, annKey, store.Declared, "no_such_field"),
	} {
		if !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
	if _, err := st.Get(ctx, annKey); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a refused Set left something behind: %v", err)
	}
	must(t, mw.Set(ctx, annKey, store.Pinned, store.Profile{Custom: map[string]any{"vip": true}}))
	if p := get(t, mw, annKey); p.Custom["vip"] != true {
		t.Errorf("custom = %v", p.Custom)
	}
}

// A correction must count as the last word also on a machine whose clock was
// set back after the one before.
func TestSetAfterTheClockWasSetBack(t *testing.T) {
	ctx := t.Context()
	st := memstore.New()
	mw, _ := start(t, st, middleware.Options{})
	tomorrow := store.Patch{Key: annKey, Source: store.Declared, At: time.Now().Add(24 * time.Hour),
		Set: map[store.Field]string{store.FieldGivenName: "Tomorrow"}}
	if _, err := st.Apply(ctx, []store.Record{tomorrow.Record()}); err != nil {
		t.Fatal(err)
	}
	must(t, mw.Set(ctx, annKey, store.Declared, store.Profile{GivenName: "Today"}))
	if p := get(t, mw, annKey); p.GivenName != "Today" {
		t.Errorf("given_name = %q", p.GivenName)
	}
}

func TestSetForSomebodyNotSeenThenCreated(t *testing.T) {
	mw, j := start(t, memstore.New(), middleware.Options{})
	must(t, mw.Set(t.Context(), annKey, store.Pinned, store.Profile{Nickname: "the boss"}))
	if p := get(t, mw, annKey); !p.FirstSeen.IsZero() || p.Status != "" {
		t.Errorf("profile = %+v, want never seen", p)
	}
	mw.Observe(ann(0, "Ann"))
	wantAfterFlush(t, mw, j, "created")
	if p := get(t, mw, annKey); p.Nickname != "the boss" || p.Status != store.StatusActive {
		t.Errorf("profile = %+v", p)
	}
}

func TestGetSeesWhatIsNotSavedYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		mw, _ := start(t, st, middleware.Options{})
		mw.Observe(ann(0, "Ann"))
		flush(t, mw)
		must(t, mw.Set(t.Context(), annKey, store.Declared, store.Profile{Email: "ann@example.org"}))
		st.failWith(away)
		mw.Observe(ann(1, "Anna"))
		synctest.Wait()
		if p := get(t, mw, annKey); p.GivenName != "Anna" || p.Email != "ann@example.org" {
			t.Errorf("profile = %+v, want the new name and what is kept", p)
		}
		mw.Observe(person(7, 0, "Bob"))
		if p := get(t, mw, store.Key{Channel: "telegram", UserID: "7"}); p.GivenName != "Bob" {
			t.Errorf("profile = %+v, want what waits", p)
		}
		st.failWith(nil)
	})
}

func TestGetWhenTheStoreIsAwayGivesWhatWaits(t *testing.T) {
	st := newFaultyStore()
	st.failWith(away)
	mw, _ := start(t, st, middleware.Options{})
	mw.Observe(ann(0, "Ann"))
	must(t, st.Close())
	p, err := mw.Get(t.Context(), annKey)
	if !errors.Is(err, store.ErrClosed) || p.GivenName != "Ann" {
		t.Errorf("Get = %+v, %v; want the name and ErrClosed", p, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	go mw.Flush(ctx)
	closeCtx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_ = mw.Close(closeCtx)
}

func TestForgottenPersonStaysForgotten(t *testing.T) {
	ctx := t.Context()
	st := newFaultyStore()
	mw, j := start(t, st, middleware.Options{})
	mw.Observe(ann(0, "Ann"))
	flush(t, mw)
	must(t, mw.Forget(ctx, annKey))
	mw.Observe(ann(1, "Ann"))
	flush(t, mw)
	asked := st.asked()
	mw.Observe(ann(2, "Anna"))
	mw.Observe(ann(3, "Annie"))
	wantAfterFlush(t, mw, j, "created", "dropped: forgotten", "dropped: forgotten", "dropped: forgotten")
	if st.asked() != asked {
		t.Error("each message of a forgotten person asks the store")
	}
	if _, err := mw.Get(ctx, annKey); !errors.Is(err, store.ErrSuppressed) || !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get = %v, want ErrSuppressed and ErrNotFound", err)
	}
	if err := mw.Set(ctx, annKey, store.Pinned, store.Profile{Name: "Ann"}); !errors.Is(err, store.ErrSuppressed) {
		t.Errorf("Set = %v, want ErrSuppressed", err)
	}
	must(t, mw.Readmit(ctx, annKey))
	mw.Observe(ann(4, "Ann"))
	flush(t, mw)
	if p := get(t, mw, annKey); !p.FirstSeen.Equal(noon.Add(4 * time.Second)) {
		t.Errorf("first seen %v, want the first message after Readmit", p.FirstSeen)
	}
}

// A damaged row, say.
func TestForgetNeedsNoReadableRecord(t *testing.T) {
	st := brokenGet{memstore.New(), new(sync.Map)}
	mw, _ := start(t, st, middleware.Options{})
	mw.Observe(ann(0, "Ann"))
	flush(t, mw)
	st.broken.Store("", true)
	must(t, mw.Forget(t.Context(), annKey))
	st.broken.Clear()
	if _, err := st.Get(t.Context(), annKey); !errors.Is(err, store.ErrSuppressed) {
		t.Errorf("after Forget the store says %v", err)
	}
}

func TestForgetTakesBackWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(away)
		mw, j := start(t, st, middleware.Options{})
		mw.Observe(ann(0, "Ann"))
		synctest.Wait()
		must(t, mw.Forget(t.Context(), annKey))
		st.failWith(nil)
		wantAfterFlush(t, mw, j, "dropped: forgotten")
		if got := mw.Stats(); got.Waiting != 0 {
			t.Errorf("%d wait", got.Waiting)
		}
	})
}

func TestForgetWhileTheCommitIsUnderWay(t *testing.T) {
	for name, landing := range map[string]error{"lands": nil, "is refused": store.ErrUnavailable} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := newFaultyStore()
				release := make(chan struct{})
				st.failWith(func([]store.Record) error { <-release; return landing })
				mw, j := start(t, st, middleware.Options{})
				mw.Observe(ann(0, "Ann"))
				synctest.Wait()
				mw.Observe(ann(1, "Anna"))
				must(t, mw.Forget(t.Context(), annKey))
				close(release)
				time.Sleep(time.Minute)
				st.failWith(nil)
				wantAfterFlush(t, mw, j, "dropped: forgotten", "dropped: forgotten")
				if _, err := st.Get(t.Context(), annKey); !errors.Is(err, store.ErrSuppressed) {
					t.Errorf("after Forget the store says %v", err)
				}
				must(t, mw.Readmit(t.Context(), annKey))
				mw.Observe(ann(2, "Ann"))
				flush(t, mw)
				get(t, mw, annKey)
			})
		})
	}
}

// A step of a schedule: a message when name is set, else what do says.
type step struct {
	do     string
	second int
	name   string
}

var steps = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
	if rapid.IntRange(0, 9).Draw(t, "kind") < 5 {
		return step{do: rapid.SampledFrom([]string{"pause", "settle", "store away", "store back", "restart"}).Draw(t, "do")}
	}
	return step{
		second: rapid.IntRange(0, 20).Draw(t, "second"),
		name:   rapid.SampledFrom([]string{"Ann", "Anna", "Annie"}).Draw(t, "name"),
	}
}), 1, 60)

// Whatever the schedule of messages, disorder, refusals, flushes and restarts:
// each observation has one outcome, and at the end the profile is the one that
// all messages merge to.
func TestAnyScheduleConverges(t *testing.T) {
	checkInBubbles(t, func(rt *rapid.T) func(*testing.T) error {
		schedule := steps.Draw(rt, "schedule")
		return func(t *testing.T) error { return perform(t.Context(), schedule) }
	})
}

func perform(ctx context.Context, schedule []step) error {
	st := newFaultyStore()
	j := &journal{}
	var want store.Record
	observed, newest, floor := 0, 0, 0
	o := &middleware.Options{OnOutcome: j.note, SeenEvery: -1}
	mw, err := middleware.New(st, o)
	if err != nil {
		return err
	}
	for _, step := range schedule {
		switch step.do {
		case "pause":
			time.Sleep(time.Minute)
		case "settle":
			synctest.Wait()
		case "store away":
			st.failWith(away)
		case "store back":
			st.failWith(nil)
		case "restart":
			st.failWith(nil)
			if err := mw.Close(ctx); err != nil {
				return err
			}
			if mw, err = middleware.New(st, o); err != nil {
				return err
			}
			floor = newest + 1 // what handlers of the process before held back is gone
		default:
			second := floor + step.second
			newest = max(newest, second)
			s := ann(second, step.name)
			s.At = s.At.Add(time.Duration(len(step.name))) // two names never at one moment
			mw.Observe(s)
			want = store.Merge(want, s.Patch().Record())
			observed++
		}
	}
	st.failWith(nil)
	if err := mw.Close(ctx); err != nil {
		return err
	}
	if told := len(j.all()); told != observed {
		return fmt.Errorf("%d outcomes for %d observations", told, observed)
	}
	if observed == 0 {
		return nil
	}
	kept, err := st.Get(ctx, annKey)
	if err != nil {
		return err
	}
	if got, want := kept.Profile().GivenName, want.Profile().GivenName; got != want {
		return fmt.Errorf("given_name = %q, want %q", got, want)
	}
	return nil
}

func ExampleMiddleware_Set() {
	mw, _ := middleware.New(memstore.New(), nil)
	defer mw.Close(context.Background())
	key := store.Key{Channel: "telegram", UserID: "42"}

	err := mw.Set(context.Background(), key, store.Declared, store.Profile{Email: "ann@example"})
	fmt.Println(err)
	err = mw.Set(context.Background(), key, store.Declared, store.Profile{Email: "ann@example.org"})
	fmt.Println(err)
	p, _ := mw.Get(context.Background(), key)
	fmt.Println(p.Email)
	// Output:
	// middleware: set telegram:42: email is not an email address, such as ann@example.org
	// <nil>
	// ann@example.org
}

func TestProfileOfASenderHoldsWhatTheEventSays(t *testing.T) {
	st := newFaultyStore()
	mw, _ := start(t, st, middleware.Options{})
	s := ann(0, "Ann")
	profile := func() (store.Profile, error) { return mw.Profile(t.Context(), s) }

	if p, err := profile(); err != nil || p.GivenName != "Ann" {
		t.Errorf("before it is observed: %+v, %v", p, err)
	}
	if _, err := st.Get(t.Context(), annKey); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Profile saved something: %v", err)
	}
	must(t, mw.Set(t.Context(), annKey, store.Pinned, store.Profile{GivenName: "Dr. Ann"}))
	if p, err := profile(); err != nil || p.GivenName != "Dr. Ann" {
		t.Errorf("with a pinned name: %+v, %v", p, err)
	}
	overheard := ann(0, "Ann")
	overheard.NumericID, overheard.Drop = 7, middleware.ReasonUnaddressed
	if p, err := mw.Profile(t.Context(), overheard); !errors.Is(err, store.ErrNotFound) || p.GivenName != "Ann" {
		t.Errorf("of somebody who is not kept: %+v, %v; want ErrNotFound beside the name", p, err)
	}
	must(t, mw.Forget(t.Context(), annKey))
	if p, err := profile(); !errors.Is(err, store.ErrSuppressed) || p.GivenName != "Ann" {
		t.Errorf("of somebody who was forgotten: %+v, %v; want ErrSuppressed beside the name", p, err)
	}
	must(t, st.Close())
	if p, err := profile(); !errors.Is(err, store.ErrClosed) || p.GivenName != "Ann" {
		t.Errorf("with the store away: %+v, %v; want ErrClosed beside the name", p, err)
	}
	if _, err := mw.Profile(t.Context(), nil); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("the profile of a nil Sender: %v", err)
	}
	if _, err := mw.Profile(t.Context(), &middleware.Sender{}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("of nobody: %v, want ErrInvalid", err)
	}
}
