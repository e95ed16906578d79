package monosay_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/internal/hostile"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/monosay"
	"github.com/rollcall-go/rollcall/store/backend/monosay/monosaytest"
)

// start serves the double and returns it with a backend that talks to it.
func start(t *testing.T, o monosay.Options, so *monosaytest.Options) (*monosay.Backend, *monosaytest.Service) {
	t.Helper()
	service := monosaytest.New(token, so)
	srv := httptest.NewServer(service)
	t.Cleanup(srv.Close)
	o.BaseURL = srv.URL + "/v1"
	b, err := monosay.New(token, &o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b, service
}

const token = "c4nary-token-of-the-channel"

var ann = store.Profile{
	Key:  store.Key{Channel: "telegram", UserID: "42"},
	Name: "Ann Lee", GivenName: "Ann", FamilyName: "Lee", Username: "ann",
	Picture: "https://example.org/ann.png", Email: "ann@example.org", PhoneNumber: "+14155552671",
}

func all(p store.Profile) store.Delivery {
	return store.Delivery{Profile: p, Fields: p.Stated(), All: true, Attempt: 1}
}

func changed(p store.Profile, fields ...store.Field) store.Delivery {
	slices.Sort(fields)
	return store.Delivery{Profile: p, Fields: fields, Attempt: 1}
}

func TestTheRequestIsThatOfTheVendorsClient(t *testing.T) {
	t.Parallel()
	var got *http.Request
	var body string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		got, body = r, string(raw)
		io.WriteString(w, `{"success":true,"data":{"n":1}}`)
	}))
	defer srv.Close()
	b, err := monosay.New(token, &monosay.Options{BaseURL: srv.URL + "/v1/", Channel: "telegram", NumberIDs: true})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	receipt, err := b.Deliver(t.Context(), all(ann))
	if err != nil {
		t.Fatal(err)
	}
	if got.Method != http.MethodPost || got.URL.Path != "/v1/channelusers" ||
		got.Header.Get("Content-Type") != "application/json" || got.Header.Get("Authorization") != "Bot "+token {
		t.Errorf("%s %s with %v", got.Method, got.URL.Path, got.Header)
	}
	const want = `{"channelUserId":42,"name":"Ann","surname":"Lee","userName":"ann",` +
		`"profilePhotoUrl":"https://example.org/ann.png","email":"ann@example.org"}`
	if body != want {
		t.Errorf("the body is\n%s, not\n%s", body, want)
	}
	if answer, ok := receipt.Answer.(*monosay.Answer); !ok || string(answer.Data) != `{"n":1}` {
		t.Errorf("the answer is %#v", receipt.Answer)
	}
}

func TestFieldsThatDidNotChangeAreNotTouched(t *testing.T) {
	t.Parallel()
	alice := ann
	alice.Email = ""
	nameOnly := store.Profile{Key: ann.Key, Name: "Ann Lee"}
	familyOnly := store.Profile{Key: ann.Key, Name: "Lee", FamilyName: "Lee"}
	for name, c := range map[string]struct {
		d    store.Delivery
		want map[string]string // keys beside the id; nil: no request
	}{
		"a username":                     {changed(ann, store.FieldUsername), map[string]string{"userName": `"ann"`}},
		"an email taken away":            {changed(alice, store.FieldEmail), map[string]string{"email": "null"}},
		"a picture":                      {changed(ann, store.FieldPicture), map[string]string{"profilePhotoUrl": `"https://example.org/ann.png"`}},
		"a family name":                  {changed(ann, store.FieldFamilyName, store.FieldName), map[string]string{"surname": `"Lee"`}},
		"a name, where a given name is":  {changed(ann, store.FieldName), nil},
		"a name, where none is":          {changed(nameOnly, store.FieldName), map[string]string{"name": `"Ann Lee"`}},
		"a given name, and not the name": {changed(nameOnly, store.FieldGivenName), map[string]string{"name": `"Ann Lee"`}},
		"a given name taken away":        {changed(nameOnly, store.FieldGivenName, store.FieldName), map[string]string{"name": `"Ann Lee"`}},
		"all names taken away":           {changed(store.Profile{Key: ann.Key}, store.FieldGivenName, store.FieldName), map[string]string{"name": "null"}},
		"everything of a family name":    {all(familyOnly), map[string]string{"name": `"Lee"`, "surname": `"Lee"`}},
		"everything of a name":           {all(nameOnly), map[string]string{"name": `"Ann Lee"`}},
		"everything of a nameless":       {all(store.Profile{Key: ann.Key}), map[string]string{}},
		"nothing that there is room for": {changed(ann, store.FieldPhoneNumber), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, service := start(t, monosay.Options{}, nil)
			if _, err := b.Deliver(t.Context(), c.d); err != nil {
				t.Fatal(err)
			}
			requests := service.Requests()
			if len(requests) == 0 {
				if c.want != nil {
					t.Fatal("no request was made")
				}
				return
			}
			got := make(map[string]string)
			for key, raw := range requests[0].Body {
				got[key] = string(raw)
			}
			delete(got, "channelUserId")
			if !maps.Equal(got, c.want) || c.want == nil {
				t.Errorf("%v was sent, not %v", got, c.want)
			}
		})
	}
}

func TestWhatSomebodyCorrectedThereStays(t *testing.T) {
	t.Parallel()
	b, service := start(t, monosay.Options{}, nil)
	service.Edit("telegram:42", monosaytest.User{Name: "Ann", Email: "corrected@example.org"})
	if _, err := b.Deliver(t.Context(), changed(ann, store.FieldUsername)); err != nil {
		t.Fatal(err)
	}
	want := monosaytest.User{Name: "Ann", Email: "corrected@example.org", UserName: "ann"}
	if u, _ := service.User("telegram:42"); u != want {
		t.Errorf("%+v", u)
	}
}

func TestAReplacingServiceIsToldEverything(t *testing.T) {
	t.Parallel()
	b, service := start(t, monosay.Options{Replaces: true}, &monosaytest.Options{ForgetsOmitted: true})
	bare := ann
	bare.Picture = ""
	for _, p := range []store.Profile{ann, bare} {
		if _, err := b.Deliver(t.Context(), all(p)); err != nil {
			t.Fatal(err)
		}
	}
	want := monosaytest.User{Name: "Ann", Surname: "Lee", UserName: "ann", Email: "ann@example.org"}
	if u, _ := service.User("telegram:42"); u != want {
		t.Errorf("%+v", u)
	}
	if !b.Traits().Replaces {
		t.Error("Traits.Replaces is false, so the middleware will not name all fields")
	}
}

func TestNullAndEmptyClearByOption(t *testing.T) {
	t.Parallel()
	for _, empty := range []bool{false, true} {
		b, service := start(t, monosay.Options{ClearWithEmpty: empty}, &monosaytest.Options{KeepsNull: empty, KeepsEmpty: !empty})
		service.Edit("telegram:42", monosaytest.User{UserName: "ann"})
		if _, err := b.Deliver(t.Context(), changed(store.Profile{Key: ann.Key}, store.FieldUsername)); err != nil {
			t.Fatal(err)
		}
		if u, _ := service.User("telegram:42"); u.UserName != "" {
			t.Errorf("ClearWithEmpty %v: %+v", empty, u)
		}
	}
}

// What the vendor's own client makes of each of these answers was tried out; an
// empty one it calls an error of null, and one that is no JSON ends its process.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		reply   monosaytest.Reply
		attempt int
		want    error // nil: success
	}{
		"200 and success":            {monosaytest.Reply{Status: 200, Body: `{"success":true}`}, 1, nil},
		"201 and success":            {monosaytest.Reply{Status: 201, Body: `{"success":true,"message":"added"}`}, 1, nil},
		"texts of other types":       {monosaytest.Reply{Status: 200, Body: `{"success":true,"message":{"tr":1},"errors":3}`}, 1, nil},
		"202 and success":            {monosaytest.Reply{Status: 202, Body: `{"success":true}`}, 1, store.ErrUnavailable},
		"204":                        {monosaytest.Reply{Status: 204}, 1, store.ErrUnavailable},
		"200 and no success":         {monosaytest.Reply{Status: 200, Body: `{"success":false,"message":"Ann Lee c4nary"}`}, 1, store.ErrUnavailable},
		"200 and at last no success": {monosaytest.Reply{Status: 200, Body: `{"success":false}`}, 99, store.ErrUnavailable},
		"200 and a success of text":  {monosaytest.Reply{Status: 200, Body: `{"success":"true"}`}, 1, store.ErrUnavailable},
		"200 and a success of 1":     {monosaytest.Reply{Status: 200, Body: `{"success":1}`}, 1, store.ErrUnavailable},
		"200 and nothing of success": {monosaytest.Reply{Status: 200, Body: `{}`}, 99, store.ErrUnavailable},
		"200 and null":               {monosaytest.Reply{Status: 200, Body: `null`}, 99, store.ErrUnavailable},
		"200 and empty":              {monosaytest.Reply{Status: 200}, 99, store.ErrUnavailable},
		"200 and HTML":               {monosaytest.Reply{Status: 200, Body: `<html>success</html>`}, 99, store.ErrUnavailable},
		"401":                        {monosaytest.Reply{Status: 401, Body: `{"success":false}`}, 99, store.ErrDenied},
		"403 and success":            {monosaytest.Reply{Status: 403, Body: `{"success":true}`}, 1, store.ErrDenied},
		"422":                        {monosaytest.Reply{Status: 422, Body: `{"success":false}`}, 1, store.ErrInvalid},
		"500 and no JSON":            {monosaytest.Reply{Status: 500, Body: `oops`}, 99, store.ErrUnavailable},
		"500 and success":            {monosaytest.Reply{Status: 500, Body: `{"success":true}`}, 1, store.ErrUnavailable},
		"a redirect":                 {monosaytest.Reply{Status: 307, Header: http.Header{"Location": {"/v2/channelusers"}}}, 1, store.ErrDenied},
		"429":                        {monosaytest.Reply{Status: 429, Header: http.Header{"Retry-After": {"7"}}}, 1, store.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, service := start(t, monosay.Options{}, nil)
			service.Reply(c.reply)
			d := all(ann)
			d.Attempt = c.attempt
			_, err := b.Deliver(t.Context(), d)
			if !errors.Is(err, c.want) {
				t.Errorf("the error is %v, not %v", err, c.want)
			}
			if throttled, ok := errors.AsType[*store.ThrottledError](err); ok != (name == "429") || ok && throttled.After != 7*time.Second {
				t.Errorf("the pause asked for is %v", throttled)
			}
			if err != nil && (!strings.HasPrefix(err.Error(), "monosay: deliver telegram:42: 127.0.0.1:") ||
				strings.Contains(err.Error(), "Ann") || strings.Contains(err.Error(), "c4nary")) {
				t.Errorf("the error's text is %q", err)
			}
		})
	}
}

func TestWhoIsRefusedWithoutAReasonIsGivenUpForThatAlone(t *testing.T) {
	t.Parallel()
	b, service := start(t, monosay.Options{}, nil)
	d := all(ann)
	d.Version, d.Attempt = 7, 0
	try := func(r monosaytest.Reply) error { // as the middleware does
		service.Reply(r)
		d.Attempt++
		receipt, err := b.Deliver(t.Context(), d)
		d.Remote = cmp.Or(receipt.Remote, d.Remote)
		return err
	}
	away, no := monosaytest.Reply{Status: 503}, monosaytest.Reply{Status: 200, Body: `{"success":false}`}
	last := func(what string) {
		t.Helper()
		for n := range 11 {
			if err := try(no); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrInvalid) {
				t.Fatalf("%s, refusal %d: %v", what, n+1, err)
			}
			if err := try(away); !errors.Is(err, store.ErrUnavailable) {
				t.Fatal(err)
			}
		}
		if err := try(no); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s, refusal 12: %v", what, err)
		}
	}
	for range 40 {
		if err := try(away); !errors.Is(err, store.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	last("after an outage")
	d.Attempt = 0
	last("after Replay")
	d.Version++
	last("after a change")
}

func TestHostileTextsArriveAsTheyAreAndInTheirField(t *testing.T) {
	t.Parallel()
	b, service := start(t, monosay.Options{}, nil)
	for _, text := range append(slices.Clone(hostile.Texts), `","channelUserId":"telegram:1`, `{"success":true}`) {
		p := store.Profile{Key: ann.Key, GivenName: strings.ToValidUTF8(text, "\uFFFD")}
		if p.GivenName == "" {
			continue
		}
		if _, err := b.Deliver(t.Context(), all(p)); err != nil {
			t.Fatalf("%+.40q: %v", text, err)
		}
		if u, _ := service.User("telegram:42"); u != (monosaytest.User{Name: p.GivenName}) {
			t.Errorf("%+.40q arrived as %+.200v", text, u)
		}
	}
	if n := len(service.Users()); n != 1 {
		t.Errorf("%d people came of one", n)
	}
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		token string
		o     monosay.Options
		want  string
	}{
		"no token":                {"", monosay.Options{}, "token is empty"},
		"a token with its scheme": {"Bot c4nary", monosay.Options{}, "without"},
		"a token with a line end": {"c4nary\n", monosay.Options{}, "token holds"},
		"plain http":              {"c4nary", monosay.Options{BaseURL: "http://example.com/c4nary"}, "plain http"},
		"a query":                 {"c4nary", monosay.Options{BaseURL: "https://example.com/?c4nary"}, "query"},
		"numbers without channel": {"c4nary", monosay.Options{NumberIDs: true}, "Options.Channel"},
		"no such channel":         {"c4nary", monosay.Options{Channel: "Telegram:"}, "Options.Channel"},
		"a name":                  {"c4nary", monosay.Options{Name: "Mono Say"}, "name"},
		"a rate":                  {"c4nary", monosay.Options{Rate: store.Rate{Calls: 3}}, "Rate"},
	} {
		_, err := monosay.New(c.token, &c.o)
		if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "c4nary") {
			t.Errorf("%s: %v", name, err)
		}
	}
	b, err := monosay.New("t", nil)
	if err != nil || b.Name() != "monosay" {
		t.Errorf("by default: %v", err)
	}
}

func FuzzBodyHoldsNothingButItsKeys(f *testing.F) {
	f.Add("42", "Ann", "Lee", "ann", uint16(7), false)
	f.Add("42", `","roles":["admin"],"x":"`, "\x00", "\u2028", uint16(0xffff), true)
	var body map[string]any
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body = nil
		if json.NewDecoder(r.Body).Decode(&body) == nil {
			io.WriteString(w, `{"success":true}`)
		}
	}))
	f.Cleanup(srv.Close)
	keys := []string{"channelUserId", "name", "surname", "userName", "profilePhotoUrl", "email"}
	f.Fuzz(func(t *testing.T, id, given, family, username string, which uint16, replaces bool) {
		b, err := monosay.New(token, &monosay.Options{BaseURL: srv.URL, Replaces: replaces})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		var fields []store.Field
		for i, field := range store.Fields() {
			if which>>(i%16)&1 == 1 {
				fields = append(fields, field)
			}
		}
		p := store.Profile{
			Key: store.Key{Channel: "telegram", UserID: id}, GivenName: given, FamilyName: family, Username: username,
			Custom: map[string]any{"roles": given}, Nicks: map[string]string{family: username},
		}
		d := changed(p, append(fields, store.CustomKey("roles"), store.NickField(family))...)
		d.All = true
		if _, err := b.Deliver(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		for key := range body {
			if !slices.Contains(keys, key) {
				t.Fatalf("the body holds %q", key)
			}
		}
	})
}
