package genauth_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/genauth"
	"github.com/rollcall-go/rollcall/store/backend/genauth/genauthtest"
)

// newUserBackend makes a backend for people who all have the token.
func newUserBackend(t *testing.T, s *genauthtest.Service, token string, o *genauth.UserOptions) *genauth.UserBackend {
	t.Helper()
	if o == nil {
		o = &genauth.UserOptions{}
	}
	o.Transport = direct{s}
	b, err := genauth.NewUser("http://localhost", s.AppID(), func(context.Context, store.Key) (string, error) { return token, nil }, o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestUpdateProfileHasAllItsFields(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	defineAll(s)
	id := s.Put(genauthtest.Account{"username": "old", "email": "ann@example.org"})
	token := s.SignIn(id)
	b := newUserBackend(t, s, token, &genauth.UserOptions{
		FollowUsername: true, SetExternalID: true, Custom: map[store.Field]string{tier: "tier", age: "age", vip: "vip", store.FieldIsPremium: "premium"},
		Company: store.CustomKey("firm"), IdentityNumber: store.CustomKey("id_card"),
	})
	receipt := deliver(t, b, first(b, map[store.Field]string{
		store.FieldName: "Ann Berg", store.FieldNickname: "Annie", store.FieldPicture: "https://example.org/a.png",
		store.FieldBirthdate: "1990-12-31", store.FieldCountry: "CZ", store.FieldRegion: "Moravia", store.FieldLocality: "Brno",
		store.FieldFormatted: "Long Street 1, Brno", store.FieldStreetAddress: "Long Street 1", store.FieldPostalCode: "60200",
		store.FieldGender: "F", store.FieldUsername: "annb", store.CustomKey("firm"): `"ACME"`, store.CustomKey("id_card"): `"1101"`,
		tier: `"gold"`, age: "42", vip: "false", store.FieldIsPremium: "true",
		store.FieldEmail: "other@example.org", store.FieldPhoneNumber: "+14155552671", store.FieldGivenName: "Ann",
	}))
	calls := s.Calls()
	last := calls[len(calls)-1]
	var body map[string]any
	if err := json.Unmarshal(last.Body, &body); err != nil {
		t.Fatal(err)
	}
	custom, _ := body["customData"].(map[string]any)
	delete(body, "customData")
	want := map[string]any{
		"name": "Ann Berg", "nickname": "Annie", "photo": "https://example.org/a.png", "externalId": "telegram:42",
		"birthdate": "1990-12-31", "country": "CZ", "province": "Moravia", "city": "Brno", "address": "Long Street 1, Brno",
		"streetAddress": "Long Street 1", "postalCode": "60200", "gender": "F", "username": "annb", "company": "ACME", "identityNumber": "1101",
	}
	if !maps.Equal(body, want) {
		t.Errorf("it was sent %v", body)
	}
	if !maps.Equal(custom, map[string]any{"tier": "gold", "age": 42.0, "vip": false, "premium": true}) {
		t.Errorf("it was sent the custom data %v", custom)
	}
	if last.Header.Get("Authorization") != token || last.Header.Get("X-Authing-App-Id") != s.AppID() || last.Header.Get("X-Authing-Userpool-Id") != "" {
		t.Errorf("the headers are %v", last.Header)
	}
	if u, ok := receipt.Answer.(*genauth.User); !ok || u.UserID != id || receipt.Remote != id || u.Email != "ann@example.org" || u.Company != "ACME" {
		t.Errorf("the receipt is %+v", receipt)
	}
}

func TestUpdateProfileOfAFewFields(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	id := s.Put(genauthtest.Account{"externalId": ann.String(), "nickname": "corrected by hand"})
	b := newUserBackend(t, s, s.SignIn(id), &genauth.UserOptions{SetExternalID: true})
	deliver(t, b, later(id, everything, store.FieldLocality, store.FieldName))
	if body := string(s.Calls()[0].Body); body != `{"city":null,"name":"Ann Berg"}` {
		t.Errorf("it was sent %s", body)
	}
	// With nothing to say nothing is said.
	if receipt := deliver(t, b, later(id, everything)); !reflect.DeepEqual(receipt, store.Receipt{}) || len(s.Calls()) != 1 {
		t.Errorf("the receipt is %+v", receipt)
	}
}

func TestWhoHasNoTokenIsADeadLetter(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	for name, source := range map[string]genauth.TokenSource{
		"not found": noTokens,
		"empty":     func(context.Context, store.Key) (string, error) { return "", nil },
		"malformed": func(context.Context, store.Key) (string, error) { return "tok\r\nX-Evil: s3cret", nil },
		"expired":   func(context.Context, store.Key) (string, error) { return "expired-s3cret", nil },
	} {
		b, err := genauth.NewUser("http://localhost", s.AppID(), source, &genauth.UserOptions{Transport: direct{s}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.Deliver(t.Context(), first(b, everything))
		if !errors.Is(err, store.ErrInvalid) || errors.Is(err, store.ErrDenied) || errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: the error is %v", name, err)
		}
		if !strings.Contains(err.Error(), "token") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
}

func TestATokenSourceThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	b, err := genauth.NewUser("https://app.genauth.ai", "app", func(context.Context, store.Key) (string, error) {
		return "", errors.New("postgres://bot:s3cret@db is down")
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Deliver(t.Context(), first(b, everything))
	if !errors.Is(err, store.ErrUnavailable) || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("the error is %v", err)
	}
}

func TestWhatIsThePersonsAndWhatIsTheApps(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		f    genauthtest.Failure
		want error
	}{
		{genauthtest.Failure{StatusCode: 401}, store.ErrInvalid},
		{genauthtest.Failure{StatusCode: 401, HTTP: 401}, store.ErrInvalid},
		{genauthtest.Failure{StatusCode: 403}, store.ErrInvalid}, // the scope of this token
		{genauthtest.Failure{StatusCode: 403, APICode: 2005}, store.ErrInvalid},
		{genauthtest.Failure{StatusCode: 404, APICode: 2011}, store.ErrDenied},
		{genauthtest.Failure{StatusCode: 403, APICode: 2224}, store.ErrDenied},
		{genauthtest.Failure{StatusCode: 402, APICode: 4021}, store.ErrDenied},
		{genauthtest.Failure{StatusCode: 429}, store.ErrUnavailable},
		{genauthtest.Failure{StatusCode: 500}, store.ErrUnavailable},
	} {
		for _, path := range []string{"/api/v3/update-profile", "/api/v3/get-profile"} {
			s := genauthtest.New(nil)
			defineAll(s)
			b := newUserBackend(t, s, s.SignIn(s.Put(genauthtest.Account{})), &genauth.UserOptions{Custom: map[store.Field]string{tier: "tier"}})
			s.Fail(path, c.f)
			_, err := b.Deliver(t.Context(), first(b, map[store.Field]string{store.FieldName: "Ann", tier: `"x"`}))
			for _, kind := range []error{store.ErrInvalid, store.ErrDenied, store.ErrUnavailable} {
				if errors.Is(err, kind) != (kind == c.want) {
					t.Errorf("%s, %+v: the error is %v", path, c.f, err)
				}
			}
		}
	}
}

func TestAnUnknownAppDeniesEverybody(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	token := s.SignIn(s.Put(genauthtest.Account{}))
	b, err := genauth.NewUser("http://localhost", "another-app", func(context.Context, store.Key) (string, error) { return token, nil }, &genauth.UserOptions{Transport: direct{s}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Deliver(t.Context(), first(b, everything)); !errors.Is(err, store.ErrDenied) {
		t.Errorf("the error is %v", err)
	}
}

func TestConflictsInAProfileHoldUpNothing(t *testing.T) {
	t.Parallel()
	s := genauthtest.New(nil)
	s.Put(genauthtest.Account{"username": "annb", "externalId": ann.String()})
	id := s.Put(genauthtest.Account{"username": "old"})
	b := newUserBackend(t, s, s.SignIn(id), &genauth.UserOptions{FollowUsername: true, SetExternalID: true})
	_, err := b.Deliver(t.Context(), first(b, everything))
	if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), "username is held") || !strings.Contains(err.Error(), "409") {
		t.Errorf("the error is %v", err)
	}
	all := s.Accounts()
	if all[1]["username"] != "old" || all[1]["nickname"] != "Annie" || all[0]["nickname"] != nil {
		t.Errorf("there are %v", all)
	}
}

func TestUserTraits(t *testing.T) {
	t.Parallel()
	b, err := genauth.NewUser("https://app.genauth.ai", "app", noTokens, nil)
	if err != nil {
		t.Fatal(err)
	}
	var taken []string
	for _, f := range store.Fields() {
		if b.Traits().Takes(f) {
			taken = append(taken, string(f))
		}
	}
	slices.Sort(taken)
	want := strings.Fields("address.country address.formatted address.locality address.postal_code address.region address.street_address birthdate gender name nickname picture")
	if !slices.Equal(taken, want) {
		t.Errorf("it takes %v", taken)
	}
	if _, ok := any(b).(store.Eraser); ok {
		t.Error("it cannot erase, and says so")
	}
}

func TestUserOptionsThatCannotBe(t *testing.T) {
	t.Parallel()
	for name, attempt := range map[string]func() (*genauth.UserBackend, error){
		"no source": func() (*genauth.UserBackend, error) { return genauth.NewUser("https://a.genauth.ai", "app", nil, nil) },
		"no app": func() (*genauth.UserBackend, error) {
			return genauth.NewUser("https://a.genauth.ai", "", noTokens, nil)
		},
		"no host": func() (*genauth.UserBackend, error) { return genauth.NewUser("", "app", noTokens, nil) },
		"prefix": func() (*genauth.UserBackend, error) {
			return genauth.NewUser("https://a.genauth.ai", "app", noTokens, &genauth.UserOptions{Prefix: "x"})
		},
		"name": func() (*genauth.UserBackend, error) {
			return genauth.NewUser("https://a.genauth.ai", "app", noTokens, &genauth.UserOptions{Name: "store"})
		},
		"custom": func() (*genauth.UserBackend, error) {
			return genauth.NewUser("https://a.genauth.ai", "app", noTokens, &genauth.UserOptions{Custom: map[store.Field]string{tier: "1"}})
		},
	} {
		if _, err := attempt(); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
}
