package rocketchat_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-go/rollcall/internal/hostile"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/rocketchat"
	"github.com/rollcall-go/rollcall/store/backend/rocketchat/rocketchattest"
)

func TestANewAccountIsQuietAndClosed(t *testing.T) {
	service := rocketchattest.New(nil)
	b := open(t, service, service, rocketchat.Options{})
	r := deliver(t, b, whole(store.Profile{Key: ann, Name: "Ann", Username: "ann", Email: "ann@example.org", EmailVerified: true}, b))
	u := user(t, service)
	switch {
	case r.Remote != u.ID || r.Answer.(*rocketchat.User).Name != "Ann":
		t.Errorf("the receipt is %+v", r)
	case len(service.Mails()) > 0 || u.DefaultChannels || u.RequirePasswordChange || !slices.Equal(u.Roles, []string{"user"}):
		t.Errorf("mail to %v, and the account is %+v", service.Mails(), u)
	case u.Emails[0] != rocketchattest.Email{Address: "telegram_42@rollcall.invalid", Verified: true}:
		t.Errorf("its address is %+v", u.Emails)
	}
	deliver(t, b, whole(store.Profile{Key: store.Key{Channel: "telegram", UserID: "43"}, Name: "Ann"}, b))
	other, _ := service.User("telegram_43")
	if len(u.Password) < 24 || u.Password == other.Password {
		t.Error("the passwords of two accounts can be guessed")
	}
}

func TestBioAndNicknameSurviveAnUpdateOfTheName(t *testing.T) {
	service := rocketchattest.New(nil)
	b := open(t, service, service, rocketchat.Options{})
	p := store.Profile{Key: ann, Name: "Ann"}
	r := deliver(t, b, whole(p, b))
	service.Edit("telegram_42", func(u *rocketchattest.User) { u.Bio, u.Nickname = "by hand", "too" })
	p.Name = "Anna"
	deliver(t, b, store.Delivery{Profile: p, Fields: []store.Field{store.FieldName}, Remote: r.Remote})
	if u := user(t, service); u.Name != "Anna" || u.Bio != "by hand" || u.Nickname != "too" {
		t.Errorf("the account is %+v", u)
	}
}

func TestNothingIsSentWhereNothingDiffers(t *testing.T) {
	service := rocketchattest.New(nil)
	b := open(t, service, service, rocketchat.Options{})
	d := whole(store.Profile{Key: ann, Name: "Ann / <b>", Bio: strings.Repeat("é", 300)}, b)
	deliver(t, b, d)
	deliver(t, b, d)
	if got := routes(service); got != "users.info users.create users.info" {
		t.Errorf("called: %s", got)
	}
}

func TestTheUsernameStaysWhenTheHandleChanges(t *testing.T) {
	service := rocketchattest.New(nil)
	b := open(t, service, service, rocketchat.Options{})
	deliver(t, b, whole(store.Profile{Key: ann, Name: "Ann", Username: "ann"}, b))
	deliver(t, b, whole(store.Profile{Key: ann, Name: "Ann", Username: "anna"}, b))
	for _, c := range service.Calls() {
		if c.Route == "users.update" {
			t.Errorf("an update was sent: %s", c.Body)
		}
	}
	user(t, service)
}

func TestAnIDIsNeverUpdatedUnconfirmed(t *testing.T) {
	service := rocketchattest.New(&rocketchattest.Options{Orphans: true})
	// The server finds this one when asked for the username telegram_42.
	trap := service.Add(rocketchattest.User{ID: "telegram_42", Username: "human", Name: human})
	b := open(t, service, service, rocketchat.Options{})
	d := whole(store.Profile{Key: ann, Name: "Ann"}, b)
	d.Remote = "gone"
	r := deliver(t, b, d)
	if u := user(t, service); r.Remote != u.ID || u.ID == trap || len(service.Users()) != 2 {
		t.Errorf("remote %q, users %+v", r.Remote, service.Users())
	}
	if u, _ := service.User("human"); u.Name != human {
		t.Errorf("the other one is %+v", u)
	}
	if strings.Contains(routes(service), "users.update") {
		t.Errorf("called: %s", routes(service))
	}
}

func TestAnAccountThatGoesBetweenTwoCallsIsTriedAgain(t *testing.T) {
	for _, orphans := range []bool{false, true} {
		service := rocketchattest.New(&rocketchattest.Options{Orphans: orphans})
		b := open(t, service, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "users.update") {
				u, _ := service.User("telegram_42")
				service.Remove(u.ID)
			}
			service.ServeHTTP(w, r)
		}), rocketchat.Options{})
		p := store.Profile{Key: ann, Name: "Ann"}
		deliver(t, b, whole(p, b))
		p.Name = "Anna"
		_, err := b.Deliver(t.Context(), whole(p, b))
		fails(t, err, store.ErrUnavailable, "deleted at the same time")
		deliver(t, b, whole(p, b))
	}
}

func TestAnAccountOfAHumanIsNotTouched(t *testing.T) {
	service := rocketchattest.New(nil)
	service.Add(rocketchattest.User{Username: "telegram_42", Name: human, Emails: []rocketchattest.Email{{Address: "human@example.org"}}})
	b := open(t, service, service, rocketchat.Options{})
	d := whole(store.Profile{Key: ann, Name: "Ann"}, b)
	_, err := b.Deliver(t.Context(), d)
	fails(t, err, store.ErrInvalid, "Options.Adopt")
	if err := b.Erase(t.Context(), ann, ""); err != nil {
		t.Errorf("Erase of somebody who is not there: %v", err)
	}
	if u := user(t, service); u.Name != human {
		t.Errorf("the account is %+v", u)
	}

	adopting := open(t, service, service, rocketchat.Options{Adopt: true, KeyField: "key"})
	service.Change(func(o *rocketchattest.Options) {
		o.CustomFields = map[string]rocketchattest.CustomField{"key": {Type: "text"}}
	})
	r := deliver(t, adopting, d)
	u := user(t, service)
	if u.Name != "Ann" || u.Emails[0].Address != "human@example.org" || u.CustomFields["key"] != nil {
		t.Errorf("once adopted it is %+v", u)
	}
	fails(t, adopting.Erase(t.Context(), ann, r.Remote), store.ErrCannotErase)
	fails(t, b.Erase(t.Context(), ann, r.Remote), store.ErrCannotErase)
	user(t, service)
}

func TestAnAccountInThePlaceOfOneThatIsGoneIsToldAll(t *testing.T) {
	service := rocketchattest.New(nil)
	id := service.Add(rocketchattest.User{Username: "telegram_42", Name: human, Bio: human})
	b := open(t, service, service, rocketchat.Options{Adopt: true})
	p := store.Profile{Key: ann, Name: "Ann", Nickname: "A"}
	r := deliver(t, b, store.Delivery{Profile: p, Fields: []store.Field{store.FieldNickname}, Remote: "gone"})
	if u := user(t, service); u.ID != id || u.Name != "Ann" || u.Nickname != "A" || u.Bio != human {
		t.Errorf("the account is %+v", u)
	}
	service.Edit("telegram_42", func(u *rocketchattest.User) { u.Name = human }) // a correction
	deliver(t, b, store.Delivery{Profile: p, Fields: []store.Field{store.FieldNickname}, Remote: r.Remote})
	if u := user(t, service); u.Name != human {
		t.Errorf("the correction is gone: %+v", u)
	}
}

func TestAUsernameThatIsTakenInOtherLetters(t *testing.T) {
	service := rocketchattest.New(nil)
	service.Add(rocketchattest.User{Username: "Telegram_42", Name: human})
	b := open(t, service, service, rocketchat.Options{})
	_, err := b.Deliver(t.Context(), whole(store.Profile{Key: ann, Name: "Ann"}, b))
	fails(t, err, store.ErrInvalid, "error-field-unavailable")
	if users := service.Users(); len(users) != 1 || users[0].Name != human {
		t.Errorf("the server holds %+v", users)
	}
}

func TestARaceForTheSameAccount(t *testing.T) {
	service := rocketchattest.New(nil)
	first := open(t, service, service, rocketchat.Options{})
	raced := false
	second := open(t, service, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "users.create") && !raced {
			raced = true
			deliver(t, first, whole(store.Profile{Key: ann, Name: "Ann", Bio: "before"}, first))
		}
		service.ServeHTTP(w, r)
	}), rocketchat.Options{})
	deliver(t, second, whole(store.Profile{Key: ann, Name: "Anna", Bio: "after"}, second))
	if u := user(t, service); !raced || u.Name != "Anna" || u.Bio != "after" || len(service.Users()) != 1 {
		t.Errorf("the account is %+v", u)
	}
}

func TestWhatOthersMayNotSee(t *testing.T) {
	service := rocketchattest.New(&rocketchattest.Options{
		CustomFields: map[string]rocketchattest.CustomField{"private": {}, "tier": {Public: true}},
	})
	custom := rocketchat.Options{Custom: map[store.Field]string{store.CustomKey("tier"): "tier"}}
	b := open(t, service, service, custom)
	p := store.Profile{Key: ann, Name: "Ann", Custom: map[string]any{"tier": "gold"}}
	r := deliver(t, b, whole(p, b))
	service.Edit("telegram_42", func(u *rocketchattest.User) { u.CustomFields["private"] = "kept" })
	service.Change(func(o *rocketchattest.Options) {
		o.Without, o.ReplaceCustomFields = []string{"view-full-other-user-info"}, true
	})

	p.Name = "Anna"
	d := whole(p, b)
	d.Remote = r.Remote
	deliver(t, b, d) // is known by its id

	p.Custom["tier"] = "silver"
	d.Profile = p
	_, err := b.Deliver(t.Context(), d)
	fails(t, err, store.ErrDenied, "view-full-other-user-info")
	if u := user(t, service); u.CustomFields["private"] != "kept" || u.Name != "Anna" {
		t.Errorf("the account is %+v", u)
	}
	d.Remote = ""
	_, err = b.Deliver(t.Context(), d)
	fails(t, err, store.ErrInvalid, "view-full-other-user-info")
}

func TestNamesAreMadeToFit(t *testing.T) {
	service := rocketchattest.New(nil)
	b := open(t, service, service, rocketchat.Options{})
	for name, want := range map[string]string{
		`<b>/\`: "＜b＞／＼", "100%": "100％", "%3Cscript%3E": "％3Cscript％3E", "": "telegram:42", "Ann": "Ann",
	} {
		deliver(t, b, store.Delivery{Profile: store.Profile{Key: ann, Name: name}, Fields: []store.Field{store.FieldName}})
		if u := user(t, service); u.Name != want {
			t.Errorf("%q is shown as %q, want %q", name, u.Name, want)
		}
	}
}

func TestHostileTextsArrive(t *testing.T) {
	service := rocketchattest.New(nil)
	b := open(t, service, service, rocketchat.Options{})
	for _, s := range hostile.Texts {
		p := store.Profile{Key: ann, Name: s, Nickname: s, Bio: s}
		p.Name, _ = store.Repair(store.FieldName, s)
		p.Nickname, _ = store.Repair(store.FieldNickname, s)
		p.Bio, _ = store.Repair(store.FieldBio, s)
		deliver(t, b, store.Delivery{Profile: p, Fields: []store.Field{store.FieldBio, store.FieldName, store.FieldNickname}})
		if u := user(t, service); !strings.HasPrefix(p.Bio, u.Bio) || p.Bio != "" && u.Bio == "" || hostile.Check(u.Nickname) != nil {
			t.Errorf("%+.40q became the bio %+.40q and the nickname %+.40q", s, u.Bio, u.Nickname)
		}
	}
}

func TestUsernamesOfOnesOwn(t *testing.T) {
	service := rocketchattest.New(&rocketchattest.Options{BlockedUsernames: []string{"blocked"}})
	for name, want := range map[string]string{
		"a b": "not made of", "": "not made of", "ünn": "not made of", "All": "error-blocked-username", "blocked": "error-blocked-username",
	} {
		b := open(t, service, service, rocketchat.Options{Username: func(store.Key) string { return name }})
		_, err := b.Deliver(t.Context(), whole(store.Profile{Key: ann, Name: "Ann"}, b))
		fails(t, err, store.ErrInvalid, want)
	}
	b := open(t, service, service, rocketchat.Options{Username: func(store.Key) string { return "same.for-all" }})
	deliver(t, b, whole(store.Profile{Key: ann, Name: "Ann"}, b))
	_, err := b.Deliver(t.Context(), whole(store.Profile{Key: store.Key{Channel: "telegram", UserID: "43"}, Name: "Bob"}, b))
	fails(t, err, store.ErrInvalid, "not ours")
	if u, _ := service.User("same.for-all"); u.Name != "Ann" {
		t.Errorf("two people became one: %+v", u)
	}
}

func TestDefaultUsernamesAreApartAndAllowed(t *testing.T) {
	seen := make(map[string]store.Key)
	for _, pair := range hostile.KeyPairs {
		for _, k := range pair {
			key := store.Key(k)
			name := rocketchat.DefaultUsername(key)
			if other, there := seen[strings.ToLower(name)]; there && other != key {
				t.Errorf("%q and %q are both %s", other, key, name)
			}
			seen[strings.ToLower(name)] = key
			if len(name) > 64 || strings.Trim(name, "0123456789abcdefghijklmnopqrstuvwxyz-_") != "" {
				t.Errorf("%q becomes %q", key, name)
			}
		}
	}
	if got := rocketchat.DefaultUsername(ann); got != "telegram_42" {
		t.Errorf("telegram:42 becomes %s", got)
	}
}

// allowed are the keys that bodies may have.
var allowed = map[string][]string{
	"users.create": {
		"username", "email", "name", "password", "nickname", "bio", "customFields", "verified", "joinDefaultChannels",
		"sendWelcomeEmail", "requirePasswordChange",
	},
	"users.update":      {"userId", "data", "name", "email", "verified", "customFields", "nickname", "bio"},
	"users.setAvatar":   {"avatarUrl", "userId"},
	"users.resetAvatar": {"userId"},
	"users.delete":      {"userId", "confirmRelinquish"},
	"livechat/visitor":  {"visitor", "token", "name", "email", "phone", "customFields"},
}

// checkKeys wants no body to have a key beyond allowed, and no custom field beyond
// custom.
func checkKeys(t testing.TB, service *rocketchattest.Service, custom ...string) {
	t.Helper()
	for _, c := range service.Calls() {
		var body map[string]any
		if len(c.Body) == 0 {
			continue
		}
		if err := json.Unmarshal(c.Body, &body); err != nil {
			t.Fatal(err)
		}
		for _, level := range []any{body, body["data"], body["visitor"]} {
			object, _ := level.(map[string]any)
			for key, v := range object {
				if !slices.Contains(allowed[c.Route], key) {
					t.Errorf("%s was sent %q", c.Route, key)
				}
				if fields, ok := v.(map[string]any); ok && key == "customFields" {
					for key := range fields {
						if !slices.Contains(custom, key) {
							t.Errorf("%s was sent the custom field %q", c.Route, key)
						}
					}
				}
			}
		}
	}
}

func FuzzDeliver(f *testing.F) {
	f.Add("Ann", "A", "bio", "en", `{"roles":["admin"]}`)
	f.Add(`","roles":["admin"],"x":"`, "password", "\x00\xff", "customFields.roles", "verified")
	f.Fuzz(func(t *testing.T, name, nickname, bio, locale, tier string) {
		service := rocketchattest.New(&rocketchattest.Options{CustomFields: tierAndLanguage})
		b := open(t, service, service, rocketchat.Options{Custom: map[store.Field]string{
			store.CustomKey("tier"): "tier", store.FieldLocale: "language",
		}})
		p := store.Profile{Key: ann, Name: name, Nickname: nickname, Bio: bio, Locale: locale, Custom: map[string]any{"tier": tier, "role": tier}}
		for _, extra := range []string{"", "!"} {
			p.Name = name + extra
			if _, err := b.Deliver(t.Context(), whole(p, b)); err != nil && strings.TrimSpace(tier) == tier && strings.TrimSpace(locale) == locale {
				fails(t, err, store.ErrInvalid)
			}
		}
		checkKeys(t, service, "tier", "language")
		for _, u := range service.Users() {
			if !u.Active || !slices.Equal(u.Roles, []string{"user"}) || !u.Emails[0].Verified {
				t.Errorf("the account is %+v", u)
			}
		}
	})
}

var tierAndLanguage = map[string]rocketchattest.CustomField{"tier": {}, "language": {}}
