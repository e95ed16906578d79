package genauth_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/genauth"
	"github.com/rollcall-go/rollcall/store/backend/genauth/genauthtest"
)

var (
	tier  = store.CustomKey("tier")
	age   = store.CustomKey("age")
	vip   = store.CustomKey("vip")
	since = store.CustomKey("since")
	plan  = store.CustomKey("plan")
)

var mapped = map[store.Field]string{
	tier: "tier", age: "age", vip: "vip", since: "since", plan: "plan", store.FieldBio: "about", store.FieldIsPremium: "premium",
}

func defineAll(s *genauthtest.Service) {
	s.Define(
		genauthtest.CustomField{Key: "tier", DataType: "STRING"},
		genauthtest.CustomField{Key: "age", DataType: "NUMBER"},
		genauthtest.CustomField{Key: "vip", DataType: "BOOLEAN"},
		genauthtest.CustomField{Key: "since", DataType: "DATETIME"},
		genauthtest.CustomField{Key: "plan", DataType: "ENUM", Options: []string{"free", "gold"}},
		genauthtest.CustomField{Key: "about", DataType: "STRING"},
		genauthtest.CustomField{Key: "premium", DataType: "BOOLEAN"},
		genauthtest.CustomField{Key: "theirs", DataType: "STRING"},
	)
}

var allCustom = map[store.Field]string{
	tier: `"gold"`, age: `42`, vip: `true`, since: `"2026-03-01T12:00:00Z"`, plan: `"gold"`,
	store.FieldBio: "I am Ann", store.FieldIsPremium: "true", store.FieldGivenName: "Ann",
}

func TestCustomDataHasTheTypesOfThePool(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	defineAll(s)
	b := newBackend(t, s, &genauth.Options{Custom: mapped})
	remote := deliver(t, b, first(b, allCustom)).Remote
	want := map[string]any{
		"tier": "gold", "age": 42.0, "vip": true, "since": "2026-03-01T12:00:00Z", "plan": "gold", "about": "I am Ann", "premium": true,
	}
	if got, _ := account(t, s)["customData"].(map[string]any); !maps.Equal(got, want) {
		t.Errorf("it holds %v", got)
	}
	deliver(t, b, later(remote, nil, tier, age, vip, since, plan, store.FieldBio, store.FieldIsPremium))
	// A boolean that nobody states any more is false.
	if got, _ := account(t, s)["customData"].(map[string]any); !maps.Equal(got, map[string]any{"vip": false, "premium": false}) {
		t.Errorf("cleared, it holds %v", got)
	}
}

func TestCustomDataOfOthersSurvivesAServiceThatReplaces(t *testing.T) {
	t.Parallel()
	for _, replaces := range []bool{true, false} {
		s := genauthtest.New(&genauthtest.Options{CustomReplaces: replaces})
		defineAll(s)
		id := s.Put(genauthtest.Account{"externalId": ann.String(), "customData": map[string]any{"theirs": "<kept>", "age": 7.0}})
		b := newBackend(t, s, &genauth.Options{Custom: mapped})
		for _, remote := range []string{"", id} {
			deliver(t, b, later(remote, map[store.Field]string{tier: `"gold"`}, tier))
			a := account(t, s)
			if a.Custom("theirs") != "<kept>" || a.Custom("age") != 7.0 || a.Custom("tier") != "gold" {
				t.Errorf("replaces %t: it holds %v", replaces, a["customData"])
			}
		}
	}
}

func TestCustomMergesReadsNothing(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	defineAll(s)
	b := newBackend(t, s, &genauth.Options{Custom: mapped, CustomMerges: true})
	remote := deliver(t, b, first(b, allCustom)).Remote
	before := len(s.Calls())
	deliver(t, b, later(remote, map[store.Field]string{tier: `"tin"`}, tier))
	calls := s.Calls()[before:]
	if len(calls) != 1 || !strings.Contains(string(calls[0].Body), `"customData":{"tier":"tin"}`) {
		t.Errorf("the calls are %v", asked(s)[before:])
	}
}

func TestWhatDoesNotFitTheDefinitionsIsLeftOut(t *testing.T) {
	t.Parallel()
	for _, on := range []genauthtest.OnUndefined{genauthtest.RejectUndefined, genauthtest.DropUndefined} {
		s := genauthtest.New(&genauthtest.Options{OnUndefined: on})
		s.Define(genauthtest.CustomField{Key: "age", DataType: "NUMBER"}, genauthtest.CustomField{Key: "plan", DataType: "ENUM", Options: []string{"free"}},
			genauthtest.CustomField{Key: "vip", DataType: "BOOLEAN"})
		b := newBackend(t, s, &genauth.Options{Custom: map[store.Field]string{tier: "tier", age: "age", plan: "plan", vip: "vip"}})
		_, err := b.Deliver(t.Context(), first(b, map[store.Field]string{
			tier: `"x"`, age: `"old"`, plan: `"gold"`, vip: `true`, store.FieldGivenName: "Ann",
		}))
		for _, want := range []string{"custom.tier goes to a custom field that is not defined", "custom.age is not a number", "custom.plan is not one of the options"} {
			if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), want) {
				t.Errorf("the error is %v, without %q", err, want)
			}
		}
		if a := account(t, s); a["givenName"] != "Ann" || a.Custom("vip") != true || a.Custom("age") != nil {
			t.Errorf("the account is %v", a)
		}
	}
}

func TestAUniqueCustomValueThatSomebodyHoldsHoldsUpNothing(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	s.Define(genauthtest.CustomField{Key: "tier", DataType: "STRING", Unique: true})
	s.Put(genauthtest.Account{"username": "other", "customData": map[string]any{"tier": "the one"}})
	b := newBackend(t, s, &genauth.Options{Custom: map[store.Field]string{tier: "tier"}})
	_, err := b.Deliver(t.Context(), first(b, map[store.Field]string{tier: `"the one"`, store.FieldGivenName: "Ann"}))
	if problem, ok := errors.AsType[*store.FieldError](err); !ok || problem.Field != tier {
		t.Errorf("the error is %v", err)
	}
	if a := account(t, s); a["givenName"] != "Ann" {
		t.Errorf("the account is %v", a)
	}
}

// definitionsAsked tells how often the service was asked for its custom fields.
func definitionsAsked(s *genauthtest.Service) int {
	return len(slices.DeleteFunc(asked(s), func(path string) bool { return path != "get-custom-fields" }))
}

// A field that is defined while the bot runs is found, and one that never is does
// not cost a call each time.
func TestDefinitionsAreAskedForWhenOneIsMissing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := genauthtest.New(nil)
		b := newBackend(t, s, &genauth.Options{Custom: map[store.Field]string{tier: "tier", age: "age"}})
		asks := func() int { return definitionsAsked(s) }
		d := first(b, map[store.Field]string{tier: `"x"`})
		for range 5 {
			if _, err := b.Deliver(t.Context(), d); !errors.Is(err, store.ErrInvalid) {
				t.Fatalf("the error is %v", err)
			}
		}
		if asks() != 1 {
			t.Errorf("it asked %d times", asks())
		}
		s.Define(genauthtest.CustomField{Key: "tier", DataType: "STRING"})
		time.Sleep(time.Second) // then Replay
		for range 5 {
			deliver(t, b, d)
		}
		time.Sleep(24 * time.Hour)
		deliver(t, b, d)
		if asks() != 2 || account(t, s).Custom("tier") != "x" {
			t.Errorf("it asked %d times, and the account is %v", asks(), account(t, s))
		}
	})
}

// What is defined otherwise while the bot runs is learnt when a value does not fit,
// by our own check or by the service's.
func TestDefinitionsAreAskedForWhenTheyChanged(t *testing.T) {
	t.Parallel()
	option := genauthtest.CustomField{Key: "plan", DataType: "ENUM", Options: []string{"free", "gold"}}
	for name, c := range map[string]struct {
		before, after genauthtest.CustomField
		was, is       string
		want          any
	}{
		"an option that is new": {genauthtest.CustomField{Key: "plan", DataType: "ENUM", Options: []string{"free"}}, option, `"free"`, `"gold"`, "gold"},
		"a type that fits":      {genauthtest.CustomField{Key: "plan", DataType: "BOOLEAN"}, genauthtest.CustomField{Key: "plan", DataType: "STRING"}, `true`, `"gold"`, "gold"},
		"a type that converts":  {genauthtest.CustomField{Key: "plan", DataType: "STRING"}, genauthtest.CustomField{Key: "plan", DataType: "NUMBER"}, `"6"`, `"7"`, 7.0},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := genauthtest.New(nil)
			s.Define(c.before)
			b := newBackend(t, s, &genauth.Options{Custom: map[store.Field]string{plan: "plan"}})
			remote := deliver(t, b, first(b, map[store.Field]string{store.FieldGivenName: "Ann", plan: c.was})).Remote
			s.Define(c.after)
			time.Sleep(time.Second)
			d := later(remote, map[store.Field]string{plan: c.is}, plan)
			if _, err := b.Deliver(t.Context(), d); err != nil { // the service's own check: a dead letter
				if !errors.Is(err, store.ErrInvalid) {
					t.Fatalf("%s: the error is %v", name, err)
				}
				deliver(t, b, d) // by Replay
			}
			if got := account(t, s).Custom("plan"); got != c.want || definitionsAsked(s) != 2 {
				t.Errorf("%s: it holds %v, and it asked %d times", name, got, definitionsAsked(s))
			}
		})
	}
}

func TestCustomIsOnlySentWhenItChanged(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	defineAll(s)
	b := newBackend(t, s, &genauth.Options{Custom: mapped})
	remote := deliver(t, b, first(b, allCustom)).Remote
	before := len(s.Calls())
	deliver(t, b, later(remote, allCustom, store.FieldGivenName))
	if calls := s.Calls()[before:]; len(calls) != 1 || strings.Contains(string(calls[0].Body), "customData") {
		t.Errorf("the calls are %v", asked(s)[before:])
	}
}
