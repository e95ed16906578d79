package middleware_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// TestExplainSaysWhatObserveThenDoes holds each Explanation to the Outcome of the
// same event, and to what the backends are then sent.
func TestExplainSaysWhatObserveThenDoes(t *testing.T) {
	checkInBubbles(t, func(rt *rapid.T) func(*testing.T) error {
		events := rapid.SliceOfN(rapid.Custom(drawExplained), 1, 8).Draw(rt, "events")
		return func(t *testing.T) error { return playExplained(t, events) }
	})
}

// An explainedEvent is an event, and what somebody decides before it.
type explainedEvent struct {
	Pins, Declares string // a name; "": nothing
	Waits          string // a given name that the store refuses until the event is observed; "": nothing
	Again          bool   // it comes once more, a minute later
	Minute         int
	Says           map[store.Field]string
}

func drawExplained(rt *rapid.T) explainedEvent {
	names := rapid.SampledFrom([]string{"", "", "", "A", "B"})
	e := explainedEvent{
		Pins: names.Draw(rt, "pins"), Declares: names.Draw(rt, "declares"),
		Waits: names.Draw(rt, "waits"), Again: rapid.Bool().Draw(rt, "again"),
		Minute: rapid.IntRange(0, 9).Draw(rt, "minute"),
		Says:   map[store.Field]string{store.FieldStatus: "active"},
	}
	values := rapid.SampledFrom([]string{"", "ann", "anna", "an\u202ena", "https://example.org/a.png"})
	for _, f := range []store.Field{store.FieldGivenName, store.FieldUsername, store.FieldName, store.FieldBio, store.FieldPicture} {
		if rapid.Bool().Draw(rt, "says") {
			e.Says[f] = values.Draw(rt, string(f))
		}
	}
	return e
}

func playExplained(t *testing.T, events []explainedEvent) error {
	whole, narrow := newForeign("whole"), newForeign("narrow")
	narrow.traits = store.Traits{
		CannotClear: true,
		Takes:       func(f store.Field) bool { return f == store.FieldName || f == store.FieldUsername },
	}
	st := newFaultyStore()
	mw, j := start(t, st, middleware.Options{Backends: backends(whole, narrow)})
	defer st.failWith(nil)
	for _, e := range events {
		for source, name := range map[store.Source]string{store.Declared: e.Declares, store.Pinned: e.Pins} {
			if name == "" {
				continue
			}
			if err := mw.Set(t.Context(), annKey, source, store.Profile{Name: name}); err != nil {
				return err
			}
		}
		drain(t, mw)
		if e.Waits != "" {
			st.failWith(away)
			mw.Observe(ann(60*e.Minute, e.Waits))
			synctest.Wait()
		}
		s := &middleware.Sender{Channel: "telegram", NumericID: 42, Event: "message", At: noon.Add(time.Duration(e.Minute) * time.Minute)}
		for f, value := range e.Says {
			s.Set(f, value)
		}
		before := len(j.at(middleware.TargetStore))
		whole.forgetCalls()
		narrow.forgetCalls()
		x, err := mw.Explain(t.Context(), s)
		if err != nil {
			return err
		}
		mw.Observe(s)
		st.failWith(nil)
		drain(t, mw)
		o := j.at(middleware.TargetStore)[before]
		if x.Waits {
			if o.Result != middleware.Coalesced {
				return fmt.Errorf("ended as %s; explained was\n%s", o.Result, x)
			}
		} else if x.Result != o.Result || x.Reason != o.Reason || x.Key != o.Key || !slices.Equal(changedIn(x), o.Fields) {
			return fmt.Errorf("ended as %s %s, and changed %v; explained was\n%s", o.Result, o.Reason, o.Fields, x)
		}
		for i, f := range []*foreign{whole, narrow} {
			switch b, calls := x.Backends[i], f.asked(); {
			case b.Nothing != "" && len(calls) == 0:
			case b.Nothing == "" && len(calls) == 1 && slices.Equal(calls[0].Fields, b.Fields) && slices.Equal(calls[0].Cleared(), b.Cleared):
			default:
				return fmt.Errorf("%s was asked %+v; explained was\n%s", f.name, calls, x)
			}
		}
		if e.Again {
			s.At = s.At.Add(time.Minute)
			mw.Observe(s)
			drain(t, mw)
		}
	}
	return nil
}

func changedIn(x middleware.Explanation) (fields []store.Field) {
	for _, f := range x.Fields {
		if f.Effect == middleware.EffectChange {
			fields = append(fields, f.Field)
		}
	}
	return fields
}

func TestExplainDoesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForeign("crm")
		st := memstore.New()
		mw, j := start(t, st, middleware.Options{Backends: backends(f)})
		if _, err := mw.Explain(t.Context(), ann(0, "Ann")); err != nil {
			t.Fatal(err)
		}
		drain(t, mw)
		if _, err := st.Get(t.Context(), annKey); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Explain saved somebody: %v", err)
		}
		if len(j.all()) > 0 || len(f.asked()) > 0 || mw.Stats() != (middleware.Stats{}) {
			t.Errorf("Explain was heard of: %v, %v, %+v", j.all(), f.asked(), mw.Stats())
		}
	})
}

func TestExplainOfWhatIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(newForeign("crm"))})
		mw.Observe(ann(0, "Ann"))
		drain(t, mw)
		for _, c := range []struct {
			second int
			want   string
		}{
			{1, "not saved: the store has all of it"},
			{2 * 3600, "saved: only what readers do not see, such as last_seen"},
		} {
			x, err := mw.Explain(t.Context(), ann(c.second, "Ann"))
			if err != nil {
				t.Fatal(err)
			}
			want := "given_name: 3 characters, is the same\n  status: 6 characters, is the same\n  " + c.want +
				"\n  crm is sent nothing: nothing is new to it\n"
			if text := x.String(); x.Result != middleware.Unchanged || !strings.HasSuffix(text, want) {
				t.Errorf("got\n%s\nwant it to end with\n%s", text, want)
			}
		}
	})
}

func TestExplainBesideABot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, st := newForeign("crm"), memstore.New()
		x, err := middleware.Explain(t.Context(), st, &middleware.Options{Backends: backends(f)}, ann(0, "Ann"))
		if err != nil {
			t.Fatal(err)
		}
		if x.Result != middleware.Created || len(x.Backends) != 1 || len(x.Backends[0].Fields) == 0 {
			t.Errorf("got\n%s", x)
		}
		backlogs, err := st.Backlogs(t.Context())
		if err != nil || len(backlogs) > 0 {
			t.Errorf("Explain enrolled a backend: %v, %v", backlogs, err)
		}
		if _, err := middleware.Explain(t.Context(), nil, nil, ann(0, "Ann")); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("without a store: %v, want store.ErrInvalid", err)
		}
	})
}

func TestExplainGivesTheReason(t *testing.T) {
	st := newFaultyStore()
	mw, _ := start(t, st, middleware.Options{Who: func(s middleware.Sender) bool { return s.Drop == "" && s.NumericID != 7 }})
	bot := ann(0, "Bot")
	bot.Drop = middleware.ReasonBot
	long := &middleware.Sender{Channel: "Not a channel", UserID: "1"}
	if err := mw.Forget(t.Context(), keyOf(13)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		sender *middleware.Sender
		want   middleware.Reason
	}{
		{nil, middleware.ReasonNobody},
		{bot, middleware.ReasonBot},
		{person(7, 0, "Seven"), middleware.ReasonWho},
		{long, middleware.ReasonInvalidKey},
		{person(13, 0, "Gone"), middleware.ReasonSuppressed},
	} {
		x, err := mw.Explain(t.Context(), c.sender)
		if err != nil || x.Result != middleware.Dropped || x.Reason != c.want {
			t.Errorf("%v: %s (%s), %v; want dropped (%s)", c.sender, x.Result, x.Reason, err, c.want)
		}
	}
}

// What waits is no reason to think that it is saved, or sent.
func TestExplainWhileTheStoreRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(away)
		mw, _ := start(t, st, middleware.Options{Backends: backends(newForeign("crm"))})
		mw.Observe(ann(0, "Ann"))
		synctest.Wait()
		x, err := mw.Explain(t.Context(), ann(1, "Ann"))
		if err != nil {
			t.Fatal(err)
		}
		if !x.Waits || !x.Writes || !slices.Contains(x.Backends[0].Fields, store.FieldGivenName) {
			t.Errorf("explained was\n%s", x)
		}
		if text := x.String(); !strings.Contains(text, "unchanged, may be joined to what is not saved yet\n") ||
			!strings.Contains(text, "  saved with what waits\n") {
			t.Errorf("got\n%s", text)
		}
		st.failWith(nil)
	})
}

func TestExplainWhileAFirstMessageWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaultyStore()
		st.failWith(away)
		mw, j := start(t, st, middleware.Options{When: middleware.FirstMessage})
		mw.Observe(ann(0, "Ann"))
		synctest.Wait()
		x, err := mw.Explain(t.Context(), ann(1, "Anna"))
		if err != nil {
			t.Fatal(err)
		}
		mw.Observe(ann(1, "Anna"))
		synctest.Wait()
		all := j.all()
		if o := all[len(all)-1]; x.Result != o.Result || !x.Waits || x.Writes || strings.Contains(x.String(), "saved:") {
			t.Errorf("ended as %s; explained was\n%s", o.Result, x)
		}
		st.failWith(nil)
	})
}

func TestExplainOfWhatIsOlderThanAnUnchangedEvent(t *testing.T) {
	mw, j := start(t, memstore.New(), middleware.Options{})
	mw.Observe(ann(0, "Ann"))
	flush(t, mw)
	mw.Observe(ann(2, "Ann"))
	x, err := mw.Explain(t.Context(), ann(1, "Anna"))
	if err != nil {
		t.Fatal(err)
	}
	mw.Observe(ann(1, "Anna"))
	flush(t, mw)
	all := j.all()
	if o := all[len(all)-1]; x.Result != o.Result || !strings.Contains(x.String(), "given_name: 4 characters, is older than what is kept\n") {
		t.Errorf("ended as %s; explained was\n%s", o.Result, x)
	}
}

func TestExplainOfANameThatIsMadeOfItsParts(t *testing.T) {
	mw, _ := start(t, memstore.New(), middleware.Options{})
	mw.Observe(ann(0, "Ann"))
	flush(t, mw)
	s := ann(1, "Ann")
	s.Set(store.FieldName, "")
	wantEffect := func(want string) {
		t.Helper()
		x, err := mw.Explain(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if text := x.String(); !strings.Contains(text, "  name: none, "+want+"\n") {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
	wantEffect("is the same") // nobody has decided anything
	if err := mw.Set(t.Context(), annKey, store.Pinned, store.Profile{Name: "Boss"}); err != nil {
		t.Fatal(err)
	}
	wantEffect("is hidden by what people decided")
}

func TestExplainOfNothingSaysNothing(t *testing.T) {
	if text := (middleware.Explanation{}).String(); strings.Contains(text, "saved") {
		t.Errorf("got %q", text)
	}
}

func TestExplainTakesAPanicAsObserveDoes(t *testing.T) {
	mw, j := start(t, memstore.New(), middleware.Options{Who: func(middleware.Sender) bool { panic("Canary") }})
	x, err := mw.Explain(t.Context(), ann(0, "Ann"))
	if err != nil {
		t.Fatal(err)
	}
	mw.Observe(ann(0, "Ann"))
	flush(t, mw)
	if o := j.all()[0]; x.Result != o.Result || x.Reason != o.Reason {
		t.Errorf("ended as %s (%s); explained was\n%s", o.Result, o.Reason, x)
	}
}

func TestExplainShowsNoValue(t *testing.T) {
	mw, _ := start(t, memstore.New(), middleware.Options{Backends: backends(newForeign("crm"))})
	s := ann(0, "Canary")
	s.Set(store.FieldUsername, "can\u202eary")
	s.Set(store.FieldPicture, "https://api.telegram.org/file/bot110201543:canary/p.jpg")
	s.Set(store.FieldLocale, "x")
	x, err := mw.Explain(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	text := x.String()
	if strings.Contains(strings.ToLower(text), "canary") {
		t.Errorf("a value is shown:\n%s", text)
	}
	want := `message of telegram:42, 1999-11-22 12:00:00: created
  family_name: none, is the same
  given_name: 6 characters, changes (was none)
  locale: none, cannot be kept, and is left alone
  picture: none, cannot be kept, and is left alone
  status: 6 characters, changes (was none)
  username: 6 characters, repaired, changes (was none)
  saved
  crm is sent given_name, name, status, username
`
	if text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

func TestExplainWithoutAStore(t *testing.T) {
	st := newFaultyStore()
	mw, _ := start(t, st, middleware.Options{})
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	x, err := mw.Explain(t.Context(), ann(0, "Ann"))
	if !errors.Is(err, store.ErrClosed) || x.Result != "" || len(x.Fields) != 3 {
		t.Errorf("%+v, %v; want the fields of the event, and store.ErrClosed", x, err)
	}
}
