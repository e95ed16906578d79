package genauth_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/genauth"
	"github.com/rollcall-go/rollcall/store/backend/genauth/genauthtest"
)

// refusing delivers what arrives but for these fields.
func refusing(t *testing.T, b store.Backend, d store.Delivery, want ...store.Field) store.Receipt {
	t.Helper()
	r, err := b.Deliver(t.Context(), d)
	slices.Sort(r.Refused)
	if !errors.Is(err, store.ErrInvalid) || !slices.Equal(r.Refused, want) {
		t.Errorf("the receipt is %+v, and the error %v", r, err)
	}
	return r
}

// What arrived stays as somebody corrects it over there: the next delivery is of
// what changed and what was refused.
func TestACorrectionSurvivesBesideARefusedField(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	s.Put(genauthtest.Account{"email": "ann@example.org", "username": "other"})
	b := newBackend(t, s, nil)
	verified := map[store.Field]string{
		store.FieldGivenName: "Ann", store.FieldNickname: "Annie", store.FieldEmail: "ann@example.org", store.FieldEmailVerified: "true",
	}
	r := refusing(t, b, first(b, verified), store.FieldEmail, store.FieldEmailVerified)
	a := account(t, s)
	if u, ok := r.Answer.(*genauth.User); !ok || r.Remote != a.Text("userId") || u.Nickname != "Annie" {
		t.Errorf("the receipt is %+v", r)
	}
	a["nickname"] = "by hand"
	s.Put(a)
	verified[store.FieldGivenName] = "Anna"
	refusing(t, b, later(r.Remote, verified, append(r.Refused, store.FieldGivenName)...), store.FieldEmail, store.FieldEmailVerified)
	if a := account(t, s); a["givenName"] != "Anna" || a["nickname"] != "by hand" {
		t.Errorf("the account is %v", a)
	}
}

func TestRefusedNamesWhatDoesNotFitTheDefinitions(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	s.Define(genauthtest.CustomField{Key: "vip", DataType: "BOOLEAN"})
	b := newBackend(t, s, &genauth.Options{Custom: map[store.Field]string{tier: "tier", vip: "vip"}})
	set := map[store.Field]string{tier: `"x"`, vip: `true`, store.FieldBirthdate: "1990", store.FieldGivenName: "Ann"}
	for _, remote := range []string{"", "gone"} {
		r := refusing(t, b, store.Delivery{Profile: person(set), Fields: person(set).Stated(), All: true, Remote: remote}, store.FieldBirthdate, tier)
		if a := account(t, s); r.Remote != a.Text("userId") || a.Custom("vip") != true {
			t.Errorf("the receipt is %+v, and the account %v", r, a)
		}
	}
}

func TestRefusedInAPersonsOwnAccount(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	s.Put(genauthtest.Account{"username": "annb"})
	id := s.Put(genauthtest.Account{"username": "ann-1"})
	b := newUserBackend(t, s, s.SignIn(id), &genauth.UserOptions{FollowUsername: true})
	if r := refusing(t, b, first(b, everything), store.FieldUsername); r.Remote != id || r.Answer == nil {
		t.Errorf("the receipt is %+v", r)
	}
	if r := refusing(t, b, later("", everything, store.FieldUsername), store.FieldUsername); r.Remote != "" || r.Answer != nil {
		t.Errorf("where nothing arrived, the receipt is %+v", r)
	}
	// What is refused without being a field is owed with everything else.
	s.Put(genauthtest.Account{"externalId": ann.String()})
	b = newUserBackend(t, s, s.SignIn(id), &genauth.UserOptions{SetExternalID: true})
	if r := refusing(t, b, first(b, everything)); r.Remote != id {
		t.Errorf("the receipt is %+v", r)
	}
}

func TestTheIDIsKnownBesideAnErrorThatPasses(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	s.Put(genauthtest.Account{"email": "ann@example.org", "username": "other"})
	s.Fail("/api/v3/update-user", genauthtest.Failure{StatusCode: 503})
	b := newBackend(t, s, nil)
	r, err := b.Deliver(t.Context(), first(b, everything)) // made without the email, and then not updated
	if !errors.Is(err, store.ErrUnavailable) || r.Remote != account(t, s).Text("userId") || r.Refused != nil || r.Answer != nil {
		t.Errorf("the receipt is %+v, and the error %v", r, err)
	}
	s.Fail("/api/v3/update-user", genauthtest.Failure{StatusCode: 503})
	r, err = b.Deliver(t.Context(), first(b, everything)) // found
	if !errors.Is(err, store.ErrUnavailable) || r.Remote != account(t, s).Text("userId") {
		t.Errorf("the receipt is %+v, and the error %v", r, err)
	}
}
