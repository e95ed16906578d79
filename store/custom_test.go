package store_test

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

var customFields = store.CustomFields{
	{Key: "plan", Type: store.CustomSelect, Options: []string{"free", "gold"}},
	{Key: "note", Type: store.CustomString, MaxLength: 5},
	{Key: "text"},
	{Key: "age", Type: store.CustomNumber},
	{Key: "vip", Type: store.CustomBoolean},
	{Key: "since", Type: store.CustomDatetime},
}

// stateCustom states one custom value as Middleware.Set does, and returns what a
// reader gets.
func stateCustom(key string, v any) (any, error) {
	p, err := store.PatchOf(ann, store.Declared, noon, store.Profile{Custom: map[string]any{key: v}})
	if err != nil {
		return nil, err
	}
	if err := p.Validate(customFields); err != nil {
		return nil, err
	}
	return p.Record().Profile().Custom[key], nil
}

func TestCustomValuesComeBackAsJSONHasThem(t *testing.T) {
	t.Parallel()
	type plan string
	for _, c := range []struct {
		key  string
		in   any
		want any
	}{
		{"plan", "gold", "gold"},
		{"plan", plan("gold"), "gold"},
		{"note", "12345", "12345"},
		{"text", `<a&"b"> 😀`, `<a&"b"> 😀`},
		{"age", 42, 42.0},
		{"age", int8(-42), -42.0},
		{"age", uint64(42), 42.0},
		{"age", float32(0.5), 0.5},
		{"age", 1e-9, 1e-9},
		{"age", int64(1<<53 - 1), float64(1<<53 - 1)},
		{"age", json.Number("4.2e1"), 42.0},
		{"vip", false, false},
		{"vip", true, true},
		{"since", noon.In(time.FixedZone("", 3600)), "2026-03-01T12:00:00Z"},
		{"since", "2026-03-01T13:00:00.5+01:00", "2026-03-01T13:00:00.5+01:00"},
	} {
		if got, err := stateCustom(c.key, c.in); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s %v (%T): got %v (%T), %v", c.key, c.in, c.in, got, got, err)
		}
	}
}

func TestBadCustomValuesAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		key     string
		in      any
		problem string
	}{
		{"plans", "gold", "add it to Options.CustomFields"},
		{"roles", []string{"admin"}, "give a string"},
		{"plan", "silver", "options"},
		{"plan", 1, "options"},
		{"note", "123456", "longer than 5"},
		{"note", 1, "not a string"},
		{"note", "a\x00", "control"},
		{"note", "\xff", "UTF-8"},
		{"note", "", "empty"},
		{"text", strings.Repeat("a", 1001), "longer than 1000"},
		{"text", "https://x.example/file/bot1:s/a", "token"},
		{"age", "42", "not a number"},
		{"age", math.NaN(), "not a number"},
		{"age", math.Inf(1), "2^53"},
		{"age", int64(1) << 53, "2^53"},
		{"age", uint64(math.MaxUint64), "2^53"},
		{"age", json.Number("9007199254740993"), "2^53"},
		{"age", json.Number("1e999"), "number"},
		{"age", json.Number("0x10"), "number"},
		{"age", json.Number(""), "number"},
		{"vip", "true", "true or false"},
		{"vip", 1, "true or false"},
		{"since", "yesterday", "RFC 3339"},
		{"since", 1700000000, "RFC 3339"},
		{"since", "2026-01-02T3:04:05Z", "RFC 3339"},
		{"since", "2026-01-02T03:04:05,5Z", "RFC 3339"},
		{"since", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), "years"},
		{"text", nil, "nil"},
		{"text", &customFields, "give a string"},
		{"text", map[string]any{"$ne": nil}, "give a string"},
		{"", "gold", "key"},
		{"a.b", "gold", "key"},
		{strings.Repeat("a", 65), "gold", "key"},
	} {
		_, err := stateCustom(c.key, c.in)
		fe, ok := errors.AsType[*store.FieldError](err)
		if !ok || fe.Field != store.CustomKey(c.key) || !strings.Contains(fe.Problem, c.problem) {
			t.Errorf("%s %.40v (%T): %v, want one about %q", c.key, c.in, c.in, err, c.problem)
		}
	}
}

func TestOnlyScalarJSONIsACustomValue(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "gold", "null", "[]", `{"a":1}`, `"a" "b"`, `"a`, "9007199254740993", "1e999"} {
		for _, c := range customFields {
			p := store.Patch{Key: ann, At: noon, Set: map[store.Field]string{store.CustomKey(c.Key): text}}
			if p.Validate(customFields) == nil {
				t.Errorf("%s may be %s", c.Key, text)
			}
		}
	}
	// What is kept all the same, by hand, is not seen, and takes nothing else along.
	r := store.Patch{Key: ann, At: noon, Set: map[store.Field]string{store.CustomKey("a"): "[1]", "name": "Ann"}}.Record()
	if p := r.Profile(); p.Custom != nil || p.Name != "Ann" {
		t.Errorf("%+v", p)
	}
}

func TestAnUndefinedKeyCannotBeClearedEither(t *testing.T) {
	t.Parallel()
	p := store.Patch{Key: ann, At: noon, Clear: []store.Field{store.CustomKey("plam")}}
	if fe, ok := errors.AsType[*store.FieldError](p.Validate(customFields)); !ok || fe.Field != "custom.plam" {
		t.Error("a slip of the pen goes through")
	}
	p.Clear = []store.Field{store.CustomKey("plan")}
	if err := p.Validate(customFields); err != nil {
		t.Error(err)
	}
}

func TestCustomFieldDefinitions(t *testing.T) {
	t.Parallel()
	if err := customFields.Validate(); err != nil {
		t.Error(err)
	}
	if err := store.CustomFields(nil).Validate(); err != nil {
		t.Error(err)
	}
	for name, bad := range map[string]store.CustomFields{
		"no key":                     {{Type: store.CustomString}},
		"a dot in the key":           {{Key: "a.b"}},
		"a long key":                 {{Key: strings.Repeat("a", 65)}},
		"a letter beyond ASCII":      {{Key: "größe"}},
		"twice":                      {{Key: "a"}, {Key: "b"}, {Key: "a", Type: store.CustomNumber}},
		"an unknown type":            {{Key: "a", Type: "text"}},
		"a select without options":   {{Key: "a", Type: store.CustomSelect}},
		"options without a select":   {{Key: "a", Options: []string{"x"}}},
		"an empty option":            {{Key: "a", Type: store.CustomSelect, Options: []string{"x", ""}}},
		"an option twice":            {{Key: "a", Type: store.CustomSelect, Options: []string{"x", "x"}}},
		"an option nobody can state": {{Key: "a", Type: store.CustomSelect, Options: []string{" x"}}},
		"a negative length":          {{Key: "a", MaxLength: -1}},
		"a length beyond the limit":  {{Key: "a", MaxLength: 1001}},
		"a length of a number":       {{Key: "a", Type: store.CustomNumber, MaxLength: 5}},
	} {
		if err := bad.Validate(); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
