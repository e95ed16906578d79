package rocketchat_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/rocketchat"
	"github.com/rollcall-go/rollcall/store/backend/rocketchat/rocketchattest"
)

func TestCustomFieldsOfOthersSurvive(t *testing.T) {
	for _, replaces := range []bool{false, true} {
		service := rocketchattest.New(&rocketchattest.Options{
			ReplaceCustomFields: replaces,
			CustomFields: map[string]rocketchattest.CustomField{
				"tier": {MaxLength: 10}, "age": {}, "vip": {}, "theirs": {}, "must": {Required: true},
			},
		})
		b := open(t, service, service, rocketchat.Options{Custom: map[store.Field]string{
			store.CustomKey("tier"): "tier", store.CustomKey("age"): "age", store.CustomKey("vip"): "vip", store.FieldGender: "must",
		}})
		p := store.Profile{Key: ann, Name: "Ann", Gender: "F", Custom: map[string]any{"tier": `a "q" <&>`, "age": 41.5, "vip": true, "x": "no"}}
		deliver(t, b, whole(p, b))
		service.Edit("telegram_42", func(u *rocketchattest.User) { u.CustomFields["theirs"] = "kept" })
		want := map[string]any{"tier": `a "q" <&>`, "age": "41.5", "vip": "true", "must": "F", "theirs": "kept"}
		same(t, user(t, service).CustomFields, want)

		p.Custom["age"], want["age"] = 42.0, "42"
		deliver(t, b, store.Delivery{Profile: p, Fields: []store.Field{store.CustomKey("age")}})
		same(t, user(t, service).CustomFields, want)

		delete(p.Custom, "tier")
		want["tier"] = ""
		deliver(t, b, store.Delivery{Profile: p, Fields: []store.Field{store.CustomKey("tier")}})
		same(t, user(t, service).CustomFields, want)

		p.Custom["tier"] = strings.Repeat("long", 3)
		_, err := b.Deliver(t.Context(), store.Delivery{Profile: p, Fields: []store.Field{store.CustomKey("tier")}})
		fails(t, err, store.ErrInvalid, "error-user-registration-custom-field")
		checkKeys(t, service, "tier", "age", "vip", "theirs", "must")
	}
}

func same(t *testing.T, got, want map[string]any) {
	t.Helper()
	for key := range want {
		if got[key] != want[key] {
			t.Errorf("the custom field %s is %v, want %v", key, got[key], want[key])
		}
	}
	if len(got) != len(want) {
		t.Errorf("the custom fields are %v, want %v", got, want)
	}
}

func TestADroppedCustomFieldIsFoundOut(t *testing.T) {
	service := rocketchattest.New(nil)
	b := open(t, service, service, rocketchat.Options{Pictures: true, Custom: map[store.Field]string{
		store.CustomKey("tier"): "tier", store.FieldLocale: "language",
	}})
	p := store.Profile{Key: ann, Name: "Ann", Locale: "pt-BR", Picture: "https://example.org/a.png", Custom: map[string]any{"tier": "gold"}}
	for range 2 { // made, and then updated
		_, err := b.Deliver(t.Context(), whole(p, b))
		fails(t, err, store.ErrInvalid, `"tier"`, "define", "Replay")
		problem, ok := errors.AsType[*store.FieldError](err)
		if !ok || problem.Field != store.CustomKey("tier") {
			t.Errorf("the error is %v", err)
		}
		if u := user(t, service); u.Name != "Ann" || u.AvatarURL != p.Picture {
			t.Errorf("all else has not arrived: %+v", u)
		}
		p.Name = "Ann"
	}
	service.Change(func(o *rocketchattest.Options) { o.CustomFields = tierAndLanguage })
	deliver(t, b, whole(p, b))
	same(t, user(t, service).CustomFields, map[string]any{"tier": "gold", "language": "pt-BR"})
}

// TestRolesAreNotGivenAway: the server lets a custom field write roles.
func TestRolesAreNotGivenAway(t *testing.T) {
	service := rocketchattest.New(&rocketchattest.Options{CustomFields: map[string]rocketchattest.CustomField{
		"role": {ModifyRecordField: true}, "tier": {},
	}})
	b := open(t, service, service, rocketchat.Options{Custom: map[store.Field]string{store.CustomKey("tier"): "tier"}})
	for range 2 {
		deliver(t, b, whole(store.Profile{Key: ann, Name: "Ann", Custom: map[string]any{"role": "admin", "roles": "admin", "tier": "admin"}}, b))
	}
	if u := user(t, service); len(u.Roles) != 1 || u.CustomFields["role"] != nil {
		t.Errorf("the account is %+v", u)
	}
	checkKeys(t, service, "tier")
	t.Attr("figure", fmt.Sprintf("0 in %d requests", len(service.Calls())))
}

func TestEmailsNeedAnotherMark(t *testing.T) {
	service := rocketchattest.New(nil)
	o := rocketchat.Options{Emails: true, KeyField: "key"}
	b := open(t, service, service, o)
	p := store.Profile{Key: ann, Name: "Ann", Email: "ann@example.org", EmailVerified: true}
	_, err := b.Deliver(t.Context(), whole(p, b))
	fails(t, err, store.ErrInvalid, `"key"`, "define")
	address := func() string { return user(t, service).Emails[0].Address }
	if address() != "telegram_42@rollcall.invalid" {
		t.Fatalf("the address is %s, and the account is lost", address())
	}

	service.Change(func(o *rocketchattest.Options) {
		o.CustomFields = map[string]rocketchattest.CustomField{"key": {}}
		o.ReplaceCustomFields = true
	})
	p.Nickname, p.Bio = "A", "b"
	d := whole(p, b)
	deliver(t, b, d) // writes the mark
	deliver(t, b, d)
	u := user(t, service)
	if u.Emails[0] != (rocketchattest.Email{Address: "ann@example.org"}) || u.CustomFields["key"] != "telegram:42" || u.Bio != "b" || u.Nickname != "A" {
		t.Errorf("the account is %+v", u)
	}

	p.EmailVerified = false // one that somebody only claims
	p.Email = "boss@example.org"
	deliver(t, b, store.Delivery{Profile: p, Fields: []store.Field{store.FieldEmail, store.FieldEmailVerified}})
	if u := user(t, service); u.Emails[0] != (rocketchattest.Email{Address: "telegram_42@rollcall.invalid", Verified: true}) {
		t.Errorf("the account is %+v", u)
	}
	for _, to := range service.Mails() {
		if to == "boss@example.org" {
			t.Error("mail went to an address that nobody verified")
		}
	}
}
