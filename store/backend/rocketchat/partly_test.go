package rocketchat_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/rocketchat"
	"github.com/rollcall-go/rollcall/store/backend/rocketchat/rocketchattest"
)

// refusing delivers what arrives but for these fields.
func refusing(t *testing.T, b store.Backend, d store.Delivery, want ...store.Field) store.Receipt {
	t.Helper()
	r, err := b.Deliver(t.Context(), d)
	slices.Sort(r.Refused)
	if !errors.Is(err, store.ErrInvalid) || !slices.Equal(r.Refused, want) || r.Answer == nil {
		t.Errorf("the receipt is %+v, and the error %v", r, err)
	}
	return r
}

func TestACorrectionSurvivesBesideARefusedField(t *testing.T) {
	service := rocketchattest.New(nil)
	b := open(t, service, service, rocketchat.Options{Custom: map[store.Field]string{
		store.CustomKey("tier"): "tier", store.FieldLocale: "language",
	}})
	p := store.Profile{Key: ann, Name: "Ann", Bio: "I am Ann", Locale: "cs", Custom: map[string]any{"tier": "gold"}}
	r := refusing(t, b, whole(p, b), store.CustomKey("tier"), store.FieldLocale)
	if r.Remote != user(t, service).ID {
		t.Errorf("the remote is %q", r.Remote)
	}
	service.Edit("telegram_42", func(u *rocketchattest.User) { u.Bio = "by hand" })
	p.Name = "Anna"
	d := store.Delivery{Profile: p, Fields: append(r.Refused, store.FieldName), Remote: r.Remote}
	slices.Sort(d.Fields)
	refusing(t, b, d, store.CustomKey("tier"), store.FieldLocale)
	if u := user(t, service); u.Name != "Anna" || u.Bio != "by hand" {
		t.Errorf("the account is %+v", u)
	}
}

func TestAnAddressThatSomebodyHoldsHoldsUpNothing(t *testing.T) {
	service := rocketchattest.New(&rocketchattest.Options{CustomFields: map[string]rocketchattest.CustomField{"key": {}}})
	service.Add(rocketchattest.User{Username: "human", Name: human, Emails: []rocketchattest.Email{{Address: "ann@example.org"}}})
	b := open(t, service, service, rocketchat.Options{Emails: true, KeyField: "key", Pictures: true})
	p := store.Profile{Key: ann, Name: "Ann", Email: "ann@example.org", EmailVerified: true, Picture: "https://example.org/a.png"}
	for range 2 {
		d := whole(p, b)
		refusing(t, b, d, store.FieldEmail, store.FieldEmailVerified)
		if u := user(t, service); u.Name != "Ann" || u.AvatarURL != p.Picture || u.Emails[0].Address != "telegram_42"+mark {
			t.Errorf("the account is %+v", u)
		}
	}
	if u, _ := service.User("human"); u.Name != human || len(u.Emails) != 1 {
		t.Errorf("the other account is %+v", u)
	}
}

func TestAMarkThatIsNotDefined(t *testing.T) {
	p := store.Profile{Key: ann, Name: "Ann"}
	service := rocketchattest.New(nil)
	b := open(t, service, service, rocketchat.Options{KeyField: "key"})
	refusing(t, b, whole(p, b)) // no field is missing, so that everything stays owed
	b = open(t, service, service, rocketchat.Options{KeyField: "key", Emails: true})
	refusing(t, b, whole(p, b), store.FieldEmail, store.FieldEmailVerified)
}

func TestTheIDIsKnownBesideAnErrorThatPasses(t *testing.T) {
	service := rocketchattest.New(&rocketchattest.Options{CustomFields: map[string]rocketchattest.CustomField{"key": {}}})
	b := open(t, service, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "users.update") {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		service.ServeHTTP(w, r)
	}), rocketchat.Options{Emails: true, KeyField: "key"})
	p := store.Profile{Key: ann, Name: "Ann", Email: "ann@example.org", EmailVerified: true}
	for range 2 { // made, and then found
		r, err := b.Deliver(t.Context(), whole(p, b))
		fails(t, err, store.ErrUnavailable)
		if r.Remote != user(t, service).ID || r.Refused != nil || r.Answer != nil {
			t.Errorf("the receipt is %+v", r)
		}
	}
}

func TestAVisitorOfWhomAPartArrived(t *testing.T) {
	service := rocketchattest.New(nil)
	fail := false
	v := openVisitors(t, service, rocketchat.VisitorOptions{Custom: map[store.Field]string{store.FieldLocale: "language"}})
	p := store.Profile{Key: ann, Name: "Ann", Locale: "cs"}
	r := refusing(t, v, whole(p, v), store.FieldLocale)
	if got, _ := service.Visitor(v.Token(ann)); got.ID != r.Remote || got.Name != "Ann" {
		t.Errorf("the receipt is %+v", r)
	}
	service = rocketchattest.New(nil)
	v, err := rocketchat.NewVisitor(secret, &rocketchat.VisitorOptions{
		BaseURL: "https://chat.example.com",
		Transport: direct{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if fail {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			fail = true
			service.ServeHTTP(w, r)
		})},
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Email = "ann@example.org"
	r, err = v.Deliver(t.Context(), whole(p, v))
	fails(t, err, store.ErrUnavailable)
	if got, _ := service.Visitor(v.Token(ann)); r.Remote == "" || got.ID != r.Remote || r.Refused != nil {
		t.Errorf("the receipt is %+v", r)
	}
}
