package genauth_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/genauth"
	"github.com/rollcall-go/rollcall/store/backend/genauth/genauthtest"
)

var everything = map[store.Field]string{
	store.FieldGivenName: "Ann", store.FieldFamilyName: "Berg", store.FieldNickname: "Annie",
	store.FieldEmail: "ann@example.org", store.FieldPhoneNumber: "+420777123456",
	store.FieldGender: "F", store.FieldBirthdate: "1990-12-31", store.FieldLocale: "cs",
	store.FieldFormatted: "Long Street 1, Brno", store.FieldRegion: "Moravia", store.FieldUsername: "annb",
	store.FieldPicture: "https://example.org/a.png",
}

func TestCreatesAndThenUpdatesByItsOwnID(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	b := newBackend(t, s, nil)
	receipt := deliver(t, b, first(b, everything))
	a := account(t, s)
	for key, want := range map[string]any{
		"username": "telegram_42", "externalId": "telegram:42", "name": "Ann Berg", "givenName": "Ann", "email": "ann@example.org",
		"emailVerified": false, "phone": "777123456", "phoneCountryCode": "+420", "gender": "F", "birthdate": "1990-12-31",
		"address": "Long Street 1, Brno", "formatted": "Long Street 1, Brno", "province": "Moravia", "region": "Moravia",
		"photo": "https://example.org/a.png", "status": "Activated", "preferredUsername": nil,
	} {
		if a[key] != want {
			t.Errorf("%s is %v, not %v", key, a[key], want)
		}
	}
	if u, ok := receipt.Answer.(*genauth.User); !ok || receipt.Remote != a.Text("userId") || u.UserID != receipt.Remote || u.Name != "Ann Berg" {
		t.Errorf("the receipt is %+v", receipt)
	}
	deliver(t, b, later(receipt.Remote, map[store.Field]string{store.FieldNickname: "A"}, store.FieldNickname))
	if got := account(t, s); got["nickname"] != "A" || got["givenName"] != "Ann" {
		t.Errorf("afterwards it is %v", got)
	}
	want := []string{"get-management-token", "get-user", "create-user", "update-user"}
	if got := asked(s); !slices.Equal(got, want) {
		t.Errorf("the calls were %v", got)
	}
	if s.Calls()[1].Query.Has("withCustomData") {
		t.Error("asks for custom data that nobody needs")
	}
}

func TestAnAccountThatIsThereIsFoundByItsExternalID(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	id := s.Put(genauthtest.Account{"externalId": ann.String(), "username": "the-boss", "company": "ACME"})
	b := newBackend(t, s, nil)
	if receipt := deliver(t, b, first(b, everything)); receipt.Remote != id {
		t.Errorf("the remote is %s", receipt.Remote)
	}
	a := account(t, s)
	if a["username"] != "the-boss" || a["company"] != "ACME" || a["givenName"] != "Ann" || len(s.Accounts()) != 1 {
		t.Errorf("the account is %v", a)
	}
}

func TestTwoProcessesCreateAtOnce(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	other := newBackend(t, s, nil)
	b := newBackend(t, s, &genauth.Options{Transport: direct{hook{s, func(path string) {
		if path == "/api/v3/create-user" {
			deliver(t, other, first(other, map[store.Field]string{store.FieldGivenName: "An", store.FieldNickname: "X"}))
		}
	}}}})
	deliver(t, b, first(b, everything))
	if a := account(t, s); len(s.Accounts()) != 1 || a["givenName"] != "Ann" || a["nickname"] != "Annie" {
		t.Errorf("there are %v", s.Accounts())
	}
}

func TestAnEmailThatSomebodyElseHoldsIsLeftOut(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	other := s.Put(genauthtest.Account{"email": "ANN@example.org", "name": "Other Ann", "username": "other"})
	b := newBackend(t, s, nil)
	for _, d := range []store.Delivery{
		first(b, everything), // create
		first(b, everything), // update
	} {
		_, err := b.Deliver(t.Context(), d)
		problem, ok := errors.AsType[*store.FieldError](err)
		if !ok || problem.Field != store.FieldEmail || !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), "another account") {
			t.Fatalf("the error is %v", err)
		}
		a := account(t, s)
		if a["givenName"] != "Ann" || a["phone"] != "777123456" || a["email"] != nil {
			t.Errorf("the account is %v", a)
		}
	}
	if a := s.Accounts()[0]; a["userId"] != other || a["name"] != "Other Ann" || a["email"] != "ANN@example.org" {
		t.Errorf("the other account is %v", a)
	}
}

func TestAHandleThatSomebodyElseHoldsHoldsUpNothing(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	b := newBackend(t, s, &genauth.Options{FollowUsername: true})
	remote := deliver(t, b, first(b, everything)).Remote
	if a := account(t, s); a["username"] != "annb" {
		t.Fatalf("the username is %v", a["username"])
	}
	s.Put(genauthtest.Account{"username": "anna"})
	_, err := b.Deliver(t.Context(), later(remote, map[store.Field]string{store.FieldUsername: "anna", store.FieldGivenName: "Anna"}, store.FieldGivenName, store.FieldUsername))
	if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), "username is held by another account") {
		t.Errorf("the error is %v", err)
	}
	if a := account(t, s); a["username"] != "annb" || a["givenName"] != "Anna" {
		t.Errorf("the account is %v", a)
	}
	deliver(t, b, later(remote, nil, store.FieldUsername))
	if a := account(t, s); a["username"] != "telegram_42" {
		t.Errorf("without a handle the username is %v", a["username"])
	}
}

func TestAUsernameWithoutTheExternalIDIsSomebodyElse(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	s.Put(genauthtest.Account{"username": "telegram_42", "name": "Squatter"})
	b := newBackend(t, s, nil)
	_, err := b.Deliver(t.Context(), first(b, everything))
	if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), "Options.Username") {
		t.Errorf("the error is %v", err)
	}
	if all := s.Accounts(); len(all) != 1 || all[0]["name"] != "Squatter" {
		t.Errorf("there are %v", all)
	}
	b = newBackend(t, s, &genauth.Options{Username: func(p store.Profile) string { return "bot-" + p.UserID }})
	deliver(t, b, first(b, everything))
	if a := account(t, s); a["username"] != "bot-42" {
		t.Errorf("the username is %v", a["username"])
	}
}

func TestAnAccountThatCannotBeReadYetIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	s.Put(genauthtest.Account{"externalId": ann.String(), "username": "telegram_42"})
	gone := genauthtest.Failure{StatusCode: 404, APICode: 2004}
	s.Fail("/api/v3/get-user", gone, gone)
	b := newBackend(t, s, nil)
	if _, err := b.Deliver(t.Context(), first(b, everything)); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrInvalid) {
		t.Errorf("the error is %v", err)
	}
	deliver(t, b, first(b, everything))
	if len(s.Accounts()) != 1 {
		t.Errorf("there are %v", s.Accounts())
	}
}

// A service that does not know the type of an id and takes it for another one
// answers with somebody else.
func TestNeverUpdatesAnAccountThatWasNotAskedFor(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	s.Put(genauthtest.Account{"externalId": "discord:7", "username": ann.String(), "name": "Other"})
	b := newBackend(t, s, &genauth.Options{Transport: rewriting{direct{s}}})
	for _, d := range []store.Delivery{first(b, everything), later("an id that is gone", everything, store.FieldNickname)} {
		if _, err := b.Deliver(t.Context(), d); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrInvalid) {
			t.Errorf("the error is %v", err)
		}
	}
	if err := b.Erase(t.Context(), ann, ""); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the error is %v", err)
	}
	if all := s.Accounts(); len(all) != 1 || all[0]["name"] != "Other" || all[0]["nickname"] != nil {
		t.Errorf("there are %v", all)
	}
}

// rewriting takes every id of get-user for a username.
type rewriting struct{ direct }

func (w rewriting) RoundTrip(r *http.Request) (*http.Response, error) {
	if q := r.URL.Query(); q.Has("userIdType") {
		q.Set("userIdType", "username")
		r = r.Clone(r.Context())
		r.URL.RawQuery = q.Encode()
	}
	return w.direct.RoundTrip(r)
}

func TestAnAccountThatWasDeletedIsMadeAnew(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	b := newBackend(t, s, nil)
	d := later("6229ffaxxxxxxxxcade3e3d9", everything, store.FieldNickname)
	receipt := deliver(t, b, d)
	a := account(t, s)
	if a["givenName"] != "Ann" || a["email"] != "ann@example.org" || receipt.Remote != a["userId"] {
		t.Errorf("the account is %v", a)
	}
}

func TestAnAccountInThePlaceOfOneThatWasDeletedIsToldAll(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	id := s.Put(genauthtest.Account{"externalId": ann.String(), "username": "ann", "website": "https://example.org"})
	b := newBackend(t, s, nil)
	receipt := deliver(t, b, later("6229ffaxxxxxxxxcade3e3d9", everything, store.FieldNickname, store.FieldWebsite))
	a := account(t, s)
	if a["givenName"] != "Ann" || a["email"] != "ann@example.org" || a["nickname"] != "Annie" || a.Text("website") != "" || receipt.Remote != id {
		t.Errorf("the account is %v", a)
	}
}

func TestAnExternalIDThatWasChangedByHandIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	id := s.Put(genauthtest.Account{"externalId": "hr-7", "username": "a"})
	b := newBackend(t, s, nil)
	deliver(t, b, later(id, everything, store.FieldNickname))
	if all := s.Accounts(); len(all) != 1 || all[0]["externalId"] != "hr-7" || all[0]["nickname"] != "Annie" {
		t.Errorf("there are %v", all)
	}
}

func TestABirthDateWithoutAYearOrADayIsLeftOut(t *testing.T) {
	t.Parallel()
	for _, date := range []string{"1990", "0000-12-31"} {
		s := genauthtest.New(nil)
		b := newBackend(t, s, nil)
		_, err := b.Deliver(t.Context(), first(b, map[store.Field]string{store.FieldBirthdate: date, store.FieldGivenName: "Ann"}))
		if problem, ok := errors.AsType[*store.FieldError](err); !ok || problem.Field != store.FieldBirthdate {
			t.Errorf("%s: the error is %v", date, err)
		}
		if a := account(t, s); a["givenName"] != "Ann" || a["birthdate"] != nil {
			t.Errorf("%s: the account is %v", date, a)
		}
	}
}

func TestVerifiedBelongsToTheAddress(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	b := newBackend(t, s, nil)
	verified := map[store.Field]string{
		store.FieldEmail: "ann@example.org", store.FieldEmailVerified: "true",
		store.FieldPhoneNumber: "+14155552671", store.FieldPhoneVerified: "true",
	}
	remote := deliver(t, b, first(b, verified)).Remote
	if a := account(t, s); a["emailVerified"] != true || a["phoneVerified"] != true || a["phoneCountryCode"] != "+1" {
		t.Fatalf("the account is %v", a)
	}
	// Another address takes away what was said of the one before.
	deliver(t, b, later(remote, map[store.Field]string{store.FieldEmail: "new@example.org"}, store.FieldEmail))
	if a := account(t, s); a["email"] != "new@example.org" || a["emailVerified"] != false || a["phoneVerified"] != true {
		t.Errorf("the account is %v", a)
	}
	// The flag alone leaves the address alone, which somebody may have corrected.
	a := account(t, s)
	a["email"] = "corrected@example.org"
	s.Put(a)
	deliver(t, b, later(remote, map[store.Field]string{store.FieldEmail: "new@example.org", store.FieldEmailVerified: "true"}, store.FieldEmailVerified))
	if a := account(t, s); a["email"] != "corrected@example.org" || a["emailVerified"] != true {
		t.Errorf("the account is %v", a)
	}
	deliver(t, b, later(remote, nil, store.FieldEmail, store.FieldEmailVerified, store.FieldPhoneNumber, store.FieldPhoneVerified))
	if a := account(t, s); a["email"] != nil || a["emailVerified"] != false || a["phone"] != nil || a["phoneCountryCode"] != nil || a["phoneVerified"] != false {
		t.Errorf("cleared, the account is %v", a)
	}
}

func TestIdentityNumberAndCompanyGoByExplicitMap(t *testing.T) {
	t.Parallel()
	set := map[store.Field]string{store.CustomKey("id_card"): `"110101199003077"`, store.CustomKey("firm"): `"ACME"`}
	s := genauthtest.New(nil)
	b := newBackend(t, s, &genauth.Options{Company: store.CustomKey("firm"), IdentityNumber: store.CustomKey("id_card")})
	remote := deliver(t, b, first(b, set)).Remote
	if a := account(t, s); a["company"] != "ACME" || a["identityNumber"] != "110101199003077" {
		t.Errorf("the account is %v", a)
	}
	deliver(t, b, later(remote, nil, store.CustomKey("firm"), store.CustomKey("id_card")))
	if a := account(t, s); a["company"] != nil || a["identityNumber"] != nil {
		t.Errorf("cleared, the account is %v", a)
	}
	if b := newBackend(t, s, nil); b.Traits().Takes(store.CustomKey("id_card")) || b.Traits().Takes(store.CustomKey("firm")) {
		t.Error("custom fields are taken that nobody mapped")
	}
}

func TestNoRoleStatusOrPasswordIsEverSent(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	b := newBackend(t, s, nil)
	refused := 0
	for _, f := range []store.Field{store.FieldStatus, store.FieldIsPremium, store.FieldStartPayload, store.FieldBio, store.FieldUsername, store.NickField("1"), store.CustomKey("role"), ""} {
		if b.Traits().Takes(f) {
			t.Errorf("takes %s", f)
		}
		refused++
	}
	set := map[store.Field]string{store.FieldStatus: "blocked", store.CustomKey("password"): `"x"`, store.FieldGivenName: "Ann"}
	d := first(b, set)
	d.Fields = d.Profile.Stated() // more than the engine would give
	deliver(t, b, d)
	body := string(s.Calls()[2].Body)
	if want := `{"externalId":"telegram:42","givenName":"Ann","name":"Ann","username":"telegram_42"}`; body != want {
		t.Errorf("create-user was sent %s", body)
	}
	t.Attr("figure", fmt.Sprintf("%d fields not taken, 0 in %d bytes sent", refused, len(body)))
}

func TestEraseDeletesTheAccountOfThePersonAlone(t *testing.T) {
	t.Parallel()
	for _, strict := range []bool{false, true} {
		s := genauthtest.New(&genauthtest.Options{StrictDelete: strict})
		b := newBackend(t, s, nil)
		other := s.Put(genauthtest.Account{"username": "other"})
		remote := deliver(t, b, first(b, everything)).Remote
		moved := account(t, s)
		moved["externalId"] = "hr-7" // by hand
		s.Put(moved)
		for range 2 {
			if err := b.Erase(t.Context(), ann, remote); err != nil {
				t.Fatal(err)
			}
		}
		if all := s.Accounts(); len(all) != 1 || all[0]["userId"] != other {
			t.Errorf("there still are %v", all)
		}
	}
}

func TestEraseBelievesNo404OfAnotherServer(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	b := newBackend(t, s, nil)
	remote := deliver(t, b, first(b, everything)).Remote
	elsewhere := genauthtest.Failure{StatusCode: 404, HTTP: 404}
	s.Fail("/api/v3/get-user", elsewhere)
	if err := b.Erase(t.Context(), ann, remote); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the error is %v", err)
	}
	s.Fail("/api/v3/delete-users-batch", elsewhere)
	if err := b.Erase(t.Context(), ann, remote); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the error is %v", err)
	}
	account(t, s)
}

func TestKeepErasedCannotErase(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	b := newBackend(t, s, &genauth.Options{KeepErased: true})
	deliver(t, b, first(b, everything))
	if err := b.Erase(t.Context(), ann, ""); !errors.Is(err, store.ErrCannotErase) {
		t.Errorf("the error is %v", err)
	}
	account(t, s)
}

func TestALockedPersonIsTheirOwnProblem(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	b := newBackend(t, s, nil)
	remote := deliver(t, b, first(b, everything)).Remote
	s.Fail("/api/v3/update-user", genauthtest.Failure{StatusCode: 403, APICode: 2005})
	_, err := b.Deliver(t.Context(), later(remote, everything, store.FieldNickname))
	if !errors.Is(err, store.ErrInvalid) || errors.Is(err, store.ErrDenied) || !strings.Contains(err.Error(), "2005") {
		t.Errorf("the error is %v", err)
	}
}

func TestErrorsOfThePlanPauseEverybody(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	b := newBackend(t, s, nil)
	for _, f := range []genauthtest.Failure{{StatusCode: 402, APICode: 4021}, {StatusCode: 403, APICode: 2333}, {StatusCode: 400, APICode: 1301}} {
		s.Fail("/api/v3/get-user", f)
		_, err := b.Deliver(t.Context(), first(b, everything))
		if !errors.Is(err, store.ErrDenied) || errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), fmt.Sprint(f.APICode)) {
			t.Errorf("%v: the error is %v", f, err)
		}
	}
}

func TestClearing(t *testing.T) {
	t.Parallel()
	for clearing, want := range map[genauth.Clearing]string{
		genauth.ClearWithNull:  `"emailVerified":false,"gender":"U","nickname":null`,
		genauth.ClearWithEmpty: `"emailVerified":false,"gender":"U","nickname":""`,
	} {
		s := genauthtest.New(nil)
		b := newBackend(t, s, &genauth.Options{Clearing: clearing})
		remote := deliver(t, b, first(b, everything)).Remote
		deliver(t, b, later(remote, nil, store.FieldGender, store.FieldNickname, store.FieldEmail))
		calls := s.Calls()
		if body := string(calls[len(calls)-1].Body); !strings.Contains(body, want) {
			t.Errorf("update-user was sent %s, without %s", body, want)
		}
		if a := account(t, s); a["nickname"] != nil || a["email"] != nil || a["gender"] != "U" || a["givenName"] != "Ann" {
			t.Errorf("the account is %v", a)
		}
		if b.Traits().CannotClear {
			t.Error("says that it cannot clear")
		}
	}
	if b := newBackend(t, genauthtest.New(nil), &genauth.Options{Clearing: genauth.NeverClear}); !b.Traits().CannotClear {
		t.Error("does not say that it cannot clear")
	}
}
