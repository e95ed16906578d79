package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-go/rollcall/store"
)

// full is a Profile of which every field is set to something of its own.
func full() store.Profile {
	return store.Profile{
		Key:  ann,
		Name: "name", GivenName: "given", FamilyName: "family", MiddleName: "middle", Nickname: "nick",
		PreferredUsername: "preferred", Profile: "https://example.org/profile", Picture: "https://example.org/picture",
		Website: "https://example.org/", Email: "ann@example.org", EmailVerified: true, Gender: "F",
		Birthdate: "1990", Zoneinfo: "UTC", Locale: "pt-BR", PhoneNumber: "+14155552671", PhoneVerified: true,
		Address: store.Address{
			Formatted: "formatted", StreetAddress: "street", Locality: "locality", Region: "region",
			PostalCode: "code", Country: "country",
		},
		Username: "user", Status: store.StatusLeft, IsPremium: true, Bio: "bio", StartPayload: "payload",
		Nicks: map[string]string{"7": "seven", "a.b:c": "eight"}, Custom: map[string]any{"plan": "gold", "age": 4.5, "vip": false},
		FirstSeen: noon, LastSeen: noon,
	}
}

func TestEveryFieldOfAProfileSurvivesItsRecord(t *testing.T) {
	t.Parallel()
	want := full()
	for v, i := reflect.ValueOf(want), 0; i < v.NumField(); i++ {
		if v.Field(i).IsZero() {
			t.Fatalf("the test forgets %s", v.Type().Field(i).Name)
		}
	}
	p, err := store.PatchOf(ann, store.Observed, noon, want)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Clear) > 0 || len(p.Set) != len(store.Fields())+5 {
		t.Errorf("%d fields are set, %v cleared", len(p.Set), p.Clear)
	}
	if got := p.Record().Profile(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// The name of each Field is the path of its value in the Profile's JSON.
func TestFieldsAreNamedAsInJSON(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(full())
	if err != nil {
		t.Fatal(err)
	}
	var flat map[string]any
	if err := json.Unmarshal(data, &flat); err != nil {
		t.Fatal(err)
	}
	for _, f := range store.Fields() {
		var at any = flat
		for name := range strings.SplitSeq(string(f), ".") {
			at = at.(map[string]any)[name]
		}
		if at == nil {
			t.Errorf("%s is not in %s", f, data)
		}
		if !f.Known() {
			t.Errorf("%s is not known", f)
		}
	}
}

func TestZeroFieldsSayNothing(t *testing.T) {
	t.Parallel()
	p, err := store.PatchOf(ann, store.Declared, noon, store.Profile{Name: "Ann"})
	if err != nil || len(p.Set) != 1 || len(p.Clear) != 0 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestANewEmailTakesTheFlagOfTheOldOneAway(t *testing.T) {
	t.Parallel()
	p, err := store.PatchOf(ann, store.Declared, noon, store.Profile{Email: "ann@example.org", PhoneNumber: "+14155552671"})
	want := []store.Field{store.FieldEmailVerified, store.FieldPhoneVerified}
	if err != nil || !slices.Equal(p.Clear, want) {
		t.Errorf("Clear is %v, %v", p.Clear, err)
	}
}

func TestAnEmptyValueIsNoValue(t *testing.T) {
	t.Parallel()
	under := store.Patch{Key: ann, At: noon, Set: map[store.Field]string{store.FieldName: "Ann"}}.Record()
	over := store.Patch{Key: ann, Source: store.Pinned, At: noon, Set: map[store.Field]string{store.FieldName: ""}}.Record()
	if name := store.Merge(under, over).Profile().Name; name != "Ann" {
		t.Errorf("an empty pinned name hides the observed one: %q", name)
	}
}

func TestOnlyWellFormedFieldsAreKnown(t *testing.T) {
	t.Parallel()
	for _, f := range []store.Field{"nicks.7", "nicks.a.b:c", "custom.plan", "custom.A_1"} {
		if !f.Known() {
			t.Errorf("%q is not known", f)
		}
	}
	for _, f := range []store.Field{"", "Name", "nicks", "nicks.", "nicks.\n", "custom", "custom.", "custom.a.b", "custom.é", "channel", "first_seen", "address"} {
		if f.Known() {
			t.Errorf("%q is known", f)
		}
	}
}

func TestDisplayNameIsTheBestThatIsKnown(t *testing.T) {
	t.Parallel()
	p := full()
	for _, step := range []struct {
		want string
		drop func()
	}{
		{"name", func() { p.Name = "" }},
		{"nick", func() { p.Nickname = "" }},
		{"preferred", func() { p.PreferredUsername = "" }},
		{"user", func() { p.Username = "" }},
		{"telegram:42", func() { p.Key = store.Key{} }},
		{"", func() {}},
	} {
		if got := p.DisplayName(); got != step.want {
			t.Errorf("%q, want %q", got, step.want)
		}
		step.drop()
	}
}

func TestFmtPrintsAProfileAsItsKey(t *testing.T) {
	t.Parallel()
	p := full()
	d := store.Delivery{Profile: p}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, text := range []string{fmt.Sprintf(format, p), fmt.Sprintf(format, &p), fmt.Sprintf(format, []store.Profile{p}), fmt.Sprintf(format, d)} {
			if !strings.Contains(text, "telegram:42") || strings.Contains(text, p.Nickname) || strings.Contains(text, p.Email) {
				t.Errorf("%s prints %s", format, text)
			}
		}
	}
}

func TestANameIsMadeOfItsParts(t *testing.T) {
	t.Parallel()
	p, _ := store.PatchOf(ann, store.Observed, noon, store.Profile{GivenName: "Ann", FamilyName: "Lee"})
	_, change := store.Record{}.Apply(p.Record())
	if change.Profile.Name != "Ann Lee" || slices.Contains(change.Fields, store.FieldName) {
		t.Errorf("%q, fields %v", change.Profile.Name, change.Fields)
	}
}

func TestAFieldErrorWrapsErrInvalid(t *testing.T) {
	t.Parallel()
	err := &store.FieldError{Field: store.FieldEmail, Problem: "is not an email address"}
	if !errors.Is(err, store.ErrInvalid) || err.Error() != "email is not an email address" {
		t.Error(err)
	}
}

func TestAFieldErrorIsOneLine(t *testing.T) {
	t.Parallel()
	for _, f := range []store.Field{"no\nfield", store.NickField("7\nname is fine"), store.CustomKey("\x1b[2J"), store.Field(strings.Repeat("\n", 5000))} {
		patch := store.Patch{Key: ann, Source: store.Pinned, At: noon, Set: map[store.Field]string{f: "x"}}
		err := patch.Validate(nil)
		if !errors.Is(err, store.ErrInvalid) || strings.ContainsAny(err.Error(), "\n\x1b") || len(err.Error()) > 500 {
			t.Errorf("%.80q is refused with %.200q", f, err)
		}
	}
}

func TestGetterReadsWhatValueDoes(t *testing.T) {
	t.Parallel()
	p := store.Profile{
		Name: "Ann", IsPremium: true, Status: store.StatusLeft,
		Nicks: map[string]string{"7": "Annie"}, Custom: map[string]any{"plan": "gold"},
	}
	some := 0
	for _, f := range append(store.Fields(), store.NickField("7"), store.NickField("8"), store.CustomKey("plan"), store.CustomKey("none")) {
		got := f.Getter()(&p)
		if got != p.Value(f) {
			t.Errorf("%s is %q, Value says %q", f, got, p.Value(f))
		}
		if got != "" {
			some++
		}
	}
	if some != 5 {
		t.Errorf("%d fields have a value", some)
	}
	for _, f := range []store.Field{"", "surname", "custom.", "custom.a b", "nicks."} {
		if f.Getter() != nil {
			t.Errorf("%q has a Getter", f)
		}
	}
}
